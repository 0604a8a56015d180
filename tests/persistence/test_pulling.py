"""Jobs wait in the log until workers ask for them; each is handed out until it is confirmed, whoever dies, hangs or is slow meanwhile."""

# pyright: reportUnusedClass=false

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import Actor, ActorFailed, ActorRef, ActorSpec, Request, actor, handles, open_system, supervisor
from trouper.persistence import (
    DeliveryFailed,
    Encoded,
    Entry,
    InMemoryJournal,
    Journal,
    SqliteJournal,
    WantWork,
    WorkSource,
    open_journal,
)


@frozen
class Ordered:
    page: int


@frozen
class Print(Request[None]):
    page: int


@define(eq=False)
class Printing(WorkSource[Ordered]):
    window = 20
    deadline_seconds = 10.0

    def job(self, fact: Ordered, offset: int) -> Print:
        assert fact.page == offset
        return Print(fact.page)


@define(eq=False)
class Shop:
    """What happens in a test: which pages were begun and printed, and by whom."""

    begun: list[tuple[str, int]] = field(factory=list[tuple[str, int]], init=False)
    printed: list[int] = field(factory=list[int], init=False)

    async def work(self, name: str, page: int) -> None:
        """How a page is printed, unless a test says otherwise."""
        await trio.sleep(0.01)


@define(eq=False)
class Printer(Actor[Print]):
    source: ActorRef[WantWork]
    shop: Shop
    window: int
    work: Callable[[str, int], Awaitable[None]]

    async def on_start(self) -> None:
        await self.source.tell(WantWork(self.context.ref, self.window))

    @handles(Print)
    async def print(self, job: Print) -> None:
        shop, name = self.shop, self.context.path.rpartition("/")[2]
        shop.begun.append((name, job.page))
        await self.work(name, job.page)
        shop.printed.append(job.page)


def printer(name: str, source: ActorRef[WantWork], shop: Shop, *, window: int = 1, work: Any = None) -> ActorSpec[Any]:
    """A worker."""
    return actor(Printer, source, shop, window, work or shop.work, name=name, stop_timeout=0.01)


SOURCE = actor(Printing, name="printing")
WORKERS = supervisor("workers", max_restarts=1000)


async def order(journal: Journal, count: int) -> None:
    """Facts in the log: pages with the numbers of their offsets."""
    first = await journal.last_offset() + 1
    known = len(await journal.events("shop", 0, 100_000))
    facts = tuple(Encoded("Ordered", 1, b'{"page":%d}' % page) for page in range(first, first + count))
    await journal.append(Entry("shop", known, (Encoded("Noted", 1, b"{}"),), "test", facts))


async def until(condition: Callable[[], bool]) -> None:
    """Waits, in virtual time."""
    while not condition():  # noqa: ASYNC110  # what is looked at says nothing by itself
        await trio.sleep(0.01)


async def test_jobs_wait_until_workers_ask_for_them_and_each_is_done_once(autojump_clock: MockClock) -> None:
    """Without workers nothing happens; with some, each job is done once, and all of them take part."""
    journal = InMemoryJournal()
    shop = Shop()
    with trio.fail_after(1000):
        await order(journal, 200)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            await trio.sleep(100)
            assert shop.begun == []
            for name in ("a", "b", "c"):
                await system.spawn(printer(name, system.ref(SOURCE), shop))
            await until(lambda: len(shop.printed) == 200)
            await trio.sleep(100)
    assert sorted(shop.printed) == list(range(1, 201))
    assert Counter(name for name, _ in shop.begun).keys() == {"a", "b", "c"}


async def test_a_worker_has_as_many_jobs_as_it_has_asked_for(autojump_clock: MockClock) -> None:
    """Also with ten times as many jobs; a worker that wants none any more gets none."""
    journal = InMemoryJournal()
    shop = Shop()
    gate = trio.Event()

    async def wait(name: str, page: int) -> None:
        await gate.wait()

    with trio.fail_after(1000):
        await order(journal, 100)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            source = system.ref(SOURCE)
            one = await system.spawn(printer("one", source, shop, window=1, work=wait))
            three = await system.spawn(printer("three", source, shop, window=3, work=wait))
            await trio.sleep(1)
            paths = {one.path: 1, three.path: 3}
            actors = system.statistics().actors
            assert {path: actors[path].waiting for path in paths} == paths
            await source.tell(WantWork(one, 0))
            gate.set()
            await until(lambda: len(shop.printed) == 100)
    assert [name for name, _ in shop.begun].count("one") == 1
    assert sorted(shop.printed) == list(range(1, 101))


