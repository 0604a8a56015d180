"""What travels between nodes, whether it is copied, what the trace says of it, and which instances oracles are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
import trio
from attrs import define, field, frozen

from trouper import Actor, AskFailed, Request, actor, handles
from trouper.actors.dispatcher import Dispatcher
from trouper.mailbox import Fifo
from trouper.simulation.client import Client, Workload
from trouper.simulation.describing import describe, shown, snapshot
from trouper.simulation.packing import pack, unpack
from trouper.simulation.run import run_once
from trouper.simulation.simulated_cluster import Simulation
from trouper.simulation.trace import Event


@frozen
class Put:
    value: Any


@frozen
class Fail(Request[None]):
    pass


@define(eq=False)
class Box(Actor[Put | Fail]):
    """Keeps what it is given."""

    values: list[Any] = field(factory=list[Any])

    @handles(Put)
    def put(self, put: Put) -> None:
        self.values.append(put.value)

    @handles(Fail)
    def fail(self, _fail: Fail) -> None:
        raise KeyError("as asked")


class Colour(Enum):
    RED = 1


@dataclass(frozen=True)
class Frozen:
    value: object


@dataclass
class Open:
    value: object


class Extended(Put):
    """Inherits from a frozen class, and can change."""


class Pair(tuple[int, int]):  # noqa: SLOT001  # this is what makes it able to change
    """Looks like a tuple, and can have attributes."""


def _run(workload: Workload, capacity: int = 100) -> list[Event]:
    def target(sim: Simulation) -> None:
        for name in ("a", "b"):
            sim.node(name, actor(Box, name="box", mailbox=Fifo(capacity, on_full="drop_oldest")))
        sim.client(workload)

    outcome = run_once(target, 0, keeps=True)
    assert outcome.violation is None, outcome.violation
    return outcome.events


def _numbers(events: list[Event], kind: str, node: str) -> list[int]:
    """Of the messages to *node*."""
    return [
        event.number
        for event in events
        if event.kind == kind and event.what == "Put" and (event.path.startswith(f"{node}/") or event.node == node)
    ]


def test_one_message_to_two_nodes_has_a_number_at_each() -> None:
    """The same object is sent to a node that stands still, and then to one that does not: each step tells of its own sending."""

    async def workload(client: Client) -> None:
        message = Put(1)
        with client.simulation.paused("a"):
            client.ref("a", "/user/box").tell_nowait(message)
            await client.sleep(0.5)
            client.ref("b", "/user/box").tell_nowait(message)
            await client.sleep(0.5)
        await client.sleep(0.5)

    events = _run(workload)
    for node in ("a", "b"):
        assert len(_numbers(events, "sent", node)) == 1
        assert _numbers(events, "step", node) == _numbers(events, "sent", node)


def test_one_message_that_is_sent_again_has_a_number_each_time() -> None:
    """The same object three times to one actor: three steps, with the numbers of the three, in this order."""

    async def workload(client: Client) -> None:
        message = Put(1)
        with client.simulation.paused("a"):
            for _ in range(3):
                client.ref("a", "/user/box").tell_nowait(message)
            await client.sleep(0.5)
        await client.sleep(0.5)

    events = _run(workload)
    assert len(_numbers(events, "sent", "a")) == 3
    assert _numbers(events, "step", "a") == _numbers(events, "sent", "a")


def test_a_message_that_is_pushed_out_takes_its_number_along() -> None:
    """Of five equal objects a mailbox of two keeps the last ones, and their steps have the last numbers, not the first."""

    async def workload(client: Client) -> None:
        with client.simulation.paused("a"):
            for _ in range(5):
                client.ref("a", "/user/box").tell_nowait(Put([]))
            await client.sleep(0.5)
        await client.sleep(0.5)

    events = _run(workload, capacity=2)
    assert _numbers(events, "step", "a") == _numbers(events, "sent", "a")[-2:]


def test_what_came_and_was_never_handled_is_not_kept() -> None:
    """A thousand messages are pushed out of a mailbox of two: of these, and of actors that are dead, the schedule knows nothing."""
    kept: list[int] = []

    async def workload(client: Client) -> None:
        simulation = client.simulation
        schedule = simulation._cluster.schedule  # pyright: ignore[reportPrivateUsage]
        with simulation.paused("a"):
            for number in range(1000):
                client.ref("a", "/user/box").tell_nowait(Put(number))
            await client.sleep(0.5)
            kept.append(max(len(entry.arrived) for entry in schedule._entries.values()))  # pyright: ignore[reportPrivateUsage]
        cells = simulation.nodes["a"].cells_for(Box)
        await client.sleep(0.5)
        with simulation.down("a"):
            kept.append(sum(cell in schedule._entries for cell in cells))  # pyright: ignore[reportPrivateUsage]

    _run(workload, capacity=2)
    assert kept[0] <= 3
    assert kept[1] == 0


@pytest.mark.parametrize(
    "message",
    [1, "text", None, Put(1), Put((1, (2.0, "x"))), Put(frozenset({b"x"})), Put(Colour.RED), Put(Put(1j)), Frozen(1), ()],
    ids=repr,
)
def test_what_cannot_change_travels_as_it_is(message: object) -> None:
    """Nobody can see whether it was copied."""
    assert unpack(pack(message)) is message


@pytest.mark.parametrize(
    "message",
    [b"bytes", [1], Put([1]), Put((1, [2])), Put({"x": 1}), Frozen([1]), Open(1), Extended(1), Pair((1, 2)), Put(Put({1}))],
    ids=repr,
)
def test_what_can_change_is_copied(message: Any) -> None:
    """As is what looks as if it could not, and bytes, which travel as bytes."""
    copy = unpack(pack(message))
    assert type(copy) is type(message)
    assert copy == message or copy.value == message.value
    assert copy is not message or type(message) is bytes


def test_a_snapshot_does_not_change_with_what_was_taken_apart() -> None:
    """The text is made when it is read, of what was there when the snapshot was taken."""
    values: list[Any] = [1, {"x": {3, 2}}]
    message = Put(values)
    taken = snapshot(message)
    before = describe(message)
    values[1]["x"].add(4)
    values.append(5)
    assert shown(taken) == before == "Put(value=[1, {'x': {2, 3}}])"
    assert describe(message) == "Put(value=[1, {'x': {2, 3, 4}}, 5])"


def test_oracles_are_shown_the_instances_that_run_now() -> None:
    """Not the one before a restart, and none of a node that is down."""

    async def workload(client: Client) -> None:
        simulation = client.simulation
        first = simulation.actors(Box)
        assert len(first) == 2
        assert simulation.actors(Box) == first
        await client.perform("fail", None, client.ref("a", "/user/box").ask(Fail()))
        second = simulation.actors(Box)
        assert second[0] is not first[0]
        assert second[1] is first[1]
        with simulation.down("a"):
            assert simulation.actors(Box) == second[1:]
        await client.sleep(0.1)
        third = simulation.actors(Box)
        assert len(third) == 2
        assert third[0] not in (*first, *second)
        for _ in range(2):  # what was found, and what is remembered
            simulation.actors(Box).clear()
        assert simulation.actors(Box) == third

    _run(workload)


def test_of_the_workers_only_one_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler begins to wait on trio while a message arrives: who looks then whether anybody is ready does not wake a second worker."""
    were_awake: list[bool] = []
    wake = Dispatcher.wake

    def recorded(self: Dispatcher) -> None:
        were_awake.append(self.is_awake)
        wake(self)

    monkeypatch.setattr(Dispatcher, "wake", recorded)

    async def workload(client: Client) -> None:
        client.ref("a", "/user/box").tell_nowait(Put(1))
        await trio.sleep(0.1)

    events = _run(workload)
    assert _numbers(events, "step", "a")
    assert were_awake
    assert not any(were_awake)


