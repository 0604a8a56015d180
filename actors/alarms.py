"""
What happens at a time: timers, deadlines of asks, back-off, stop timeouts.

One task of trio sleeps until the first of them; nothing ticks. Asks are the many: almost all are answered long before their
deadline, so they leave no entry behind. All asks with one timeout have their deadlines in the order in which they were
armed, which makes an insertion-ordered dict a priority queue with O(1) removal. Everything else, and asks beyond
`BUCKETS_MAX` distinct timeouts, goes through a heap, from which what was cancelled is purged when it outnumbers the living.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from .envelopes import Ask

BUCKETS_MAX: Final = 64
"""Distinct ask timeouts that get a dict of their own."""

ASKED_MAX: Final = 64
"""Asks of one slice that are kept before the answered ones among them are let go."""

PURGE_MIN: Final = 64
"""Cancelled entries that the heap keeps before it is looked through at all."""


class Alarm:
    """One call at one time. `cancel` is idempotent; a cancelled alarm is never called."""

    __slots__ = ("_alarms", "call", "order", "when")

    def __init__(self, alarms: Alarms, when: float, order: int, call: Callable[[], object]) -> None:
        self._alarms = alarms
        self.when: float = when
        self.order: int = order
        self.call: Callable[[], object] | None = call

    def __lt__(self, other: Alarm) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        """Takes the call out. Does nothing when it was made or cancelled before."""
        if self.call is not None:
            self.call = None
            self._alarms.cancelled()


class Alarms:
    """
    The calls that are due at some time of the runtime's clock.

    Args:
        clock: Gives the present time in seconds; trio's clock in production.
    """

    # Invariant: the sleeper's deadline is not later than the first deadline in here.

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._heap: list[Alarm] = []
        self._order = 0
        self._cancelled = 0
        self._asks: dict[float, dict[Ask, float]] = {}
        self.asked: list[Ask] = []  # in the present slice
        self._until = math.inf
        self._scope = trio.CancelScope()

    def at(self, when: float, call: Callable[[], object]) -> Alarm:
        """Calls *call* at *when* (seconds of the clock), or at the next opportunity if that is past."""
        self._order += 1
        alarm = Alarm(self, when, self._order, call)
        heappush(self._heap, alarm)
        self._wake_by(when)
        return alarm

    def after(self, seconds: float, call: Callable[[], object]) -> Alarm | None:
        """Calls *call* in *seconds*; never, and without an alarm, when that is infinite."""
        return None if seconds == math.inf else self.at(self.clock() + seconds, call)

    def arm(self, ask: Ask, timeout: float) -> None:
        """Times *ask* out in *timeout* seconds unless it is settled before."""
        when = self.clock() + timeout
        ask.timeout = timeout
        bucket = self._asks.get(timeout)
        if bucket is None:
            if len(self._asks) >= BUCKETS_MAX:
                ask.deadline = self.at(when, ask.time_out)
                return
            bucket = self._asks[timeout] = {}
        bucket[ask] = when
        ask.deadline = bucket
        if when < self._until:
            self._wake_by(when)

    def arm_later(self, ask: Ask, timeout: float) -> None:
        """Times *ask* out if it is not answered by the end of the present slice. There must be one: the dispatcher is awake."""
        ask.timeout = timeout
        asked = self.asked
        asked.append(ask)
        if len(asked) > ASKED_MAX:
            asked[:] = [ask for ask in asked if not ask.done]
            if len(asked) > ASKED_MAX // 2:
                self.arm_the_unanswered()

    def arm_the_unanswered(self) -> None:
        """A slice is over: asks of it that are not answered yet get their deadlines now. Most were answered."""
        for ask in self.asked:
            if not ask.done:
                self.arm(ask, ask.timeout)
        self.asked.clear()

    def cancelled(self) -> None:
        """Counts a cancelled alarm, and purges the heap when they are the majority."""
        self._cancelled += 1
        if self._cancelled > PURGE_MIN and self._cancelled * 2 > len(self._heap):
            self._heap = [alarm for alarm in self._heap if alarm.call is not None]
            heapify(self._heap)
            self._cancelled = 0

    def _wake_by(self, when: float) -> None:
        if when < self._until:
            self._until = when
            self._scope.deadline = when

    def _first(self) -> float:
        first = math.inf
        while self._heap and self._heap[0].call is None:
            heappop(self._heap)
            self._cancelled = max(0, self._cancelled - 1)
        if self._heap:
            first = self._heap[0].when
        for timeout, bucket in list(self._asks.items()):
            if not bucket:
                del self._asks[timeout]
            else:
                first = min(first, next(iter(bucket.values())))
        return first

    def _ring(self) -> None:
        now = self.clock()
        for bucket in list(self._asks.values()):
            while bucket:
                ask, when = next(iter(bucket.items()))
                if when > now:
                    break
                del bucket[ask]
                ask.time_out()
        last = self._order  # what a call sets for now waits: trio runs others before it
        while self._heap and self._heap[0].order <= last and (self._heap[0].when <= now or self._heap[0].call is None):
            alarm = heappop(self._heap)
            call, alarm.call = alarm.call, None
            if call is not None:
                call()
            else:
                self._cancelled = max(0, self._cancelled - 1)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Sleeps and rings, until cancelled."""
        while True:
            self._until = self._first()
            with trio.CancelScope(deadline=self._until) as self._scope:
                await trio.sleep_forever()
            if not self._scope.cancelled_caught:  # the scope around this one was cancelled
                return
            self._ring()
