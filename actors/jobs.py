"""A hook to be run as a turn of its actor: in the actor's context, one thing at a time, with whatever trio offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from .cell import CLOSED, READY, Cell
from .pending import Pending


class Job(Pending):
    """One call of a hook. Settled with what it returned or raised."""

    __slots__ = ("arguments", "call", "cancelled")

    def __init__(self, target: Cell, call: Callable[..., Any], arguments: tuple[Any, ...], *, cancelled: bool) -> None:
        Pending.__init__(self, target)
        self.call: Callable[..., Any] = call
        self.arguments: tuple[Any, ...] = arguments
        self.cancelled: bool = cancelled


@trio.lowlevel.enable_ki_protection
def run_hook(cell: Cell, call: Callable[..., Any], *arguments: Any, cancelled: bool = False) -> Job:
    """
    Has *call* run by the cell's next turn.

    Args:
        cancelled: An async hook runs in a cancelled scope: its time is over before it begins.
    """
    assert cell.state == CLOSED, cell.state
    assert cell.held is None
    job = Job(cell, call, arguments, cancelled=cancelled)
    cell.held = cell.dispatcher.driver_of(job)
    cell.state = READY
    cell.dispatcher.make_ready(cell)
    return job
