"""
trio under a simulation's control: which task runs first in a tick is a draw, and whether any task can run is known.

Stock trio takes all runnable tasks as a batch and only reverses it or not, by a coin. With a private flag, made for Hypothesis, it sorts
them by their age and hands them to a private generator's `shuffle`. That generator is replaced for the time of a run by an object that
draws from the tape. `tests/simulation/test_determinism.py` fails when one of the private names is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

import trio

from .tape import Tape

INTERNALS: Any = trio._core._run  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType]


class TaskOrder:
    """
    In which order trio runs the tasks that can run.

    Args:
        tape: Where the order is drawn; a tape of zeros runs them by age.

    Attributes:
        batch: The tasks of this tick that have not run yet.
        runnable: Those of the next tick.
        last: Runs behind all others of the next tick: who lets time pass, when they have nothing to run any more.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.batch: list[Any] = []
        self.runnable: Collection[Any] = ()
        self.last: Any = None
        self._deadlines: Any = None

    def shuffle(self, batch: list[Any]) -> None:
        """Called by trio with the tasks of one tick, the oldest first; it takes them from the end."""
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

    def random(self) -> float:
        """What trio asks a generator for where it does not shuffle."""
        return 0.0

    def attach(self) -> None:
        """From now on it speaks of the run of trio that this is called in."""
        runner = INTERNALS.GLOBAL_RUN_CONTEXT.runner
        self.runnable = runner.runq
        self._deadlines = runner.deadlines

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
