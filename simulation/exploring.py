"""
Exploring: many seeds of one target, in one process or several, and what they found.

Every seed is a run of its own, so that the seeds are split among processes without a word between them. The report is the same
however many there are.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from attrs import asdict, define, field

from .coverage import Coverage
from .run import Outcome, Target, run_once
from .strategies import AnyOrderStrategy, StrategyChoice

VIOLATIONS_KEPT: Final = 10
"""Runs with a violation whose tape is kept in a report; the others are counted."""

RUNS_A_COLLECTION: Final = 16
"""After so many runs what they have left is collected."""

SEEDS_A_BATCH: Final = 16
"""Seeds that a process is given at once."""


@define(eq=False)
class Report:
    """
    What came of many runs.

    Args:
        target: Its name.
        strategy: Which one proposed who runs.
        seeds: How many runs there were.
        violations: How many found something.
        found: The first of these, by seed.
        steps: Of all runs.
        messages: Of all runs, between nodes.
        virtual_seconds: Of all runs.
        cpu_seconds: What they cost.
        fired: Which faults came, and how often.
        message_types: What was sent between nodes, and how often.
        kinds: Which oracles were broken, in how many runs.
        coverage: How much of what can happen they were, if every order was explored.
    """

    target: str
    strategy: str
    seeds: int = 0
    violations: int = 0
    found: list[Outcome] = field(factory=list[Outcome])
    steps: int = 0
    messages: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    fired: Counter[str] = field(factory=Counter[str])
    message_types: Counter[str] = field(factory=Counter[str])
    kinds: Counter[str] = field(factory=Counter[str])
    coverage: Coverage | None = None

    @property
    def first(self) -> Outcome | None:
        """The violation with the lowest seed."""
        return self.found[0] if self.found else None

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.seeds += 1
        self.steps += outcome.steps
        self.messages += outcome.messages
        self.virtual_seconds += outcome.seconds
        self.fired.update(outcome.fired)
        self.message_types.update(outcome.message_types)
        if outcome.violation is not None:
            self.violations += 1
            self.kinds[f"{outcome.violation.kind} {outcome.violation.name}"] += 1
            self.found = sorted([*self.found, outcome], key=lambda one: one.seed)[:VIOLATIONS_KEPT]

    def as_json(self) -> dict[str, Any]:
        """The report for programs. Without tapes, which have files of their own."""
        plain = asdict(self, recurse=False)
        plain["fired"] = dict(sorted(self.fired.items()))
        plain["message_types"] = dict(sorted(self.message_types.items()))
        plain["kinds"] = dict(sorted(self.kinds.items()))
        plain["found"] = [
            {"seed": one.seed, "violation": None if one.violation is None else asdict(one.violation), "digest": one.digest, "mix": one.mix}
            for one in self.found
        ]
        plain["coverage"] = None if self.coverage is None else asdict(self.coverage)
        return plain

    def __str__(self) -> str:
        fired = ", ".join(f"{count} {kind}" for kind, count in sorted(self.fired.items())) or "none"
        rate = self.seeds / self.cpu_seconds if self.cpu_seconds else 0.0
        lines = [
            f"{self.target}: {self.seeds} seeds, {self.violations} violations ({self.strategy}; {rate:.0f} seeds a CPU second)",
            f"  {self.steps} steps, {self.messages} messages, {self.virtual_seconds:.1f} virtual seconds; faults: {fired}",
        ]
        if self.coverage is not None:
            lines.insert(1, f"  {self.coverage}")
        lines += [f"  {count} x {kind}" for kind, count in sorted(self.kinds.items())]
        if self.first is not None:
            lines.append(f"  seed {self.first.seed}: {self.first.violation}")
        return "\n".join(lines)


def explore(
    target: Target,
    seeds: int | Iterable[int] = 1000,
    *,
    strategy: str = "portfolio",
    jobs: int = 1,
    stops_at_first: bool = False,
    on_outcome: Callable[[Outcome], object] | None = None,
) -> Report:
    """
    Runs *target* once for each seed.

    Guarantees:
        * The report does not depend on *jobs*, but for the time that it took.

    Args:
        target: Describes the cluster.
        seeds: Which; a number n: 0 to n - 1.
        strategy: As for `run_once`.
        jobs: Processes; on systems that cannot fork, one.
        stops_at_first: Ends with the first violation. With several jobs those that run at that time still count.
        on_outcome: Called with each outcome, in no order if there are several jobs.
    """
    wanted = range(seeds) if isinstance(seeds, int) else tuple(seeds)
    any_order = StrategyChoice(strategy).for_seed(0)
    if isinstance(any_order, AnyOrderStrategy):
        from .exhaustive import explore_orders, explore_states  # noqa: PLC0415  # it needs the report that is defined here

        every = explore_states if any_order.counts_states else explore_orders
        return every(target, bound=any_order.bound, runs_max=len(wanted), stops_at_first=stops_at_first, on_outcome=on_outcome)
    report = Report(getattr(target, "__name__", repr(target)), strategy)
    began = time.process_time()
    for outcome, cpu_seconds in _outcomes(target, wanted, strategy, jobs, stops_at_first):
        report.add(outcome)
        report.cpu_seconds += cpu_seconds
        if on_outcome is not None:
            on_outcome(outcome)
        if stops_at_first and outcome.violation is not None:
            break
    if jobs == 1:
        report.cpu_seconds = time.process_time() - began
    return report


def _outcomes(target: Target, seeds: Sequence[int], strategy: str, jobs: int, stops: bool) -> Iterator[tuple[Outcome, float]]:
    if jobs == 1 or "fork" not in multiprocessing.get_all_start_methods():
        with collected_seldom() as collect:
            for seed in seeds:
                yield run_once(target, seed, strategy=strategy), 0.0
                collect()
        return
    batches = [seeds[start : start + SEEDS_A_BATCH] for start in range(0, len(seeds), SEEDS_A_BATCH)]
    run_batch = partial(_run_batch, target, strategy, stops)
    _INHERITED.append(run_batch)  # by the processes that are forked: a target need not be picklable
    try:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            for outcomes in pool.imap_unordered(_run_inherited, [(len(_INHERITED) - 1, batch) for batch in batches]):
                yield from outcomes
    finally:
        _INHERITED.pop()


_INHERITED: list[Callable[[Sequence[int]], list[tuple[Outcome, float]]]] = []


def _run_inherited(batch: tuple[int, Sequence[int]]) -> list[tuple[Outcome, float]]:
    index, seeds = batch
    return _INHERITED[index](seeds)


def _run_batch(target: Target, strategy: str, stops: bool, seeds: Sequence[int]) -> list[tuple[Outcome, float]]:
    outcomes: list[tuple[Outcome, float]] = []
    with collected_seldom() as collect:
        for seed in seeds:
            began = time.process_time()
            outcome = run_once(target, seed, strategy=strategy)
            collect()
            outcomes.append((outcome, time.process_time() - began))
            if stops and outcome.violation is not None:
                break
    return outcomes


@contextmanager
def collected_seldom() -> Generator[Callable[[], None]]:
    """
    Python's collector does not come by itself in this block, but when as many runs have ended as are worth its while: it
    cost a third of a short run. What was there before is not looked through.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    ended = 0

    def collect() -> None:
        nonlocal ended
        ended += 1
        if ended % RUNS_A_COLLECTION == 0:
            gc.collect()

    try:
        yield collect
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
