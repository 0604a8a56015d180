"""
The schedule of a run in which every order is possible: what may happen next is listed, and one of it is chosen, on the tape.

What may happen: a ready actor takes its next message, a message in flight arrives and is handled at once if its actor is idle, a timer
that is due rings, a node that was crashed starts again. Time passes when nothing else can happen. So much is free; what costs one of
*bound* is what a calm network and healthy nodes do not do: time passes although something is on its way (a timeout comes early), a
message is lost or doubled, a node crashes. The first of the list is the benign choice: first come, first served.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import attrs

from ..actors.cell import UP, Cell
from .describing import snapshot
from .faults import Faults
from .flying import Flying, InFlight, name_of, place_of
from .footprints import EVERYTHING, Footprint
from .links import Conditions
from .schedule import Schedule
from .watching_steps import WORKS, StepWatcher

if TYPE_CHECKING:
    from .cluster import Cluster
    from .node_runtime import NodeRuntime
    from .nodes import SimulatedNode
    from .strategies import Strategy
    from .world import World

COVERED = frozenset(("crashes", "loss", "duplication", "reordering", "pauses", "tail", "slow_nodes", "every", "lasts"))
"""Faults that are choices here, or that every order has in it anyway."""


class Option(NamedTuple):
    """
    What may happen next.

    Args:
        key: What, as text that is the same in all runs that got so far.
        is_sudden: Whether no run needs to come to it, since it may never happen (a crash), or be called off (a timer): it is to be
            tried at every moment.
    """

    key: str
    is_sudden: bool


class Explorer(Protocol):
    """Chooses in place of the tape's strategy, and hears what came of it."""

    def pick(self, options: Sequence[Option]) -> int:
        """The index of what happens next; negative: nothing, the run need not go on."""
        ...

    def made(self, footprint: Footprint, causes: frozenset[int]) -> None:
        """What was picked has been done: what it has touched, and by which steps it was made possible."""
        ...


