"""
`Reminders`: timers that outlive the program. Each is kept as an event, and its end is announced as a durable fact.

When the time comes, the end of the reminder and the fact are written together, so that it fires once; whoever must act on it follows
the log, or has a courier, and learns of it over any crash.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from attrs import define, field, frozen, validators

from ..actors.handles import handles
from ..actors.messages import Request
from .applies import applies
from .event_sourced import EventSourced
from .stored import stored

CHECKED_EVERY_SECONDS: Final = 3600.0
"""The wall clock is looked at so often at least: it may be set while a timer runs."""


def _is_a_moment(_remind: Remind, _attribute: object, at: float) -> None:
    if not math.isfinite(at):
        raise ValueError(f"A reminder is for a moment, in seconds since 1970, not for {at!r}.")


def _is_text(_remind: Remind, _attribute: object, text: str) -> None:
    text.encode()  # what the journal does with it


@frozen
class Remind(Request[None]):
    """
    Asks for a reminder. Answered when it is on the disk. One with the same key is replaced.

    Args:
        key: What it is known by.
        at: When: seconds since 1970, on the wall clock.
        note: What it is about, for whoever is reminded.

    Raises:
        ValueError, TypeError: No moment, or no text. Whoever asks is told, and the actor that keeps everybody's reminders is not.
    """

    key: str = field(validator=[validators.instance_of(str), _is_text])
    at: float = field(validator=_is_a_moment)
    note: str = field(default="", validator=[validators.instance_of(str), _is_text])


@frozen
class ForgetReminder(Request[bool]):
    """Takes a reminder back. The answer says whether it was still to come."""

    key: str


@stored("trouper.reminder-set")
@frozen
class ReminderSet:
    """An event: somebody wants to be reminded."""

    key: str
    at: float
    note: str


@stored("trouper.reminder-ended")
@frozen
class ReminderEnded:
    """An event: the reminder has fired, or was taken back."""

    key: str


@stored("trouper.reminder-due")
@frozen
class ReminderDue:
    """
    A durable fact: the time has come.

    Args:
        key: What the reminder is known by.
        at: When it was to come, in seconds since 1970.
        note: What it is about.
        late: Whether it comes later than it should, since the program did not run.
    """

    key: str
    at: float
    note: str
    late: bool


@frozen
class _Look:
    """To itself: something may be due."""


@define(eq=False)
class Reminders(EventSourced[Remind | ForgetReminder | _Look, ReminderSet | ReminderEnded]):
    """
    Keeps reminders: ``actor(Reminders, name="reminders")`` in a system with a journal.

    Guarantees:
        * A reminder that was answered fires once: by a durable fact `ReminderDue`, at its time or after, over restarts of the program.
        * One that was missed fires when the program runs again, marked late.
        * One that was taken back, or replaced, does not fire.

    Not guaranteed:
        * Accuracy beyond that of the timers of the runtime; on a wall clock that is set, it is noticed within the hour.

    Args:
        clock: The wall clock, in seconds since 1970.
        late_seconds: By how much a reminder is late that is marked so.
    """

    clock: Callable[[], float] = time.time
    late_seconds: float = 1.0
    _pending: dict[str, ReminderSet] = field(factory=dict[str, ReminderSet], init=False)
    _queue: list[tuple[float, str]] = field(factory=list[tuple[float, str]], init=False)

    async def on_recovered(self) -> None:
        """Fires what was missed, and waits for the next."""
        await self._fire()

    @handles(Remind)
    async def remind(self, command: Remind) -> None:
        """Keeps it."""
        await self.persist(ReminderSet(command.key, command.at, command.note))
        await self._fire()

    @handles(ForgetReminder)
    async def forget(self, command: ForgetReminder) -> bool:
        """Takes it back."""
        if command.key not in self._pending:
            return False
        await self.persist(ReminderEnded(command.key))
        return True

    @handles(_Look)
    async def look(self, _message: _Look) -> None:
        """Fires what is due."""
        await self._fire()

    @applies(ReminderSet)
    def on_set(self, event: ReminderSet) -> None:
        """It is to come."""
        self._pending[event.key] = event
        heappush(self._queue, (event.at, event.key))

    @applies(ReminderEnded)
    def on_ended(self, event: ReminderEnded) -> None:
        """It is over."""
        self._pending.pop(event.key, None)

    async def _fire(self) -> None:
        """Fires everything that is due, and sets the timer for the next."""
        while self._queue:
            at, key = self._queue[0]
            reminder = self._pending.get(key)
            if reminder is None or reminder.at != at:  # it was taken back, or replaced
                heappop(self._queue)
                continue
            seconds = at - self.clock()
            if seconds > 0:
                self.context.after(min(seconds, CHECKED_EVERY_SECONDS), _Look(), key=_Look)
                return
            due = ReminderDue(key, at, reminder.note, late=-seconds > self.late_seconds)
            await self.persist(ReminderEnded(key), publish=[due])
