"""The log of facts is kept within its limits by an actor, and what it may not delete stays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field

from trouper import Actor, actor, handles, open_system, supervisor
from trouper.persistence import Encoded, Entry, FactsRetired, InMemoryJournal, Journal, JournalFull, SqliteJournal, open_journal, retention

sqlite_journal: Any = import_module("trouper.persistence.sqlite_journal")


async def write(journal: Journal, count: int, payload: bytes = b"{}") -> None:
    """Appends so many facts, with an event each."""
    after = len(await journal.events("a", 0, 1000))
    for number in range(after, after + count):
        await journal.append(Entry("a", number, (Encoded("event", 1, b"{}"),), "test", (Encoded("fact", 1, payload),)))


async def offsets(journal: Journal) -> list[int]:
    """The facts that are there."""
    return [fact.offset for fact in await journal.facts(0, 1000)]


@define(eq=False)
class Listener(Actor[FactsRetired]):
    heard: list[int]

    async def on_start(self) -> None:
        self.context.subscribe(FactsRetired)

    @handles(FactsRetired)
    def retired(self, fact: FactsRetired) -> None:
        self.heard.append(fact.count)


async def test_facts_beyond_the_number_go_at_the_start_and_then_from_time_to_time(autojump_clock: trio.testing.MockClock) -> None:
    """Events stay, and each deletion is published with how many there were."""
    del autojump_clock
    journal = InMemoryJournal()
    heard: list[int] = []
    with trio.fail_after(3600 * 24):
        await write(journal, 10)
        tree = supervisor("tree", [actor(Listener, heard, name="listener"), retention(keep=4, every_seconds=60.0)])
        async with open_journal(journal), open_system(tree):
            await trio.sleep(1)
            assert await offsets(journal) == [7, 8, 9, 10]
            await write(journal, 3)
            assert await offsets(journal) == [7, 8, 9, 10, 11, 12, 13]
            await trio.sleep(60)
            assert await offsets(journal) == [10, 11, 12, 13]
            await trio.sleep(600)
        assert heard == [6, 3]
        assert len(await journal.events("a", 0, 100)) == 13


async def test_facts_that_are_too_old_go(autojump_clock: trio.testing.MockClock) -> None:
    """By the clock at which they were written."""
    journal = InMemoryJournal(clock=autojump_clock.current_time)
    await write(journal, 3)
    await trio.sleep(50)
    await write(journal, 2)
    await trio.sleep(51)
    with trio.fail_after(60):
        async with open_journal(journal), open_system(retention(older_than=100.0)):
            assert await offsets(journal) == [4, 5]


@pytest.mark.parametrize(("kept", "left"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (1000, 5)])
async def test_facts_beyond_the_bytes_go(journal: Journal, kept: int, left: int) -> None:
    """As many of the latest stay as fit."""
    with trio.fail_after(10):
        await write(journal, 5, b'"12345678"')
        assert await journal.forget_facts(keep_bytes=kept) == 5 - left
        assert await offsets(journal) == [1, 2, 3, 4, 5][5 - left :]


@pytest.mark.parametrize(
    ("limits", "left"), [({"keep": 3}, 3), ({"keep_bytes": 30}, 3), ({"older_than": 30.0}, 3), ({"keep_bytes": 30, "older_than": 20.0}, 2)]
)
async def test_a_long_log_is_looked_at_and_shortened_piece_by_piece(
    file: Path, limits: dict[str, Any], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes or reads meanwhile has its turn between two pieces, and the limits are those of the whole log."""
    monkeypatch.setattr(sqlite_journal, "FACTS_AT_ONCE", 2)
    pieces = 0
    with trio.fail_after(10):
        async with SqliteJournal(file) as journal:
            transact = journal.transact

            async def counted(_journal: object, work: Any) -> Any:
                nonlocal pieces
                pieces += 1
                return await transact(work)

            await write(journal, 9, b'"12345678"')
            await transact(lambda connection: connection.execute("UPDATE facts SET at = ? + 10 * fact_offset", (time.time() - 95.0,)))
            monkeypatch.setattr(SqliteJournal, "transact", counted)
            assert await journal.forget_facts(**limits) == 9 - left
            assert await offsets(journal) == list(range(10 - left, 10))
            assert pieces == (9 - left + 1) // 2 + 1, "two at a time, and once more to see that there are no more"


@define(eq=False)
class FullAtFirst:
    """A journal whose first deletion fails."""

    journal: InMemoryJournal = field(factory=InMemoryJournal)
    asked: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    async def facts(self, from_offset: int, limit: int) -> Sequence[Any]:
        return await self.journal.facts(from_offset, limit)

    async def forget_facts(self, **limits: Any) -> int:
        self.asked += 1
        if self.asked == 1:
            raise JournalFull("bank.db", "database or disk is full")
        return await self.journal.forget_facts(**limits)


async def test_a_journal_that_fails_is_asked_again_the_next_time(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody is restarted for it."""
    del autojump_clock
    journal: Any = FullAtFirst()
    await write(journal, 5)
    with trio.fail_after(3600):
        async with open_journal(journal), open_system(retention(keep=1, every_seconds=10.0)):
            assert len(await offsets(journal)) == 5
            await trio.sleep(11)
            assert await offsets(journal) == [5]
            assert journal.asked == 2


@pytest.mark.parametrize("limits", [{}, {"older_than": 0.0}, {"keep": -1}, {"keep_bytes": -1}, {"keep": 1, "every_seconds": 0.0}], ids=str)
def test_limits_that_make_no_sense_are_refused_where_they_are_said(limits: dict[str, Any]) -> None:
    """With the name of the argument."""
    with pytest.raises(ValueError, match=r"older_than|keep|every_seconds"):
        retention(**limits)
