"""
The dispatcher of a simulated cluster: one for the cells of all nodes, so that a message from node to node costs no switch of tasks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from ..actors.cell import CLOSED, Cell
from ..actors.dispatcher import Dispatcher, Worker

if TYPE_CHECKING:
    from .schedule import Schedule, SimulationPolicy
    from .world import World

QUIET = logging.getLogger("trouper.simulation")
"""Where simulated nodes log: nothing, unless its level is lowered. What happens in a run is in its trace."""
QUIET.setLevel(logging.CRITICAL + 1)

UNLIMITED = 1 << 40
"""Handlers that may wait on trio in one run."""


class Conductor(Dispatcher):
    """
    Runs the cells of all nodes.

    Args:
        world: The run.
        policy: Who runs next.
    """

    is_awake: bool

    def __init__(self, world: World, policy: SimulationPolicy) -> None:
        super().__init__(policy, max_suspended=UNLIMITED, slow_handler=1.0, log=QUIET)
        self.world: World = world
        self.schedule: Schedule = policy.new_ready_queue()
        self._order = world.order
        world.wake = self.wake

    def wake(self) -> None:
        """
        Something is ready, or due. Idempotent: to ask whether anybody is ready lets time pass, so that whoever asks before it wakes
        a worker may find that one is awake by now. Two that believed to have the baton would run at a time.
        """
        if not self.is_awake:
            super().wake()

    async def _park(self, me: Worker) -> None:
        """If nobody runs but tasks of trio, it waits behind them, not until it is woken: that would be a tick of trio's more."""
        order = self._order
        if self.is_awake or not (order.batch or order.runnable):
            await super()._park(me)
            return
        self.is_awake = True
        order.last = me.task
        await trio.lowlevel.checkpoint()

    def _adjust_share(self, cell: Cell, took: float) -> None:
        """A turn is one message, whatever the slice."""

    def report_slow(self, cell: Cell, item: Any, seconds: float) -> None:
        """A handler took long in virtual time."""
        cell.dispatcher.report_slow(cell, item, seconds)

    async def _stay_with(self, me: Worker, cell: Cell, trap: object) -> None:
        """A handler waits on trio."""
        self.world.on_trio(cell.path)
        await super()._stay_with(me, cell, trap)

    def _let_go_of(self, me: Worker, cell: Cell, value: Any, error: BaseException | None) -> None:
        node: Any = cell.dispatcher
        if not node.is_dead:
            super()._let_go_of(me, cell, value, error)
            return
        me.cell = None  # its node has crashed: nothing follows from how the handler ended
        cell.worker = None
        cell.held = None
        cell.state = CLOSED  # so that nobody looks for its worker, such as a background task of it that fails as late
        if not self.is_awake:
            self.is_awake = True
            me.has_baton = True
        self._count_suspended(-1)
