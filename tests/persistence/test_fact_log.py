"""Durable facts have offsets without a gap, and a follower gets each once: those of the past, then those of the present."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import define, frozen

from trouper import ActorRef, AskFailed, Request, System, actor, handles, open_system
from trouper.persistence import (
    CorruptRecord,
    Encoded,
    Entry,
    EventSourced,
    FactsForgotten,
    InMemoryJournal,
    Journal,
    NotStorable,
    SqliteJournal,
    WriteConflict,
    applies,
    follow,
    open_journal,
)
from trouper.persistence.fact_log import log_of


@frozen
class Deposited:
    cents: int


class Announced:
    """The base of all facts of these tests; it is none itself."""


@frozen
class Moved(Announced):
    account: str
    cents: int


@frozen
class MovedIn(Moved):
    pass


@frozen
class Opened(Announced):
    account: str


@frozen
class Deposit(Request[int]):
    cents: int


@define(eq=False)
class Account(EventSourced[Deposit, Deposited]):
    number: str
    balance_cents: int = 0

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> int:
        moved = MovedIn(self.number, command.cents)
        opened = [] if self.balance_cents else [Opened(self.number)]
        await self.persist(Deposited(command.cents), publish=[*opened, moved])
        return self.balance_cents

    @applies(Deposited)
    def deposited(self, event: Deposited) -> None:
        self.balance_cents += event.cents


async def account_of(system: System, number: str) -> ActorRef[Deposit]:
    return await system.spawn(actor(Account, number, name=number))


async def deposit(system: System, number: str, *amounts: int) -> None:
    ref = await account_of(system, number)
    for amount in amounts:
        await ref.ask(Deposit(amount))
    await system.stop(ref)


async def first(count: int, journal: Journal, kind: type[object] = Moved, from_offset: int = 0) -> list[tuple[int, object]]:
    """The first facts of a follower."""
    found: list[tuple[int, object]] = []
    async for followed in follow(journal, kind, from_offset):
        found.append((followed.offset, followed.fact))
        if len(found) == count:
            break
    return found


async def test_a_follower_gets_the_past_and_then_the_present(journal: Journal) -> None:
    """From any offset on; of its class and the classes below it; facts of the same persist one after the other."""
    with trio.fail_after(10):
        async with open_journal(journal), open_system() as system:
            await deposit(system, "a", 1, 2)
            assert await first(2, journal) == [(2, MovedIn("a", 1)), (3, MovedIn("a", 2))]
            assert await first(1, journal, Opened) == [(1, Opened("a"))]
            async with trio.open_nursery() as nursery:
                live: list[tuple[int, object]] = []

                async def listen() -> None:
                    live.extend(await first(3, journal, from_offset=3))

                nursery.start_soon(listen)
                await trio.testing.wait_all_tasks_blocked()
                await deposit(system, "a", 3, 4)
            assert live == [(3, MovedIn("a", 2)), (4, MovedIn("a", 3)), (5, MovedIn("a", 4))]
        async with open_journal(journal), open_system() as system:
            assert [offset for offset, _ in await first(4, journal)] == [2, 3, 4, 5]


async def test_facts_outlive_the_process(tmp_path: Path) -> None:
    """Another run reads them from the file, and goes on with the next offset."""
    with trio.fail_after(10):
        for run in range(3):
            async with open_journal(tmp_path / "bank.db") as journal, open_system() as system:
                await deposit(system, f"a{run}", 1)
                assert await first(run + 1, journal) == [(2 * one + 2, MovedIn(f"a{one}", 1)) for one in range(run + 1)]


async def test_offsets_have_no_gap_and_followers_miss_and_repeat_nothing(journal: Journal) -> None:
    """Fifty writers, and ten followers that begin at any moment: each follower sees every offset once, in order."""
    seen: dict[int, list[int]] = {}

    async def listen(number: int) -> None:
        for _ in range(number):
            await trio.lowlevel.checkpoint()
        seen[number] = [followed for followed, _ in await first(300, journal, Announced)]

    with trio.fail_after(60):
        async with open_journal(journal), open_system() as system, trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(deposit, system, f"a{number}", *range(1, 6))
            for number in range(0, 500, 50):
                nursery.start_soon(listen, number)
    assert len(seen) == 10
    assert all(offsets == list(range(1, 301)) for offsets in seen.values())


async def test_a_refused_entry_takes_no_offset(journal: Journal) -> None:
    """Its facts are not in the log, and the next ones follow without a gap."""
    event, fact = (Encoded("Deposited", 1, b'{"cents":1}'),), (Encoded("Opened", 1, b'{"account":"a"}'),)
    with trio.fail_after(10):
        assert await journal.append(Entry("a", 0, event, "one", fact)) == 1
        with pytest.raises(WriteConflict):
            await journal.append(Entry("a", 0, event, "two", fact))
        assert await journal.append(Entry("b", 0, event, "two")) == 0
        assert await journal.append(Entry("b", 1, event, "two", fact * 2)) == 2
        assert [stored.offset for stored in await journal.facts(0, 10)] == [1, 2, 3]
        assert await journal.last_offset() == 3


async def test_what_is_announced_reaches_subscribers_when_it_is_on_the_disk(journal: Journal) -> None:
    """The live event stream gets the same facts, after the event is applied."""
    with trio.fail_after(10):
        async with open_journal(journal), open_system() as system, system.subscribe(Moved) as facts:
            await deposit(system, "a", 5)
            assert await anext(facts) == MovedIn("a", 5)
            assert await journal.last_offset() == 2


async def test_a_follower_that_is_slower_than_memory_reads_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no longer in memory comes from the journal: still each once."""
    monkeypatch.setattr("trouper.persistence.fact_log.REMEMBERED_MAX", 3)
    journal = InMemoryJournal()
    with trio.fail_after(10):
        async with open_journal(journal), open_system() as system:
            following = follow(journal, Moved)
            await deposit(system, "a", *range(1, 4))
            assert (await anext(following)).offset == 2
            await deposit(system, "a", *range(4, 20))
            assert [(await anext(following)).offset for _ in range(18)] == list(range(3, 21))
    assert list(log_of(journal).latest) == [18, 19, 20], "the first ones are not kept"


