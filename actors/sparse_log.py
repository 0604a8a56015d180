"""Logging what may happen a million times: the first few in full, then a summary a minute."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from .alarms import Alarms

SAID_IN_FULL: Final = 10
"""Events that are logged one by one; those after them are summed up."""

SUMMARY_SECONDS: Final = 60.0
"""How often they are summed up."""


class SparseLog:
    """
    One kind of event on one logger.

    Args:
        log: Where to.
        alarms: What the summaries are timed with.
        level: Of the logger.
        what: The event's name in summaries, in the plural.
    """

    def __init__(self, log: logging.Logger, alarms: Alarms, level: int, what: str) -> None:
        self._log = log
        self._alarms = alarms
        self._level = level
        self._what = what
        self._said = 0
        self._unsaid: dict[str, int] = {}

    def says_in_full(self, kind: str) -> bool:
        """Whether the caller logs this one; if not, it is counted under *kind* for the next summary."""
        if self._said < SAID_IN_FULL:
            self._said += 1
            return True
        if not self._unsaid:
            self._alarms.after(SUMMARY_SECONDS, self.sum_up)
        self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
        return False

    @trio.lowlevel.enable_ki_protection
    def sum_up(self) -> None:
        """Logs how many there were since the last time, if any."""
        if self._unsaid:
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self._unsaid.items()))
            self._log.log(self._level, "%s: %d more (%s)", self._what, sum(self._unsaid.values()), kinds)
            self._unsaid.clear()
