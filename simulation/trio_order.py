"""
trio under a simulation's control: which task runs first in a tick is a draw, and whether any task can run is known.

Stock trio takes all runnable tasks as a batch and only reverses it or not, by a coin. With a private flag, made for Hypothesis, it sorts
them by their age and hands them to a private generator's `shuffle`. That generator is replaced for the time of a run by an object that
draws from the tape. `tests/simulation/test_determinism.py` fails when one of the private names is gone.
"""

from __future__ import annotations

from collections.abc import Generator
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
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._batch: list[Any] = []
        self._runner: Any = None

    def shuffle(self, batch: list[Any]) -> None:
        """Called by trio with the tasks of one tick, the oldest first; it takes them from the end."""
        batch.reverse()
        for last in range(len(batch) - 1, 0, -1):
            chosen = last - self._tape.draw(last + 1, "task")
            batch[last], batch[chosen] = batch[chosen], batch[last]
        self._batch = batch

    def random(self) -> float:
        """What trio asks a generator for where it does not shuffle."""
        return 0.0

    def attach(self) -> None:
        """From now on it speaks of the run of trio that this is called in."""
        self._runner = INTERNALS.GLOBAL_RUN_CONTEXT.runner

    @property
    def is_idle(self) -> bool:
        """Whether no task of trio can run but the one that asks."""
        return not self._batch and not self._runner.runq

    @property
    def next_deadline(self) -> float:
        """When the next cancel scope of trio expires, in seconds of its clock."""
        return self._runner.deadlines.next_deadline()  # type: ignore[no-any-return]


@contextmanager
def ordered_by(order: TaskOrder) -> Generator[None]:
    """Has *order* decide in all runs of trio that begin in this block. Everything is as before after it."""
    before = INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r
    INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r = True, order
    try:
        yield
    finally:
        INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r = before
