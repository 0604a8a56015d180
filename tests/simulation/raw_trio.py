"""Targets whose handlers use trio in every way there is, and what Python does at the end of things."""

from __future__ import annotations

import enum
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import trio
import trio.lowlevel
import trio.testing
from attrs import define, field, frozen

from trouper import Actor, ActorRef, Request, actor, handles, supervisor
from trouper.simulation import Faults, Simulation


@frozen
class Go:
    pass


@frozen
class Told(Request[None]):
    text: str


class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


@frozen(eq=False)
class Bare:
    """Hashed by where it lies in memory."""

    number: int


@define(eq=False)
class Sink(Actor[Told]):
    """Hears what was done, in order."""

    heard: list[str] = field(factory=list[str])

    @handles(Told)
    def told(self, told: Told) -> None:
        self.heard.append(told.text)


Way = Callable[["Doer"], Awaitable[None]]


@define(eq=False)
class Doer(Actor[Go]):
    """Does it one way, several times."""

    sink: ActorRef[Any]
    way: Way

    def on_start(self) -> None:
        self.context.every(0.1, Go())

    @handles(Go)
    async def go(self, _go: Go) -> None:
        await self.way(self)

    def say(self, what: object) -> None:
        self.sink.tell_nowait(Told(f"{what} {self.context.random.random() < 0.5}"))


async def nurseries(doer: Doer) -> None:
    """Children that draw and send as they end."""

    async def child(number: int) -> None:
        await trio.sleep(0.001 * (number % 3))
        doer.say(number)

    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(child, number)


async def cancelled_together(doer: Doer) -> None:
    """Children that are cancelled at one moment, and draw and send in `finally`."""

    async def child(number: int) -> None:
        try:
            await trio.sleep_forever()
        finally:
            doer.say(number)

    with trio.move_on_after(0.01):
        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(child, number)


async def nested_scopes(doer: Doer) -> None:
    """Scopes within scopes, cancelled from the outermost."""

    async def child(number: int) -> None:
        with trio.CancelScope(), trio.CancelScope():
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                doer.say(number)
                raise

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as outer, trio.open_nursery() as inner:
            for number in range(6):
                outer.start_soon(child, number)
                inner.start_soon(child, 10 + number)
            await trio.sleep(0.01)
            scope.cancel()


async def aborting(doer: Doer) -> None:
    """Abort functions of its own, which trio calls in the order of a set."""
    aborted: list[int] = []

    async def child(number: int) -> None:
        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            aborted.append(number)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    with trio.move_on_after(0.01):
        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(child, number)
    doer.say(aborted)


async def waiting_asks(doer: Doer) -> None:
    """Asks in many tasks, cancelled together."""

    async def child(number: int) -> None:
        try:
            await doer.sink.ask(Told(str(number)), timeout=1.0)
        finally:
            doer.say(number)

    with trio.move_on_after(0.0005):
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(child, number)


async def channels(doer: Doer) -> None:
    """Memory channels, with producers and consumers."""
    send, receive = trio.open_memory_channel[int](2)

    async def produce(number: int, to: trio.MemorySendChannel[int]) -> None:
        async with to:
            for part in range(3):
                await to.send(10 * number + part)

    async def consume(source: trio.MemoryReceiveChannel[int]) -> None:
        async with source:
            async for item in source:
                doer.say(item)

    async with trio.open_nursery() as nursery, send, receive:
        for number in range(4):
            nursery.start_soon(produce, number, send.clone())
            nursery.start_soon(consume, receive.clone())


async def locks(doer: Doer) -> None:
    """Locks, semaphores, limiters, conditions and events that many wait for."""
    lock, limiter, semaphore, condition, event = trio.Lock(), trio.CapacityLimiter(2), trio.Semaphore(1), trio.Condition(), trio.Event()

    async def child(number: int) -> None:
        await event.wait()
        async with limiter, semaphore:
            doer.say(number)
        async with lock:
            await trio.lowlevel.checkpoint()
            doer.say(number)
        async with condition:
            with trio.move_on_after(0.01):
                await condition.wait()
        doer.say(number)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(child, number)
        await trio.testing.wait_all_tasks_blocked()
        event.set()
        await trio.sleep_until(trio.current_time() + 0.005)
        async with condition:
            condition.notify(3)


