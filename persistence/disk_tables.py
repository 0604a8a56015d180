"""
`DiskTables`: tables of projections on a disk that only knows keys and values, such as the disks of simulated nodes.

SQLite works in memory, and an image of the database is written to the disk at each commit: to one of two keys in turn, with a checksum,
so that a torn write leaves the image before it. It is not synced: what a crash takes away is folded again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import finalize
from zlib import crc32

import trio
from attrs import define, field, frozen

from .disk_journal import Disk
from .tables import Query
from .work_thread import Outcome

HEAD_BYTES: Final = 12
"""Of an image: its checksum, and how often the tables were committed."""


@define(eq=False)
class _DiskPlace:
    """One version of the tables."""

    tables: DiskTables
    version: int
    _count: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """The beginning of its keys."""
        return f"{self.tables.name}/{self.version}"

    def open(self) -> sqlite3.Connection:
        """A database in memory, as the latest image that is whole has it."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        finalize(self, connection.close)  # a node that crashes closes nothing
        found = [image for slot in (0, 1) if (image := self._image(slot)) is not None]
        if found:
            self._count, latest = max(found)
            connection.deserialize(latest)
        return connection

    def _image(self, slot: int) -> tuple[int, bytes] | None:
        written = self.tables.disk.read(self._key(slot))
        if not isinstance(written, bytes) or len(written) <= HEAD_BYTES:
            return None
        checksum, count, image = int.from_bytes(written[:4]), int.from_bytes(written[4:HEAD_BYTES]), written[HEAD_BYTES:]
        return (count, image) if checksum == crc32(written[4:]) else None

    def committed(self, connection: sqlite3.Connection) -> None:
        """Writes an image to the disk."""
        self._count += 1
        image = self._count.to_bytes(8) + connection.serialize()
        self.tables.disk.write(self._key(self._count % 2), crc32(image).to_bytes(4) + image)

    def remove(self) -> None:
        """Forgets the version, and writes nothing over its images."""
        self.tables.know(*(version for version in self.tables.known() if version != self.version))
        for slot in (0, 1):
            self.tables.disk.write(self._key(slot), b"")

    def _key(self, slot: int) -> str:
        return f"{self.name}/{slot}"


@define(eq=False)
class _DelayedWork:
    """Does a piece of work after a while, in one go."""

    seconds: float
    perform: Callable[[Sequence[Query]], Sequence[Outcome]]
    end: Callable[[], None]

    async def do(self, work: Query) -> Any:
        """Cancelled, it was not done."""
        await trio.sleep(self.seconds)
        (outcome,) = self.perform([work])
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    async def close(self) -> None:
        """Closes the database."""
        self.end()


@frozen
class DiskTables:
    """
    Tables of a projection on *disk*: ``actor(Balances, DiskTables(sim.disk("bank"), "balances"), name="balances")``.

    Guarantees:
        * As of files: the tables and their place in the log are those of one commit, also after a crash or a torn write.

    Args:
        disk: Where the images are.
        name: The beginning of their keys.
        seconds: How long a transaction takes.
    """

    disk: Disk
    name: str
    seconds: float = 0.001

    async def versions(self) -> Sequence[int]:
        """Those that were opened and not removed."""
        return self.known()

    def known(self) -> list[int]:
        """As `versions`."""
        return list(json.loads(self.disk.read(f"{self.name}/versions") or "[]"))

    def know(self, *versions: int) -> None:
        """From now on these are there. It is synced at once: no crash comes between."""
        self.disk.write(f"{self.name}/versions", json.dumps(versions))
        self.disk.sync()

    def place(self, version: int) -> _DiskPlace:
        """The images of one version."""
        if version not in self.known():
            self.know(*self.known(), version)
        return _DiskPlace(self, version)

    def work(self, name: str, perform: Callable[[Sequence[Query]], Sequence[Outcome]], close: Callable[[], None]) -> _DelayedWork:  # noqa: ARG002
        """Work that takes its time."""
        return _DelayedWork(self.seconds, perform, close)
