"""
How far an exploration is: a line of a terminal that is written again and again, or now and then a line of a log.

The line holds what fits: on a narrow terminal the bar goes first, then what is said last.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from typing import Final, TextIO

from .report import Report, count_of
from .run import Outcome

SECONDS_BETWEEN_LOOKS: Final = 0.1
"""Before the line of a terminal is written again."""

SECONDS_BETWEEN_LINES: Final = 10.0
"""Before another line of a log is written."""

BAR_MIN: Final = 10
BAR_MAX: Final = 30
"""Characters of the bar."""


class Progress:
    """
    Tells how far an exploration is.

    Args:
        report: What is filled meanwhile.
        seeds: How many there are.
        stream: Where it is told; the error stream by default.
    """

    def __init__(self, report: Report, seeds: int, stream: TextIO | None = None) -> None:
        self._report = report
        self._seeds = seeds
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._began = self._told = time.monotonic()
        self._has_told_of_violation = False

    def __call__(self, outcome: Outcome) -> None:
        """One more run is over."""
        now = time.monotonic()
        if outcome.violation is not None and not self._has_told_of_violation:
            self._has_told_of_violation = True
            self._write(f"seed {outcome.seed}: {str(outcome.violation).partition(chr(10))[0]}")
        if now - self._told >= (SECONDS_BETWEEN_LOOKS if self._is_terminal else SECONDS_BETWEEN_LINES):
            self._told = now
            if self._is_terminal:
                line = line_of(self._report, self._seeds, now - self._began, shutil.get_terminal_size().columns - 1)
                self._stream.write(f"\r\x1b[K{line}")
                self._stream.flush()
            else:
                self._write(line_of(self._report, self._seeds, now - self._began, 160))

    def close(self) -> None:
        """No more runs: the line goes away."""
        if self._is_terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _write(self, line: str) -> None:
        self.close()
        self._stream.write(f"{line}\n")
        self._stream.flush()


class ShrinkProgress:
    """
    Tells how far a shrinking is, on a terminal.

    Args:
        runs_max: How many runs it may take.
        stream: Where it is told; the error stream by default.
    """

    def __init__(self, runs_max: int, stream: TextIO | None = None) -> None:
        self._runs_max = runs_max
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._told = -math.inf

    def __call__(self, runs: int, smallest: Outcome) -> None:
        """One more run is over."""
        now = time.monotonic()
        if self._is_terminal and now - self._told >= SECONDS_BETWEEN_LOOKS:
            self._told = now
            self._stream.write(f"\r\x1b[K{runs} of at most {self._runs_max} runs, {smallest.count} events are left")
            self._stream.flush()

    def close(self) -> None:
        """It is over: the line goes away."""
        if self._is_terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def line_of(report: Report, seeds: int, seconds: float, width: int) -> str:
    """
    The line.

    Args:
        report: So far.
        seeds: How many there will be.
        seconds: Since the beginning, of real time.
        width: Characters that it may have.
    """
    rate = report.seeds / seconds if seconds > 0 else 0.0
    parts = [
        f"{report.seeds * 100 // seeds:3}%",
        f"{report.seeds}/{seeds} seeds",
        count_of(report.violations, "violation"),
        f"{rate:.0f} seeds/s",
    ]
    if rate:
        parts.append(f"{_duration((seeds - report.seeds) / rate)} left")
    if report.possible_faults:
        parts.append(f"faults {len(report.possible_faults) - len(report.never_fired)}/{len(report.possible_faults)}")
    if report.declared:
        parts.append(f"messages {len(report.handled)}/{len(report.declared)}")
    while len(parts) > 1 and len("  ".join(parts)) > width:
        parts.pop()
    line = "  ".join(parts)[:width]
    room = min(BAR_MAX, width - len(line) - 3)
    if room < BAR_MIN:
        return line
    full = report.seeds * room // seeds
    return f"[{'#' * full}{'.' * (room - full)}] {line}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
