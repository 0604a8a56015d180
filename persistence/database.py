"""
The file of a journal: how it is opened, what its tables are, and what its errors mean.

A commit is on the disk when it returns: write-ahead log, `synchronous=FULL`. Each row carries a checksum over its key and its
payload, so that a row that was altered, or moved, is noticed when it is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, TypeAlias
from zlib import crc32

from attrs import frozen

from .journal_errors import JournalCorrupt, JournalError, JournalFull, JournalLocked, JournalReadOnly, NewerSchema

SCHEMA_VERSION: Final = 1

LOG_PAGES_MAX: Final = 8_000
"""Pages of the write-ahead log after which they are put into the file. A group touches a page an identity: SQLite's 1,000 are few."""

TABLES: Final = (
    "CREATE TABLE trouper_schema (version INTEGER NOT NULL) STRICT",
    """CREATE TABLE events (
        identity TEXT NOT NULL, sequence INTEGER NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,
        checksum INTEGER NOT NULL, writer TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (identity, sequence)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE snapshots (
        identity TEXT NOT NULL, sequence INTEGER NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,
        checksum INTEGER NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (identity, sequence)) STRICT, WITHOUT ROWID""",
    # AUTOINCREMENT: an offset is never given twice, also when the facts at the end are forgotten.
    """CREATE TABLE facts (
        fact_offset INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL,
        payload BLOB NOT NULL, checksum INTEGER NOT NULL, at REAL NOT NULL) STRICT""",
)

Connect: TypeAlias = Callable[[str, float], sqlite3.Connection]
"""Opens a file: its name, and for how many seconds to wait for others that hold it."""

_BY_CODE: Final[dict[int, type[JournalError]]] = {
    sqlite3.SQLITE_BUSY: JournalLocked,
    sqlite3.SQLITE_LOCKED: JournalLocked,
    sqlite3.SQLITE_FULL: JournalFull,
    sqlite3.SQLITE_READONLY: JournalReadOnly,
    sqlite3.SQLITE_PERM: JournalReadOnly,
    sqlite3.SQLITE_CANTOPEN: JournalReadOnly,
    sqlite3.SQLITE_CORRUPT: JournalCorrupt,
    sqlite3.SQLITE_NOTADB: JournalCorrupt,
}


def connect(path: str, busy_timeout: float) -> sqlite3.Connection:
    """A connection whose transactions begin and end where they are told to."""
    return sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)


def journal_error(path: str, error: sqlite3.Error, what: str = "journal") -> JournalError:
    """What an error of SQLite means for who uses the file *path*, a journal or a read model. A new one at each call."""
    code = getattr(error, "sqlite_errorcode", 0)
    name = getattr(error, "sqlite_errorname", "")
    kind = _BY_CODE.get(code & 0xFF, JournalError)
    found = kind(path, f"{error} ({name})" if name else str(error), what)
    found.__cause__ = error
    return found


def checksum(identity: str, sequence: int, type_name: str, version: int, payload: bytes) -> int:
    """Over everything that must not change."""
    return crc32(payload, crc32(f"{identity}\0{sequence}\0{type_name}\0{version}".encode()))


@frozen
class Database:
    """
    Where a journal's file is, and how it is opened.

    Args:
        path: The file. It is made if there is none.
        busy_timeout: Seconds for which to wait for another process that holds it.
        connect: What opens it.
    """

    path: str
    busy_timeout: float
    connect: Connect = connect

    def open(self) -> sqlite3.Connection:
        """
        A connection to the file, which has the tables now.

        Raises:
            NewerSchema: A newer trouper has made it. It is not touched.
            JournalCorrupt: It is no journal. It is not touched.
            JournalError: It cannot be opened.
        """
        connection: sqlite3.Connection | None = None
        try:
            connection = self.connect(self.path, self.busy_timeout)
            if not self._is_made(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                self._make(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
        except sqlite3.Error as error:
            _close(connection)
            raise journal_error(self.path, error) from error
        except BaseException:
            _close(connection)
            raise
        return connection

    def _is_made(self, connection: sqlite3.Connection) -> bool:
        """Whether it has the tables of this version; False of an empty file."""
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not tables:
            return False
        if "trouper_schema" not in tables:
            raise JournalCorrupt(self.path, f"it is a database of something else, with the tables {', '.join(sorted(tables))}")
        row = connection.execute("SELECT version FROM trouper_schema").fetchone()
        if row is None:
            raise JournalCorrupt(self.path, "the version of its tables is missing")
        (version,) = row
        if version > SCHEMA_VERSION:
            raise NewerSchema(self.path, version, SCHEMA_VERSION)
        return True

    def _make(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not self._is_made(connection):  # nobody was faster
                for table in TABLES:
                    connection.execute(table)
                connection.execute("INSERT INTO trouper_schema VALUES (?)", (SCHEMA_VERSION,))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
