"""Oracles about more than one moment: what follows, what converges, what is conserved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from attrs import define, field, frozen

from trouper import Actor, ActorRef, Request, actor, handles
from trouper.simulation import Client, Conditions, Simulation, Violation, run_once


@frozen
class Set:
    key: str
    value: Any


@frozen
class Coin:
    amount: int


@frozen
class Give(Request[Coin]):
    amount: int
    to: ActorRef[Any] | None = None
    twice: bool = False


@define(eq=False)
class Box(Actor[Set | Coin | Give]):
    """Keeps values, and coins."""

    values: dict[str, Any] = field(factory=dict[str, Any])
    coins: int = 10

    @handles(Set)
    def set(self, message: Set) -> None:
        self.values[message.key] = message.value

    @handles(Coin)
    async def take(self, coin: Coin) -> None:
        if coin.amount > 5:
            await self.context.sleep(0.05)
        self.coins += coin.amount

    @handles(Give)
    def give(self, give: Give) -> Coin:
        self.coins -= give.amount
        if give.to is None:
            return Coin(give.amount)
        for _ in range(2 if give.twice else 1):
            give.to.tell_nowait(Coin(give.amount))
        return Coin(0)


def _at(*moments: tuple[float, str, Any]) -> Callable[[Client], Any]:
    """A workload that sets values at these times."""

    async def work(client: Client) -> None:
        for when, key, value in moments:
            await client.sleep(when - client.now())
            await client.ref("a", "/user/box").tell(Set(key, value))

    return work


def _values(sim: Simulation) -> dict[str, Any]:
    return {key: value for box in sim.actors(Box) for key, value in box.values.items()}


def _found(describe: Callable[[Simulation], object]) -> Violation | None:
    return run_once(describe, 1).violation


def _box(sim: Simulation) -> None:
    sim.network(Conditions(latency_min=0.001, latency_span=0.0, tail=0.0))
    sim.node("a", actor(Box, name="box"))


def asked(sim: Simulation) -> set[str]:
    """Which questions there are."""
    return {key for key, value in _values(sim).items() if value == "asked"} | {
        key for key, value in _values(sim).items() if value == "lost"
    }


def answered(sim: Simulation) -> set[str]:
    """Which are answered."""
    return {key for key, value in _values(sim).items() if value == "answered"}


def _follows(*moments: tuple[float, str, Any], within: float = 1.0, during_faults: bool = False) -> Violation | None:
    def target(sim: Simulation) -> None:
        _box(sim)
        sim.client(_at(*moments))
        sim.leads_to(asked, answered, within=within, during_faults=during_faults)

    return _found(target)


def test_what_follows_in_time_is_right_and_what_does_not_is_named_with_its_beginning() -> None:
    """Each key by itself; that the premise holds no longer releases from nothing."""
    assert _follows((0.1, "x", "asked"), (0.2, "y", "asked"), (0.3, "x", "answered"), (0.4, "y", "answered")) is None
    found = _follows((0.1, "x", "asked"), (0.2, "y", "asked"), (0.25, "y", "forgotten"), (0.3, "x", "answered"))
    assert found is not None
    assert (found.kind, found.name) == ("leads_to", "asked ~> answered")
    assert found.text.startswith("of 'y' asked held at 0.201000 s (event ")
    assert found.text.endswith("answered did not hold within 1 s of the end of the faults at 0.300000 s")
    assert found.time == pytest.approx(1.3)
    assert found.event > 0


def test_what_is_pending_when_the_faults_end_has_its_time_from_then_on_unless_the_promise_is_for_bad_times_too() -> None:
    """0.9 seconds are too long for a promise of half a second, but not while there may be faults."""
    moments = (0.1, "x", "asked"), (1.0, "x", "answered")
    assert _follows(*moments, within=0.5) is None
    found = _follows(*moments, within=0.5, during_faults=True)
    assert found is not None
    assert found.time == pytest.approx(0.601)
    assert found.text.endswith("within 0.5 s of it")
    assert _follows(*moments, within=1.0, during_faults=True) is None


def test_what_begins_after_the_faults_is_seen_to_its_end() -> None:
    """The run waits for so long as it takes to follow, and not for ever for what begins later still."""

    def target(late: float, answers: bool) -> Violation | None:
        def describe(sim: Simulation) -> None:
            _box(sim)
            sim.duration = 0.1
            sim.at(late, lambda: sim.actors(Box)[0].values.update(x="asked"))
            if answers:
                sim.at(late + 0.4, lambda: sim.actors(Box)[0].values.update(x="answered"))
            sim.leads_to(asked, answered, within=0.5)

        return _found(describe)

    assert target(0.55, answers=True) is None
    found = target(0.55, answers=False)
    assert found is not None
    assert found.time == pytest.approx(1.1)
    assert target(0.7, answers=False) is None


def test_a_premise_may_say_yes_or_no_and_then_so_must_the_conclusion() -> None:
    """Without keys there is one obligation; keys that answer a yes are a mistake that is told."""

    def target(conclusion: Callable[[Simulation], object]) -> Violation | None:
        def describe(sim: Simulation) -> None:
            _box(sim)
            sim.client(_at((0.1, "x", "asked"), (0.3, "x", "answered"), (0.4, "y", "asked")))
            sim.leads_to(lambda: "x" in _values(sim), conclusion, within=0.5)

        return _found(describe)

    assert target(lambda sim: "y" in _values(sim)) is None
    late = target(lambda sim: "z" in _values(sim))
    assert late is not None
    assert late.text.startswith("<lambda> held at 0.101000 s")
    mistaken = target(asked)
    assert mistaken is not None
    assert "says yes or no, and asked names keys" in mistaken.text


def _views(*changes: tuple[float, dict[str, Any]], within: float = 1.0) -> Violation | None:
    """What is found of views that are set at these times after the faults; the last until the end."""

    def describe(sim: Simulation) -> None:
        views: dict[str, Any] = {}

        def change_to(change: dict[str, Any]) -> None:
            views.clear()
            views.update(change)

        _box(sim)
        sim.duration = 1.0
        for when, change in changes:
            sim.at(1.0 + when, partial(change_to, change))
        sim.converges(lambda: views, within=within, stays=0.3)

    return _found(describe)


def test_views_converge_when_they_become_equal_in_time_and_stay_so() -> None:
    """An update that comes late begins the time of staying equal anew; so equal, different, equal is right."""
    assert _views((0.0, {"a": 1, "b": 2}), (0.5, {"a": 2, "b": 2})) is None
    assert _views((0.0, {"a": 1, "b": 1}), (0.2, {"a": 2, "b": 1}), (0.4, {"a": 2, "b": 2})) is None


def test_views_that_differ_at_their_time_or_later_are_named_with_what_they_show() -> None:
    """Replicas that show the same are named together."""
    late = _views((0.0, {"a": 1, "b": 2, "c": 1}), (1.1, {"a": 2, "b": 2, "c": 2}))
    assert late is not None
    assert late.kind == "converges"
    assert late.text == "1 s after the end of the faults the views differ: a, c: 1; b: 2"
    again = _views((0.0, {"a": 1, "b": 2}), (0.9, {"a": 2, "b": 2}), (1.15, {"a": 3, "b": 2}))
    assert again is not None
    assert again.text == "the views were equal from 2.000000 s on, and differ again: a: 3; b: 2"
    empty = _views((0.0, {}))
    assert empty is not None
    assert empty.kind == "never judged"


def _bank(sim: Simulation, loss: float = 0.0) -> None:
    sim.network(Conditions(latency_min=0.01, latency_span=0.0, tail=0.0, loss=loss))
    for name in ("a", "b"):
        sim.node(name, actor(Box, name="box"))


def _giving(amount: int, *, twice: bool = False) -> Callable[[Client], Any]:
    async def work(client: Client) -> None:
        await client.sleep(0.1)
        await client.ref("a", "/user/box").tell(Give(amount, client.ref("b", "/user/box"), twice))
        await client.sleep(0.2)

    return work


def coins(sim: Simulation) -> int:
    """In the boxes, and on their way."""
    return sum(box.coins for box in sim.actors(Box)) + sum(coin.amount for coin in sim.in_flight(Coin))


def coins_in_hand_too(sim: Simulation) -> int:
    """In the boxes, on their way, and with a handler that waits."""
    return sum(box.coins for box in sim.actors(Box)) + sum(coin.amount for coin in sim.in_flight(Coin, in_hand=True))


@pytest.mark.parametrize(
    ("quantity", "amount", "twice", "text"),
    [
        (coins, 3, False, None),
        (coins, 3, True, "it was 20 until 0.100000 s"),
        (coins, 6, False, "it was 20 until 0.1"),
        (coins_in_hand_too, 6, False, None),
    ],
)
def test_money_on_its_way_is_counted_exactly(quantity: Any, amount: int, twice: bool, text: str | None) -> None:
    """On the network, and in the mailbox; what a handler that waits has in hand only if that is asked for."""

    def target(sim: Simulation) -> None:
        _bank(sim)
        sim.client(_giving(amount, twice=twice))
        sim.conserves(quantity)

    found = _found(target)
    if text is None:
        assert found is None, str(found)
    else:
        assert found is not None
        assert (found.kind, found.name) == ("conserves", quantity.__name__)
        assert found.text.startswith(text)


def test_a_message_that_is_lost_takes_its_money_with_it() -> None:
    """What the network loses is in flight no longer; the total is told at the end too."""

    def target(sim: Simulation) -> None:
        _bank(sim)
        sim.at(0.105, lambda: sim.network(Conditions(latency_min=0.01, latency_span=0.0, tail=0.0, loss=1.0)))
        sim.client(_giving(3))
        sim.conserves(coins)

    found = _found(target)
    assert found is not None
    assert "and is 17 now" in found.text


def test_replies_and_what_waits_in_a_mailbox_are_in_flight() -> None:
    """A reply until it comes; a message in the mailbox until its receiver takes it; one for a node that is down is lost."""
    seen: list[tuple[float, int, int]] = []

    async def work(client: Client) -> None:
        sim = client.simulation
        with sim.paused("b"):
            await client.ref("a", "/user/box").tell(Give(3, client.ref("b", "/user/box")))
            await client.sleep(0.015)
            seen.append((0, len(sim.in_flight(Coin)), len(sim.in_flight(Give))))
            await client.sleep(0.1)
            seen.append((1, len(sim.in_flight(Coin)), len(sim.in_flight(Give))))
        await client.sleep(0.1)
        seen.append((2, len(sim.in_flight(Coin)), len(sim.in_flight(Give))))

    async def asks(client: Client) -> None:
        await client.sleep(1.0)
        await client.ref("a", "/user/box").ask(Give(2), timeout=1.0)

    def target(sim: Simulation) -> None:
        _bank(sim)
        sim.client(work)
        sim.client(asks)
        sim.at(1.005, lambda: seen.append((3, len(sim.in_flight(Coin)), len(sim.in_flight(Give)))))
        sim.at(1.015, lambda: seen.append((4, len(sim.in_flight(Coin)), len(sim.in_flight(Give)))))

    assert _found(target) is None
    assert [(coin, give) for _, coin, give in seen] == [(1, 0), (1, 0), (0, 0), (0, 1), (1, 0)]


def test_a_total_that_cannot_be_told_is_not_judged_and_one_that_never_can_is_found() -> None:
    """None is no total; a node that is down is a moment at which nothing is told."""

    def judged(quantity: Callable[..., object]) -> Violation | None:
        def target(sim: Simulation) -> None:
            _bank(sim)
            sim.duration = 0.5
            sim.at(0.1, sim.nodes["b"].crash)
            sim.conserves(quantity, within=0.5)

        return _found(target)

    assert judged(coins) is None
    found = judged(lambda: None)
    assert found is not None
    assert found.kind == "never judged"
    assert found.time == pytest.approx(1.0)
    assert "was never told" in found.text
