"""
One taking-down of an actor: to stop it, or to restart it. What was asked, how long it may take, and how it ended.

One stop timeout covers the actor's own handler, the draining of its queue and its last hook. The clock stands still while
its children stop, since they have timeouts of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..supervision import Exit
from .pending import Pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from .alarms import Alarm, Alarms


class Ending:
    """
    Attributes:
        restart: The actor is taken down to be started again; its ref and mailbox stay.
        exit: How it ends, as asked for: normal or shutdown.
        cause: What `on_restart` is told.
        drain: What is queued is handled first.
        begun: The last handler has ended, and the taking-down goes on without turns.
        killed: The time is over: what still runs is cancelled.
        error: A failure on the way; it makes the exit failed.
    """

    __slots__ = (
        "_alarm",
        "_alarms",
        "_left",
        "_since",
        "_waiting",
        "begun",
        "cause",
        "drain",
        "error",
        "exit",
        "killed",
        "restart",
        "ripe",
    )

    def __init__(self, exit: Exit, *, restart: bool, cause: BaseException | None = None, drain: bool = False) -> None:  # noqa: A002
        self.exit: Exit = exit
        self.restart: bool = restart
        self.cause: BaseException | None = cause
        self.drain: bool = drain
        self.begun: bool = False
        self.killed: bool = False
        self.error: BaseException | None = None
        self._waiting: list[Pending] = []
        self.ripe: Callable[[], object] | None = None
        self._alarm: Alarm | None = None
        self._alarms: Alarms | None = None
        self._left = math.inf
        self._since = 0.0

    def start_clock(self, alarms: Alarms, seconds: float, out_of_time: Callable[[], object]) -> None:
        """Calls *out_of_time* when *seconds* have passed in which the clock ran."""
        self._alarms = alarms
        self.ripe = out_of_time
        self._left = seconds
        self.resume_clock()

    def pause_clock(self) -> None:
        """Children stop now: their time is not this actor's."""
        if self._alarm is not None and self._alarms is not None:
            self._left -= self._alarms.clock() - self._since
            self._alarm.cancel()
            self._alarm = None

    def resume_clock(self) -> None:
        """The actor's own time runs again."""
        if self._alarms is not None and self.ripe is not None and not self.killed:
            self._since = self._alarms.clock()
            self._alarm = self._alarms.after(max(0.0, self._left), self.ripe)

    def stop_clock(self) -> None:
        """It is over."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self.ripe = None

    def until_over(self) -> Pending:
        """What is settled when the actor is dead, or taken down for its restart. One for each who waits."""
        over = Pending()
        self._waiting.append(over)
        return over

    def is_over(self) -> None:
        """The actor is down: all who wait for that go on."""
        self.stop_clock()
        waiting, self._waiting = self._waiting, []
        for over in waiting:
            over.settle()

    def final_exit(self) -> Exit:
        """How it did end."""
        if self.killed:
            return Exit("killed", self.error)
        if self.error is not None:
            return Exit("failed", self.error)
        return self.exit
