"""
Seeds split among processes.

The processes are forked, so that a target need not be picklable and nothing is imported twice. Each has a pipe of its own, and a few seeds
in advance so that it never waits. One that dies is seen by the end of its pipe, and the seed at which it was is known: the pools of the
standard library wait for ever, or do not say which task it was.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
import traceback
from bisect import insort
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from ctypes import c_longlong
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Final, TypeAlias, cast

from attrs import define, evolve, frozen

from ..errors import TrouperError
from .collecting import collected_seldom
from .report import VIOLATIONS_KEPT
from .run import Outcome

SEEDS_A_BATCH: Final = 16
"""Seeds that a process is given at once; towards the end fewer, so that all end at the same time."""

BATCHES_AHEAD: Final = 2
"""That a process has: the one it works at and the next."""

SECONDS_BETWEEN_NEWS: Final = 0.1
"""How long a process keeps outcomes to itself, unless a run takes longer."""

SECONDS_TO_END: Final = 5.0
"""That a process has to end when there is nothing more to do."""

FRAMES_SHOWN: Final = 3
"""Of the traceback of a run that failed: the innermost."""


@frozen(eq=False)
class Failure:
    """A run that could not be made: its seed, what was raised, and the error itself if it is at hand."""

    seed: int
    error: str
    traceback: str
    cause: BaseException | None


Timed: TypeAlias = "tuple[Outcome | Failure, float]"
"""What came of a seed, and its CPU seconds."""


@define(eq=False)
class WorkerDied(TrouperError):
    """A process that ran seeds ended in the middle of one."""

    seed: int
    exit_code: int

    def __str__(self) -> str:
        how = signal.Signals(-self.exit_code).name if self.exit_code < 0 else f"exit code {self.exit_code}"
        memory = ": was the system out of memory?" if self.exit_code == -signal.SIGKILL else "."
        return (
            f"The process that ran seed {self.seed} ended with {how}{memory} "
            f"'trouper simulate TARGET --first-seed {self.seed} --seeds 1' makes this run alone."
        )


def attempt(run: Callable[[int], Outcome], seed: int) -> Outcome | Failure:
    """Makes a run, which may fail, but for Ctrl-C."""
    try:
        return run(seed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a target may raise anything, and exit
        text = "".join(traceback.format_exception(error, limit=-FRAMES_SHOWN))
        return Failure(seed, f"{type(error).__name__}: {error}", text, error)


def in_processes(run: Callable[[int], Outcome], seeds: Sequence[int], jobs: int) -> Generator[Timed]:
    """
    What came of *seeds*, in no order, from so many processes.

    Guarantees:
        * When it ends, is closed or raises, so have the processes.

    Raises:
        WorkerDied: One ended in the middle of a run.
    """
    batches = deque(_batches(seeds, jobs))
    workers: dict[Connection[Any, Any], _Worker] = {}
    try:
        for _ in range(min(jobs, len(batches))):
            worker = _Worker(run, list(workers))
            workers[worker.ours] = worker
        for _ in range(BATCHES_AHEAD):
            for worker in workers.values():
                worker.give(batches)
        while workers:
            for connection in wait(list(workers)):
                worker = workers[cast("Any", connection)]
                try:
                    outcomes, has_ended_batch = worker.ours.recv()
                except (EOFError, OSError):
                    worker.process.join(SECONDS_TO_END)
                    if worker.due:
                        raise WorkerDied(worker.seed.value, worker.process.exitcode or 0) from None
                    del workers[worker.ours]
                    continue
                if has_ended_batch:
                    worker.due -= 1
                    worker.give(batches)
                yield from outcomes
    finally:
        for worker in workers.values():
            worker.process.kill()
            worker.process.join()


def _batches(seeds: Sequence[int], jobs: int) -> Iterator[Sequence[int]]:
    start = 0
    while start < len(seeds):
        size = max(1, min(SEEDS_A_BATCH, (len(seeds) - start) // (4 * BATCHES_AHEAD * jobs)))
        yield seeds[start : start + size]
        start += size


class _Worker:
    """One process, seen from where it was started."""

    def __init__(self, run: Callable[[int], Outcome], others: Sequence[Connection[Any, Any]]) -> None:
        context = multiprocessing.get_context("fork")
        self.ours, theirs = context.Pipe()
        self.seed: Any = context.RawValue(c_longlong, -1)
        self.process: ForkProcess = context.Process(target=_work, args=(run, theirs, self.seed, [self.ours, *others]), daemon=True)
        self.due = 0  # batches that it was given and has not ended
        self.process.start()
        theirs.close()

    def give(self, batches: deque[Sequence[int]]) -> None:
        """The next batch, or word that there is none."""
        with suppress(OSError):  # it has died, which its pipe will say; or has ended, having heard that word
            if batches:
                self.ours.send(batches[0])
                batches.popleft()
                self.due += 1
            else:
                self.ours.send(None)


def _work(run: Callable[[int], Outcome], parent: Connection[Any, Any], current: Any, inherited: Sequence[Connection[Any, Any]]) -> None:
    """Runs what it is given until it is given None, or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal's processes; the parent ends these
    for connection in inherited:
        connection.close()
    kept: list[int] = []
    fresh: list[Timed] = []
    told = time.monotonic()
    with collected_seldom() as collect:
        while (seeds := _next_batch(parent)) is not None:
            for seed in seeds:
                current.value = seed
                began = time.process_time()
                outcome = _to_be_sent(attempt(run, seed), kept)
                collect()
                fresh.append((outcome, time.process_time() - began))
                if seed != seeds[-1] and time.monotonic() - told > SECONDS_BETWEEN_NEWS:
                    parent.send((fresh, False))
                    fresh, told = [], time.monotonic()
            parent.send((fresh, True))
            fresh, told = [], time.monotonic()


def _next_batch(parent: Connection[Any, Any]) -> Sequence[int] | None:
    try:
        batch: Sequence[int] | None = parent.recv()
    except EOFError:
        return None
    return batch


def _to_be_sent(outcome: Outcome | Failure, kept: list[int]) -> Outcome | Failure:
    """An outcome without the tape if that is not one of the first that are kept, and a failure without what cannot be pickled."""
    if isinstance(outcome, Failure):
        try:
            pickle.loads(pickle.dumps(outcome.cause))  # noqa: S301  # it is our own
        except Exception:  # noqa: BLE001  # whatever an error's class raises
            return evolve(outcome, cause=None)
        return outcome
    if outcome.violation is None:
        return outcome
    insort(kept, outcome.seed)
    if outcome.seed in kept[:VIOLATIONS_KEPT]:
        return outcome
    return evolve(outcome, draws=[])
