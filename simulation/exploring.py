"""
Exploring: many seeds of one target, in one process or several, and what they found.

Every seed is a run of its own, so that the seeds are split among processes without a word between them. The report is the same
however many there are.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from functools import partial
from types import FrameType
from typing import Final

from attrs import define

from ..errors import TrouperError
from .collecting import collected_seldom
from .exhaustive import fill
from .orders import OrderSearch
from .report import Report
from .run import Outcome, Target, run_once
from .states import StateSearch
from .strategies import AnyOrderStrategy, StrategyChoice
from .workers import Failure, Timed, attempt, in_processes

JOBS_MAX: Final = 256
"""Processes of one exploration."""


@define(eq=False)
class RunFailed(TrouperError):
    """A run could not be made: its target raised, or something else that no oracle judges. It is no violation."""

    target: str
    seed: int
    error: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.target}, seed {self.seed}, could not be run: {self.error}\n{self.traceback}"


def explore(
    target: Target,
    seeds: int | Iterable[int] = 1000,
    *,
    strategy: str = "portfolio",
    jobs: int = 1,
    stops_at_first: bool = False,
    on_outcome: Callable[[Outcome], object] | None = None,
    into: Report | None = None,
) -> Report:
    """
    Runs *target* once for each seed.

    Guarantees:
        * The report does not depend on *jobs*, but for the time that it took.
        * Ctrl-C is heard between two runs; a second one at once.

    Args:
        target: Describes the cluster.
        seeds: Which; a number n: 0 to n - 1. With ``exhaustive`` and ``states`` only how many runs there may be.
        strategy: As for `run_once`. ``exhaustive:1`` is `explore_orders` with bound 1, and ``states:1`` `explore_states`, in one process.
        jobs: Processes, at most 256; on systems that cannot fork, one.
        stops_at_first: Ends with the first violation. With several jobs those that run at that time still count.
        on_outcome: Called with each outcome, in no order if there are several jobs.
        into: The report that is filled, for those who want what came until an error or Ctrl-C; a new one by default.

    Raises:
        RunFailed: The target raised.
        WorkerDied: A process ended in a run.
        UnknownStrategy: There is no such strategy.
        NotExplored: Every order is asked for of a cluster for which nobody could tell it.
        ValueError: *jobs* is below 1 or above 256, or there are no seeds.
        TypeError: A seed is no whole number.
    """
    if not isinstance(jobs, int) or not 1 <= jobs <= JOBS_MAX:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"jobs must be a whole number from 1 to {JOBS_MAX}, not {jobs!r}.")
    wanted = range(seeds) if isinstance(seeds, int) else tuple(seeds)
    if not wanted:
        raise ValueError("There are no seeds: nothing would be run, and nothing found.")
    if not all(isinstance(seed, int) for seed in wanted):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"Seeds are whole numbers, not {wanted!r}.")
    name = getattr(target, "__name__", repr(target))
    report = Report(name, strategy) if into is None else into
    any_order = StrategyChoice(strategy).for_seed(0)
    if isinstance(any_order, AnyOrderStrategy):
        search = StateSearch() if any_order.counts_states else OrderSearch()
        fill(report, target, search, any_order.bound, runs_max=len(wanted), stops_at_first=stops_at_first, on_outcome=on_outcome)
        return report
    run = partial(run_once, target, strategy=StrategyChoice(strategy))
    is_alone = jobs == 1 or "fork" not in multiprocessing.get_all_start_methods()
    report.ended = "error"
    try:
        with closing(_here(run, wanted) if is_alone else in_processes(run, wanted, jobs)) as outcomes:
            for outcome, cpu_seconds in outcomes:
                if isinstance(outcome, Failure):
                    raise RunFailed(report.target, outcome.seed, outcome.error, outcome.traceback) from outcome.cause
                report.add(outcome, cpu_seconds)
                if on_outcome is not None:
                    on_outcome(outcome)
                if stops_at_first and outcome.violation is not None:
                    report.ended = "first violation"
                    return report
    except KeyboardInterrupt:
        report.ended = "interrupted"
        raise
    report.ended = "all seeds"
    return report


def _here(run: Callable[[int], Outcome], seeds: Sequence[int]) -> Generator[Timed]:
    with collected_seldom() as collect, _interrupted_between_runs() as check:
        for seed in seeds:
            check()
            began = time.process_time()
            outcome = attempt(run, seed)
            collect()
            yield outcome, time.process_time() - began


@contextmanager
def _interrupted_between_runs() -> Generator[Callable[[], None]]:
    """The first Ctrl-C is kept until the run is over: in a run it would come up in some handler, whose supervisor knows better."""
    was_heard = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal was_heard
        if was_heard:
            signal.default_int_handler(number, frame)
        was_heard = True

    def check() -> None:
        if was_heard:
            raise KeyboardInterrupt

    is_usual = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual:
        signal.signal(signal.SIGINT, hear)
    try:
        yield check
        check()
    finally:
        if is_usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
