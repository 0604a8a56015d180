"""
Shrinking: from a run that broke something to a small one that breaks the same.

The tape is cut into one stream of values a label, so that to take a fault away does not turn every later choice into another one. What is
left out, in the order in which people think: faults, nodes, operations of clients, the schedule and randomness, latencies. Then numbers
are made smaller, nodes and clients late, and other runs of the cluster that is left are tried. A smaller run counts only if the same oracle
is broken in it, and not because of what was left out (see `Slippage`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from attrs import frozen

from ..errors import TrouperError
from . import knobs
from .run import Outcome, Target, run_on, run_once
from .slippage import Slippage, same
from .strategies import StrategyChoice
from .tape import Draw, StreamTape

RUNS_MAX: Final = 1500
"""Runs that a shrinking may cost by default."""

OTHER_RUNS: Final = 24
"""How many other runs of what is left are tried at a time."""

Streams: TypeAlias = dict[str, list[int]]
Place: TypeAlias = tuple[str, int]
"""A choice: its label, and which of its label it is."""

FAULTS: Final = ("mix:", "fault", "skew:", "drift:", "disk:", "loss", "duplicate", "tail")
SCHEDULE: Final = ("step", "task", "thread", "random:")
LATENCIES: Final = ("latency",)
KEPT: Final[tuple[tuple[str, ...], ...]] = (("mix:",), FAULTS, (), (*FAULTS, *LATENCIES))
"""Which choices another run keeps, besides the knobs: these in turn."""

DELAYS: Final = (knobs.LATE, knobs.LATE_CLIENT, knobs.SHORTENED)
"""Knobs by which the times of a run shift."""

ABSENT: Final = (knobs.ABSENT, knobs.ABSENT_CLIENT)
"""Knobs by which there are fewer nodes, and clients."""

OTHERS_EACH: Final = 3
"""How many other runs are tried where something was left out and the run broke nothing any more."""

WORTH_A_DISTURBANCE: Final = 0.9
"""A run with more disturbances than before is taken only if it has at most this part of the events: these are hard to read too."""

LARGEST: Final = 1 << 60
"""More than any number of choices: a tape takes it for the last of them."""

WITH_AN_ORDER: Final = ("fault", "random:")
"""Labels of which a choice may be taken out, so that those behind it come earlier."""


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
        nonzero = _size(self.after)[2], _size(self.before)[2]
        return (
            f"{self.after.count} of {self.before.count} events and {nonzero[0]} of {nonzero[1]} choices that are not benign are left, "
            f"after {self.runs} runs: {self.after.violation}"
        )


def shrink(
    target: Target, record: Sequence[Draw], *, runs_max: int = RUNS_MAX, on_run: Callable[[int, Outcome], object] | None = None
) -> Shrunk:
    """
    Looks for a smaller run in which the same oracle is broken.

    Guarantees:
        * What comes out breaks the same oracle as what went in, and has no more events.
        * The same record is shrunk to the same run.

    Not guaranteed:
        * That there is no smaller one.

    Args:
        target: Describes the cluster.
        record: The tape of the run that broke it.
        runs_max: How many runs it may take.
        on_run: Called after each with how many there were, and the smallest so far.

    Raises:
        NothingToShrink: The record breaks nothing.
    """
    before = run_once(target, 0, record=record, keeps=True)
    if before.violation is None:
        raise NothingToShrink("This run breaks nothing: record one that does with 'trouper simulate --record'.")
    shrinker = _Shrinker(target, before, runs_max, on_run)
    shrinker.shrink()
    return Shrunk(before, shrinker.best, shrinker.runs)


def _streams(draws: Sequence[Draw]) -> Streams:
    streams: Streams = {}
    for draw in draws:
        streams.setdefault(draw.label, []).append(draw.value)
    return streams


def _size(outcome: Outcome) -> tuple[int, int, int, int]:
    """Events, nodes that are there, choices that are not benign, and how large these are: the smaller, the better."""
    absent = sum(draw.value for draw in outcome.draws if draw.label.startswith(ABSENT))
    values = [draw.value for draw in outcome.draws if draw.value and not knobs.is_knob(draw.label)]
    return outcome.count, -absent, len(values), sum(values)


class _Shrinker:
    def __init__(self, target: Target, before: Outcome, runs_max: int, on_run: Callable[[int, Outcome], object] | None) -> None:
        self.best: Outcome = before
        self.runs: int = 0
        self._target = target
        self._runs_max = runs_max
        self._on_run = on_run
        self._knobs: dict[str, int] = {}
        self._violation = before.violation
        self._slippage = Slippage(before, lambda streams, seed: self._run(streams, seed, events_max=math.inf))
        self._seed = 0
        self._tried: set[bytes] = set()
        self._fineness = 8  # into how many pieces a row of choices is cut at most

    @property
    def _is_over(self) -> bool:
        return self.runs >= self._runs_max

    def shrink(self) -> None:
        """All passes, again and again until none helps."""
        self._try(_streams(self.best.draws))  # tells which knobs there are
        while not self._is_over:
            before = _size(self.best)
            self._leave_out()
            if self.best.count > before[0] * 0.9:
                self._trim()
            if _size(self.best) == before and self._fineness >= len(self.best.draws):
                return
            if self.best.count > before[0] * 0.9:  # what is left is for smaller steps
                self._fineness *= 4

    def _leave_out(self) -> None:
        self._calm(FAULTS)
        for prefix in (knobs.ABSENT, knobs.ABSENT_CLIENT, knobs.SKIPPED):
            self._turn(prefix)
        self._calm(SCHEDULE)
        self._calm(LATENCIES)
        self._try_others()

    def _trim(self) -> None:
        for prefix in (knobs.SHORTENED, knobs.LATE, knobs.LATE_CLIENT):
            self._delay(prefix)
        self._slow_down()
        self._take_out()
        self._lower()

    # One run

    def _run(self, streams: Mapping[str, Sequence[int]], seed: int | None = None, *, events_max: float) -> Outcome:
        """One run of what is left."""
        self.runs += 1
        tape = StreamTape(streams, seed)
        strategy = StrategyChoice("fifo" if seed is None else "portfolio")
        outcome = run_on(self._target, tape, strategy, keeps=True, events_max=events_max)
        for label, times in tape.knobs.items():
            self._knobs[label] = max(times, self._knobs.get(label, 0))
        if self._on_run is not None:
            self._on_run(self.runs, self.best)
        return outcome

    def _try(self, streams: Streams, seed: int | None = None, *, below: float = math.inf) -> bool:
        key = sha256(repr((seed, sorted(streams.items()))).encode()).digest()
        if self._is_over or key in self._tried:
            return False
        self._tried.add(key)
        outcome = self._run(streams, seed, events_max=self.best.count)  # a larger one is of no use
        is_smaller = same(outcome.violation, self._violation) and _size(outcome) < _size(self.best) and outcome.count < below
        if not is_smaller or self._slippage.has_slipped(outcome):
            return False
        self.best = outcome
        return True

    def _try_or_others(self, streams: Streams, held: Iterable[str] = (), *, below: float = math.inf) -> bool:
        """
        Tries these streams, or else other runs with the same knobs and *held*: what was left out often breaks the fit of what is left.
        """
        if self._try(streams, below=below):
            return True
        turned = {label: values for label, values in streams.items() if knobs.is_knob(label) or label in held}
        if any(self._try(turned | _kept(streams, kept), self._next_seed(), below=below) for kept in KEPT[:OTHERS_EACH]):
            return True
        punctual = {label: values for label, values in turned.items() if not label.startswith(DELAYS)}
        return punctual != turned and any(self._try(punctual, self._next_seed(), below=below) for _ in range(OTHERS_EACH))

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed

    # Passes

    def _places(self, prefixes: Sequence[str]) -> list[Place]:
        """The choices that are not benign."""
        streams = _streams(self.best.draws)
        return [
            (label, place)
            for label in sorted(streams)
            if label.startswith(tuple(prefixes))
            for place, value in enumerate(streams[label])
            if value
        ]

    def _calm(self, prefixes: Sequence[str]) -> None:
        """Makes choices benign."""
        self._set(self._places(prefixes), 0, self._try)

    def _turn(self, prefix: str) -> None:
        """Turns knobs."""
        streams = _streams(self.best.draws)
        labels = [label for label in self._knobs if label.startswith(prefix)]
        places = [(label, place) for label in labels for place in range(self._knobs[label])]
        self._set([(label, place) for label, place in places if not _value(streams, label, place)], 1, self._try_or_others)

    def _set(self, places: list[Place], value: int, attempt: Callable[[Streams], bool]) -> None:
        """Sets choices to *value*: all, or else halves of them, and so on."""
        piece = len(places)
        while piece * self._fineness >= len(places) and piece and not self._is_over:
            for start in range(0, len(places), piece):
                streams = _streams(self.best.draws)
                for label, place in places[start : start + piece]:
                    _put(streams, label, place, value)
                if streams != _streams(self.best.draws):
                    attempt(streams)
            piece //= 2

    def _delay(self, prefix: str) -> None:
        """Makes nodes or clients late, or the run shorter, by as much as there is to gain."""
        for label in [label for label in self._knobs if label.startswith(prefix)]:
            end_ms = int(self.best.seconds * 1000)
            for part in (0.9, 0.5, 0.25, 0.1, 0.05):
                streams = _streams(self.best.draws)
                now_ms = _value(streams, label, 0)
                later_ms = now_ms + int((end_ms - now_ms) * part)
                if later_ms > now_ms:
                    self._try_or_others(streams | {label: [later_ms]})

    def _take_out(self) -> None:
        """Takes choices out of their streams, so that those behind them come earlier."""
        for label in sorted(label for label in _streams(self.best.draws) if label.startswith(WITH_AN_ORDER)):
            piece = length = len(_streams(self.best.draws).get(label, []))
            while piece * self._fineness >= length and piece and not self._is_over:
                start = 0
                while start < len(_streams(self.best.draws).get(label, [])) and not self._is_over:
                    streams = _streams(self.best.draws)
                    values = streams[label]
                    if not any(values[start:]):
                        break
                    streams[label] = values[:start] + values[start + piece :]
                    if not self._try(streams):
                        start += piece
                piece //= 2

    def _lower(self) -> None:
        """Makes numbers smaller, by halves."""
        places = [(label, place) for label, place in self._places(("",)) if not knobs.is_knob(label)]
        for label, place in places[: self._fineness]:
            low, high = 0, _value(_streams(self.best.draws), label, place)
            while high - low > 1 and not self._is_over:
                middle = (low + high) // 2
                streams = _streams(self.best.draws)
                _put(streams, label, place, middle)
                if self._try(streams):
                    high = _value(_streams(self.best.draws), label, place)
                else:
                    low = middle
                if high < 4 or high - low < high // 8:
                    break

    def _slow_down(self) -> None:
        """Makes messages of a link slow, all but the last ones, or loses them: what they lead to comes too late to be seen."""
        for label in sorted(label for label in _streams(self.best.draws) if label.startswith("latency: ")):
            link = label.partition(": ")[2]
            for spared in (0, 1, 2, 4):
                streams = _streams(self.best.draws)
                count = max(0, len(streams.get(label, ())) - spared)
                slow = {f"{what}: {link}": [LARGEST] * count for what in ("latency", "tail", "tail length")}
                lost = {f"loss: {link}": [1] * count} if f"loss: {link}" in streams else {}
                worth_it = self.best.count * WORTH_A_DISTURBANCE
                if count and any(self._try_or_others(streams | done, done, below=worth_it) for done in (slow, lost) if done):
                    break

    def _try_others(self) -> None:
        """Other runs of what is left."""
        for number in range(OTHER_RUNS):
            streams = _streams(self.best.draws)
            turned = {label: values for label, values in streams.items() if knobs.is_knob(label)}
            below = self.best.count * WORTH_A_DISTURBANCE
            self._try(turned | _kept(streams, KEPT[number % len(KEPT)]), self._next_seed(), below=below)


def _kept(streams: Streams, prefixes: tuple[str, ...]) -> Streams:
    return {label: values for label, values in streams.items() if label.startswith(prefixes)}


def _value(streams: Streams, label: str, place: int) -> int:
    values = streams.get(label, [])
    return values[place] if place < len(values) else 0


def _put(streams: Streams, label: str, place: int, value: int) -> None:
    values = streams.setdefault(label, [])
    if place >= len(values):
        values += [0] * (place + 1 - len(values))
    values[place] = value