class AnyOrder(Schedule):
    """
    Ready cells, messages in flight, timers: everything that may happen next.

    Args:
        world: The run.
        strategy: Unused, but for what it is called.
        bound: How many choices of one run may be other than free.
    """

    def __init__(self, world: World, strategy: Strategy, bound: int) -> None:
        super().__init__(world, strategy)
        self.links: InFlight = InFlight(world, Conditions(), self._place, self._step_number)
        self.watcher: StepWatcher = StepWatcher()
        self.explorer: Explorer | None = None
        self.left: int = bound
        self.cluster: Cluster | None = None
        self.unexplored: dict[str, None] = {}
        self.fired: dict[str, int] = {}
        self._nodes: dict[str, SimulatedNode] = {}
        self._faults = Faults.none()
        self._crashed: dict[str, None] = {}
        self._places = 0
        self._place_of: dict[Cell, int] = {}
        self._next: Cell | None = None
        self._is_booting = True
        self._is_in_step = False
        self._is_judging = False
        self._sees_messages = False
        self._observed: dict[tuple[str, type], None] = {}
        self._looked_like: tuple[object, ...] | None = None
        world.keeps_time = False
        world.touched = self.watcher.touch
        world.observed = self._observe

    def _place(self) -> int:
        self._places += 1
        return self._places

    def _step_number(self) -> int:
        return self.watcher.number

    def allow(self, faults: Faults, cluster: Cluster, nodes: dict[str, SimulatedNode]) -> None:
        """Which faults there may be, and where."""
        self._faults, self.cluster, self._nodes = faults, cluster, nodes
        self.links.reorders = faults.reordering
        for each in attrs.fields(Faults):
            if each.name not in COVERED and getattr(faults, each.name):
                self.unexplored[each.name] = None

    # The ready queue

    def append(self, cell: Cell, /) -> None:
        """A cell has become ready, or its turn is over."""
        before = len(self._ready)
        super().append(cell)
        if len(self._ready) > before:
            self._admitted(cell)

    def admit(self, cell: Cell) -> None:
        """A cell of a slow node may run now."""
        super().admit(cell)
        self._admitted(cell)

    def _admitted(self, cell: Cell) -> None:
        self._place_of[cell] = self._place()
        self.watcher.rouse(cell)

    def __len__(self) -> int:
        return len(self._ready)

    def __bool__(self) -> bool:
        if self._next is not None:
            return True
        self._finish_step()
        world = self._world
        if self._is_booting and not world.is_over:
            self._next = self._booting_cell()
            if self._next is not None:
                return True
            if not world.order.is_idle:
                return False
            self._boot_is_over()
        while self._next is None:
            if world.is_over or not world.order.is_idle:
                return False
            if not self._choose():
                return False
        return True

    def popleft(self) -> Cell:
        """The cell that was chosen."""
        cell, self._next = self._next, None
        assert cell is not None
        self._ready.remove(cell)
        if not self._is_booting:
            self.watcher.runs(cell)
        return self._noted(cell)

    def _booting_cell(self) -> Cell | None:
        """What starts, starts before anything is handled: which node starts first is nobody's choice."""
        for cell in self._ready:
            if cell.phase != UP or not cell.path.startswith("/user/"):
                return cell
        return None

    def _boot_is_over(self) -> None:
        self._is_booting = False
        self._judge()
        if self.explorer is not None:
            self._looked_like = self._look()
            self.explorer.made(Footprint({EVERYTHING: ""}), frozenset())

    # One step

    def _choose(self) -> bool:
        """Makes one step, but for the turn of `_next`. False: nothing can happen, or trio comes first."""
        options = self._options()
        world = self._world
        if not options:
            return False
        shown = [Option(key, is_sudden) for _, key, is_sudden, _ in options]
        proposed = 0 if self.explorer is None else self.explorer.pick(shown)
        if proposed < 0:
            world.is_abandoned = True
            world.end()
            return False
        self._is_in_step = True
        options[world.tape.choose(len(options), "order", lambda _: proposed)][3]()
        if self._next is None:
            self._finish_step()
        return True

    def _finish_step(self) -> None:
        if not self._is_in_step:
            return
        self._is_in_step = False
        self._judge()
        watcher = self.watcher
        footprint = watcher.end()
        if self.explorer is None:
            return
        if self._world.checks:
            looks = self._look()
            if looks != self._looked_like or not looks or self._sees_messages:
                footprint.add("what oracles see")
            self._looked_like = looks
        self.explorer.made(footprint, frozenset(watcher.causes))

    def _judge(self) -> None:
        self._is_judging = True
        self._world.check()
        self._is_judging = False

    def _observe(self, nodes: Iterable[str], kind: type) -> None:
        if self._is_judging:
            for node in nodes:
                self._observed[node, kind] = None
                self._sees_messages = self._sees_messages or not node
        else:
            self.watcher.touch(EVERYTHING)

    def _look(self) -> tuple[object, ...]:
        """All that oracles have looked at so far; empty if nobody knows what they look at."""
        assert self.cluster is not None
        up = self.cluster.up
        return tuple(
            (name_of(cell), snapshot(cell.instance))
            for node, kind in self._observed
            if node in up
            for cell in up[node].cells_for(kind)
            if isinstance(cell.instance, kind)
        )

    # What may happen

    def _options(self) -> list[tuple[int, str, bool, Callable[[], None]]]:
        """In the order in which it became possible; what costs is last."""
        assert self.cluster is not None
        world = self._world
        options: list[tuple[int, str, bool, Callable[[], None]]] = [
            (self._place_of[cell], f"run {name_of(cell)}", False, partial(self._run, cell)) for cell in self._ready
        ]
        options += [
            (channel[0].since, f"deliver {name}", False, partial(self._deliver, name)) for name, channel in self.links.channels.items()
        ]
        options.sort(key=_by_place)
        later = math.inf
        for node in self.cluster.up.values():
            due = node.next_due() if node.is_open else math.inf
            if due <= world.now:
                options.append((0, f"ring {node.node}", True, partial(self._ring, node)))
            else:
                later = min(later, due)
        is_quiet = not options
        options += [(0, f"restart {name}", True, partial(self._restart, name)) for name in self._crashed if not self._nodes[name].is_up]
        may = self.left > 0 and not world.is_calm
        if may and self._faults.crashes:
            up = [name for name, node in self._nodes.items() if node.is_up]
            if len(self._nodes) - len(up) < max(1, (len(self._nodes) - 1) // 2):  # a majority stays up
                options += [(0, f"crash {name}", True, partial(self._crash, name)) for name in up]
        if is_quiet:
            when = min(later, world.next_due())
            if when != math.inf and world.order.next_deadline >= when:
                options.insert(0, (0, "time", True, partial(self._pass_time_to, when)))
        elif may and later != math.inf and later < world.next_due():
            options.append((0, "time", True, partial(self._come_early, later)))
        return options

    def _run(self, cell: Cell) -> None:
        self.watcher.begin(cell.dispatcher)  # type: ignore[arg-type]  # a cell of a simulated node
        self._next = cell

    def _deliver(self, name: str) -> None:
        assert self.cluster is not None
        links, tape = self.links, self._world.tape
        flying = links.take(name)
        self.watcher.begin(self.cluster.up.get(flying.target), flying.sent_by)
        self.watcher.touch(f"node {flying.target}", WORKS)
        self.watcher.touch(f"actor {flying.place}")
        if self._may_fail(flying) and (self._faults.loss or links.conditions.loss) and tape.draw(2, f"loss: {name}"):
            self.left -= 1
            links.losses += 1
            self.cluster.lost_on_the_way(flying.target, flying.number)
            return
        doubles = self._faults.duplication or 0 < links.conditions.duplication < 1
        if self._may_fail(flying) and doubles and tape.draw(2, f"duplicate: {name}"):
            self.left -= 1
            links.double(name, flying)
        ready = len(self._ready)
        flying.arrive()
        if len(self._ready) > ready:
            self._next = self._ready[ready]  # it was idle: it takes the message at once
            self.watcher.touch(f"mail {place_of(self._next)}")

    def _may_fail(self, flying: Flying) -> bool:
        return self.left > 0 and not self._world.is_calm and flying.source != flying.target

    def _ring(self, node: NodeRuntime) -> None:
        self.watcher.begin(node)
        self.watcher.touch(f"node {node.name}")
        node.alarms_due()

    def _pass_time_to(self, when: float) -> None:
        self.watcher.begin(None)
        self.watcher.touch(EVERYTHING)
        world = self._world
        if world.next_due() <= when:
            world.pass_time(self._ready, only_once=True)
        else:
            world.now = when

    def _come_early(self, when: float) -> None:
        self.left -= 1
        self._pass_time_to(when)

    def _crash(self, name: str) -> None:
        self.left -= 1
        self._crashed[name] = None
        self._fail(name, "crash")
        self._nodes[name].crash()

    def _restart(self, name: str) -> None:
        del self._crashed[name]
        self._fail(name, "restart")
        self._nodes[name].start()

    def _fail(self, name: str, kind: str) -> None:
        assert self.cluster is not None
        self.watcher.begin(None)
        self.watcher.touch(f"node {name}")
        if self.cluster.watches.is_in_use:
            self.watcher.touch(EVERYTHING)
        self.fired[kind] = self.fired.get(kind, 0) + 1


def _by_place(option: tuple[int, str, bool, Callable[[], None]]) -> int:
    return option[0]