async def test_what_a_worker_had_in_hand_when_it_ended_goes_to_another(autojump_clock: MockClock) -> None:
    """At once, and not when the deadline has passed; what waited in its mailbox goes with it."""
    journal = InMemoryJournal()
    shop = Shop()

    async def hang(name: str, page: int) -> None:
        await trio.sleep_forever()

    with trio.fail_after(1000):
        await order(journal, 10)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            source = system.ref(SOURCE)
            doomed = await system.spawn(printer("doomed", source, shop, window=4, work=hang))
            await trio.sleep(1)
            await system.spawn(printer("other", source, shop))
            await until(lambda: len(shop.printed) == 6)
            began = trio.current_time()
            with trio.move_on_after(0.001):
                await system.stop(doomed)
            await until(lambda: len(shop.printed) == 10)
            assert trio.current_time() - began < Printing.deadline_seconds
    assert shop.begun[0] == ("doomed", 1)
    assert sorted(shop.printed) == list(range(1, 11))


async def test_a_worker_that_fails_in_the_middle_is_given_work_again(autojump_clock: MockClock) -> None:
    """A restart is no end: it asks anew, and its job, like any that failed, is handed out again after a pause."""
    journal = InMemoryJournal()
    shop = Shop()
    failing = {3, 7, 8}

    async def fail(name: str, page: int) -> None:
        if page in failing:
            failing.remove(page)
            raise ZeroDivisionError("planted: out of ink")

    with trio.fail_after(1000):
        await order(journal, 50)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            await system.spawn(printer("only", system.ref(SOURCE), shop, window=2, work=fail))
            await until(lambda: len(shop.printed) == 50)
            await trio.sleep(100)
    assert sorted(shop.printed) == list(range(1, 51))
    assert len(shop.begun) == 53


async def test_a_job_that_is_overdue_goes_to_another_worker_and_the_slow_one_gets_no_more(autojump_clock: MockClock) -> None:
    """Until it has answered: an overdue job still takes its place."""
    journal = InMemoryJournal()
    shop = Shop()
    thawed = trio.Event()

    async def slowly(name: str, page: int) -> None:
        if name == "slow":
            await thawed.wait()

    with trio.fail_after(1000):
        await order(journal, 100)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            await system.spawn(printer("slow", system.ref(SOURCE), shop, work=slowly))
            await trio.sleep(1)
            await system.spawn(printer("quick", system.ref(SOURCE), shop, work=slowly))
            await until(lambda: len(shop.printed) == 99)
            assert 1 not in shop.printed
            await until(lambda: 1 in shop.printed)
            assert shop.begun[0] == ("slow", 1)
            assert shop.begun[-1] == ("quick", 1)
            await order(journal, 1)
            await trio.sleep(1)
            assert shop.printed.count(1) == 1
            assert [page for name, page in shop.begun if name == "slow"] == [1]
            thawed.set()
            await trio.sleep(100)
            assert shop.printed.count(1) == 2, "at least once: the slow one has done it as well"


async def test_a_late_answer_counts_and_an_overdue_job_does_not_go_to_who_has_it(autojump_clock: MockClock) -> None:
    """The only worker takes longer than the deadline: it does the job once, and then the next."""
    journal = InMemoryJournal()
    shop = Shop()

    async def slowly(name: str, page: int) -> None:
        await trio.sleep(35)

    with trio.fail_after(1000):
        await order(journal, 3)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            await system.spawn(printer("slow", system.ref(SOURCE), shop, window=2, work=slowly))
            await trio.sleep(300)
            assert (await journal.snapshots("/user/top/printing"))[0].sequence == 3
    assert shop.printed == [1, 2, 3]


async def test_a_source_that_is_restarted_at_any_moment_loses_nothing_and_knows_its_workers(autojump_clock: MockClock) -> None:
    """The workers need not ask again; what was confirmed, and kept, is not handed out again."""
    journal = InMemoryJournal()
    shop = Shop()
    with trio.fail_after(1000):
        await order(journal, 300)
        async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
            source = system.ref(SOURCE)
            for name in ("a", "b", "c"):
                await system.spawn(printer(name, source, shop, window=2))
            for ticks in range(30):
                for _ in range(ticks):
                    await trio.lowlevel.checkpoint()
                await trio.sleep(0.001 * ticks)
                await system.restart(source)
            await until(lambda: set(shop.printed) == set(range(1, 301)))
            await trio.sleep(1)
            assert (await journal.snapshots("/user/top/printing"))[0].sequence == 300
    assert len(shop.printed) <= 300 + 30 * 6, "no more is repeated than what was in hand"


