"""
`DiskJournal`: a journal on a disk that only knows keys and values, such as the disks of simulated nodes.

It is what `SqliteJournal` is, without SQLite and without threads: a log that is written ahead, in records with checksums, and synced for
everybody who waits. So actors that keep their events can be run on nodes that crash, with disks that lose what was not synced and
tear what they were about to write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, final
from zlib import crc32

import trio
from attrs import define, field

from .arguments import check_limits
from .codec import Encoded
from .errors import WriteConflict
from .in_memory import InMemoryJournal
from .journal import Entry, StoredEvent, StoredFact, StoredSnapshot

CHECKSUM_DIGITS: Final = 8


class Disk(Protocol):
    """Keeps values by key: what `trouper.simulation.Disk` is."""

    def write(self, key: str, value: Any, /) -> None:
        """Writes a value, which is read at once, and may be lost until it is synced."""
        ...

    def read(self, key: str, /) -> Any:
        """The value that was written last; None if there is none."""
        ...

    def sync(self) -> None:
        """All that was written is safe."""
        ...


@define(eq=False)
class _Ticket:
    """A record that is written and not yet synced."""

    record: Mapping[str, Any]
    value: int = 0
    is_synced: bool = False


@final
@define(eq=False)
class DiskJournal:
    """
    A journal on *disk*, for one life of a node: ``use_journal(DiskJournal(sim.disk("bank")))``.

    Guarantees:
        * As of every journal. What `append` has acknowledged was synced; what is read was.
        * A record that the disk has torn, and everything behind it, was never acknowledged, and is passed over.

    Args:
        disk: Where the records are.
        name: For the text of errors, and the beginning of its keys: several journals may share a disk.
        sync_seconds: How long a sync takes. Everything that is written meanwhile is synced with it.
    """

    disk: Disk
    name: str = "journal"
    sync_seconds: float = 0.001
    _kept: InMemoryJournal = field(init=False)
    _heads: dict[str, tuple[int, str]] = field(factory=dict[str, tuple[int, str]], init=False)
    """For each identity the number of its last event, synced or not, and who wrote it."""
    _count: int = field(default=0, init=False)
    _unsynced: list[_Ticket] = field(factory=list[_Ticket], init=False)
    _is_loaded: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._kept = InMemoryJournal(self.name, trio.current_time)

    async def append(self, entry: Entry) -> int:
        """Writes the events and the facts of an entry. Raises WriteConflict."""
        await self._load()
        await trio.lowlevel.checkpoint_if_cancelled()
        last, writer = self._heads.get(entry.identity, (0, ""))
        if last > entry.after:
            raise WriteConflict(entry.identity, entry.after + 1, entry.writer, writer)
        self._heads[entry.identity] = entry.after + len(entry.events), entry.writer
        events, facts = [_plain(event) for event in entry.events], [_plain(fact) for fact in entry.facts]
        return await self._write(
            {"identity": entry.identity, "after": entry.after, "writer": entry.writer, "events": events, "facts": facts}
        )

    async def events(self, identity: str, after: int, limit: int) -> Sequence[StoredEvent]:
        """The events of *identity* with numbers above *after*, in order, the first *limit* of them."""
        await self._load()
        return await self._kept.events(identity, after, limit)

    async def save_snapshot(self, identity: str, sequence: int, state: Encoded) -> None:
        """Keeps the state of *identity* after event *sequence*, and forgets all but the two latest."""
        await self._load()
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._write({"identity": identity, "sequence": sequence, "state": _plain(state)})

    async def snapshots(self, identity: str) -> Sequence[StoredSnapshot]:
        """The snapshots of *identity*, the latest first."""
        await self._load()
        return await self._kept.snapshots(identity)

    async def facts(self, from_offset: int, limit: int) -> Sequence[StoredFact]:
        """The facts with offsets of *from_offset* and above, in order, the first *limit* of them."""
        await self._load()
        return await self._kept.facts(from_offset, limit)

    async def last_offset(self) -> int:
        """The offset of the last fact that was ever written; 0 if there was none."""
        await self._load()
        return await self._kept.last_offset()

    async def forget_facts(self, *, older_than: float | None = None, keep: int | None = None, keep_bytes: int | None = None) -> int:
        """Deletes facts from the beginning of the log: those too old, and all but the latest. Returns how many. Raises ValueError."""
        check_limits(older_than, keep, keep_bytes)
        await self._load()
        await trio.lowlevel.checkpoint_if_cancelled()
        through = self._kept.last_beyond(older_than, keep, keep_bytes)
        return await self._write({"forget": through}) if through else 0

    # Records

    async def _write(self, record: Mapping[str, Any]) -> int:
        """Writes a record, and waits until it is synced: by whoever has waited long enough first, for all. Returns what it came to."""
        self._count += 1
        text = json.dumps(record)
        self.disk.write(self._key(self._count), f"{crc32(text.encode()):08x}{text}")
        ticket = _Ticket(record)
        self._unsynced.append(ticket)
        with trio.CancelScope(shield=True):
            await trio.sleep(self.sync_seconds)
        if not ticket.is_synced:
            self.disk.sync()
            unsynced, self._unsynced = self._unsynced, []
            for one in unsynced:
                one.value = await self._take(one.record)
                one.is_synced = True
        return ticket.value

    async def _load(self) -> None:
        """Reads the records that are there, at the first use."""
        if self._is_loaded:
            return
        self._is_loaded = True
        while (record := self._record(self._count + 1)) is not None:
            self._count += 1
            await self._take(record)
            if "events" in record:
                self._heads[record["identity"]] = record["after"] + len(record["events"]), record["writer"]

    def _record(self, number: int) -> Mapping[str, Any] | None:
        """A record; None if there is none, or not the whole of it."""
        written = self.disk.read(self._key(number))
        if not isinstance(written, str):
            return None
        checksum, text = written[:CHECKSUM_DIGITS], written[CHECKSUM_DIGITS:]
        return json.loads(text) if checksum == f"{crc32(text.encode()):08x}" else None

    async def _take(self, record: Mapping[str, Any]) -> int:
        """Does what a record says. Returns the offset of its first fact, or how many facts it has deleted."""
        if "forget" in record:
            return self._kept.forget_through(record["forget"])
        if "state" in record:
            await self._kept.save_snapshot(record["identity"], record["sequence"], _encoded(record["state"]))
            return 0
        events, facts = (tuple(_encoded(one) for one in record[kind]) for kind in ("events", "facts"))
        return await self._kept.append(Entry(record["identity"], record["after"], events, record["writer"], facts))

    def _key(self, number: int) -> str:
        return f"{self.name}/{number}"


def _plain(encoded: Encoded) -> tuple[str, int, str]:
    """As JSON has it."""
    return encoded.type_name, encoded.version, encoded.payload.decode()


def _encoded(plain: Sequence[Any]) -> Encoded:
    type_name, version, payload = plain
    return Encoded(type_name, version, payload.encode())
