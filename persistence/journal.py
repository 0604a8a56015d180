"""
What a journal is: the few things that actors which keep their events ask of it.

Everything in it is data that was encoded already; a journal knows bytes, numbers and names, and no class of events. Sequence
numbers are given by the writer, and the journal takes each of an identity once: that is what keeps two writers apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .codec import Encoded


class StoredEvent(NamedTuple):
    """One event as it was written. *at* is the writer's wall clock, in seconds since 1970."""

    sequence: int
    type_name: str
    version: int
    payload: bytes
    writer: str
    at: float


class StoredFact(NamedTuple):
    """One durable fact as it was written. *identity* is whose event caused it."""

    offset: int
    identity: str
    type_name: str
    version: int
    payload: bytes
    at: float


class StoredSnapshot(NamedTuple):
    """The state of an actor after event *sequence*. One that is not *whole* is not what was written."""

    sequence: int
    type_name: str
    version: int
    payload: bytes
    whole: bool


class Entry(NamedTuple):
    """
    Events of one identity that are written together or not at all.

    Args:
        identity: Whose.
        after: The number of the last event that the writer knows; the first of these gets the next one. From 0.
        events: At least one.
        writer: Who writes, for the text of the error that its rival gets.
        facts: What is written with them into the log of facts.
    """

    identity: str
    after: int
    events: tuple[Encoded, ...]
    writer: str
    facts: tuple[Encoded, ...] = ()


class Journal(Protocol):
    """
    Keeps events, in their order for each identity, and snapshots.

    Guarantees of every journal:
        * When `append` returns, all events of the entry will be read by every later `events`. When it raises `WriteConflict` none
            will. When it raises another `JournalError` all or none will, and who wrote finds out by reading.
        * Cancelled, `append` has written nothing. If it is too late for that, it is not cancelled and returns.
        * Of each identity, each sequence number is taken once.
        * Facts have offsets from 1, in the order in which their entries were written, without a gap.
    """

    @property
    def name(self) -> str:
        """Which journal, for the text of errors."""
        ...

    async def append(self, entry: Entry) -> int:
        """
        Writes the events and the facts of an entry. Returns the offset of the first fact; 0 if it has none.

        Raises:
            WriteConflict: Somebody else has written an event of one of these numbers.
            JournalError: It failed.
        """
        ...

    async def events(self, identity: str, after: int, limit: int) -> Sequence[StoredEvent]:
        """
        The events of *identity* with numbers above *after*, in order, the first *limit* of them.

        Raises:
            CorruptRecord: One is not what was written.
            JournalError: It failed.
        """
        ...

    async def save_snapshot(self, identity: str, sequence: int, state: Encoded) -> None:
        """Keeps the state of *identity* after event *sequence*, and forgets all but the two latest. Raises JournalError."""
        ...

    async def snapshots(self, identity: str) -> Sequence[StoredSnapshot]:
        """The snapshots of *identity*, the latest first. Raises JournalError."""
        ...

    async def facts(self, from_offset: int, limit: int) -> Sequence[StoredFact]:
        """
        The facts with offsets of *from_offset* and above, in order, the first *limit* of them.

        Raises:
            CorruptRecord: One is not what was written.
            JournalError: It failed.
        """
        ...

    async def last_offset(self) -> int:
        """The offset of the last fact that was ever written; 0 if there was none. Raises JournalError."""
        ...

    async def forget_facts(self, *, older_than: float | None = None, keep: int | None = None, keep_bytes: int | None = None) -> int:
        """
        Deletes facts from the beginning of the log, as many as any of the limits says. Events stay. Returns how many were deleted.

        Args:
            older_than: Those written more seconds ago than this.
            keep: All but so many of the latest.
            keep_bytes: All but the latest that together have so many bytes of JSON.

        Raises:
            ValueError, TypeError: A limit is negative, or no number.
            JournalError: It failed.
        """
        ...
