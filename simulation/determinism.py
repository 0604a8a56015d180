"""
Whether a target is deterministic: the same seed in two processes that differ in everything that must not matter.

The processes have different hash seeds, and what they hold in memory lies elsewhere. Where their traces part, the first event that differs
is named, and the last step before it: whose handler it was that did not do the same twice.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from ..errors import TrouperError
from ..system.targets import find_target
from .run import run_once

SECONDS_MAX: Final = 600
"""How long one process may take."""

PROGRAM: Final = "import sys; from trouper.simulation.determinism import bear_witness; bear_witness(sys.argv[1:])"
PROCESSES: Final = (("1", "0"), ("2", "50000"))
"""The hash seed, and how many objects are put into memory before."""


@frozen
class Divergence:
    """
    Where two runs of one seed parted.

    Args:
        seed: Which.
        index: How many events were the same.
        first: The event of one process; empty: it had no more.
        second: That of the other.
        after: The last step before: the actor that was given the message, and which.
    """

    seed: int
    index: int
    first: str
    second: str
    after: str

    def __str__(self) -> str:
        return (
            f"seed {self.seed} is not deterministic: event {self.index} is\n  {self.first or 'missing'}\nin one process and\n"
            f"  {self.second or 'missing'}\nin another. Before it came\n  {self.after or 'nothing'}\n"
            "Look there for the order of a set, id(), a clock or randomness that does not come from the context, or something that "
            "outlives a run."
        )


class CheckFailed(TrouperError):
    """A process that was to run the target did not; the text is what it said."""


def check_determinism(place: str, seeds: Sequence[int], *, strategy: str = "portfolio") -> Divergence | None:
    """
    Runs the seeds in two processes each, and compares.

    Args:
        place: Where the target is: ``MODULE:NAME`` or ``FILE.py:NAME``.
        seeds: Which.
        strategy: As for `run_once`.

    Raises:
        CheckFailed: A process did not end well.
    """
    numbers = [str(seed) for seed in seeds]
    digests = [_witness(process, place, strategy, "digest", numbers) for process in PROCESSES]
    for seed, one, other in zip(seeds, *digests, strict=True):
        if one != other:
            return _parted(seed, *(_witness(process, place, strategy, "events", [str(seed)]) for process in PROCESSES))
    return None


def _parted(seed: int, one: list[str], other: list[str]) -> Divergence:
    index = next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))
    steps = [event for event in one[:index] if event.split()[1] in ("step", "resumed")]
    first, second = (events[index] if index < len(events) else "" for events in (one, other))
    return Divergence(seed, index, first.strip(), second.strip(), steps[-1].strip() if steps else "")


def _witness(process: tuple[str, str], place: str, strategy: str, what: str, seeds: list[str]) -> list[str]:
    hash_seed, noise = process
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(  # noqa: S603  # this Python, on what the caller named
        [sys.executable, "-c", PROGRAM, place, strategy, what, noise, *seeds],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    if ended.returncode:
        raise CheckFailed(f"{place} did not run: {ended.stderr.strip().splitlines()[-1] if ended.stderr else ended.returncode}")
    return ended.stdout.splitlines()


def bear_witness(arguments: Sequence[str]) -> None:
    """What each process does: a line for each seed with the hash of its trace, or a line for each event of one seed."""
    place, strategy, what, noise, *seeds = arguments
    kept = [[object() for _ in range(number % 7)] for number in range(int(noise))]  # everything lies elsewhere
    found: Any = find_target(place)
    target = getattr(found, "simulation", found)
    for seed in seeds:
        outcome = run_once(target, int(seed), strategy=strategy, keeps=what == "events")
        lines = [str(event).replace("\n", " ") for event in outcome.events] if what == "events" else [outcome.digest]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    kept.clear()
    gc.collect()
