"""A journal whose disk fails says so, and loses nothing that it has acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field, frozen

from trouper import AskError, Request, StartFailed, System, actor, handles, open_system
from trouper.persistence import (
    CorruptRecord,
    Encoded,
    Entry,
    EventSourced,
    JournalClosed,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalReadOnly,
    NewerSchema,
    SqliteJournal,
    applies,
    open_journal,
)
from trouper.persistence.database import connect


@define(eq=False)
class Fault:
    """
    Counts the calls of all its connections, and has one fail.

    Args:
        at: The call that fails, from 1; 0: none.
        code: SQLite's code of the error.
        after: Whether the call is carried out, and its outcome lost.
        for_good: Whether all later calls fail as well.
    """

    at: int = 0
    code: int = sqlite3.SQLITE_IOERR
    after: bool = False
    for_good: bool = False
    calls: int = field(default=0, init=False)

    def connect(self, path: str, busy_timeout: float) -> sqlite3.Connection:
        """A connection that fails when it is its turn."""
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False, factory=FaultyConnection)
        assert isinstance(connection, FaultyConnection)
        connection.fault = self
        return connection

    def strikes(self) -> bool:
        """Whether it is this call's turn."""
        self.calls += 1
        return bool(self.at) and (self.calls == self.at or (self.for_good and self.calls > self.at))

    def error(self) -> sqlite3.OperationalError:
        """What SQLite raises."""
        error = sqlite3.OperationalError("planted failure")
        error.sqlite_errorcode = self.code
        error.sqlite_errorname = next(name for name, value in vars(sqlite3).items() if name.startswith("SQLITE_") and value == self.code)
        return error


class FaultyConnection(sqlite3.Connection):
    """Counts what is executed."""

    fault: Fault

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        strikes = self.fault.strikes()
        if strikes and not self.fault.after:
            raise self.fault.error()
        cursor = super().execute(sql, parameters)
        if strikes:
            cursor.close()
            raise self.fault.error()
        return cursor

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        strikes = self.fault.strikes()
        if strikes and not self.fault.after:
            raise self.fault.error()
        cursor = super().executemany(sql, parameters)
        if strikes:
            cursor.close()
            raise self.fault.error()
        return cursor


async def try_all(file: Path, fault: Fault) -> list[int]:
    """Appends five events to one journal whose disk fails, going on after each failure as an actor does. Returns what was acknowledged."""
    acknowledged: list[int] = []
    try:
        async with SqliteJournal(file, connect=fault.connect) as journal:
            for number in range(5):
                with suppress(JournalError):
                    events = await journal.events("a", 0, 100)
                    await journal.append(Entry("a", len(events), (Encoded("noted", 1, b"%d" % number),), "me"))
                    acknowledged.append(number)
    except JournalError:
        assert acknowledged == [], "it failed before it was open"
    return acknowledged


async def kept(file: Path) -> list[int]:
    """What a sound program finds afterwards."""
    async with SqliteJournal(file) as journal:
        return [int(event.payload) for event in await journal.events("a", 0, 100)]


async def calls_without_a_fault(folder: Path) -> int:
    fault = Fault()
    assert await try_all(folder / "counted.db", fault) == list(range(5))
    return fault.calls


@pytest.mark.parametrize("after", [False, True], ids=["the call fails", "the call's outcome is lost"])
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
async def test_whichever_call_fails_what_was_acknowledged_is_kept_once(tmp_path: Path, after: bool, for_good: bool) -> None:
    """
    SQLite fails at its n-th call, for every n of the whole run: each event that was acknowledged is there, none twice, in order; and
    what was not acknowledged is there once or not at all, which it can be only if the outcome was lost.
    """
    with trio.fail_after(120):
        calls = await calls_without_a_fault(tmp_path)
        assert calls > 25
        for at in range(1, calls + 1):
            file = tmp_path / f"{at}.db"
            acknowledged = await try_all(file, Fault(at, after=after, for_good=for_good))
            found = await kept(file)
            assert found == sorted(set(found)), f"call {at}"
            assert set(acknowledged) <= set(found), f"call {at} lost something"
            assert after or found == acknowledged, f"call {at} kept what it had refused"
            assert for_good or len(acknowledged) >= 3 or at < 20, f"the journal did not come back after call {at}"


async def fill(journal: SqliteJournal) -> None:
    """Appends events without end."""
    for after in count():
        await journal.append(Entry("a", after, (Encoded("noted", 1, b"x" * 4000),), "me"))


async def test_a_full_disk_is_said_and_what_was_there_stays(file: Path) -> None:
    """The limit is real: SQLite itself refuses to grow the file. When there is room again the journal goes on."""
    page_limit = [40]

    def small(path: str, busy_timeout: float) -> sqlite3.Connection:
        connection = connect(path, busy_timeout)
        connection.execute(f"PRAGMA max_page_count = {page_limit[0]}")
        return connection

    with trio.fail_after(30):
        async with SqliteJournal(file, connect=small) as journal:
            with pytest.raises(JournalFull, match=r"bank.db has no room left: database or disk is full .*Nothing was written"):
                await fill(journal)
            written = len(await journal.events("a", 0, 1000))
            assert written > 5
            with pytest.raises(JournalFull):
                await journal.save_snapshot("a", written, Encoded("state", 1, b"x" * 40_000))
            page_limit[0] = 10_000
            await journal.append(Entry("a", written, (Encoded("noted", 1, b"x" * 4000),), "me"))
            assert len(await journal.events("a", 0, 1000)) == written + 1


