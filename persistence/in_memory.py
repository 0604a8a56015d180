"""`InMemoryJournal`: a journal for tests and for trying things out. It keeps what it is given for as long as it exists."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from operator import itemgetter
from time import time
from typing import Final

from attrs import define, field

from .arguments import check_limits
from .codec import Encoded
from .errors import WriteConflict
from .journal import Entry, StoredEvent, StoredFact, StoredSnapshot

SNAPSHOTS_KEPT: Final = 2
"""Snapshots of one identity that a journal keeps: the latest, and the one before in case that is broken."""


@define(eq=False)
class InMemoryJournal:
    """
    Keeps events in the memory of this process: they outlive actors and systems, and not the process.

    Guarantees:
        * What it gives was encoded and is decoded anew: no two actors share an event.
        * It never waits.

    Args:
        name: For the text of errors.
        clock: The time at which things are written, in seconds; by default since 1970.
    """

    name: str = "in memory"
    clock: Callable[[], float] = time
    _events: defaultdict[str, list[StoredEvent]] = field(factory=lambda: defaultdict[str, list[StoredEvent]](list), init=False)
    _facts: list[StoredFact] = field(factory=list[StoredFact], init=False)
    _last_offset: int = field(default=0, init=False)
    _snapshots: dict[str, list[StoredSnapshot]] = field(factory=dict[str, list[StoredSnapshot]], init=False)

    async def append(self, entry: Entry) -> int:
        """Writes the events and the facts of an entry. Raises WriteConflict."""
        kept = self._events[entry.identity]
        if len(kept) > entry.after:
            raise WriteConflict(entry.identity, entry.after + 1, entry.writer, kept[entry.after].writer)
        at = self.clock()
        kept.extend(StoredEvent(sequence, *event, entry.writer, at) for sequence, event in enumerate(entry.events, start=entry.after + 1))
        first = self._last_offset + 1
        for fact in entry.facts:
            self._last_offset += 1
            self._facts.append(StoredFact(self._last_offset, entry.identity, *fact, at))
        return first if entry.facts else 0

    async def events(self, identity: str, after: int, limit: int) -> Sequence[StoredEvent]:
        """The events of *identity* with numbers above *after*, in order, the first *limit* of them."""
        kept = self._events.get(identity, [])
        first = bisect_right(kept, after, key=itemgetter(0))
        return kept[first : first + limit]

    async def save_snapshot(self, identity: str, sequence: int, state: Encoded) -> None:
        """Keeps the state of *identity* after event *sequence*, and forgets all but the two latest."""
        others = [snapshot for snapshot in self._snapshots.get(identity, []) if snapshot.sequence != sequence]
        latest = sorted([StoredSnapshot(sequence, *state, True), *others], reverse=True)
        self._snapshots[identity] = latest[:SNAPSHOTS_KEPT]

    async def snapshots(self, identity: str) -> Sequence[StoredSnapshot]:
        """The snapshots of *identity*, the latest first."""
        return tuple(self._snapshots.get(identity, ()))

    async def facts(self, from_offset: int, limit: int) -> Sequence[StoredFact]:
        """The facts with offsets of *from_offset* and above, in order, the first *limit* of them."""
        first = bisect_left(self._facts, from_offset, key=itemgetter(0))
        return self._facts[first : first + limit]

    async def last_offset(self) -> int:
        """The offset of the last fact that was ever written; 0 if there was none."""
        return self._last_offset

    async def forget_facts(self, *, older_than: float | None = None, keep: int | None = None, keep_bytes: int | None = None) -> int:
        """Deletes facts from the beginning of the log: those too old, and all but the latest. Returns how many. Raises ValueError."""
        check_limits(older_than, keep, keep_bytes)
        return self.forget_through(self.last_beyond(older_than, keep, keep_bytes))

    def last_beyond(self, older_than: float | None, keep: int | None, keep_bytes: int | None) -> int:
        """The offset of the last fact that is beyond one of the limits; 0 if none is."""
        facts = self._facts
        count = 0
        if older_than is not None:
            limit = self.clock() - older_than
            count = max((number for number, fact in enumerate(facts, start=1) if fact.at < limit), default=0)
        if keep is not None:
            count = max(count, len(facts) - keep)
        if keep_bytes is not None:
            sizes = accumulate(len(fact.payload) for fact in reversed(facts))
            count = max(count, len(facts) - sum(1 for _ in takewhile(lambda size: size <= keep_bytes, sizes)))
        return facts[count - 1].offset if count else 0

    def forget_through(self, offset: int) -> int:
        """Deletes the facts up to *offset*. Returns how many."""
        before = len(self._facts)
        self._facts = self._facts[bisect_right(self._facts, offset, key=itemgetter(0)) :]
        return before - len(self._facts)