async def parking(doer: Doer) -> None:
    """A parking lot, and abort while parked."""
    lot = trio.lowlevel.ParkingLot()

    async def child(number: int) -> None:
        try:
            await lot.park()
        finally:
            doer.say(number)

    async with trio.open_nursery() as nursery:
        for number in range(9):
            nursery.start_soon(child, number)
        await trio.testing.wait_all_tasks_blocked()
        lot.unpark(count=4)
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def failing_groups(doer: Doer) -> None:
    """Several children fail at once: the order in the group."""

    async def child(number: int) -> None:
        try:
            await trio.sleep(0.001)
        finally:
            raise ValueError(number)

    try:
        async with trio.open_nursery() as nursery:
            for number in range(7):
                nursery.start_soon(child, number)
    except* ValueError as group:
        doer.say([str(error) for error in group.exceptions])


async def generators(doer: Doer) -> None:
    """Asynchronous generators that are closed, and ones that are forgotten."""

    async def counting(number: int) -> AsyncGenerator[int]:
        try:
            for part in range(10):
                await trio.lowlevel.checkpoint()
                yield part
        finally:
            doer.say(number)

    kept = counting(1)
    async for part in kept:
        if part == 2:
            break
    await kept.aclose()
    for number in (2, 3):
        async for _ in counting(number):
            break


async def finalizers(doer: Doer) -> None:
    """Objects that send when nobody has them any more, and weak references that call."""

    class Last:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            doer.say(self.number)

    some = [Last(number) for number in range(5)]
    references = [weakref.ref(one, lambda _: doer.say("gone")) for one in some]
    some.clear()
    await trio.lowlevel.checkpoint()
    circle = Last(9)
    circle.itself = circle  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    del circle, references


async def background(doer: Doer) -> None:
    """Tasks of the actor's that end when it restarts."""

    async def beside(number: int) -> None:
        try:
            await trio.sleep_forever()
        finally:
            doer.sink.tell_nowait(Told(str(number)))

    for number in range(6):
        doer.context.start_soon(beside, number)
    await trio.sleep(0.02)
    raise ValueError("restart")


async def set_of_ints(doer: Doer) -> None:
    """Its order is the same everywhere."""
    for number in {3, 1, 2, 10**9, -5}:
        doer.say(number)


async def work_in_threads(doer: Doer) -> None:
    """Which are simulated."""

    async def child(number: int) -> None:
        doer.say(await doer.context.run_sync(lambda: number))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(child, number)


async def set_of_objects(doer: Doer) -> None:
    """Ordered by where they lie in memory."""
    for bare in {Bare(number) for number in range(8)}:
        doer.say(bare.number)


async def set_of_enums(doer: Doer) -> None:
    """Hashed by name, which is a text."""
    for colour in set(Colour):
        doer.say(colour.name)


async def weak_set(doer: Doer) -> None:
    """Ordered by where they lie in memory."""
    kept = [Bare(number) for number in range(8)]
    held: list[Any] = kept
    for bare in weakref.WeakSet(held):
        doer.say(bare.number)


WAYS: tuple[Way, ...] = (
    *(nurseries, cancelled_together, nested_scopes, waiting_asks, channels, locks, parking, failing_groups, generators, finalizers),
    *(background, set_of_ints, work_in_threads),
)
"""That are deterministic."""


def _target(way: Way) -> Callable[[Simulation], None]:
    def target(sim: Simulation) -> None:
        sim.node("a", actor(Sink, name="sink"))
        sim.node("b", actor(Doer, sim.ref("a", "/user/sink"), way, name="doer"))
        sim.duration = 0.45
        sim.faults(Faults.swarm(reordering=True))

    return target


def every_way(sim: Simulation) -> None:
    """All that are deterministic at once."""
    sim.node("a", actor(Sink, name="sink"))
    for way in WAYS:
        doer = actor(Doer, sim.ref("a", "/user/sink"), way, name="doer")
        sim.node(getattr(way, "__name__", "way"), supervisor("top", [doer], max_restarts=1000))
    sim.duration = 0.45
    sim.faults(Faults.swarm(reordering=True))


of_aborting, of_set_of_objects, of_set_of_enums = _target(aborting), _target(set_of_objects), _target(set_of_enums)
of_weak_set = _target(weak_set)
