"""
What one incarnation of an actor knows of its events: whose they are, how many there are, and whether it may still write.

Once a write has failed nobody knows whether it is on the disk, and once an event could not be applied the fields are wrong: then
this incarnation writes no more, whatever its handlers catch, and the next one finds out by reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any, Final

from attrs import define, field, frozen

from ..actors.actor import Actor
from ..actors.cell import CURRENT, Cell
from ..actors.supervising import fail_from_outside
from ..errors import TrouperError
from .applies import Applied
from .codec import Codec, Encoded
from .errors import CorruptRecord, EventsOutOfOrder, PersistMisused, RecoveryFailed, WriteConflict
from .fact_log import FactLog, log_of
from .journal import Entry, Journal, StoredSnapshot
from .journal_errors import JournalError

READ_AT_ONCE: Final = 500
"""Events that a recovery reads before others run."""


@frozen
class SnapshotBroken:
    """
    A fact: a snapshot could not be used, and the actor came back from an earlier one, or from its events alone.

    Args:
        identity: Whose.
        sequence: After which event it was taken.
        why: What is wrong with it.
    """

    identity: str
    sequence: int
    why: str


@frozen
class Repertoire:
    """
    What a class does with its events and snapshots.

    Args:
        events: Writes and reads its events.
        applied: For each class of events, the method that applies it.
        states: Writes and reads its snapshots; None: it has none.
        restore: The method that takes a snapshot back.
    """

    events: Codec
    applied: Mapping[type, Applied]
    states: Codec | None = None
    restore: Applied | None = None


@define(eq=False)
class Recording:
    """The events of one incarnation of one actor."""

    actor: Actor[Any]
    cell: Cell
    repertoire: Repertoire
    journal: Journal
    identity: str
    save_if_due: Callable[[], None]
    writer: str = field(init=False)
    sequence: int = field(default=0, init=False)
    """The number of the last event that is applied."""
    snapshot_sequence: int = field(default=0, init=False)
    is_applying: bool = field(default=False, init=False)
    _log: FactLog | None = field(default=None, init=False)
    _is_writing: bool = field(default=False, init=False)
    _broken: Exception | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        restarts = 0 if self.cell.losses is None else self.cell.losses.restarts
        address = self.cell.address
        self.writer = f"{address.node}{address.path}#{address.incarnation}.{restarts}"

    async def recover(self) -> list[SnapshotBroken]:
        """
        Brings the actor to where its events end. Returns which snapshots could not be used.

        Raises:
            RecoveryFailed, CorruptRecord, UnknownType, NewerVersion, EventsOutOfOrder, JournalError: It cannot come back.
        """
        broken: list[SnapshotBroken] = []
        if self.repertoire.restore is not None:
            for snapshot in await self.journal.snapshots(self.identity):
                try:
                    await self._restore(snapshot, self.repertoire.restore)
                    break
                except JournalError:
                    raise
                except Exception as error:  # noqa: BLE001  # whatever is wrong with it, the events are what counts
                    self._start_over()
                    broken.append(SnapshotBroken(self.identity, snapshot.sequence, str(error) or repr(error)))
        while await self._replay():
            pass
        return broken

    async def _restore(self, snapshot: StoredSnapshot, restore: Applied) -> None:
        sequence, type_name, version, payload, whole = snapshot
        place = f"The snapshot after event {sequence} of {self.identity}"
        assert self.repertoire.states is not None
        if not whole:
            raise CorruptRecord(place, "its checksum does not match")
        if not await self.journal.events(self.identity, sequence - 1, 1):
            raise CorruptRecord(place, "there is no such event")
        state = self.repertoire.states.decode(type_name, version, payload, lambda: place)
        self.is_applying = True
        try:
            restore(self.actor, state)
        finally:
            self.is_applying = False
        self.sequence = self.snapshot_sequence = sequence

    async def _replay(self) -> bool:
        """Applies the next events. Returns whether there may be more."""
        stored = await self.journal.events(self.identity, self.sequence, READ_AT_ONCE)
        decode = self.repertoire.events.decode
        applied = self.repertoire.applied
        actor = self.actor
        expected = self.sequence

        def place() -> str:
            return f"Event {expected} of {self.identity} in {self.journal.name}"

        self.is_applying = True
        try:
            for sequence, type_name, version, payload, _, _ in stored:
                expected += 1
                if sequence != expected:
                    raise EventsOutOfOrder(self.identity, expected, sequence)  # noqa: TRY301  # beside what else ends the replay
                event = decode(type_name, version, payload, place)
                applied[type(event)](actor, event)
        except TrouperError:
            raise
        except Exception as error:
            raise RecoveryFailed(self.identity, expected, f"{type(error).__name__}: {error}") from error
        finally:
            self.is_applying = False
        self.sequence = expected
        return len(stored) == READ_AT_ONCE

    def _start_over(self) -> None:
        """Gives the actor the fields of a new instance: a snapshot that could not be taken back may have changed some."""
        fresh = self.cell.spec.factory(*self.cell.spec.args)
        own = vars(self.actor) if hasattr(self.actor, "__dict__") else {}
        own.clear()
        own.update(getattr(fresh, "__dict__", {}))
        for cls in type(self.actor).__mro__:
            slots = vars(cls).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in KEPT and hasattr(fresh, name):
                    object.__setattr__(self.actor, name, getattr(fresh, name))
        self.sequence = self.snapshot_sequence = 0

    async def write(self, events: tuple[Any, ...], facts: tuple[object, ...]) -> Any:
        """
        Has events and facts written together, applies the events when they are on the disk, and then publishes the facts.

        Returns the event, if it is one.

        Raises:
            NotStorable: One cannot be stored. Nothing was written.
            PersistMisused: Called outside of a turn of the actor, or while another call has not returned.
            WriteConflict, JournalError: Refused, or failed. The actor fails, also if its handler catches this.
        """
        if CURRENT.get() is not self.cell:
            raise PersistMisused(self.cell.path, "outside of its handlers and hooks. Tell the actor a message instead")
        if self._is_writing:
            raise PersistMisused(self.cell.path, "while an earlier call has not returned. Await it first, or pass all events to one call")
        if self._broken is not None:
            raise self._broken
        written = self.log.encode(facts) if facts else ()
        entry = Entry(self.identity, self.sequence, tuple(map(self.repertoire.events.encode, events)), self.writer, written)
        self._is_writing = True
        try:
            offset = await self.journal.append(entry)
        except (JournalError, WriteConflict) as error:
            self.fail(error)
            raise
        finally:
            self._is_writing = False
        if facts:
            self.log.arrived(offset, facts)
        applied = self.repertoire.applied
        self.is_applying = True
        try:
            for event in events:
                applied[type(event)](self.actor, event)
        except Exception as error:
            self.fail(error)
            raise
        finally:
            self.is_applying = False
        self.sequence += len(events)
        for fact in facts:
            self.cell.dispatcher.stream.publish(fact)
        if self.repertoire.restore is not None:
            self.save_if_due()
        return events[0] if len(events) == 1 else None

    def state(self, snapshot: object) -> Encoded:
        """A snapshot as it is stored. Raises NotStorable."""
        assert self.repertoire.states is not None
        return self.repertoire.states.encode(snapshot)

    async def save(self, state: Encoded, sequence: int) -> None:
        """Keeps a snapshot of the state after event *sequence*. Raises JournalError."""
        await self.journal.save_snapshot(self.identity, sequence, state)
        self.snapshot_sequence = max(self.snapshot_sequence, sequence)

    @property
    def log(self) -> FactLog:
        """Looked for at the first fact: a journal that keeps none may be of a class that has no hash."""
        if self._log is None:
            self._log = log_of(self.journal)
        return self._log

    @property
    def is_in_turn(self) -> bool:
        """Whether this incarnation runs at the moment, and the call comes from its turn; a thread that works for it is none."""
        return CURRENT.get() is self.cell and self.cell.instance is self.actor and get_ident() == self.cell.dispatcher.thread

    def fail(self, error: Exception) -> None:
        """Writes no more, and fails the actor."""
        self._broken = error
        fail_from_outside(self.cell, error)


KEPT: Final = frozenset({"_cell", "_recording", "__weakref__", "__dict__"})
"""Slots that are not part of what an actor knows."""
