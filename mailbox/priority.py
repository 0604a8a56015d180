"""
The queue of a priority mailbox, with the methods of a deque, so that the runtime uses it exactly where it uses one.

Four places, left to right: what was put back in front, the early lane, the late lane as far as it is due, and a heap of user
messages. A late item is due when every user message that was queued before it is gone, so the queue must know its
oldest user message at any time, though that one leaves the heap in any order: an ordered dict from arrival number to message
gives the oldest and forgets any in constant time. (A second heap, or a deque of arrival numbers, cleaned lazily from the front,
grows without bound behind one message that never becomes urgent.) The dict is also the truth about what is queued: an entry of
the heap without its number in the dict is dead and skipped, and the heap is rebuilt when half of it is dead.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from heapq import heapify, heappop, heappush
from typing import Any, final

from attrs import define, field

from .envelope import Envelope

_SPARE_DEAD = 16  # dead entries that are never worth a rebuild


@final
@define(eq=False)
class PriorityQueue:
    """
    Items by urgency: the smallest key first, among equal keys the longest waiting first.

    Guarantees:
        * What was put in front (`appendleft`, `extendleft`) comes first of all, the last put first.
        * Then the early lane, in the order of arrival.
        * A late item comes after every user message that was queued when it was appended, and before every
          user message that is appended once those are gone.
        * `append` either queues its item once or raises what the key, or the comparison of keys, raised and changes nothing.
        * `append` and `popleft` take O(log n), the others O(n).

    Not guaranteed:
        * An order between messages whose keys cannot be compared with each other, if `append` had no occasion to notice.

    Args:
        key: From a user message (of an ask: the message that it carries) to something that sorts.
    """

    _key: Callable[[Any], Any]
    _front: deque[Any] = field(factory=deque[Any], init=False)
    _early: deque[Any] = field(factory=deque[Any], init=False)
    _late: deque[tuple[int, Any]] = field(factory=deque[tuple[int, Any]], init=False)  # (arrival number, item)
    _user: OrderedDict[int, Any] = field(factory=OrderedDict[int, Any], init=False)  # by arrival number, oldest first
    _arrivals: int = field(default=0, init=False)

    # Invariant: every number in self._user is in exactly one (key, arrival number) of self._heap.
    # Invariant: at most 2 * len(self._user) + _SPARE_DEAD entries.
    _heap: list[tuple[Any, int]] = field(factory=list[tuple[Any, int]], init=False)

    def __len__(self) -> int:
        return len(self._front) + len(self._early) + len(self._late) + len(self._user)

    def __bool__(self) -> bool:
        return bool(self._user or self._front or self._early or self._late)

    def __iter__(self) -> Iterator[Any]:
        """The items in the order in which they would be popped, as of now: later changes do not show."""
        copy = PriorityQueue(self._key)
        copy._front.extend(self._front)
        copy._early.extend(self._early)
        copy._late.extend(self._late)
        copy._user.update(self._user)
        copy._heap.extend(self._heap)
        while copy:
            yield copy.popleft()

    def append(self, item: object) -> None:
        """Queue *item* in its lane. Raises whatever the key or the comparison of keys raises; then nothing was queued."""
        if isinstance(item, Envelope):
            if item.lane == "early":
                self._early.append(item)
                return
            if item.lane == "late":
                self._late.append((self._next_arrival(), item))
                return
            key = self._key(item.message)
        else:
            key = self._key(item)
        arrival = self._next_arrival()
        try:
            heappush(self._heap, (key, arrival))
        except BaseException:
            self._rebuild()  # the entry is somewhere in the heap, and not in self._user
            raise
        self._user[arrival] = item

    def appendleft(self, item: object) -> None:
        """Put *item* before everything else, whatever its lane and key."""
        self._front.appendleft(item)

    def extendleft(self, items: Iterable[object]) -> None:
        """Put each of *items* before everything else, so that the last of them comes first, as a deque does."""
        self._front.extendleft(items)

    def popleft(self) -> Any:
        """Remove and return what comes first. Raises IndexError when the queue is empty."""
        if self._front:
            return self._front.popleft()
        if self._early:
            return self._early.popleft()
        if self._late and (not self._user or self._late[0][0] < next(iter(self._user))):
            return self._late.popleft()[1]
        if not self._user:
            raise IndexError("pop from an empty PriorityQueue")
        while True:
            arrival = self._heap[0][1]
            try:
                heappop(self._heap)
            except Exception:  # noqa: BLE001 - keys that cannot be compared after all may cost the order, never a message
                self._rebuild()
            if arrival in self._user:
                return self._taken(arrival)

    def remove(self, item: object) -> None:
        """
        Remove *item* itself (by identity, not by equality); if it is queued several times, the longest waiting one.

        Raises ValueError if it is not there.
        """
        try:
            self.take_oldest(lambda queued: queued is item)
        except LookupError:
            raise ValueError(f"{item!r} is not in this queue") from None

    def take_oldest(self, wanted: Callable[[object], bool]) -> Any:
        """
        Remove and return the longest waiting item of which *wanted* is true: what was put in front counts as older than all
        user messages, and these are looked at before the two lanes.

        Raises LookupError if there is none.
        """
        for index, item in enumerate(self._front):
            if wanted(item):
                del self._front[index]
                return item
        for arrival, item in self._user.items():
            if wanted(item):
                return self._taken(arrival)
        for index, item in enumerate(self._early):
            if wanted(item):
                del self._early[index]
                return item
        for index, (_, item) in enumerate(self._late):
            if wanted(item):
                del self._late[index]
                return item
        raise LookupError("nothing in this queue is wanted")

    def remove_all(self, unwanted: Callable[[object], bool]) -> int:
        """Remove, in place, every item of which *unwanted* is true. Returns how many there were."""
        before = len(self)
        for lane in (self._front, self._early):
            kept = [item for item in lane if not unwanted(item)]
            lane.clear()
            lane.extend(kept)
        kept_late = [entry for entry in self._late if not unwanted(entry[1])]
        self._late.clear()
        self._late.extend(kept_late)
        for arrival in [arrival for arrival, item in self._user.items() if unwanted(item)]:
            del self._user[arrival]
        self._rebuild()
        return before - len(self)

    def clear(self) -> None:
        """Remove everything."""
        for part in (self._front, self._early, self._late, self._user, self._heap):
            part.clear()

    def _next_arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def _taken(self, arrival: int) -> Any:
        item = self._user.pop(arrival)
        if len(self._heap) > 2 * len(self._user) + _SPARE_DEAD:
            self._rebuild()
        return item

    def _rebuild(self) -> None:
        self._heap[:] = [entry for entry in self._heap if entry[1] in self._user]
        with suppress(Exception):  # as in popleft: the order may suffer, the entries stay
            heapify(self._heap)
