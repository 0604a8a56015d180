"""Publishing: never waits, never fails because of a subscriber, and takes immutable facts only."""

from __future__ import annotations

import dataclasses
import logging
from enum import Enum
from typing import Any, NamedTuple

import attrs
import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, Context, MutableFact, System, actor, handles, open_system
from trouper.testing import ActorSystem, Probe


@frozen
class Happened:
    number: int = 0


@frozen
class Consequence:
    number: int = 0


@define(eq=False)
class Publisher(Actor[object]):
    """Publishes what it is told."""

    @handles(object)
    def publish(self, fact: object) -> None:
        self.context.publish(fact)


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


# What may be published


@define
class Unfrozen:
    number: int = 0


@attrs.frozen
class FrozenParent:
    pass


@dataclasses.dataclass
class UnfrozenData:
    number: int = 0


@dataclasses.dataclass(frozen=True)
class FrozenData:
    number: int = 0


class Pair(NamedTuple):
    number: int = 0


class Colour(Enum):
    RED = 1


class Plain:
    """Nobody can know."""


@define
class UnfrozenChild(UnfrozenData):
    pass


class ListOfFacts(list[int]):
    pass


@pytest.mark.parametrize("fact", [Unfrozen(), UnfrozenData(), UnfrozenChild(), [], {}, set[int](), bytearray(), ListOfFacts()])
async def test_publishing_a_mutable_fact_raises_and_publishes_nothing(
    fact: object, autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """At every publication, whether somebody listens or not, with the line to change; the publisher decides what follows."""
    actor_system.expect_failure(MutableFact)
    for _ in range(2):
        with pytest.raises(MutableFact) as raised:
            actor_system.publish(fact)
        assert raised.value.fact_type == type(fact).__name__
        assert str(raised.value).startswith(f"{type(fact).__name__} is not immutable, and a fact is: many actors hold the same object.")
        probe.subscribe(object)
    await (await actor_system.spawn(actor(Publisher))).tell(fact)
    await quiet()
    assert not any(type(message) is type(fact) for message in probe.messages)


@pytest.mark.parametrize("fact", [Happened(1), FrozenParent(), FrozenData(), Pair(), Colour.RED, Plain(), "text", 7, (1, 2), None])
async def test_what_is_frozen_or_cannot_be_known_to_change_is_published(
    fact: object, autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Frozen attrs classes and dataclasses, tuples, plain values, and classes that say nothing about it."""
    probe.subscribe(type(fact))
    actor_system.publish(fact)
    assert await probe.expect(type(fact)) is fact


async def test_a_class_is_checked_once(autojump_clock: MockClock, actor_system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often its instances are published."""
    checked: list[type] = []
    monkeypatch.setattr("trouper.events.stream.check_immutable", checked.append)
    for number in range(5):
        actor_system.publish(Happened(number))
        actor_system.publish(Consequence(number))
    assert checked == [Happened, Consequence]


# The stream is an actor


async def test_the_event_stream_is_an_actor_of_the_system(autojump_clock: MockClock) -> None:
    """It stands at /system/events, has its accounts, and handles a publication where it is published, as long as it is idle."""
    async with open_system() as system, system.subscribe(Happened):
        assert "/system/events" in [node.path for node in system.tree()]
        before = system.statistics().actors["/system/events"]
        for number in range(5):
            system.publish(Happened(number))
        after = system.statistics().actors["/system/events"]
        assert (after.accepted - before.accepted, after.handled - before.handled, after.waiting) == (5, 5, 0)


@define(eq=False)
class Echo(Actor[Happened | Consequence]):
    """Its filter publishes a consequence of every fact."""

    seen: list[Any]
    limit: int

    def on_start(self) -> None:
        self.context.subscribe(Happened, where=self.follow)
        self.context.subscribe(Consequence, where=self.go_on)

    def follow(self, fact: Happened) -> bool:
        self.context.publish(Consequence(fact.number))
        return True

    def go_on(self, fact: Consequence) -> bool:
        if fact.number < self.limit:
            self.context.publish(Consequence(fact.number + 1))
        return True

    def receive(self, message: Any, /) -> None:
        self.seen.append(message)


async def test_what_is_published_from_within_a_filter_comes_after_the_fact_for_everybody(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """
    The stream is at work, so it waits in its mailbox: all subscribers see the cause before the consequence, and everything
    in one order; a chain of five thousand needs no stack, and does not keep what is published next waiting for its end.
    """
    probe.subscribe(object, where=lambda fact: isinstance(fact, (Happened, Consequence)))
    seen: list[Any] = []
    await actor_system.spawn(actor(Echo, seen, 5_000))
    actor_system.publish(Happened(0))
    actor_system.publish(Happened(9_000))
    await quiet()
    assert seen[:3] == [Happened(0), Consequence(0), Consequence(1)]
    assert seen.index(Happened(9_000)) < 100
    chain = [fact.number for fact in seen[1:] if isinstance(fact, Consequence) and fact.number < 9_000]
    assert chain == list(range(5_001))
    assert seen == probe.messages


async def test_what_the_streams_own_mailbox_drops_is_counted(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """It is bounded like any other: of 1,500 facts published in one filter 1,000 wait, and 500 are in the accounts."""
    taken: list[int] = []

    def flood(fact: Happened) -> bool:
        if fact.number == 0:
            for number in range(1, 1_501):
                system.publish(Happened(number))
        taken.append(fact.number)
        return False

    async with open_system() as system, system.subscribe(Happened, where=flood):
        system.publish(Happened(0))
        await quiet()
        assert taken == list(range(1_001))
        counts = system.statistics().actors["/system/events"]
        assert counts.dead_letters == 500
        assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting


# Nobody slows or fails the publisher


async def test_publishing_is_synchronous_and_takes_no_notice_of_any_subscriber(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """Without one, with a dead one, a full one, one that fails, one whose filter raises: the publisher's handler just goes on."""
    actor_system.expect_failure(ValueError)

    def refuse(fact: Happened) -> bool:
        raise ValueError(fact.number)

    @define(eq=False)
    class Bad(Actor[Happened]):
        how: str

        def on_start(self) -> None:
            match self.how:
                case "filter":
                    self.context.subscribe(Happened, where=refuse)
                case _:
                    self.context.subscribe(Happened, capacity=1)

        @handles(Happened)
        def happened(self, fact: Happened) -> None:
            raise ValueError(fact.number)

    publisher = await actor_system.spawn(actor(Publisher))
    await publisher.tell(Happened(1))
    dead = await actor_system.spawn(actor(Bad, "handler", restart="temporary"))
    await actor_system.stop(dead)
    for how in ("filter", "handler"):
        await actor_system.spawn(actor(Bad, how, restart="temporary"))
    for number in range(3):
        await publisher.tell(Happened(number))
    await quiet()
    counts = actor_system.statistics().actors[publisher.path]
    assert (counts.handled, counts.failed) == (4, 0)


async def test_the_context_publishes_in_hooks_and_background_tasks_too(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """From on_start, on_stop and a task of the actor's own."""
    probe.subscribe(Happened)

    @define(eq=False)
    class Chatty(Actor[object]):
        def on_start(self) -> None:
            self.context.publish(Happened(1))
            self.context.start_soon(self.later, self.context)

        async def later(self, context: Context) -> None:
            await trio.sleep(1)
            context.publish(Happened(2))

        def on_stop(self, reason: object) -> None:
            self.context.publish(Happened(3))

        def receive(self, message: object, /) -> None:
            raise AssertionError(message)

    ref = await actor_system.spawn(actor(Chatty))
    await trio.sleep(2)
    await actor_system.stop(ref)
    assert [(await probe.expect(Happened)).number for _ in range(3)] == [1, 2, 3]


# Dead letters


async def dead_letters(system: System, count: int) -> None:
    ref = await system.spawn(actor(Publisher, restart="temporary"))
    await system.stop(ref)
    for number in range(count):
        ref.tell_nowait(Happened(number))


async def test_dead_letters_are_logged_ten_times_and_then_summed_up_once_a_minute(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """By the logger `trouper`, as warnings: a storm of them costs a line a minute, and the last sum is said at the end."""
    with caplog.at_level(logging.WARNING, logger="trouper"):
        async with open_system() as system:
            await dead_letters(system, 10)
            assert [record.getMessage().split(":")[0] for record in caplog.records] == ["dead letter"] * 10
            assert caplog.records[0].levelno == logging.WARNING
            assert "Happened for /user/Publisher-1 (stopped)" in caplog.records[0].getMessage()
            for _ in range(3):
                caplog.clear()
                await dead_letters(system, 1_000)
                assert caplog.records == []
                await trio.sleep(61)
                assert [record.getMessage() for record in caplog.records] == ["dead letters: 1000 more (1000 stopped)"]
            caplog.clear()
            await dead_letters(system, 3)
        assert [record.getMessage() for record in caplog.records] == ["dead letters: 3 more (3 stopped)"]
