"""
Where the tables of projections are: in files beside the program, or on another kind of disk.

A projection asks for three things: which versions of its tables are there, a place for one of them, and somebody who does blocking work
on it. For a file that is a thread.
"""

from __future__ import annotations

import glob
import sqlite3
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import trio
from attrs import frozen

from .database import connect
from .work_thread import Outcome, WorkThread

BUSY_SECONDS = 5.0

Query: TypeAlias = Callable[[sqlite3.Connection], Any]


class Place(Protocol):
    """Where one version of the tables is. Used by whoever does the work on it, one piece after the other."""

    @property
    def name(self) -> str:
        """For the text of errors."""
        ...

    def open(self) -> sqlite3.Connection:
        """A connection to what is there. Raises sqlite3.Error."""
        ...

    def committed(self, connection: sqlite3.Connection) -> None:
        """A transaction of the connection has ended well."""
        ...

    def remove(self) -> None:
        """Deletes it all. Nobody has it open."""
        ...


class Work(Protocol):
    """Does blocking work: a `WorkThread`, or something that stands for one."""

    async def do(self, work: Query, /) -> Any:
        """Has *work* done, and returns its value or raises its error."""
        ...

    async def close(self) -> None:
        """Ends when all that waits is done."""
        ...


class Tables(Protocol):
    """All versions of the tables of one projection."""

    async def versions(self) -> Sequence[int]:
        """Those that are there."""
        ...

    def place(self, version: int) -> Place:
        """Where one is, or will be."""
        ...

    def work(self, name: str, perform: Callable[[Sequence[Query]], Sequence[Outcome]], close: Callable[[], None]) -> Work:
        """Somebody who does the work: *perform* with what waits, and *close* at the end."""
        ...


@frozen
class FilePlace:
    """One file of SQLite. It is not synced at each commit: what a loss of power takes away is folded again."""

    file: Path

    @property
    def name(self) -> str:
        """The file."""
        return str(self.file)

    def open(self) -> sqlite3.Connection:
        """A connection to the file, which is made if there is none."""
        connection = connect(self.name, BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def committed(self, connection: sqlite3.Connection) -> None:
        """It is in the file."""

    def remove(self) -> None:
        """Deletes the file, and those that SQLite keeps beside it."""
        for name in (self.file, _beside(self.file, "-wal"), _beside(self.file, "-shm")):
            name.unlink(missing_ok=True)


@frozen
class FileTables:
    """
    Files of one name, each with its version behind it.

    Args:
        file: The name.
    """

    file: Path

    async def versions(self) -> Sequence[int]:
        """What stands behind the names of the files that are there."""
        return await trio.to_thread.run_sync(self._versions)

    def _versions(self) -> list[int]:
        endings = [found.name.removeprefix(self.file.name + ".") for found in self.file.parent.glob(f"{glob.escape(self.file.name)}.*")]
        return sorted(int(ending) for ending in endings if ending.isdecimal())

    def place(self, version: int) -> FilePlace:
        """The file of one version."""
        return FilePlace(_beside(self.file, f".{version}"))

    def work(self, name: str, perform: Callable[[Sequence[Query]], Sequence[Outcome]], close: Callable[[], None]) -> WorkThread[Query]:
        """A thread."""
        return WorkThread(name, perform, close)


def tables_of(where: str | PathLike[str] | Tables) -> Tables:
    """What a projection's field `file` says."""
    return FileTables(Path(where)) if isinstance(where, str | PathLike) else where


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)
