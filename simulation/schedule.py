"""
The schedule: the ready queue of all nodes, in which a strategy chooses who runs next, and the policy that goes with it.

All nodes share this queue and the workers behind it, so that a simulated cluster costs no more than one system. It is the place
where a run is driven: asked whether anybody is ready, it checks what the last step has changed, and lets time pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..actors.cell import IDLE, Cell
from ..actors.envelopes import DeathNotice
from ..actors.jobs import Job
from ..actors.policy import Policy
from ..mailbox import Envelope
from .chains import Chains
from .describing import snapshot

if TYPE_CHECKING:
    from .strategies import Strategy
    from .world import World

SLICE_STEPS = 256
"""Steps after which trio runs even if none of its tasks can, so that Ctrl-C is heard."""

NOW = 1e18
"""Beyond the end of every slice."""


class _Entry:
    """
    What the trace says of one cell.

    Args:
        path: Its own.
        arrived: Messages from other nodes that wait in it, with their numbers, in the order in which they came.
    """

    __slots__ = ("arrived", "path")

    def __init__(self, path: str) -> None:
        self.path: str = path
        self.arrived: deque[tuple[Any, int]] = deque()

    def number_of(self, message: Any) -> int:
        """The number of a message that is taken out; 0 if it came from its own node. The same object may have come several times."""
        arrived = self.arrived
        if arrived[0][0] is message:
            return arrived.popleft()[1]
        for index, (other, number) in enumerate(arrived):  # it overtook some, or those before it have gone without a step
            if other is message:
                del arrived[index]
                return number
        return 0


class Schedule:
    """
    Ready cells of all nodes.

    Args:
        world: The run.
        strategy: Proposes who runs next.
    """

    def __init__(self, world: World, strategy: Strategy) -> None:
        self._world = world
        self._strategy = strategy
        self._ready: list[Cell] = []
        self._stepped = False
        self._entries: dict[Cell, _Entry] = {}
        self.chains: Chains | None = Chains(self._number_of_next) if strategy.follows_chains else None
        if self.chains is not None:
            strategy.follow(self.chains)

    def arrives(self, cell: Cell, message: Any, number: int) -> None:
        """A message from another node is about to be put into the queue of *cell*: the step that takes it has its number."""
        entry = self._entries.get(cell) or self._enter(cell)
        if entry.arrived:
            self._let_go_of_the_lost(cell, entry)
        entry.arrived.append((message, number))

    def _let_go_of_the_lost(self, cell: Cell, entry: _Entry) -> None:
        """Forgets the numbers of messages that have gone without a step: evicted, or taken back."""
        ties = cell.ties
        waiters = () if ties is None or ties.waiters is None else ties.waiters
        queue = cell.queue or ()
        if len(entry.arrived) > len(queue) + len(waiters):
            waiting = {id(item.message if isinstance(item, Envelope) else item) for item in queue}
            waiting.update(id(sender.message) for sender in waiters)
            entry.arrived = deque(one for one in entry.arrived if id(one[0]) in waiting)

    def forget(self, cell: Cell) -> None:
        """The actor is dead."""
        self._entries.pop(cell, None)

    def _enter(self, cell: Cell) -> _Entry:
        entry = self._entries[cell] = _Entry(cell.path)
        return entry

    def append(self, cell: Cell, /) -> None:
        """A cell has become ready, or its turn of one message is over: if nothing waits in it any more, it is idle."""
        queue = cell.queue
        if queue is not None and not queue and cell.held is None and not cell.attention:
            cell.queue = None
            cell.pool.append(queue)
            cell.state = IDLE
            return
        if self.chains is not None:
            self.chains.is_ready(cell)
        node: Any = cell.dispatcher
        if node.is_open:
            self._ready.append(cell)
            self._world.wake()
        else:
            node.withhold(cell)

    def admit(self, cell: Cell) -> None:
        """A cell of a slow node may run now."""
        self._ready.append(cell)
        self._world.wake()

    def __len__(self) -> int:
        return len(self._ready)

    def __bool__(self) -> bool:
        world = self._world
        if self._stepped:
            self._stepped = False
            world.check()
        if world.is_over:
            return False
        if self._ready:
            return True
        if self.chains is not None:
            self.chains.rest()
        return world.pass_time(self._ready)

    def popleft(self) -> Cell:
        """The cell that runs next."""
        ready = self._ready
        count = len(ready)
        return self._noted(ready.pop() if count == 1 else ready.pop(self._world.tape.choose(count, "step", self._propose)))

    def _noted(self, cell: Cell) -> Cell:
        """Writes into the trace that a cell runs now."""
        world = self._world
        self._stepped = True
        world.steps += 1
        if self.chains is not None:
            self.chains.step(cell)
        entry = self._entries.get(cell) or self._enter(cell)
        node: Any = cell.dispatcher
        queue = cell.queue
        if cell.held is not None or not queue:
            what = cell.hand
            what = what.call.__name__ if isinstance(what, Job) else ""
            world.trace.add(world.now, "resumed", node.name, entry.path, what, "")
            return cell
        item: Any = next(iter(queue))
        message: Any = item.message if isinstance(item, Envelope) else item
        world.handled.add(type(message))  # pyright: ignore[reportUnknownArgumentType]
        number = entry.number_of(message) if entry.arrived else 0
        text: Any = ""  # of a message that has a number its sending tells
        if not number:
            text = str(message.reason) if isinstance(item, DeathNotice) else snapshot(message)
        world.trace.add(world.now, "step", node.name, entry.path, type(message).__name__, text, number)
        return cell

    def _number_of_next(self, cell: Cell) -> int:
        """Under which number the message came over the network that *cell* takes next; 0: it did not."""
        if cell.held is not None or not cell.queue:
            return 0
        item: Any = next(iter(cell.queue))
        message: Any = item.message if isinstance(item, Envelope) else item
        entry = self._entries.get(cell)
        return 0 if entry is None else next((number for other, number in entry.arrived if other is message), 0)

    def _propose(self, _count: int) -> int:
        return self._strategy.pick(self._ready)

    def take_out(self, node: object) -> list[Cell]:
        """Takes the cells of a node out, which is paused or has crashed."""
        taken = [cell for cell in self._ready if cell.dispatcher is node]
        self._ready[:] = [cell for cell in self._ready if cell.dispatcher is not node]
        return taken


class SimulationPolicy(Policy):
    """One message a turn; slices are counted, and end at once when trio has something to run."""

    turn_max: int = 1

    def __init__(self, world: World, schedule: Schedule) -> None:
        super().__init__(SLICE_STEPS)
        self._world = world
        self._schedule = schedule
        self._count = 0
        self.clock: Callable[[], float] = self._counted

    def new_ready_queue(self) -> Schedule:
        """The one schedule of all nodes."""
        return self._schedule

    def _counted(self) -> float:
        self._count += 1
        order = self._world.order
        return NOW if order.batch or order.runnable else self._count
