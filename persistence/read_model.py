"""
The file of a read model: the user's tables, and beside them how far in the log they are.

Both are written in one transaction, so the model holds each fact once, whatever happened in between. The file is not synced at each
commit: what a loss of power takes away is taken from both, and folded again.
"""

from __future__ import annotations

import glob
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from .database import connect, journal_error
from .work_thread import Outcome

BUSY_SECONDS: Final = 5.0

Query: TypeAlias = Callable[[sqlite3.Connection], Any]

_OFFSET_TABLE: Final = "CREATE TABLE trouper_projection (version INTEGER NOT NULL, next_offset INTEGER NOT NULL) STRICT"


class ReadModel:
    """
    One file with a read model. Used by one thread only.

    Args:
        file: Where it is; made if there is none.
        version: Of the tables and of how they are filled.
        tables: The statements that make the tables.
    """

    def __init__(self, file: Path, version: int, tables: Sequence[str]) -> None:
        self._file = file
        self._version = version
        self._tables = tables
        self._connection: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        """The file."""
        return str(self._file)

    def make(self, connection: sqlite3.Connection) -> int:
        """Makes the tables if they are not there. Returns the offset of the first fact that is not in them."""
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'trouper_projection'").fetchall():
            for table in (*self._tables, _OFFSET_TABLE):
                connection.execute(table)
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
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            return Outcome(error=journal_error(str(self._file), error, "read model"))
        except Exception as error:  # noqa: BLE001  # whoever asked is told, and the thread goes on
            return Outcome(error=error)
        return Outcome(value)

    def _open(self) -> sqlite3.Connection:
        connection = self._connection
        if connection is None:
            connection = self._connection = connect(str(self._file), BUSY_SECONDS)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def close(self) -> None:
        """Closes the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def remove(self) -> None:
        """Deletes the file, and those that SQLite keeps beside it."""
        for name in (self._file, beside(self._file, "-wal"), beside(self._file, "-shm")):
            name.unlink(missing_ok=True)


def beside(file: Path, suffix: str) -> Path:
    """The file of the same name with something behind it."""
    return file.with_name(file.name + suffix)


def versions_of(file: Path) -> list[int]:
    """The versions of a read model that are there: what stands behind the names of its files."""
    endings = [found.name.removeprefix(file.name + ".") for found in file.parent.glob(f"{glob.escape(file.name)}.*")]
    return sorted(int(ending) for ending in endings if ending.isdecimal())


def set_next_offset(connection: sqlite3.Connection, offset: int) -> None:
    """Says how far in the log the model is."""
    connection.execute("UPDATE trouper_projection SET next_offset = ?", (offset,))
