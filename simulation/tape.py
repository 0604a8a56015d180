"""
The tape: every choice of a simulated run, in the order in which the choices were made.

A run is a function of its tape, so that to record is to be able to replay, and to shrink is to edit a list of numbers. 0 is the benign
value of every draw (the first in the queue, the shortest latency, no fault): a tape of zeros is the calmest run that there is.

Behind it is one seeded generator, of which only `random()` is used: its numbers are the same in every version of Python, those of its
other methods need not be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, Literal

from attrs import frozen

AfterTheRecord = Literal["seed", "benign"]
"""What a replay draws when its record is over, or fits no longer: from the seed, or nothing but zeros."""

FRACTIONS: Final = 1 << 53
"""How many values `Tape.fraction` has: as many as a float below one can tell apart."""


@frozen
class Draw:
    """One choice: the *value* that was drawn out of *n*, for what."""

    label: str
    n: int
    value: int


@frozen
class Departure:
    """
    Where a replay left its record: the code that is replayed is not the code that was recorded.

    Args:
        index: How many draws had been replayed.
        recorded: The draw of the record.
        label: What the run wanted to draw instead.
        n: Out of how many.
        place: The last that had happened in the run: when, on which node, in which actor.
    """

    index: int
    recorded: Draw
    label: str
    n: int
    place: str

    def __str__(self) -> str:
        after = f" after {self.place!r}" if self.place else ""
        return (
            f"draw {self.index} of the record is {self.recorded.value} of {self.recorded.n} for {self.recorded.label!r}, but the run drew "
            f"one of {self.n} for {self.label!r}{after}: the code has changed since it was recorded. From there on the run followed its "
            "seed."
        )


class Tape:
    """
    Draws choices and keeps them; replays them if it was given a record.

    Guarantees:
        * The same seed and the same sequence of draws give the same values, in every process and version of Python.
        * A record whose labels and sizes fit is followed to its end. Where it fits no longer, or is over, the run goes on
          with draws of its own, and `departure` says where it left the record (its mere end is no departure).

    Args:
        seed: Of the generator.
        record: What to replay; empty: nothing.
        after: Where draws come from when the record is over.
    """

    def __init__(self, seed: int, record: Sequence[Draw] = (), *, after: AfterTheRecord = "seed") -> None:
        self.seed: int = seed
        self.departure: Departure | None = None
        self.place: Callable[[], str] = str  # tells what has happened last; a run sets it
        self._random: Callable[[], float] = Random(seed).random
        self._after = after
        self._record = record
        self._left = len(record)  # draws of the record that are still to be replayed
        self._labels: list[str] = []
        self._sizes: list[int] = []
        self._values: list[int] = []

    def __len__(self) -> int:
        return len(self._values)

    def begins_with(self, label: str) -> bool:
        """Whether the first draw of the record is for *label*."""
        return bool(self._record) and self._record[0].label == label

    @property
    def draws(self) -> list[Draw]:
        """What was drawn so far: the record of this run."""
        return [Draw(label, n, value) for label, n, value in zip(self._labels, self._sizes, self._values, strict=True)]

    def draw(self, n: int, label: str) -> int:
        """One of 0 to n - 1, each as probable as the others. With n = 1 nothing is drawn."""
        if n <= 1:
            return 0
        if self._left:
            return self._replay(n, label, None)
        value = int(self._random() * n) if self._after == "seed" or not self._record else 0
        self._labels.append(label)
        self._sizes.append(n)
        self._values.append(value)
        return value

    def choose(self, n: int, label: str, propose: Callable[[int], int]) -> int:
        """One of 0 to n - 1, that *propose* names unless the record does: how a strategy draws. With n = 1 nothing is drawn."""
        if n <= 1:
            return 0
        if self._left:
            return self._replay(n, label, propose)
        value = propose(n) if self._after == "seed" or not self._record else 0
        self._labels.append(label)
        self._sizes.append(n)
        self._values.append(value)
        return value

    def chance(self, probability: float, label: str) -> bool:
        """True with *probability*. Below or at 0 nothing is drawn."""
        if probability <= 0.0:
            return False
        return self.choose(2, label, lambda _: int(self._random() < probability)) == 1

    def fraction(self, label: str) -> float:
        """A number of 0.0 to below 1.0."""
        return self.draw(FRACTIONS, label) / FRACTIONS

    def knob(self, n: int, label: str) -> int:
        """
        One of 0 to n - 1 that only a shrinker turns: 0 in every other run, where it is no draw.

        It is on the record iff it was turned somewhere in the run, so that a record without it stays one when knobs are added.
        """
        if self._left:
            recorded = self._record[len(self._record) - self._left]
            if recorded.label == label and recorded.value < n:
                return self._replay(n, label, None)
        return 0

    def _replay(self, n: int, label: str, propose: Callable[[int], int] | None) -> int:
        index = len(self._record) - self._left
        recorded = self._record[index]
        if recorded.label != label or recorded.value >= n:
            self._left = 0
            self.departure = Departure(index, recorded, label, n, self.place())
            return self.draw(n, label) if propose is None else self.choose(n, label, propose)
        self._left -= 1
        self._labels.append(label)
        self._sizes.append(n)
        self._values.append(recorded.value)
        return recorded.value


class StreamTape(Tape):
    """
    A tape whose choices come from one stream a label, so that a change of one kind of choices leaves the others in place.

    Args:
        streams: The values of each label in order. What is too large is the largest there is.
        seed: Where the values of labels without a stream come from. None: they are 0, as is what is missing from a stream.
    """

    def __init__(self, streams: Mapping[str, Sequence[int]], seed: int | None = None) -> None:
        super().__init__(seed or 0)
        self.knobs: dict[str, int] = {}
        self._streams = {label: iter(values) for label, values in streams.items()}
        self._is_benign = seed is None

    def begins_with(self, label: str) -> bool:
        """Whether there is a choice for *label* at all."""
        return label in self._streams

    def draw(self, n: int, label: str) -> int:
        """The next of its label."""
        return 0 if n <= 1 else self._next(n, label, lambda n: int(self._random() * n))

    def choose(self, n: int, label: str, propose: Callable[[int], int]) -> int:
        """The next of its label, whatever is proposed."""
        return 0 if n <= 1 else self._next(n, label, propose)

    def knob(self, n: int, label: str) -> int:
        """The next of its label, and 0 without a record if there is no such stream. `knobs` says which were asked for, and how often."""
        self.knobs[label] = self.knobs.get(label, 0) + 1
        return self._next(n, label, _benign) if n > 1 and label in self._streams else 0

    def _next(self, n: int, label: str, propose: Callable[[int], int]) -> int:
        stream = self._streams.get(label)
        value = min(next(stream, 0), n - 1) if stream is not None else 0 if self._is_benign else propose(n)
        self._labels.append(label)
        self._sizes.append(n)
        self._values.append(value)
        return value


def _benign(_n: int) -> int:
    return 0