async def test_a_follower_does_not_wait_for_what_has_arrived_out_of_order() -> None:
    """Of two actors whose facts went to the disk together the second may be the first to go on."""
    journal = InMemoryJournal()
    event, fact = (Encoded("Deposited", 1, b'{"cents":1}'),), (Encoded("Opened", 1, b'{"account":"a"}'),)
    with trio.fail_after(10):
        for after in range(2):
            await journal.append(Entry("a", after, event, "one", fact))
        log_of(journal).arrived(2, [Opened("a")])
        log_of(journal).arrived(1, [Opened("a")])
        assert log_of(journal).last == 2
        assert [offset for offset, _ in await first(2, journal, Opened)] == [1, 2]


async def test_forgotten_facts_are_gone_for_newcomers_and_an_error_for_those_who_needed_them(journal: Journal) -> None:
    """The beginning of the log is deleted by count or by age; offsets go on, and nobody skips facts without being told."""
    with trio.fail_after(10):
        async with open_journal(journal), open_system() as system:
            await deposit(system, "a", *range(1, 10))
        assert await journal.forget_facts(keep=4) == 6
        assert [stored.offset for stored in await journal.facts(0, 100)] == [7, 8, 9, 10]
        assert await journal.forget_facts(older_than=3600.0) == 0
        assert await journal.forget_facts(older_than=-1.0) == 4
        assert await journal.last_offset() == 10


async def test_a_follower_whose_next_fact_was_deleted_is_told(tmp_path: Path) -> None:
    """With the numbers: what it wanted, and where the log begins. From offset 0 it begins there."""
    file = tmp_path / "bank.db"
    with trio.fail_after(10):
        async with open_journal(file), open_system() as system:
            await deposit(system, "a", *range(1, 10))
        async with SqliteJournal(file) as journal:
            await journal.forget_facts(keep=4)
            with pytest.raises(FactsForgotten, match=r"Fact 3 of .*bank.db was deleted: the log begins with 7"):
                await first(1, journal, from_offset=3)
            assert [offset for offset, _ in await first(4, journal)] == [7, 8, 9, 10]
            await journal.forget_facts(keep=0)
            with pytest.raises(FactsForgotten, match="the log begins with 11"):
                await first(1, journal, from_offset=3)


async def test_a_fact_that_was_altered_is_named(tmp_path: Path) -> None:
    """A follower stops there and says where: nothing is skipped."""
    file = tmp_path / "bank.db"
    with trio.fail_after(10):
        async with open_journal(file), open_system() as system:
            await deposit(system, "a", 1, 2)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE facts SET payload = x'7b7d' WHERE fact_offset = 3")
        async with SqliteJournal(file) as journal:
            with pytest.raises(CorruptRecord, match=r"Fact 3 in .*bank.db is broken: its checksum does not match"):
                await first(2, journal)


async def test_a_fact_that_cannot_be_stored_is_refused_before_anything_is_written() -> None:
    """And so are two classes of one name: else one would be read as the other."""

    @define
    class Mutable:
        cents: int

    @define(eq=False)
    class Careless(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            await self.persist(Deposited(command.cents), publish=[Mutable(1)])
            return 0

    journal = InMemoryJournal()
    with trio.fail_after(10):
        async with open_journal(journal), open_system() as system:
            ref = await system.spawn(actor(Careless, "a", name="a"))
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Deposit(1))
            assert isinstance(caught.value.__cause__, NotStorable)
            assert (await journal.events("/user/a", 0, 10), await journal.last_offset()) == ([], 0)
    with pytest.raises(NotStorable):
        follow(journal, int)