class Demanding(Exception):
    """Is pickled without what it needs to be made again, as many are."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"{name} {number}")


@frozen
class Provoke(Request[object]):
    fails: bool


@define(eq=False)
class Difficult(Actor[Provoke]):
    """Answers with what cannot travel."""

    @handles(Provoke)
    def provoke(self, provoke: Provoke) -> object:
        if provoke.fails:
            raise Demanding("seven", 7)
        return (number for number in range(3))


def _difficult(workload: Workload) -> Callable[[Simulation], None]:
    def target(sim: Simulation) -> None:
        sim.node("a", actor(Difficult, name="difficult"))
        sim.client(workload)

    return target


def test_an_exception_that_cannot_be_made_again_arrives_as_what_it_said() -> None:
    """It is no error of the run."""

    async def workload(client: Client) -> None:
        with pytest.raises(AskFailed, match="Demanding: seven 7"):
            await client.ref("a", "/user/difficult").ask(Provoke(fails=True))

    assert run_once(_difficult(workload), 1).violation is None


def test_a_reply_that_cannot_be_pickled_is_named() -> None:
    """Who gave it, to whom, and why not."""

    async def workload(client: Client) -> None:
        await client.ref("a", "/user/difficult").ask(Provoke(fails=False))

    with pytest.raises(TypeError, match="reply of /user/difficult on node 'a' to 'client-1' cannot be pickled"):
        run_once(_difficult(workload), 1)
