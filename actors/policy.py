"""
Who runs next, for how long, and when trio gets its turn: the one object that a simulator replaces.

In production: first come first served, and the clock. Everything that could differ between two runs of the same program
beyond its inputs is asked here: the ready queue decides the order, the clock the end of a slice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from .cell import Cell

TURN_MAX: Final = 64
"""Messages of one actor that are handled before the next ready actor has its turn."""


class ReadyQueue(Protocol):
    """Where ready cells wait. `popleft` chooses."""

    def append(self, cell: Cell, /) -> None:
        """A cell has become ready."""

    def popleft(self) -> Cell:
        """The cell that runs next."""
        ...

    def __len__(self) -> int:
        """How many are ready."""
        ...


class Policy:
    """
    First come first served; a slice ends when *slice_seconds* have passed.

    Args:
        slice_seconds: For how long actors run before trio's I/O, timers and threads have their turn.
    """

    turn_max: int = TURN_MAX
    clock: Callable[[], float] = staticmethod(perf_counter)
    """What slices are measured with, in seconds. Not the clock of timers."""

    def __init__(self, slice_seconds: float) -> None:
        self.slice_seconds = slice_seconds

    def new_ready_queue(self) -> ReadyQueue:
        """An empty queue of ready cells."""
        return deque[Any]()
