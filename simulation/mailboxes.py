"""
A mailbox that is full although little waits in it.

Its slots are taken away, not filled: what waits is handled, what takes no slot (timers, notices of deaths, control) comes in, and every way
in for messages finds no room, as in a mailbox whose actor is far behind.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from ..actors.cell import EMPTY_PLAIN, UP, Cell
from ..actors.door import admit


class _NoneReady:
    """In the place of the pool of queues: the hot path of `tell` takes a queue from a pool that has one, without a look at the limit."""

    __slots__ = ("_is_made_anew", "pool")

    def __init__(self, cell: Cell) -> None:
        self.pool: Any = cell.pool
        self._is_made_anew = cell.pool is not cell.dispatcher.deques  # a priority queue, which no pool keeps

    def __bool__(self) -> bool:
        return False

    def append(self, queue: Any) -> None:
        """It is used again."""
        self.pool.append(queue)

    def pop(self) -> Any:
        """For what takes no slot."""
        return self.pool.pop() if self._is_made_anew or self.pool else deque[Any]()


def may_be_full(cell: Cell) -> bool:
    """Whether its mailbox ever refuses: one that drops the oldest does not."""
    return cell.spec.mailbox.on_full != "drop_oldest"


def fill_mailbox(cell: Cell) -> None:
    """From now on it has no room."""
    cell.pool = _NoneReady(cell)
    cell.limit -= cell.spec.mailbox.capacity
    cell.plain = EMPTY_PLAIN  # an ask is not run in place, as if the actor were idle


def free_mailbox(cell: Cell) -> None:
    """It has room again, and who waited for it goes on."""
    cell.pool = cell.pool.pool
    cell.limit += cell.spec.mailbox.capacity
    if cell.phase == UP and not (cell.ties is not None and cell.ties.behaviours):
        cell.plain = cell.handler_table.plain
    runtime: Any = cell.dispatcher
    if not runtime.is_dead:
        runtime.here.run(admit, cell)
