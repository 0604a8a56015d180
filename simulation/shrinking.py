"""
Shrinking: from a run that broke something to a small one that breaks the same.

The tape is cut into one stream of values a label, so that to take a fault away does not turn every later choice into another one. Then
whole kinds of choices are made benign, in the order in which people think: nodes and clients that are not needed, operations of clients,
faults, the schedule and randomness, latencies. What is left is zeroed piece by piece. A smaller run counts only if the same oracle
is broken in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import frozen

from ..errors import TrouperError
from .run import Outcome, Target, run_once, run_streams
from .tape import Draw

RUNS_MAX: Final = 600
"""Runs that a shrinking may cost by default."""

Streams: TypeAlias = dict[str, list[int]]

FAULTS: Final = ("mix:", "fault", "skew:", "loss", "duplicate", "tail")
SCHEDULE: Final = ("step", "task", "random:")
LATENCIES: Final = ("latency",)


class NothingToShrink(TrouperError):
    """The record breaks nothing; the text says what to do."""


@frozen
class Shrunk:
    """
    What a shrinking came to.

    Args:
        before: The run that it began with.
        after: The smallest that was found; its draws replay it.
        runs: How many it took.
    """

    before: Outcome
    after: Outcome
    runs: int

    def __str__(self) -> str:
        nonzero = _size(self.after)[1], _size(self.before)[1]
        return (
            f"{self.after.count} of {self.before.count} events and {nonzero[0]} of {nonzero[1]} choices that are not benign are left, "
            f"after {self.runs} runs: {self.after.violation}"
        )


def shrink(target: Target, record: Sequence[Draw], *, runs_max: int = RUNS_MAX) -> Shrunk:
    """
    Looks for a smaller run in which the same oracle is broken.

    Guarantees:
        * What comes out breaks the same oracle as what went in, and is not larger.

    Args:
        target: Describes the cluster.
        record: The tape of the run that broke it.
        runs_max: How many runs it may take.

    Raises:
        NothingToShrink: The record breaks nothing.
    """
    before = run_once(target, 0, record=record, keeps=True)
    if before.violation is None:
        raise NothingToShrink("This run breaks nothing: record one that does with 'trouper simulate --record'.")
    shrinker = _Shrinker(target, before, runs_max)
    shrinker.shrink()
    return Shrunk(before, shrinker.best, shrinker.runs)


def _streams(draws: Sequence[Draw]) -> Streams:
    streams: Streams = {}
    for draw in draws:
        streams.setdefault(draw.label, []).append(draw.value)
    return streams


def _size(outcome: Outcome) -> tuple[int, int]:
    return outcome.count, sum(1 for draw in outcome.draws if draw.value and not draw.label.startswith(("skips: ", "absent: ")))


class _Shrinker:
    def __init__(self, target: Target, before: Outcome, runs_max: int) -> None:
        assert before.violation is not None
        self.best: Outcome = before
        self.runs: int = 0
        self._target = target
        self._broken = before.violation.kind, before.violation.name
        self._runs_max = runs_max

    def shrink(self) -> None:
        """All passes, again and again until none helps."""
        size = None
        while size != _size(self.best) and self.runs < self._runs_max:
            size = _size(self.best)
            self._leave_out("absent: ")
            self._skip_operations()
            self._calm(FAULTS)
            self._calm(SCHEDULE)
            self._calm(LATENCIES)
            for label in sorted(_streams(self.best.draws)):
                if not label.startswith(("skips: ", "absent: ")):
                    self._piecewise(label, 0)

    def _try(self, streams: Streams) -> bool:
        if self.runs >= self._runs_max:
            return False
        self.runs += 1
        outcome = run_streams(self._target, streams, keeps=True)
        violation = outcome.violation
        if violation is None or (violation.kind, violation.name) != self._broken or _size(outcome) >= _size(self.best):
            return False
        self.best = outcome
        return True

    def _edited(self, label: str, edit: Callable[[list[int]], list[int]]) -> bool:
        streams = _streams(self.best.draws)
        values = streams.get(label)
        if values is None:
            return False
        edited = edit(list(values))
        if edited == values:
            return False
        streams[label] = edited
        return self._try(streams)

    def _labels(self, prefixes: Sequence[str]) -> list[str]:
        return sorted(label for label in _streams(self.best.draws) if label.startswith(tuple(prefixes)))

    def _leave_out(self, prefix: str) -> None:
        for label in self._labels((prefix,)):
            self._edited(label, lambda _values: [1])

    def _skip_operations(self) -> None:
        for label in self._labels(("skips: ",)):
            self._piecewise(label, 1)

    def _calm(self, prefixes: Sequence[str]) -> None:
        labels = self._labels(prefixes)
        streams = _streams(self.best.draws)
        if self._try(streams | {label: [] for label in labels}):
            return
        for label in labels:
            self._edited(label, lambda _values: [])

    def _piecewise(self, label: str, value: int) -> None:
        """Sets pieces of a stream to *value*, large ones first."""
        piece = len(_streams(self.best.draws).get(label, []))
        while piece >= 1 and self.runs < self._runs_max:
            start = 0
            while start < len(_streams(self.best.draws).get(label, [])) and self.runs < self._runs_max:
                self._edited(label, partial(_set_piece, start=start, piece=piece, value=value))
                start += piece
            piece //= 4 if piece > 16 else 2


def _set_piece(values: list[int], *, start: int, piece: int, value: int) -> list[int]:
    part = values[start : start + piece]
    return values[:start] + [value] * len(part) + values[start + piece :]
