"""
`SqliteJournal`: a journal in one file, with two threads: one that writes, in groups, and one that reads.

The standard library's SQLite is all it needs. Everybody's events go to the disk together: while one sync of the disk is under
way the next group gathers, so that two hundred writers cost little more syncs than one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import PathLike, fspath
from time import time
from typing import Any, Final, Self, final

import trio

from ..errors import TrouperError
from ..supervision.amounts import check_real
from .arguments import check_limits
from .codec import Encoded
from .database import Connect, Database, checksum, connect, journal_error
from .errors import CorruptRecord
from .in_memory import SNAPSHOTS_KEPT
from .journal import Entry, StoredEvent, StoredFact, StoredSnapshot
from .journal_errors import JournalClosed, JournalError
from .sqlite_writer import SqliteWriter, Work, last_offset
from .work_thread import Outcome, WorkThread

SELECT_EVENTS: Final = (
    "SELECT sequence, type, version, payload, writer, at, checksum FROM events "
    "WHERE identity = ? AND sequence > ? ORDER BY sequence LIMIT ?"
)

SELECT_FACTS: Final = (
    "SELECT fact_offset, identity, type, version, payload, at, checksum FROM facts WHERE fact_offset >= ? ORDER BY fact_offset LIMIT ?"
)

# The last fact of a piece of the log that is beyond a limit, whatever comes before it, so that what stays has no gap, however the clock
# was set meanwhile; where the piece begins; and its size.
SELECT_BEYOND: Final = (
    "SELECT max(fact_offset) FILTER (WHERE at < ? OR bytes > ?), min(fact_offset), max(bytes) FROM "
    "(SELECT fact_offset, at, sum(size) OVER (ORDER BY fact_offset DESC) AS bytes FROM "
    "(SELECT fact_offset, at, length(payload) AS size FROM facts WHERE fact_offset < ? ORDER BY fact_offset DESC LIMIT ?))"
)

DELETE_FACTS: Final = "DELETE FROM facts WHERE fact_offset <= ? AND fact_offset < (SELECT min(fact_offset) FROM facts) + ?"

FACTS_AT_ONCE: Final = 5_000
"""Facts that are looked at, or deleted, before others read, or write."""

Query = Callable[[sqlite3.Connection], Any]


class _Reader:
    """Reads from one journal. Used by one thread only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None

    def perform(self, queries: Sequence[Query]) -> list[Outcome]:
        """Runs each query by itself."""
        return [self._run(query) for query in queries]

    def _run(self, query: Query) -> Outcome:
        try:
            if self._connection is None:
                self._connection = self._database.open()
                self._connection.execute("PRAGMA query_only = ON")
            return Outcome(query(self._connection))
        except sqlite3.Error as error:
            self.close()
            return Outcome(error=journal_error(self._database.path, error))
        except TrouperError as error:
            return Outcome(error=error)
        except Exception as error:  # noqa: BLE001  # whoever asked is told, and the thread goes on
            return Outcome(error=JournalError(self._database.path, repr(error)))
        except BaseException as error:  # noqa: BLE001  # SystemExit and its like belong to who asked, and not to the thread
            return Outcome(error=error)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


