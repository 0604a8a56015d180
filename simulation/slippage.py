"""
Slippage: a smaller run that breaks the same oracle for another reason, since the shrinker took away what the oracle relies on.

A node that is never there breaks "all nodes agree in the end" without any bug. (The name is from "Taming Compiler Fuzzers", Chen et al.,
PLDI 2013.) So a knob may be turned only as far as the author of the simulation would believe the run:

* Operations of clients may be left out where safety is broken: a client need not ask.
* Nodes may be down, or late, where they may crash. Where they may not, then only if the messages to them may be lost, or there are none.
* Whatever else is changed must not break the oracle by itself: some run of the changed cluster must hold, the calm one or one under a
  few seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from . import knobs
from .oracles import Violation
from .run import Outcome

Streams: TypeAlias = Mapping[str, Sequence[int]]

SAFETY: Final = ("always", "linearizable")
"""Kinds of violations that what does not happen cannot cause."""


SEEDS: Final = (None, 1, 2, 3, 4, 5, 6)
"""Under which a changed cluster is looked at; None is the calm run."""


class Run(Protocol):
    """Runs the cluster with these streams, and zeros; or, with a seed, with what it draws."""

    def __call__(self, streams: Streams, seed: int | None) -> Outcome:
        """One run."""
        ...


def same(one: Violation | None, other: Violation | None) -> bool:
    """Whether both are of the same oracle, in the same way: that it was not satisfied, or that it raised the same."""
    if one is None or other is None:
        return one is other
    return (one.kind, one.name, _raised(one)) == (other.kind, other.name, _raised(other))


def _raised(violation: Violation) -> str:
    name = violation.text.partition(":")[0]
    return name if name.isidentifier() and name[0].isupper() else ""


class Slippage:
    """
    Judges which knobs may be turned.

    Args:
        found: The run that is shrunk.
        run: Runs the cluster.
    """

    def __init__(self, found: Outcome, run: Run) -> None:
        assert found.violation is not None
        self._violation = found.violation
        self._is_safety = found.violation.kind in SAFETY
        labels = {draw.label for draw in found.draws}
        self._may_crash = "mix: crashes" in labels
        self._may_lose = "mix: partitions" in labels or any(label.startswith(("mix: loss", "loss: ")) for label in labels)
        self._run = run
        self._always_breaks: dict[str, bool] = {}

    def has_slipped(self, smaller: Outcome) -> bool:
        """Whether *smaller*, in which the same oracle is broken, may be broken only by the knobs that are turned in it."""
        streams: dict[str, list[int]] = {}
        for draw in smaller.draws:
            if knobs.is_knob(draw.label):
                streams.setdefault(draw.label, []).append(draw.value)
        doubtful = [label for label in knobs.turned(streams) if not self._is_beyond_doubt(label)]
        if not doubtful:
            return False
        missing = [label.partition(": ")[2] for label in doubtful if label.startswith(knobs.OF_NODES)]
        if any(_is_missed(name, smaller) for name in missing) and not (self._may_crash or self._may_lose):
            return True
        return self._breaks(knobs.turned(streams))

    def _is_beyond_doubt(self, label: str) -> bool:
        if not self._is_safety:
            return False
        if label.startswith(knobs.OF_NODES):
            return self._may_crash
        return label not in {knobs.SKIPPED_CALLS, knobs.SHORTENED}

    def _breaks(self, streams: Streams) -> bool:
        """Whether the oracle is broken in whatever run of the changed cluster."""
        key = repr(sorted(streams.items()))
        if key not in self._always_breaks:
            self._always_breaks[key] = all(same(self._run(streams, seed).violation, self._violation) for seed in SEEDS)
        return self._always_breaks[key]


def _is_missed(name: str, outcome: Outcome) -> bool:
    """Whether a message to a node that was down was lost, or somebody was told that it is down."""
    return any(
        (event.kind == "dropped" and event.node == name and event.text == "node is down")
        or (event.kind == "step" and event.what == "Terminated" and f"node '{name}'" in event.text)
        for event in outcome.events
    )
