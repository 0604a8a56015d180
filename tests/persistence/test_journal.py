"""What every journal promises: in order, all or nothing, each number once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from trouper.persistence import Encoded, Entry, Journal, SqliteJournal, WriteConflict


def encoded(*payloads: str) -> tuple[Encoded, ...]:
    return tuple(Encoded("noted", 1, f'"{payload}"'.encode()) for payload in payloads)


def noted(events: Sequence[tuple[object, ...]]) -> list[str]:
    return [str(event[3], "utf-8").strip('"') if isinstance(event[3], bytes) else "?" for event in events]


async def test_what_was_appended_is_read_in_order_from_any_number_on(journal: Journal) -> None:
    """Events come back with their numbers, types and writers, after the number asked for, as many as asked for."""
    with trio.fail_after(10):
        await journal.append(Entry("a", 0, encoded("one", "two"), "me"))
        await journal.append(Entry("b", 0, encoded("other"), "me"))
        await journal.append(Entry("a", 2, encoded("three"), "you"))
        assert noted(await journal.events("a", 0, 10)) == ["one", "two", "three"]
        assert noted(await journal.events("a", 1, 1)) == ["two"]
        assert noted(await journal.events("a", 3, 10)) == []
        assert noted(await journal.events("nobody", 0, 10)) == []
        *_, last = await journal.events("a", 0, 10)
        assert (last.sequence, last.type_name, last.version, last.writer) == (3, "noted", 1, "you")


async def test_a_number_is_taken_once_and_the_loser_is_told_by_whom(journal: Journal) -> None:
    """Of two writers of one identity the second is refused, with all events of its entry, also those whose numbers are free."""
    with trio.fail_after(10):
        await journal.append(Entry("a", 0, encoded("one"), "first"))
        with pytest.raises(WriteConflict, match=r"Event 1 of a was written by first before second could") as caught:
            await journal.append(Entry("a", 0, encoded("uno", "due"), "second"))
        assert (caught.value.sequence, caught.value.winner, caught.value.writer) == (1, "first", "second")
        assert noted(await journal.events("a", 0, 10)) == ["one"]


async def test_one_refused_entry_leaves_the_others_of_its_group_alone(journal: Journal) -> None:
    """Entries that are handed over together stand each for itself: a hundred are written, the one in conflict is not."""
    refused: list[str] = []

    async def write(identity: str, after: int) -> None:
        try:
            await journal.append(Entry(identity, after, encoded("late"), "second"))
        except WriteConflict as conflict:
            refused.append(conflict.identity)

    with trio.fail_after(10):
        await journal.append(Entry("50", 0, encoded("one"), "first"))
        async with trio.open_nursery() as nursery:
            for number in range(101):
                nursery.start_soon(write, str(number), 0)
        assert refused == ["50"]
        assert [noted(await journal.events(str(number), 0, 10)) for number in (0, 50, 100)] == [["late"], ["one"], ["late"]]


async def test_a_hundred_writers_at_once_lose_nothing(journal: Journal) -> None:
    """Each identity has its own events, all of them, in order."""

    async def write(identity: str) -> None:
        for sequence in range(10):
            await journal.append(Entry(identity, sequence, encoded(f"{identity}/{sequence}"), identity))

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(write, f"writer {number}")
        for number in range(100):
            expected = [f"writer {number}/{sequence}" for sequence in range(10)]
            assert noted(await journal.events(f"writer {number}", 0, 100)) == expected


async def test_the_two_latest_snapshots_are_kept_the_latest_first(journal: Journal) -> None:
    """A third one replaces the oldest; one of the same number replaces that one; each identity has its own."""
    with trio.fail_after(10):
        for sequence in (3, 9, 6, 9):
            await journal.save_snapshot("a", sequence, Encoded("state", 2, b"%d" % sequence))
        await journal.save_snapshot("b", 1, Encoded("state", 2, b"0"))
        assert [tuple(snapshot) for snapshot in await journal.snapshots("a")] == [
            (9, "state", 2, b"9", True),
            (6, "state", 2, b"6", True),
        ]
        assert await journal.snapshots("nobody") == [] or await journal.snapshots("nobody") == ()


async def test_what_ends_a_program_is_raised_where_the_function_was_handed_over(tmp_path: Path) -> None:
    """In the journal's thread it would end that, and everybody who waits for it would wait for ever."""

    def leave(_connection: sqlite3.Connection) -> None:
        raise SystemExit(3)

    event = (Encoded("noted", 1, b"1"),)
    with trio.fail_after(10):
        async with SqliteJournal(tmp_path / "bank.db") as journal:
            for hand_over in (journal.transact, journal.query):
                with pytest.raises(SystemExit):
                    await hand_over(leave)
            assert await journal.append(Entry("a", 0, event, "me")) == 0
            assert len(await journal.events("a", 0, 10)) == 1
