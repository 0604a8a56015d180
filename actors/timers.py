"""
Timers: a message to oneself after some time, or again and again.

The message of a timer that was cancelled or replaced is never handled, even if it was queued before; so an actor needs
no guard against a timeout that is no longer meant. Timers end with the actor's instance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, final

import trio

from .cell import Cell
from .door import deliver, withdraw_delivery
from .envelopes import Delivery
from .errors import TimersFull

if TYPE_CHECKING:
    from .alarms import Alarm

protected = trio.lowlevel.enable_ki_protection

TIMERS_MAX: Final = 1000
"""Timers that one actor may have at once."""


class TimerMessage(Delivery):
    """A timer's message while it is queued."""

    __slots__ = ("timer",)

    def __init__(self, message: Any, timer: Timer) -> None:
        Delivery.__init__(self, message)
        self.timer = timer

    def taken(self, cell: Cell) -> None:  # noqa: ARG002
        """The timer may queue its next message; one that fires once is over."""
        self.timer.message_taken(self)

    def set_aside(self) -> None:
        """It waits again, and ends with the timer."""
        self.timer.message_set_aside(self)


@final
class Timer:
    """
    A running timer, made by `context.after` or `context.every`.

    Guarantees:
        * After `cancel` its message is not handled, even if it was queued already.
        * A repeated timer keeps its rate: a late message does not delay those after it. At most one message of it waits;
            what would come on top is left out.
    """

    __slots__ = ("_alarm", "_cell", "_key", "_message", "_period", "_queued", "_when")

    def __init__(self, cell: Cell, seconds: float, message: Any, key: object, *, repeats: bool) -> None:
        self._cell = cell
        self._message = message
        self._key = key
        self._period = seconds if repeats else None
        self._when = cell.dispatcher.now() + seconds
        self._queued: TimerMessage | None = None
        self._alarm: Alarm | None = None if self._when == math.inf else cell.dispatcher.alarms.at(self._when, self._fire)

    @property
    def is_active(self) -> bool:
        """Whether a message of it can still be handled."""
        timers = None if self._cell.ties is None else self._cell.ties.timers
        return timers is not None and timers.get(self._key) is self

    @protected
    def cancel(self) -> None:
        """Ends the timer, and takes a queued message back. Idempotent."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        queued, self._queued = self._queued, None
        self._forget()
        if queued is not None:
            withdraw_delivery(self._cell, queued)

    def message_taken(self, message: TimerMessage) -> None:
        """Its message has left the queue."""
        if self._queued is message:
            self._queued = None
            if self._period is None:
                self._forget()

    def message_set_aside(self, message: TimerMessage) -> None:
        """Its message is in the stash. One that was cancelled or replaced meanwhile is over, whatever becomes of the message."""
        ties = self._cell.tied()
        if ties.timers is None or (self._period is not None and not self.is_active) or ties.timers.get(self._key, self) is not self:
            return
        ties.timers[self._key] = self
        self._queued = message

    def _forget(self) -> None:
        if self.is_active:
            assert self._cell.ties is not None
            assert self._cell.ties.timers is not None
            del self._cell.ties.timers[self._key]

    def _fire(self) -> None:
        self._alarm = None
        if self._period is not None:
            now = self._cell.dispatcher.now()
            self._when += self._period
            if self._when <= now:  # the clock ran ahead: what was missed is left out, the rate is kept
                self._when += math.floor((now - self._when) / self._period + 1) * self._period
            self._alarm = self._cell.dispatcher.alarms.at(self._when, self._fire)
        if self._queued is None:
            message = TimerMessage(self._message, self)
            if deliver(self._cell, message):
                self._queued = message


@protected
def start_timer(cell: Cell, seconds: float, message: Any, key: object | None, *, repeats: bool) -> Timer:
    """
    A new timer of *cell*; one with the same key is cancelled first.

    Raises:
        ValueError: The time is negative or no number, or 0 for a repeated timer.
        TimersFull: The actor has as many timers as it may.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"A timer's time is a number of seconds, not {seconds!r}.")
    if math.isnan(seconds) or seconds < 0 or (repeats and seconds == 0):
        least = "above 0" if repeats else "at least 0"
        raise ValueError(f"A timer's time must be {least} seconds, not {seconds!r}.")
    ties = cell.tied()
    if ties.timers is None:
        ties.timers = {}
    if key is None:
        key = object()
    elif key in ties.timers:
        ties.timers[key].cancel()
    if len(ties.timers) >= TIMERS_MAX:
        raise TimersFull(cell.path, TIMERS_MAX)
    timer = ties.timers[key] = Timer(cell, seconds, message, key, repeats=repeats)
    return timer