async def test_a_file_that_cannot_be_written_to_is_said_and_can_still_be_read(file: Path) -> None:
    """The events are there to be read; nothing new is acknowledged."""

    def read_only(path: str, busy_timeout: float) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False)

    entry = Entry("a", 0, (Encoded("noted", 1, b"1"),), "me")
    with trio.fail_after(10):
        async with SqliteJournal(file) as journal:
            await journal.append(entry)
        async with SqliteJournal(file, connect=read_only) as journal:
            with pytest.raises(JournalReadOnly, match=r"bank.db cannot be written to: attempt to write a readonly database"):
                await journal.append(Entry("a", 1, entry.events, "me"))
            assert len(await journal.events("a", 0, 10)) == 1
        with pytest.raises(JournalReadOnly, match="unable to open database file"):
            async with SqliteJournal(file / "no" / "such" / "folder.db"):
                pass


async def test_a_file_that_another_process_holds_is_said_and_works_again_when_it_is_free(file: Path) -> None:
    """It waits for as long as it was told to, then says who is in the way; nothing was written."""
    entry = Entry("a", 0, (Encoded("noted", 1, b"1"),), "me")
    with trio.fail_after(10):
        async with SqliteJournal(file, busy_timeout=0.01) as journal:
            other = connect(str(file), 0)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalLocked, match=r"is held by another process: database is locked .*busy_timeout=60"):
                await journal.append(entry)
            assert await journal.events("a", 0, 10) == []
            other.execute("ROLLBACK")
            other.close()
            await journal.append(entry)
            assert len(await journal.events("a", 0, 10)) == 1


def content(file: Path) -> bytes:
    """What is in it."""
    return file.read_bytes()


async def test_a_file_of_a_newer_trouper_is_not_touched(file: Path) -> None:
    """Its tables may mean something else: it is neither written to nor read."""
    with trio.fail_after(10):
        async with SqliteJournal(file):
            pass
        with closing(connect(str(file), 0)) as connection:
            connection.execute("UPDATE trouper_schema SET version = 99")
        before = content(file)
        with pytest.raises(NewerSchema, match=r"bank.db has tables of version 99, and this trouper knows versions up to 1"):
            async with SqliteJournal(file):
                pass
        assert content(file) == before


async def test_what_is_no_journal_is_not_touched(file: Path) -> None:
    """A text, a database of something else, a journal whose pages are damaged: each is said, and stays as it is."""
    with trio.fail_after(10):
        Path.write_text(file, "Dear diary, " * 1000)
        before = content(file)
        with pytest.raises(JournalCorrupt, match="file is not a database"):
            async with SqliteJournal(file):
                pass
        assert content(file) == before
        Path.unlink(file)
        with closing(connect(str(file), 0)) as connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")
        with pytest.raises(JournalCorrupt, match="it is a database of something else, with the tables recipes"):
            async with SqliteJournal(file):
                pass
        with closing(connect(str(file), 0)) as connection:
            connection.execute("CREATE TABLE trouper_schema (version INTEGER NOT NULL) STRICT")
        with pytest.raises(JournalCorrupt, match="the version of its tables is missing"):
            async with SqliteJournal(file):
                pass


@pytest.mark.parametrize(
    "damage",
    ["payload = 'y'", "sequence = 7", "identity = 'b'", "type = 'told'", "version = 2", "checksum = 1"],
)
async def test_a_row_that_was_altered_is_named_and_not_used(file: Path, damage: str) -> None:
    """Whichever column it is: the reader says which event of whom in which file. What comes before it can be read."""
    with trio.fail_after(10):
        async with SqliteJournal(file) as journal:
            await journal.append(Entry("a", 0, (Encoded("noted", 1, b"1"), Encoded("noted", 1, b"2")), "me"))
        with closing(connect(str(file), 0)) as connection:
            connection.execute(f"UPDATE events SET {damage.replace('= ' + chr(39) + 'y', '= x' + chr(39) + '79')} WHERE sequence = 2")
        async with SqliteJournal(file) as journal:
            whose = "b" if "identity" in damage else "a"
            with pytest.raises(CorruptRecord, match=rf"Event [27] of {whose} in .*bank.db is broken: its checksum does not match"):
                await journal.events(whose, 1, 10)
            assert len(await journal.events("a", 0, 1)) == 1


