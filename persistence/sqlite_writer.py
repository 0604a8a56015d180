"""
What the writer's thread does: everything that waits in one transaction, and one sync of the disk for all of it.

Each piece stands for itself as long as the transaction does: a piece that is refused (its sequence number is taken) leaves the
others alone. If the transaction fails, all of it fails, each piece with an error of its own, and the connection is opened anew for
the next one: after an error of the disk nothing that SQLite has in memory is relied on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from time import time
from typing import Any, Final, TypeAlias

from ..errors import TrouperError
from .database import Database, checksum, journal_error
from .errors import WriteConflict
from .journal import Entry
from .journal_errors import JournalError
from .work_thread import Outcome

Work: TypeAlias = Entry | Callable[[sqlite3.Connection], Any]
"""Events to be written, or anything else to be done inside of the transaction."""

INSERT_EVENT: Final = (
    "INSERT INTO events (identity, sequence, type, version, payload, checksum, writer, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class SqliteWriter:
    """
    Writes to one journal. Used by one thread only.

    Args:
        database: Where to.
        connection: The first connection.
    """

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = connection

    def perform(self, works: Sequence[Work]) -> list[Outcome]:
        """Does all *works* in one transaction; returns what became of each."""
        try:
            connection = self._connection
            if connection is None:
                connection = self._connection = self._database.open()
            connection.execute("BEGIN IMMEDIATE")
            outcomes: list[Outcome] = []
            for is_entry, together in groupby(works, _is_entry):
                if is_entry:
                    outcomes += self._write(connection, [work for work in together if isinstance(work, Entry)])
                else:
                    outcomes += [self._do(connection, work) for work in together if not isinstance(work, Entry)]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            return [Outcome(error=journal_error(self._database.path, error)) for _ in works]
        except TrouperError as error:  # it could not be opened
            return [Outcome(error=type(error)(*error.args)) for _ in works]
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait are told, and the thread goes on
            self.close()
            return [Outcome(error=JournalError(self._database.path, repr(error))) for _ in works]
        return outcomes

    def close(self) -> None:
        """Closes the connection, which rolls back what it has not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _write(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> list[Outcome]:
        """All entries by one statement; if one is refused, each by itself."""
        at = time()
        connection.execute("SAVEPOINT together")
        try:
            connection.executemany(INSERT_EVENT, [row for entry in entries for row in _rows(entry, at)])
            outcomes = _write_facts(connection, entries, at)
        except REFUSED:
            connection.execute("ROLLBACK TO together")
            outcomes = [self._write_one(connection, entry, at) for entry in entries]
        connection.execute("RELEASE together")
        return outcomes

    def _write_one(self, connection: sqlite3.Connection, entry: Entry, at: float) -> Outcome:
        connection.execute("SAVEPOINT one")
        try:
            connection.executemany(INSERT_EVENT, _rows(entry, at))
            (outcome,) = _write_facts(connection, [entry], at)
        except REFUSED as error:
            connection.execute("ROLLBACK TO one")
            outcome = Outcome(error=self._conflict(connection, entry) or JournalError(self._database.path, str(error)))
        connection.execute("RELEASE one")
        return outcome

    def _conflict(self, connection: sqlite3.Connection, entry: Entry) -> WriteConflict | None:
        if not is_text(entry.identity):
            return None
        winner = connection.execute(SELECT_WINNER, (entry.identity, entry.after)).fetchone()
        return None if winner is None else WriteConflict(entry.identity, winner[0], entry.writer, winner[1])

    def _do(self, connection: sqlite3.Connection, call: Callable[[sqlite3.Connection], Any]) -> Outcome:
        connection.execute("SAVEPOINT one")
        try:
            value = call(connection)
        except Exception as error:
            if not connection.in_transaction:  # SQLite has given up all of it, as it does when the disk is full
                raise
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            return Outcome(error=journal_error(self._database.path, error) if isinstance(error, sqlite3.Error) else error)
        connection.execute("RELEASE one")
        return Outcome(value)


INSERT_FACT: Final = "INSERT INTO facts (fact_offset, identity, type, version, payload, checksum, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
SELECT_WINNER: Final = "SELECT sequence, writer FROM events WHERE identity = ? AND sequence > ? ORDER BY sequence LIMIT 1"

REFUSED: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, ValueError, OverflowError)
"""What one entry can be refused with while the others are fine: its number is taken, or SQLite cannot hold a value of it."""


def is_text(identity: str) -> bool:
    """Whether SQLite can hold it: no lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in identity)


def last_offset(connection: sqlite3.Connection) -> int:
    """The offset of the last fact that was ever written."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'facts'").fetchone()
    return 0 if row is None else int(row[0])


def _write_facts(connection: sqlite3.Connection, entries: Sequence[Entry], at: float) -> list[Outcome]:
    """The facts of entries whose events are written. Returns the outcome of each entry: the offset of its first fact."""
    if not any(entry.facts for entry in entries):
        return [Outcome(0)] * len(entries)
    offset = last_offset(connection)
    outcomes: list[Outcome] = []
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        outcomes.append(Outcome(offset + 1 if entry.facts else 0))
        for fact in entry.facts:
            offset += 1
            rows.append((offset, entry.identity, *fact, checksum(entry.identity, offset, *fact), at))
    connection.executemany(INSERT_FACT, rows)
    return outcomes


def _is_entry(work: Work) -> bool:
    return isinstance(work, Entry)


def _rows(entry: Entry, at: float) -> list[tuple[object, ...]]:
    identity = entry.identity
    return [
        (identity, sequence, *event, checksum(identity, sequence, *event), entry.writer, at)
        for sequence, event in enumerate(entry.events, start=entry.after + 1)
    ]