@final
class SqliteJournal:
    """
    A journal in the file *path*; used in a block: ``async with SqliteJournal("bank.db") as journal: ...``.

    Guarantees:
        * What `append` has acknowledged is on the disk: it survives the process, and the machine's loss of power if the disk keeps
          what it has synced.
        * Entries are written in the order in which they were handed over, as many at once as wait.
        * A group that fails leaves nothing in the file, and each of its writers is told. The next group opens the file anew.
        * Several processes may use one file: each waits for the others, up to *busy_timeout*.

    Not guaranteed:
        * That a disk which says that it has synced has done so.

    Args:
        path: The file. It is made if there is none; beside it SQLite keeps two more, ``-wal`` and ``-shm``.
        busy_timeout: Seconds for which to wait for another process that holds the file.
        connect: What opens the file; a test puts one here that fails.

    Raises:
        NewerSchema, JournalCorrupt, JournalError: On entering the block, when the file cannot be used.
        RuntimeError: Entered twice.
        ValueError: *path* is empty or ":memory:": such a database is not kept, and each connection would have its own. Or *busy_timeout* is
            negative.
    """

    def __init__(self, path: str | PathLike[str], *, busy_timeout: float = 5.0, connect: Connect = connect) -> None:
        if fspath(path) in {"", ":memory:"}:
            raise ValueError(f"A journal is kept in a file, and {fspath(path)!r} names none. For one in memory: InMemoryJournal().")
        check_real("busy_timeout", busy_timeout, 0)
        self._database = Database(fspath(path), busy_timeout, connect)
        self._writing: WorkThread[Work] | None = None
        self._reading: WorkThread[Query] | None = None

    @property
    def name(self) -> str:
        """The file."""
        return self._database.path

    async def __aenter__(self) -> Self:
        if self._writing is not None:
            raise RuntimeError(f"The journal {self.name} was opened already: make another SqliteJournal for another block.")
        connection = await trio.to_thread.run_sync(self._database.open)
        writer, reader = SqliteWriter(self._database, connection), _Reader(self._database)
        self._writing = WorkThread(self.name, writer.perform, writer.close)
        self._reading = WorkThread(self.name, reader.perform, reader.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._writing is not None
        assert self._reading is not None
        await self._reading.close()
        await self._writing.close()  # last: the connection that closes last tidies the file up

    async def append(self, entry: Entry) -> int:
        """Writes the events and the facts of an entry. Raises WriteConflict, JournalError."""
        return await self._writer.do(entry)  # type: ignore[no-any-return]

    async def events(self, identity: str, after: int, limit: int) -> Sequence[StoredEvent]:
        """The events of *identity* with numbers above *after*, in order, the first *limit* of them. Raises CorruptRecord, JournalError."""

        def query(connection: sqlite3.Connection) -> list[StoredEvent]:
            found: list[StoredEvent] = []
            for row in connection.execute(SELECT_EVENTS, (identity, after, limit)).fetchall():  # else an error would hold the reading open
                sequence, type_name, version, payload, _, _, expected = row
                if checksum(identity, sequence, type_name, version, payload) != expected:
                    raise CorruptRecord(f"Event {sequence} of {identity} in {self.name}", "its checksum does not match")
                found.append(StoredEvent._make(row[:-1]))
            return found

        return await self.query(query)  # type: ignore[no-any-return]

    async def save_snapshot(self, identity: str, sequence: int, state: Encoded) -> None:
        """Keeps the state of *identity* after event *sequence*, and forgets all but the two latest. Raises JournalError."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO snapshots (identity, sequence, type, version, payload, checksum, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (identity, sequence, *state, checksum(identity, sequence, *state), time()),
            )
            connection.execute(
                "DELETE FROM snapshots WHERE identity = ? AND sequence NOT IN "
                "(SELECT sequence FROM snapshots WHERE identity = ? ORDER BY sequence DESC LIMIT ?)",
                (identity, identity, SNAPSHOTS_KEPT),
            )

        await self.transact(write)

    async def snapshots(self, identity: str) -> Sequence[StoredSnapshot]:
        """The snapshots of *identity*, the latest first. Raises JournalError."""

        def query(connection: sqlite3.Connection) -> list[StoredSnapshot]:
            rows = connection.execute(
                "SELECT sequence, type, version, payload, checksum FROM snapshots WHERE identity = ? ORDER BY sequence DESC", (identity,)
            ).fetchall()
            return [
                StoredSnapshot(sequence, type_name, version, payload, checksum(identity, sequence, type_name, version, payload) == expected)
                for sequence, type_name, version, payload, expected in rows
            ]

        return await self.query(query)  # type: ignore[no-any-return]

    async def facts(self, from_offset: int, limit: int) -> Sequence[StoredFact]:
        """The facts with offsets of *from_offset* and above, in order, the first *limit* of them. Raises CorruptRecord, JournalError."""

        def query(connection: sqlite3.Connection) -> list[StoredFact]:
            found: list[StoredFact] = []
            for row in connection.execute(SELECT_FACTS, (from_offset, limit)).fetchall():
                offset, identity, type_name, version, payload, _, expected = row
                if checksum(identity, offset, type_name, version, payload) != expected:
                    raise CorruptRecord(f"Fact {offset} in {self.name}", "its checksum does not match")
                found.append(StoredFact._make(row[:-1]))
            return found

        return await self.query(query)  # type: ignore[no-any-return]

    async def last_offset(self) -> int:
        """The offset of the last fact that was ever written; 0 if there was none. Raises JournalError."""
        return await self.query(last_offset)  # type: ignore[no-any-return]

    async def forget_facts(self, *, older_than: float | None = None, keep: int | None = None, keep_bytes: int | None = None) -> int:
        """Deletes facts from the beginning: those too old, and all but the latest. Returns how many. Raises ValueError, JournalError."""
        check_limits(older_than, keep, keep_bytes)
        last = 0 if keep is None else await self.last_offset() - keep
        if older_than is not None or keep_bytes is not None:
            last = max(last, await self._last_beyond(None if older_than is None else time() - older_than, keep_bytes))
        deleted = 0
        while count := await self.transact(lambda connection: connection.execute(DELETE_FACTS, (last, FACTS_AT_ONCE)).rowcount):
            deleted += count
        return deleted

    async def _last_beyond(self, oldest: float | None, room: int | None) -> int:
        """The last fact that is older than *oldest*, or behind which there are more bytes than *room*; 0 if there is none. From the end."""
        before: int | None = 1 + await self.last_offset()

        def look(connection: sqlite3.Connection) -> Any:
            return connection.execute(SELECT_BEYOND, (oldest, room, before, FACTS_AT_ONCE)).fetchone()

        while before is not None:
            found, before, size = await self.query(look)
            if found is not None:
                return int(found)
            room = None if room is None else room - (size or 0)
        return 0

    async def query(self, query: Query) -> Any:
        """Runs a function of a connection that only reads, in the reader's thread. Raises JournalError, and what the function raises."""
        if self._reading is None:
            raise self._unopened()
        return await self._reading.do(query)

    async def transact(self, work: Query) -> Any:
        """
        Runs a function of a connection within the writer's next transaction, and returns its value when that is on the disk.

        What it raises undoes its own writes and no others.
        """
        return await self._writer.do(work)

    @property
    def _writer(self) -> WorkThread[Work]:
        if self._writing is None:
            raise self._unopened()
        return self._writing

    def _unopened(self) -> JournalClosed:
        return JournalClosed(self.name, "it is used in its block: async with SqliteJournal(...), or open_journal(...)")
