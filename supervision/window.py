"""
How many restarts are too many: OTP's sliding window, as a pure function of (history, now).

From OTP's supervisor: more than MaxR restarts within MaxT seconds and the supervisor gives up. The history belongs to the
caller (one budget a supervisor), so that the rule is data and a test needs no clock.
"""

from __future__ import annotations

from collections import deque

from attrs import field, frozen

from .amounts import count, real


@frozen
class RestartWindow:
    """
    Admits up to *max_restarts* restarts in any *within* seconds.

    Guarantees:
        * A restart exactly *within* seconds old still counts: the boundary is included.
        * A history never holds more than ``max_restarts + 1`` times.

    Args:
        max_restarts: At least 0; 0 admits none.
        within: Seconds, above 0; `math.inf` counts for ever.

    Raises:
        ValueError: A number out of range, or NaN.
        TypeError: Not a number.
    """

    max_restarts: int = field(validator=count)
    within: float = field(validator=real(0, or_equal=False))

    def admit(self, history: deque[float], now: float) -> bool:
        """
        Adds a restart to the history, and says whether it is within the limit. False: the supervisor gives up.

        Args:
            history: The times of earlier restarts, oldest first, empty at the supervisor's start. Changed in place:
                it forgets those that no longer count, and gains *now*, refused or not.
            now: Seconds, on a clock that never goes back.
        """
        history.append(now)
        while now - history[0] > self.within:
            history.popleft()
        if len(history) <= self.max_restarts:
            return True
        if len(history) > self.max_restarts + 1:  # refused before, asked again: the newest max_restarts + 1 decide
            history.popleft()
        return False
