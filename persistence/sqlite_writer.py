"""
What the writer's thread does: everything that waits in one transaction, and one sync of the disk for all of it.

Each piece stands for itself as long as the transaction does: a piece that is refused (its sequence number is taken) leaves the
others alone. If the transaction fails, all of it fails, each piece with an error of its own, and the connection is opened anew for
the next one: after an error of the disk nothing that SQLite has in memory is relied on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import chain, repeat
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

Row: TypeAlias = tuple[Any, ...]

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "events": ("identity", "sequence", "type", "version", "payload", "checksum", "writer", "at"),
    "facts": ("fact_offset", "identity", "type", "version", "payload", "checksum", "at"),
}

ROWS_AT_ONCE: Final = 256
"""
Rows that one statement inserts. The module sqlite3 gives the interpreter's lock away at each row of `executemany`, and to get it back
waits each time until the actors of this process have nothing to do, or for a switch interval.
"""

BYTES_AT_ONCE: Final = 1 << 18
"""
Payload that one statement inserts, if it is of more than one row. SQLite copies all values of a statement, and the module keeps it
with them until it is used again.
"""

PAYLOAD: Final = 4
"""Where the payload stands in a row of either table."""

WRITTEN: Final = Outcome(0)
"""Of an entry without facts."""


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
            entries = [work for work in works if isinstance(work, Entry)]
            outcomes = self._write_together(connection, entries) if len(entries) == len(works) else None
            return outcomes or self._do_apart(connection, works)
        except sqlite3.Error as error:
            self.close()
            return [Outcome(error=journal_error(self._database.path, error)) for _ in works]
        except TrouperError as error:  # it could not be opened
            return [Outcome(error=type(error)(*error.args)) for _ in works]
        except BaseException as error:  # noqa: BLE001  # whatever it is, those who wait are told, and the thread goes on
            self.close()
            return [Outcome(error=JournalError(self._database.path, repr(error))) for _ in works]

    def close(self) -> None:
        """Closes the connection, which rolls back what it has not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _write_together(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> list[Outcome] | None:
        """All entries, without a savepoint, for which SQLite would copy each page first. None if one is refused: then none is written."""
        at = time()
        try:
            rows = _event_rows(entries, at)
            if not _go_at_once(rows) or any(entry.facts for entry in entries):
                connection.execute("BEGIN IMMEDIATE")
            _insert_or_roll_back(connection, "events", rows)  # a transaction by itself, if none was begun
            outcomes, facts = _facts_of(connection, entries, at)
            _insert_or_roll_back(connection, "facts", facts)
        except REFUSED:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return None
        if connection.in_transaction:  # also one that the module began by itself, as it does unless `isolation_level` is None
            connection.execute("COMMIT")
        return outcomes

    def _do_apart(self, connection: sqlite3.Connection, works: Sequence[Work]) -> list[Outcome]:
        """Each work in a savepoint of its own."""
        at = time()
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [self._write_one(connection, work, at) if isinstance(work, Entry) else self._do(connection, work) for work in works]
        connection.execute("COMMIT")
        return outcomes

    def _write_one(self, connection: sqlite3.Connection, entry: Entry, at: float) -> Outcome:
        connection.execute("SAVEPOINT one")
        try:
            connection.executemany(_insertion("events"), _event_rows([entry], at))
            (outcome,), facts = _facts_of(connection, [entry], at)
            connection.executemany(_insertion("facts"), facts)
        except REFUSED as error:
            connection.execute("ROLLBACK TO one")
            taken = _conflict(connection, entry) if isinstance(error, sqlite3.IntegrityError) else None
            outcome = Outcome(error=taken or JournalError(self._database.path, str(error)))
        connection.execute("RELEASE one")
        return outcome

    def _do(self, connection: sqlite3.Connection, call: Callable[[sqlite3.Connection], Any]) -> Outcome:
        connection.execute("SAVEPOINT one")
        try:
            value = call(connection)
        except BaseException as error:  # also what is no error elsewhere, as SystemExit: it belongs to who called
            if not connection.in_transaction:  # SQLite has given up all of it, as it does when the disk is full
                raise
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            return Outcome(error=journal_error(self._database.path, error) if isinstance(error, sqlite3.Error) else error)
        connection.execute("RELEASE one")
        return Outcome(value)


SELECT_WINNER: Final = "SELECT sequence, writer FROM events WHERE identity = ? AND sequence > ? ORDER BY sequence LIMIT 1"

REFUSED: Final = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
    *(TypeError, ValueError, OverflowError),
)
"""What one entry can be refused with while the others are fine: its number is taken, or SQLite cannot hold a value of it."""


