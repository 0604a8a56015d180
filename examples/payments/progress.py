"""How far the day is."""

import sys

BAR_WIDTH = 40


class ProgressBar:
    """How far the day is, on a terminal; where nobody looks, nothing."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._step = max(total // 200, 1)
        self._shown = sys.stderr.isatty()

    def show(self, number: int) -> None:
        """Draws it again, if it looks different by now."""
        if self._shown and (number % self._step == 0 or number == self._total):
            filled = BAR_WIDTH * number // self._total
            sys.stderr.write(f"\r[{'=' * filled}{' ' * (BAR_WIDTH - filled)}] {number:,} of {self._total:,} orders ")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leaves the line to the report."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
