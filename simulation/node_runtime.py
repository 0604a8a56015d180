"""
The runtime of one life of a simulated node: that of any system (its own tree, registry, stream, accounts, timers), but who runs and
which worker runs it is the conductor's matter.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from contextvars import Context as Contextvars
from typing import TYPE_CHECKING, Any

import trio

from ..actors.alarms import Alarms
from ..actors.cell import GONE, Cell
from ..actors.resolving import HERE
from ..actors.runtime import Runtime
from ..actors.sparse_log import SparseLog
from ..registry import Address
from ..supervision import ChildSpec
from .conductor import QUIET, UNLIMITED, Conductor
from .node_alarms import NodeAlarms
from .randomness import EnumeratedRandom, TapedRandom

if TYPE_CHECKING:
    from ..actors import ActorRef
    from .schedule import Schedule
    from .world import World


class NodeRuntime(Runtime):
    """
    The runtime of one life of a node: from its start, or restart, to its crash.

    Args:
        name: Of the node.
        life: How often it had been started, this time included.
        world: The run.
        conductor: Runs its cells.
        rate: How fast its clock runs: 1.01 gains ten milliseconds a second.
        resolve_foreign: Gives the refs of actors on other nodes.
        on_collapse: Called when a guardian fails.
        on_interrupt: Called with what a handler raised that is no failure of its actor.
    """

    # Invariant: is_open iff its cells may run when they like: it is neither paused nor slow nor dead.

    def __init__(
        self,
        name: str,
        life: int,
        world: World,
        conductor: Conductor,
        *,
        rate: float,
        ask_timeout: float,
        resolve_foreign: Callable[[Address], ActorRef[Any]],
        on_collapse: Callable[[BaseException], None],
        on_interrupt: Callable[[BaseException], None],
    ) -> None:
        self.name: str = name
        self.life: int = life
        self.world: World = world
        self.rate: float = rate
        self.is_open: bool = True
        self.is_paused: bool = False
        self.is_dead: bool = False
        self.after_sending: Callable[[], object] | None = None  # where it may crash
        self.cells: list[Cell] = []
        self._conductor = conductor
        self._schedule = conductor.schedule
        self._resolve_foreign = resolve_foreign
        self._withheld: list[Cell] = []
        self._cells_for: dict[type, tuple[int, list[Cell]]] = {}
        self._found: dict[str, Cell] = {}
        self._has_missed_alarms = False
        self._held: list[trio.lowlevel.Task] = []
        self._turn_seconds = 0.0
        self._turn_is_due = False
        self._set_at = world.now  # when the clock began to run as it does
        self._set_to = world.now  # and what it showed then
        super().__init__(
            f"{name}@{life}",
            conductor.policy,
            (TapedRandom if world.keeps_time else EnumeratedRandom)(world.tape, f"random:{name}"),
            ask_timeout=ask_timeout,
            slow_handler=math.inf,
            max_suspended=UNLIMITED,
            on_collapse=on_collapse,
            on_interrupt=on_interrupt,
        )
        self.log: logging.Logger = QUIET
        node_alarms = NodeAlarms(self)
        self.alarms: Alarms = node_alarms
        self._node_alarms = node_alarms
        self._ring = node_alarms.ring_now
        self._look_again = node_alarms.look_again
        self.dead_letter_log: SparseLog = SparseLog(QUIET, self.alarms, logging.WARNING, "dead letters")
        self.failure_log: SparseLog = SparseLog(QUIET, self.alarms, logging.ERROR, "failures")
        self.deques: deque[deque[Any]] = conductor.deques
        self.blocked: deque[Cell] = conductor.blocked
        self.is_awake: bool = True  # the schedule wakes the conductor
        self.here: Contextvars = self.new_contextvars()
        self.here.run(HERE.set, self)
        self._contextvars.run(HERE.set, self)

    # Time

    def local_time(self) -> float:
        """Seconds since its start by its own clock, and as many as the world had then."""
        return self._set_to + (self.world.now - self._set_at) * self.rate

    def world_time(self, local: float) -> float:
        """When its own clock has come to *local*, and not a rounding error before, if it goes on as it does."""
        if local == math.inf:
            return local
        world = self._set_at + (local - self._set_to) / self.rate
        while self._set_to + (world - self._set_at) * self.rate < local:
            world = math.nextafter(world, math.inf)
        return world

    def next_due(self) -> float:
        """When something of its own is due, in seconds of the world."""
        return self.world_time(self._node_alarms.next_due())

    def run_at(self, rate: float) -> None:
        """From now on its clock runs at another rate. What it shows does not jump."""
        self._set_to, self._set_at = self.local_time(), self.world.now
        self.rate = rate
        self._look_again()

    def has_sent(self) -> None:
        """A message is on its way; what waits for that moment happens."""
        call, self.after_sending = self.after_sending, None
        if call is not None:
            call()

    def alarms_due(self) -> None:
        """Something of its own is due, unless that has changed meanwhile."""
        if self.is_paused:
            self._has_missed_alarms = True
        elif not self.is_dead:
            self.here.run(self._ring)

    # Who runs

    def wake(self) -> None:
        """The conductor's matter."""
        self._conductor.wake()

    def may_hold(self) -> bool:
        """Whether the handler that runs right now may be suspended by the runtime."""
        return self._conductor.may_hold()

    def end_slice_early(self) -> None:
        """Who asks from another node is not outside: the network wakes it."""

    def withhold(self, cell: Cell) -> None:
        """A cell became ready while the node is paused or slow, or after it crashed."""
        if not self.is_dead:
            self._withheld.append(cell)
            self._arrange_turn()

    def new_cell(self, spec: ChildSpec[Any], parent: Cell, name: str) -> Cell:
        """A cell, which is remembered for those who look at the actors of the node."""
        cell = super().new_cell(spec, parent, name)
        self.cells.append(cell)
        self.world.changes += 1
        return cell

    def forget(self, cell: Cell) -> None:
        """The actor is dead."""
        super().forget(cell)
        self._conductor.schedule.forget(cell)

    def cells_for(self, kind: type) -> list[Cell]:
        """The cells that may have an instance of *kind*: oracles ask after every step."""
        known, cells = self._cells_for.get(kind, (0, []))
        if known < len(self.cells):
            cells = cells + [cell for cell in self.cells[known:] if _may_make(cell.spec.factory, kind)]
            self._cells_for[kind] = len(self.cells), cells
        return cells

    def resolve(self, address: Address) -> ActorRef[Any]:
        """The ref at *address*, of this node or another."""
        if address.node == self.node and address.incarnation:
            return super().resolve(address)
        return self._resolve_foreign(address)

    def find(self, path: str) -> Cell | None:
        """The living actor at *path*."""
        found = self._found.get(path)
        if found is None or found.phase == GONE:
            cell: Cell | None = self.root
            for name in path.strip("/").split("/"):
                family = None if cell is None or cell.ties is None else cell.ties.family
                cell = None if family is None else family.children.get(name)
            if cell is None:
                return None
            found = self._found[path] = cell
        return found

    # Faults

    def pause(self, schedule: Schedule) -> None:
        """Nothing of it runs until `unpause`; what is due and what arrives waits, and so do its handlers that trio wakes."""
        self.is_paused = True
        self._open_or_close(schedule)
        self._held = self._tasks()
        self.world.order.hold(self._held)

    def unpause(self, schedule: Schedule) -> None:
        """It goes on with all that has waited."""
        self.is_paused = False
        self._open_or_close(schedule)
        self.world.order.release(self._held)
        if self._has_missed_alarms:
            self._has_missed_alarms = False
            self.alarms_due()

    def slow_down(self, schedule: Schedule, turn_seconds: float) -> None:
        """From now on each turn of its cells takes so many seconds, one after the other; 0: no time."""
        self._turn_seconds = turn_seconds
        self._open_or_close(schedule)

    def _open_or_close(self, schedule: Schedule) -> None:
        is_open = not (self.is_dead or self.is_paused or self._turn_seconds)
        if self.is_open and not is_open:
            self._withheld = schedule.take_out(self)
        elif is_open and not self.is_open:
            withheld, self._withheld = self._withheld, []
            self.is_open = True
            for cell in withheld:
                schedule.append(cell)
        self.is_open = is_open
        self._arrange_turn()

    def _arrange_turn(self) -> None:
        """The next turn of a slow node ends when it has taken its time, which begins now, unless one is under way."""
        if self._withheld and not self._turn_is_due:
            self._turn_is_due = True
            self.world.at(self.world.now + self._turn_seconds, self._take_turn)

    def _take_turn(self) -> None:
        self._turn_is_due = False
        if self.is_paused or not self._withheld:
            return
        place = self.world.tape.draw(len(self._withheld), f"step on slow {self.name}")
        self._schedule.admit(self._withheld.pop(place))
        self._arrange_turn()

    def die(self, schedule: Schedule) -> None:
        """It crashes: nothing of it runs any more. What of it is suspended in tasks of trio is cancelled when the run is over."""
        self.is_open = self.is_paused = False
        self.is_dead = True
        schedule.take_out(self)
        self._withheld.clear()
        for cell in self.cells:
            schedule.forget(cell)
            if cell.worker is not None:
                cell.worker.cut()
        if self.nursery is not None:
            self.nursery.cancel_scope.cancel()
        if not self.world.is_over:
            self.world.order.hold(self._tasks())

    def _tasks(self) -> list[trio.lowlevel.Task]:
        """Those of trio that work for it: with handlers that wait there, and in the background."""
        background: Any = self.nursery
        return [*(cell.worker.task for cell in self.cells if cell.worker is not None), *background.running]

    def let_go(self) -> None:
        """The run is over: what the runtime held is closed now, in an order that does not depend on the garbage collector."""
        for cell in self.cells:
            held, cell.held = cell.held, None
            if held is not None and cell.worker is None:
                try:
                    (cell.contextvars or self.here).run(held.close)
                except Exception as error:  # noqa: BLE001  # what a handler does at its untimely end is no part of the run
                    QUIET.debug("a handler of %s raised %r when the run was over", cell.path, error)


def _may_make(factory: Any, kind: type) -> bool:
    return not isinstance(factory, type) or issubclass(factory, kind)
