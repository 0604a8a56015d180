"""What is to be delivered is delivered until it is confirmed, in order, over restarts; and once in effect, if the receiver counts."""

# pyright: reportUnusedClass=false

from __future__ import annotations

import sqlite3
from collections.abc import Hashable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Generic, Never, TypeVar

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import ActorFailed, ActorRef, Request, actor, handles, open_system, supervisor
from trouper.persistence import (
    Courier,
    DeliveryFailed,
    Encoded,
    Entry,
    EventSourced,
    InMemoryJournal,
    Journal,
    applies,
    open_journal,
)

F_contra = TypeVar("F_contra", contravariant=True)


@frozen
class Sold:
    item: str


@frozen
class Ship(Request[None]):
    item: str
    delivery: int


@frozen
class Shipped:
    item: str
    delivery: int


@frozen
class AskShipped(Request[tuple[str, ...]]):
    pass


@define(eq=False)
class Warehouse(EventSourced[Ship | AskShipped, Shipped]):
    """Handles each delivery once in effect: it keeps the highest offset with what it changed."""

    shipped: list[str] = field(factory=list[str], init=False)
    last: int = field(default=0, init=False)
    calls: ClassVar[list[int]] = []
    fails: ClassVar[set[int]] = set()

    @handles(Ship)
    async def ship(self, command: Ship) -> None:
        self.calls.append(command.delivery)
        if command.delivery > self.last:
            await self.persist(Shipped(command.item, command.delivery))
        if len(self.calls) in self.fails:
            raise ZeroDivisionError("planted: it was shipped, and nobody knows")

    @handles(AskShipped)
    def all_shipped(self, query: AskShipped) -> tuple[str, ...]:
        return tuple(self.shipped)

    @applies(Shipped)
    def on_shipped(self, event: Shipped) -> None:
        self.shipped.append(event.item)
        self.last = event.delivery


WAREHOUSE = actor(Warehouse, name="warehouse")


@define(eq=False)
class Shipping(Courier[Never, Sold]):
    warehouse: ActorRef[Ship]

    async def deliver(self, fact: Sold, offset: int) -> None:
        await self.warehouse.ask(Ship(fact.item, offset))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Warehouse.calls.clear()
    Warehouse.fails.clear()


async def sell(journal: Journal, *items: str) -> None:
    """Facts in the log."""
    count = len(await journal.events("shop", 0, 10_000))
    facts = tuple(Encoded("Sold", 1, b'{"item":"%s"}' % item.encode()) for item in items)
    await journal.append(Entry("shop", count, (Encoded("Noted", 1, b"{}"),), "test", facts))


async def shipped(ref: ActorRef[AskShipped], count: int) -> tuple[str, ...]:
    """What was shipped, once it is so many."""
    while len(found := await ref.ask(AskShipped())) < count:  # noqa: ASYNC110  # it is asked, and says nothing by itself
        await trio.sleep(0.01)
    return found


async def test_each_fact_is_delivered_and_after_a_restart_of_the_program_the_next_ones(autojump_clock: MockClock) -> None:
    """The courier keeps its place: what was confirmed is not delivered again."""
    journal = InMemoryJournal()
    with trio.fail_after(1000):
        for run in range(3):
            await sell(journal, f"lamp {run}", f"chair {run}")
            async with open_journal(journal), open_system(supervisor("top", [WAREHOUSE])) as system:
                warehouse = system.ref(WAREHOUSE)
                await system.spawn(actor(Shipping, warehouse, name="shipping"))
                assert (await shipped(warehouse, 2 * run + 2))[-2:] == (f"lamp {run}", f"chair {run}")
                await trio.sleep(1)
    assert Warehouse.calls == [1, 2, 3, 4, 5, 6]


async def test_what_is_not_confirmed_is_delivered_again_and_counts_once(autojump_clock: MockClock) -> None:
    """The receiver crashes after it has written, before it answers: it is asked again, and sees that it knows the delivery."""
    journal = InMemoryJournal()
    items = [str(number) for number in range(20)]
    Warehouse.fails.update({1, 2, 5, 9, 20})
    with trio.fail_after(1000):
        await sell(journal, *items)
        async with open_journal(journal), open_system(supervisor("top", [WAREHOUSE], max_restarts=100)) as system:
            await system.spawn(actor(Shipping, system.ref(WAREHOUSE), name="shipping"))
            assert await shipped(system.ref(WAREHOUSE), 20) == tuple(items)
            await trio.sleep(10)
            assert await shipped(system.ref(WAREHOUSE), 20) == tuple(items)
    assert len(Warehouse.calls) == 25
    assert Warehouse.calls == sorted(Warehouse.calls), "one receiver is served in order"


async def test_a_courier_that_is_restarted_at_any_moment_loses_nothing(autojump_clock: MockClock) -> None:
    """Again and again, while it delivers: everything arrives, in order, once in effect."""
    journal = InMemoryJournal()
    items = [str(number) for number in range(100)]
    with trio.fail_after(1000):
        await sell(journal, *items)
        async with open_journal(journal), open_system(supervisor("top", [WAREHOUSE])) as system:
            shipping = await system.spawn(actor(Shipping, system.ref(WAREHOUSE), name="shipping"))
            for ticks in range(30):
                for _ in range(ticks):
                    await trio.lowlevel.checkpoint()
                await system.restart(shipping)
            assert await shipped(system.ref(WAREHOUSE), 100) == tuple(items)