async def test_after_a_restart_of_the_program_only_what_was_not_confirmed_is_done(file: Path) -> None:
    """Two jobs hang, and those behind them are confirmed one by one: in the next run only the two, and new ones, are handed out."""
    shop = Shop()
    hanging = {3, 7}

    async def hang(name: str, page: int) -> None:
        if page in hanging:
            await trio.sleep_forever()

    async def run(printed: int) -> None:
        async with SqliteJournal(file) as journal:
            await order(journal, 20)
            async with open_journal(journal), open_system(supervisor("top", [SOURCE])) as system:
                for name in ("a", "b", "c"):
                    await system.spawn(printer(name, system.ref(SOURCE), shop, work=hang))
                kept = b'{"taken":%d,"unconfirmed":[%s]}' % (printed + len(hanging), b",".join(b"%d" % page for page in sorted(hanging)))
                while not (places := await journal.snapshots("/user/top/printing")) or places[0].payload != kept:
                    await trio.lowlevel.checkpoint()

    with trio.fail_after(60):
        await run(18)
        assert sorted(shop.printed) == [page for page in range(1, 21) if page not in hanging]
        shop.begun.clear()
        await run(38)
        assert sorted(page for _, page in shop.begun) == [3, 7, *range(21, 41)]
        shop.begun.clear()
        hanging.clear()
        await run(60)
        assert sorted(page for _, page in shop.begun) == [3, 7, *range(41, 61)]
    assert sorted(shop.printed) == list(range(1, 61))


@define(eq=False)
class ByKey(Printing):
    def lane(self, fact: Ordered) -> Hashable:
        return fact.page % 5


async def test_jobs_of_one_key_are_done_in_order_whoever_does_them(autojump_clock: MockClock) -> None:
    """And one after the other, though workers fail; jobs of other keys do not wait for them."""
    journal = InMemoryJournal()
    shop = Shop()
    seen: set[int] = set()
    in_hand: Counter[int] = Counter()

    async def fail_first(name: str, page: int) -> None:
        in_hand[page % 5] += 1
        assert in_hand[page % 5] == 1
        try:
            await trio.sleep(0.01 * (page % 7))
            if page % 9 == 0 and page not in seen:
                seen.add(page)
                raise ZeroDivisionError("planted")
        finally:
            in_hand[page % 5] -= 1

    spec = actor(ByKey, name="printing")
    with trio.fail_after(1000):
        await order(journal, 100)
        async with open_journal(journal), open_system(supervisor("top", [spec, WORKERS])) as system:
            for name in ("a", "b", "c", "d"):
                await system.spawn(printer(name, system.ref(spec), shop, work=fail_first), under=system.ref(WORKERS))
            await until(lambda: len(shop.printed) == 100)
    for key in range(5):
        assert [page for page in shop.printed if page % 5 == key] == list(range(key or 5, 101, 5))


async def test_a_job_that_no_worker_can_do_fails_the_source_if_it_may_give_up(autojump_clock: MockClock) -> None:
    """With its offset; the others are done."""

    @define(eq=False)
    class Impatient(Printing):
        attempts_max = 3

    journal = InMemoryJournal()
    shop = Shop()

    async def jam(name: str, page: int) -> None:
        if page == 2 and sum(begun == 2 for _, begun in shop.begun) <= 3:
            raise ZeroDivisionError("planted: paper jam")

    spec = actor(Impatient, name="printing")
    with trio.fail_after(1000):
        await order(journal, 5)
        async with (
            open_journal(journal),
            open_system(supervisor("top", [spec])) as system,
            system.subscribe(ActorFailed, where=lambda failed: isinstance(failed.cause, DeliveryFailed)) as failures,
        ):
            for name in ("a", "b"):
                await system.spawn(printer(name, system.ref(spec), shop, work=jam))
            cause = (await anext(failures)).cause
            assert isinstance(cause, DeliveryFailed)
            assert (cause.offset, cause.attempts) == (2, 3)
            await until(lambda: len(shop.printed) == 5)
    assert sorted(shop.printed) == [1, 2, 3, 4, 5]


def test_a_source_that_delivers_in_its_own_way_or_has_no_job_and_a_window_below_zero_are_refused() -> None:
    """Where the class is defined, and where the wish is made."""
    with pytest.raises(TypeError, match=r"Own overrides deliver, by which it hands out jobs\. Override job"):

        class Own(Printing):
            async def deliver(self, fact: Ordered, offset: int) -> None: ...

    with pytest.raises(TypeError, match=r"Empty names its facts and has no job\. Add: def job\(self, fact, offset\)"):

        class Empty(WorkSource[Ordered]): ...

    with pytest.raises(ValueError, match="window"):
        WantWork(None, -1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
