"""
`DiskTables`: tables of projections on a disk that only knows keys and values, such as the disks of simulated nodes.

SQLite works in memory, and an image of the database is written to the disk at each commit. It is not synced: what a crash takes away is
folded again. All that is written goes to one of two keys in turn, with a checksum, so that a torn write leaves what was before it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import finalize
from zlib import crc32

import trio
from attrs import define, frozen

from .disk_journal import Disk
from .tables import Query
from .work_thread import Outcome

HEAD_BYTES: Final = 12
"""Before what is kept: its checksum, and how often it was written."""


@define(eq=False)
class _Slots:
    """One value on a disk, which a torn write does not take away."""

    disk: Disk
    key: str

    def read(self) -> tuple[int, bytes]:
        """How often it was written, and what was written last; 0 and nothing if it never was."""
        return max(filter(None, map(self._slot, (0, 1))), default=(0, b""))

    def write(self, value: bytes) -> None:
        """Writes it anew, beside what was written last."""
        count = self.read()[0] + 1
        counted = count.to_bytes(8) + value
        self.disk.write(f"{self.key}/{count % 2}", crc32(counted).to_bytes(4) + counted)

    def _slot(self, slot: int) -> tuple[int, bytes] | None:
        written = self.disk.read(f"{self.key}/{slot}")
        if not isinstance(written, bytes) or len(written) < HEAD_BYTES:
            return None
        checksum, count, value = int.from_bytes(written[:4]), int.from_bytes(written[4:HEAD_BYTES]), written[HEAD_BYTES:]
        return (count, value) if checksum == crc32(written[4:]) else None


@define(eq=False)
class _DiskPlace:
    """One version of the tables."""

    tables: DiskTables
    version: int

    @property
    def name(self) -> str:
        """The beginning of its keys."""
        return f"{self.tables.name}/{self.version}"

    @property
    def _image(self) -> _Slots:
        return _Slots(self.tables.disk, self.name)

    def open(self) -> sqlite3.Connection:
        """A database in memory, as the latest image that is whole has it."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        finalize(self, connection.close)  # a node that crashes closes nothing
        _, image = self._image.read()
        if image:
            connection.deserialize(image)
        return connection

    def committed(self, connection: sqlite3.Connection) -> None:
        """Writes an image to the disk."""
        self._image.write(connection.serialize())

    def remove(self) -> None:
        """Forgets the version, and writes nothing over its images."""
        self.tables.know(*(version for version in self.tables.known() if version != self.version))
        for _ in range(2):
            self._image.write(b"")


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

    @property
    def _versions(self) -> _Slots:
        return _Slots(self.disk, f"{self.name}/versions")

    def known(self) -> list[int]:
        """As `versions`."""
        return list(json.loads(self._versions.read()[1] or b"[]"))

    def know(self, *versions: int) -> None:
        """From now on these are there."""
        self._versions.write(json.dumps(versions).encode())
        self.disk.sync()

    def place(self, version: int) -> _DiskPlace:
        """The images of one version."""
        if version not in self.known():
            self.know(*self.known(), version)
        return _DiskPlace(self, version)

    def work(self, name: str, perform: Callable[[Sequence[Query]], Sequence[Outcome]], close: Callable[[], None]) -> _DelayedWork:  # noqa: ARG002
        """Work that takes its time."""
        return _DelayedWork(self.seconds, perform, close)
