"""A journal and tables on a disk of keys and values: what a crash leaves is what they come back to, whatever it has torn."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import trio
from attrs import define, field

from trouper.persistence import DiskJournal, DiskTables, Encoded, Entry, WriteConflict


@define(eq=False)
class CrashingDisk:
    """Of what was not synced a crash keeps the first writes, and tears the next one."""

    synced: dict[str, Any] = field(factory=dict[str, Any])
    unsynced: list[tuple[str, Any]] = field(factory=list[tuple[str, Any]])

    def write(self, key: str, value: Any, /) -> None:
        self.unsynced.append((key, value))

    def read(self, key: str, /) -> Any:
        return {**self.synced, **dict(self.unsynced)}.get(key)

    def sync(self) -> None:
        self.synced.update(self.unsynced)
        self.unsynced.clear()

    def crash(self, kept: int = 0, torn_at: int = 0) -> None:
        """Keeps the first *kept* writes, and of the next one so much."""
        self.synced.update(self.unsynced[:kept])
        for key, value in self.unsynced[kept : kept + 1]:
            self.synced[key] = value[:torn_at] + self.synced.get(key, value[:0])[torn_at:]
        self.unsynced.clear()


def entry(after: int) -> Entry:
    return Entry("a", after, (Encoded("noted", 1, b'"%d"' % after),), "me")


@pytest.mark.parametrize("torn_at", [1, 8, 9, 30, 60])
async def test_a_record_that_was_torn_was_never_written(torn_at: int) -> None:
    """Wherever it ends. It takes nothing with it that was acknowledged, and the next life writes in its place."""
    disk = CrashingDisk()
    with trio.fail_after(10):
        life = DiskJournal(disk, sync_seconds=0.0)
        await life.append(entry(0))
        await life.append(entry(1))
        latest = max(disk.synced)
        disk.unsynced.append((latest, disk.synced.pop(latest)))  # as if the crash had come before the sync
        disk.crash(0, torn_at)
        for count in (1, 2):
            life = DiskJournal(disk, sync_seconds=0.0)
            assert [event.sequence for event in await life.events("a", 0, 10)] == list(range(1, count + 1))
            await life.append(entry(count))


async def test_the_next_life_knows_which_numbers_are_taken() -> None:
    """Also by events that nobody has asked it for."""
    disk = CrashingDisk()
    with trio.fail_after(10):
        await DiskJournal(disk, sync_seconds=0.0).append(entry(0))
        disk.crash()
        life = DiskJournal(disk, sync_seconds=0.0)
        with pytest.raises(WriteConflict):
            await life.append(entry(0))
        await life.append(entry(1))
        disk.crash()
        found = await DiskJournal(disk, sync_seconds=0.0).events("a", 0, 10)
        assert [event.sequence for event in found] == [1, 2], "what was refused left nothing on the disk"


def rows(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM rows").fetchone()
    return int(count)


@pytest.mark.parametrize("torn_at", [0, 1, 5, 12, 100, 5000])
@pytest.mark.parametrize("kept", [0, 1, 2, 3])
async def test_tables_are_those_of_one_commit_wherever_a_crash_comes(kept: int, torn_at: int) -> None:
    """A crash after three commits that were not synced, and three that were: the latest that is whole is found, and gone on with."""
    disk = CrashingDisk()
    tables = DiskTables(disk, "numbers")
    place = tables.place(1)
    connection = place.open()
    connection.execute("CREATE TABLE rows (number INTEGER)")
    for number in range(6):
        connection.execute("INSERT INTO rows VALUES (?)", (number,))
        place.committed(connection)
        if number == 2:
            disk.sync()
    disk.crash(kept, torn_at)
    for _ in range(2):
        place = DiskTables(disk, "numbers").place(1)
        connection = place.open()
        assert rows(connection) == 3 + kept
        connection.execute("DELETE FROM rows WHERE number >= ?", (3 + kept - 1,))
        connection.execute("INSERT INTO rows VALUES (0)")
        place.committed(connection)
        disk.sync()
    assert await DiskTables(disk, "numbers").versions() == [1]


async def test_which_versions_of_tables_there_are_survives_a_crash() -> None:
    """One that was opened is there, and one that was removed is not."""
    disk = CrashingDisk()
    tables = DiskTables(disk, "numbers")
    first, _ = tables.place(1), tables.place(2)
    disk.crash()
    assert await tables.versions() == [1, 2]
    first.remove()
    disk.crash()
    assert await tables.versions() == [2]


@pytest.mark.parametrize("torn_at", range(20))
async def test_versions_of_tables_that_a_crash_has_torn_are_those_before(torn_at: int) -> None:
    """A crash comes between the write of what is there and its sync, too."""

    class PowerLost(Exception):
        """In place of a sync."""

    class Losing(CrashingDisk):
        def sync(self) -> None:
            self.crash(0, torn_at)
            raise PowerLost

    before = CrashingDisk()
    for version in (1, 2):
        DiskTables(before, "numbers").place(version)
    losing = DiskTables(Losing(before.synced), "numbers")
    with pytest.raises(PowerLost):
        losing.place(13)
    assert await losing.versions() == [1, 2]
