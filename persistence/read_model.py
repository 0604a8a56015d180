"""
A read model: the user's tables, and beside them how far in the log they are.

Both are written in one transaction, so the model holds each fact once, whatever happened in between. What a loss of power takes away is
taken from both, and folded again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from .database import journal_error
from .tables import Place, Query
from .work_thread import Outcome

_OFFSET_TABLE: Final = "CREATE TABLE trouper_projection (version INTEGER NOT NULL, next_offset INTEGER NOT NULL) STRICT"


class ReadModel:
    """
    One version of a read model. Used by one thread only.

    Args:
        place: Where it is; made if there is none.
        version: Of the tables and of how they are filled.
        statements: Those that make the tables.
    """

    def __init__(self, place: Place, version: int, statements: Sequence[str]) -> None:
        self._place = place
        self._version = version
        self._statements = statements
        self._connection: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        """Where it is."""
        return self._place.name

    def make(self, connection: sqlite3.Connection) -> int:
        """Makes the tables if they are not there. Returns the offset of the first fact that is not in them."""
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'trouper_projection'").fetchall():
            for statement in (*self._statements, _OFFSET_TABLE):
                connection.execute(statement)
            connection.execute("INSERT INTO trouper_projection VALUES (?, 1)", (self._version,))
        (offset,) = connection.execute("SELECT next_offset FROM trouper_projection").fetchone()
        return int(offset)

    def perform(self, works: Sequence[Query]) -> list[Outcome]:
        """Does each piece of work in a transaction of its own."""
        return [self._do(work) for work in works]

    def _do(self, work: Query) -> Outcome:
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                value = work(connection)
                connection.execute("COMMIT")
                self._place.committed(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            return Outcome(error=journal_error(self.name, error, "read model"))
        except BaseException as error:  # noqa: BLE001  # whoever asked is told, and the thread goes on
            return Outcome(error=error)
        return Outcome(value)

    def _open(self) -> sqlite3.Connection:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._place.open()
        return connection

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def remove(self) -> None:
        """Deletes it."""
        self._place.remove()


def set_next_offset(connection: sqlite3.Connection, offset: int) -> None:
    """Says how far in the log the model is."""
    connection.execute("UPDATE trouper_projection SET next_offset = ?", (offset,))
