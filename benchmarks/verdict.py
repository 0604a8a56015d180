"""
What two revisions' figures say about each other, as a pure function of them.

A regression is one that nobody can miss: the median is more than 10 % above the base's, and the middle halves of the rounds
do not overlap, so that the noise of the machine is not taken for it.
"""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Final

from attrs import field, frozen, validators

REGRESSION: Final = 0.10


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Where the middle half of *values* begins and ends. Of one value: that value."""
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = quantiles(values, n=4, method="inclusive")
    return first, third


@frozen
class Compared:
    """
    One work, in both revisions.

    Args:
        name: Its id.
        base: How many times the bare loop an operation took in each round, before; at least one.
        now: The same, now.
    """

    name: str
    base: Sequence[float] = field(validator=validators.min_len(1))
    now: Sequence[float] = field(validator=validators.min_len(1))

    @property
    def change(self) -> float:
        """How much longer it takes now: 0.1 is 10 % longer."""
        return median(self.now) / median(self.base) - 1

    @property
    def is_noise(self) -> bool:
        """Whether the middle halves overlap."""
        (base_low, base_high), (now_low, now_high) = quartiles(self.base), quartiles(self.now)
        return base_low <= now_high and now_low <= base_high

    @property
    def is_regression(self) -> bool:
        """Whether it became slower by more than 10 %, beyond noise."""
        return self.change > REGRESSION and not self.is_noise

    @property
    def word(self) -> str:
        """The verdict in a word, or nothing."""
        if self.is_regression:
            return "SLOWER"
        if self.is_noise:
            return ""
        return "faster" if self.change < -REGRESSION else ""


@frozen
class NotCompared:
    """A work that does not run in one of the revisions, or in none, and why."""

    name: str
    fails_in_base: bool
    fails_now: bool
    reason: str


Verdict = Compared | NotCompared


def is_failed(verdicts: Sequence[Verdict]) -> bool:
    """Whether something is slower, or does not run any more. What the base could not do yet is no failure."""
    return any(one.is_regression if isinstance(one, Compared) else one.fails_now for one in verdicts)


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts for people: medians, and the middle half of the rounds."""
    lines = [f"{'work':22}  {'base':>8}  {'now':>8}  {'change':>7}  {'base, middle half':>18}  {'now, middle half':>18}"]
    lines.append("  ".join("-" * width for width in (22, 8, 8, 7, 18, 18)))
    for one in verdicts:
        if isinstance(one, Compared):
            base, now = ("{:.1f}-{:.1f}".format(*quartiles(values)) for values in (one.base, one.now))
            medians = [f"x{median(values):.1f}" for values in (one.base, one.now)]
            row = f"{one.name:22}  {medians[0]:>8}  {medians[1]:>8}  {one.change:+7.1%}  {base:>18}  {now:>18}  {one.word}"
        else:
            where = "in both" if one.fails_now and one.fails_in_base else "now" if one.fails_now else "in the base"
            row = f"{one.name:22}  does not run {where}: {one.reason}"
        lines.append(row.rstrip())
    return "\n".join(lines)