def last_offset(connection: sqlite3.Connection) -> int:
    """The offset of the last fact that was ever written."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'facts'").fetchone()
    return 0 if row is None else int(row[0])


def _conflict(connection: sqlite3.Connection, entry: Entry) -> WriteConflict | None:
    winner = connection.execute(SELECT_WINNER, (entry.identity, entry.after)).fetchone()
    return None if winner is None else WriteConflict(entry.identity, winner[0], entry.writer, winner[1])


def _event_rows(entries: Sequence[Entry], at: float) -> list[Row]:
    """The rows of all their events."""
    return [
        (identity, sequence, *event, checksum(identity, sequence, *event), writer, at)
        for identity, after, events, writer, _ in entries
        for sequence, event in enumerate(events, start=after + 1)
    ]


def _facts_of(connection: sqlite3.Connection, entries: Sequence[Entry], at: float) -> tuple[list[Outcome], list[Row]]:
    """The outcome of each entry, which is the offset of its first fact, or 0; and the rows of all their facts."""
    if not any(entry.facts for entry in entries):
        return [WRITTEN] * len(entries), []
    offset = last_offset(connection)
    outcomes: list[Outcome] = []
    rows: list[Row] = []
    for entry in entries:
        outcomes.append(Outcome(offset + 1 if entry.facts else 0))
        for fact in entry.facts:
            offset += 1
            rows.append((offset, entry.identity, *fact, checksum(entry.identity, offset, *fact), at))
    return outcomes, rows


def _go_at_once(rows: Sequence[Row]) -> bool:
    """Whether one statement inserts them all."""
    return len(rows) <= ROWS_AT_ONCE and (len(rows) == 1 or sum([len(row[PAYLOAD]) for row in rows]) <= BYTES_AT_ONCE)


def _insert_or_roll_back(connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    """Inserts all rows. If one is refused, the transaction is rolled back, or has to be."""
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[begin : begin + ROWS_AT_ONCE]
        if not _go_at_once(some):
            connection.executemany(_insertion(table), some)
            continue
        step = 1 << max(0, len(some).bit_length() - 4)
        room = -(-len(some) // step) * step
        nothing = repeat(None, (room - len(some)) * len(COLUMNS[table]))
        connection.execute(_insertion_of(table, room), [*chain.from_iterable(some), *nothing, len(some)])


def _insertion(table: str) -> str:
    """Inserts one row."""
    return f"INSERT {_into(table)} VALUES {_places(table)}"  # noqa: S608  # all ours


@cache
def _insertion_of(table: str, room: int) -> str:
    """
    Inserts as many rows as its last parameter says, of as many as there is *room* for, or rolls everything back.

    One statement takes any number of rows up to the next eighth of a power of two: so there are few, and each is parsed once.
    """
    return f"INSERT OR ROLLBACK {_into(table)} SELECT * FROM (VALUES {', '.join([_places(table)] * room)}) LIMIT ?"  # noqa: S608  # all ours


def _into(table: str) -> str:
    return f"INTO {table} ({', '.join(COLUMNS[table])})"


def _places(table: str) -> str:
    return f"({', '.join('?' * len(COLUMNS[table]))})"