async def test_an_entry_that_sqlite_cannot_hold_fails_alone(file: Path) -> None:
    """A name with half of a surrogate pair is refused; what was handed over with it is written."""
    errors: list[str] = []
    with trio.fail_after(10):
        async with SqliteJournal(file) as journal:

            async def write(identity: str) -> None:
                try:
                    await journal.append(Entry(identity, 0, (Encoded("noted", 1, b"1"),), "me"))
                except JournalError as error:
                    errors.append(f"{identity!r}: {error}")

            async with trio.open_nursery() as nursery:
                for identity in ("a", "\ud800", "b"):
                    nursery.start_soon(write, identity)
            assert len(errors) == 1
            assert "surrogates not allowed" in errors[0]
            assert [len(await journal.events(identity, 0, 10)) for identity in ("a", "b")] == [1, 1]


async def test_an_append_that_is_cancelled_was_written_or_not_and_the_caller_knows(file: Path) -> None:
    """Given up before the thread has it, it is never written; given up later, it returns as if it had not been."""
    with trio.fail_after(20):
        async with SqliteJournal(file) as journal:
            for attempt in range(200):
                before = len(await journal.events("a", 0, 1000))
                returned = False
                with trio.CancelScope() as scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(journal.events, "b", 0, 1)
                        if attempt % 2:
                            scope.cancel()
                        nursery.cancel_scope.deadline = trio.current_time() + attempt * 1e-5
                        await journal.append(Entry("a", before, (Encoded("noted", 1, b"1"),), "me"))
                        returned = True
                assert len(await journal.events("a", 0, 1000)) - before == returned


async def test_a_journal_that_would_keep_nothing_is_refused_and_one_that_is_not_open_says_so(file: Path) -> None:
    """Two names mean a database of its own for each connection: what one thread writes no other would read."""
    for name in ("", ":memory:"):
        with pytest.raises(ValueError, match=r"kept in a file.*InMemoryJournal"):
            SqliteJournal(name)
    journal = SqliteJournal(file)
    with pytest.raises(JournalClosed, match="used in its block"):
        await journal.events("a", 0, 1)
    with pytest.raises(JournalClosed, match="used in its block"):
        await journal.append(Entry("a", 0, (Encoded("noted", 1, b"1"),), "me"))


async def test_a_closed_journal_refuses(file: Path) -> None:
    """After its block nothing is written, and the text says so."""
    with trio.fail_after(10):
        async with SqliteJournal(file) as journal:
            pass
        with pytest.raises(JournalClosed, match=r"bank.db is not open: it was closed"):
            await journal.append(Entry("a", 0, (Encoded("noted", 1, b"1"),), "me"))
        with pytest.raises(RuntimeError, match="was opened already"):
            async with journal:
                pass
    assert sorted(entry.name for entry in file.parent.iterdir()) == ["bank.db"], "SQLite's own files are tidied up"


@frozen
class Added:
    number: int


@frozen
class Add(Request[int]):
    pass


@define(eq=False)
class Counting(EventSourced[Add, Added]):
    count: int = 0

    @handles(Add)
    async def add(self, command: Add) -> int:
        await self.persist(Added(self.count + 1))
        return self.count

    @applies(Added)
    def added(self, event: Added) -> None:
        assert event.number == self.count + 1
        self.count = event.number


async def count_with(file: Path, fault: Fault) -> dict[str, list[int]]:
    """Three actors count up together over a disk that fails; who fails is restarted. Returns what each was told."""
    told: dict[str, list[int]] = {name: [] for name in "abc"}

    async def drive(system: System, name: str) -> None:
        with suppress(StartFailed):
            ref = await system.spawn(actor(Counting, name=name))
            for _ in range(4):
                with suppress(AskError):
                    told[name].append(await ref.ask(Add()))

    with suppress(JournalError):
        async with (
            SqliteJournal(file, connect=fault.connect) as journal,
            open_journal(journal),
            open_system() as system,
            trio.open_nursery() as nursery,
        ):
            for name in told:
                nursery.start_soon(drive, system, name)
    return told


@pytest.mark.parametrize("after", [False, True], ids=["the call fails", "the call's outcome is lost"])
async def test_whichever_call_fails_actors_that_count_never_count_wrongly(tmp_path: Path, after: bool) -> None:
    """
    SQLite fails at its n-th call, for every n: no actor is told a number twice, or one that is not in the journal, and when the
    disk works again each goes on with the number after the last.
    """
    with trio.fail_after(120):
        counted = Fault()
        assert await count_with(tmp_path / "counted.db", counted) == {name: [1, 2, 3, 4] for name in "abc"}
        for at in range(1, counted.calls + 1):
            file = tmp_path / f"{at}.db"
            told = await count_with(file, Fault(at, after=after))
            async with open_journal(file) as journal, open_system() as system:
                for name, numbers in told.items():
                    kept = len(await journal.events(f"/user/{name}", 0, 100))
                    assert numbers == sorted(set(numbers)), f"call {at}"
                    assert max(numbers, default=0) <= kept, f"call {at}"
                    assert after or kept == len(numbers), f"call {at}"
                    assert await (await system.spawn(actor(Counting, name=name))).ask(Add()) == kept + 1
