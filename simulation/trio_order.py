"""
trio under a simulation's control: which task runs first in a tick is a draw, whether any task can run is known, and tasks of nodes
that stand still are held back.

Stock trio takes all runnable tasks as a batch and only reverses it or not, by a coin. With a private flag, made for Hypothesis, it sorts
them by their age and hands them to a private generator's `shuffle`. That generator is replaced for the time of a run by an object that
draws from the tape. `tests/simulation/test_determinism.py` fails when one of the private names is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final

import trio

from .errors import SimulationStuck
from .tape import Tape

INTERNALS: Any = trio._core._run  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType]

TICKS_A_MOMENT_MAX: Final = 200_000
"""Ticks of trio in which no time passes, after which some task is taken for one that never waits, or swallows its cancellation."""


class TaskOrder:
    """
    In which order trio runs the tasks that can run.

    Args:
        tape: Where the order is drawn; a tape of zeros runs them by age.
        now: The time of the world.

    Attributes:
        batch: The tasks of this tick that have not run yet.
        runnable: Those of the next tick.
        last: Runs behind all others of the next tick: who lets time pass, when they have nothing to run any more.
    """

    def __init__(self, tape: Tape, now: Callable[[], float]) -> None:
        self._tape = tape
        self._now = now
        self._moment = 0.0
        self._ticks = 0
        self.batch: list[Any] = []
        self.runnable: Collection[Any] = ()
        self.last: Any = None
        self._runner: Any = None
        self._deadlines: Any = None
        self._held: dict[Any, list[Any]] = {}  # by the task that is held: those that would run, it or what it has started

    def shuffle(self, batch: list[Any]) -> None:
        """Called by trio with the tasks of one tick, the oldest first; it takes them from the end."""
        self._count()
        if self._held:
            self._take_held(batch)
        last, self.last = self.last, None
        if last is not None:
            batch.remove(last)
        batch.reverse()
        for place in range(len(batch) - 1, 0, -1):
            chosen = place - self._tape.draw(place + 1, "task")
            batch[place], batch[chosen] = batch[chosen], batch[place]
        if last is not None:
            batch.insert(0, last)
        self.batch = batch

    def _count(self) -> None:
        now = self._now()
        if now != self._moment:
            self._moment, self._ticks = now, 0
        self._ticks += 1
        if self._ticks > TICKS_A_MOMENT_MAX:
            raise SimulationStuck(
                now, "a task of trio goes on and on while no time passes; does it sleep(0) in a circle, or catch Cancelled?"
            )

    def random(self) -> float:
        """What trio asks a generator for where it does not shuffle."""
        return 0.0

    def attach(self) -> None:
        """From now on it speaks of the run of trio that this is called in."""
        runner = self._runner = INTERNALS.GLOBAL_RUN_CONTEXT.runner
        self.runnable = runner.runq
        self._deadlines = runner.deadlines

    def hold(self, tasks: Iterable[Any]) -> None:
        """
        From now on these tasks do not run, nor do those in their nurseries; what wakes them waits. One that runs right now, in the
        middle of a turn in which its node crashes, goes on to the end of that: then it works for others.
        """
        running = getattr(INTERNALS.GLOBAL_RUN_CONTEXT, "task", None)
        for task in tasks:
            if task is not running:
                self._held.setdefault(task, [])
        self._take_held(self.batch)
        self._take_held(self._runner.runq)

    def release(self, tasks: Iterable[Any]) -> None:
        """They go on with what woke them meanwhile."""
        for task in tasks:
            self._runner.runq.extend(self._held.pop(task, ()))

    def release_all(self) -> None:
        """The run is over."""
        self.release(list(self._held))

    def _take_held(self, queue: Any) -> None:
        runnable = [task for task in queue if not self._is_held(task)]
        queue.clear()
        queue.extend(runnable)

    def _is_held(self, woken: Any) -> bool:
        task = woken
        while task not in self._held:
            if task.parent_nursery is None:
                return False
            task = task.parent_nursery.parent_task
        self._held[task].append(woken)
        return True

    @property
    def is_idle(self) -> bool:
        """Whether no task of trio can run but the one that asks."""
        return not self.batch and not self.runnable

    @property
    def next_deadline(self) -> float:
        """When the next cancel scope of trio expires, in seconds of its clock."""
        return self._deadlines.next_deadline()  # type: ignore[no-any-return]


@contextmanager
def ordered_by(order: TaskOrder) -> Generator[None]:
    """Has *order* decide in all runs of trio that begin in this block. Everything is as before after it."""
    before = INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r
    INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r = True, order
    try:
        yield
    finally:
        INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r = before