@define(eq=False)
class Lanes(Courier[Never, Sold]):
    window = 3
    log: list[str]
    stuck: trio.Event

    def lane(self, fact: Sold) -> Hashable:
        return fact.item[0]

    async def deliver(self, fact: Sold, offset: int) -> None:
        self.log.append(f"{fact.item}?")
        if fact.item.startswith("a"):
            await self.stuck.wait()
        self.log.append(fact.item)


async def test_a_receiver_that_does_not_answer_holds_up_its_own_lane_only(autojump_clock: MockClock) -> None:
    """And no more than the window is in the courier's hands; its place stays before what is not confirmed."""
    journal = InMemoryJournal()
    log: list[str] = []
    stuck = trio.Event()
    spec = actor(Lanes, log, stuck, name="lanes")
    with trio.fail_after(1000):
        await sell(journal, "a1", "b1", "b2", "a2", "b3", "a3", "b4", "a4", "b5")
        async with open_journal(journal), open_system(spec):
            await trio.sleep(1)
            assert log == ["a1?", "b1?", "b1", "b2?", "b2", "b3?", "b3"]
            assert await journal.snapshots("/user/lanes") == ()
            stuck.set()
            await trio.sleep(1)
            assert [item for item in log if item[0] == "a" and "?" not in item] == ["a1", "a2", "a3", "a4"]
            assert [item for item in log if item[0] == "b" and "?" not in item] == ["b1", "b2", "b3", "b4", "b5"]
            assert (await journal.snapshots("/user/lanes"))[0].sequence == 9


async def test_a_courier_that_may_give_up_fails_with_the_offset(autojump_clock: MockClock) -> None:
    """Supervision decides; the fact stays in the log and is delivered when the courier is there again."""

    @define(eq=False)
    class Impatient(Courier[Never, Sold]):
        attempts_max = 3
        log: list[float]

        async def deliver(self, fact: Sold, offset: int) -> None:
            self.log.append(trio.current_time())
            if len(self.log) <= 3:
                raise ConnectionError("nobody is there")

    journal = InMemoryJournal()
    log: list[float] = []
    with trio.fail_after(1000):
        await sell(journal, "lamp")
        spec = actor(Impatient, log, name="impatient")
        async with open_journal(journal), open_system(supervisor("top", [spec])) as system, system.subscribe(ActorFailed) as failures:
            failure = (await anext(failures)).cause
            assert isinstance(failure, DeliveryFailed)
            assert (failure.offset, failure.attempts) == (1, 3)
            assert "could not deliver fact 1 in 3 attempts: ConnectionError: nobody is there" in str(failure)
            await trio.sleep(1)
            assert [round(after - before, 3) for before, after in pairwise(log)] == [0.1, 0.2, 0.0]


async def test_the_pause_doubles_up_to_its_limit(autojump_clock: MockClock) -> None:
    """So that a receiver that was away for a day is found within a bounded time."""
    del autojump_clock

    @define(eq=False)
    class Patient(Courier[Never, Sold]):
        retry_seconds_max = 0.5
        log: list[float]

        async def deliver(self, fact: Sold, offset: int) -> None:
            self.log.append(trio.current_time())
            if len(self.log) <= 5:
                raise ConnectionError("nobody is there")

    journal = InMemoryJournal()
    log: list[float] = []
    with trio.fail_after(1000):
        await sell(journal, "lamp")
        async with open_journal(journal), open_system(actor(Patient, log, name="patient")):
            await trio.sleep(10)
    assert [round(after - before, 3) for before, after in pairwise(log)] == [0.1, 0.2, 0.4, 0.5, 0.5]


async def until_kept(journal: Journal, identity: str, offset: int, calls: int) -> None:
    """Waits until so many deliveries were made, and the place is kept."""
    while len(Warehouse.calls) < calls or all(place.sequence != offset for place in await journal.snapshots(identity)):  # noqa: ASYNC110  # a journal says nothing by itself
        await trio.sleep(0.01)


async def test_a_place_that_was_altered_is_not_believed(tmp_path: Path) -> None:
    """What it says is confirmed may not be: the courier begins at the one before, or with the first fact, and nothing is skipped."""
    file = tmp_path / "shop.db"
    with trio.fail_after(20):
        for calls in ([1, 2], [1, 2, 1, 2]):
            async with open_journal(file) as journal, open_system(supervisor("top", [WAREHOUSE])) as system:
                if not Warehouse.calls:
                    await sell(journal, "lamp", "chair")
                await system.spawn(actor(Shipping, system.ref(WAREHOUSE), name="shipping"))
                await until_kept(journal, "/user/shipping", 2, len(calls))
                assert Warehouse.calls == calls
                assert await shipped(system.ref(WAREHOUSE), 2) == ("lamp", "chair")
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute("UPDATE snapshots SET checksum = checksum + 1 WHERE identity = '/user/shipping'")


def test_a_courier_that_does_not_deliver_or_has_an_on_start_is_refused() -> None:
    """Where the class is defined; one that is generic over its facts may leave it to its subclasses to deliver."""
    with pytest.raises(TypeError, match=r"Eager overrides on_start, by which it begins to deliver"):

        class Eager(Shipping):
            async def on_start(self) -> None: ...

    with pytest.raises(TypeError, match=r"Idle names its facts and has no deliver\. Add: async def deliver\(self, fact, offset\)"):

        class Idle(Courier[Never, Sold]): ...

    class Base(Courier[Never, F_contra], Generic[F_contra]): ...

    class Complete(Base[Sold]):
        async def deliver(self, fact: Sold, offset: int) -> None: ...

    with pytest.raises(TypeError, match="Lacking names its facts and has no deliver"):

        class Lacking(Base[Sold]): ...
