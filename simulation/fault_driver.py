"""
Who does the faults of a run: draws the mix of its seed, then at drawn times a fault of a drawn kind, which lasts for a drawn time.

It enters the blocks that a workload could enter by hand, so that a fault is the same whoever does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from attrs import evolve

from ..actors.cell import UP, Cell
from .mailboxes import may_be_full

if TYPE_CHECKING:
    from .disk import DiskFate
    from .fault_scopes import FaultScopes
    from .faults import Faults
    from .nodes import CrashMoment, SimulatedNode
    from .scope import Scope
    from .tape import Tape

RATES: Final = (0.0, 0.01, 0.05, 0.2)
"""How probable loss and duplication are in a run, one of these."""

TAILS: Final = (0.0, 0.01, 0.1, 0.3)
"""How probable it is that a message takes far longer."""

FREQUENCIES: Final = (0.2, 0.5, 0.9)
"""How probable it is that an opportunity for a fault is used."""

TURNS_SECONDS: Final = (0.002, 0.01, 0.05)
"""What each turn of a slow node takes."""

STORMS_SECONDS: Final = (0.2, 0.05, 0.01)
"""From one failure to the next in a restart storm."""

PACES: Final = (1.0, 1 / 8, 1 / 64)
"""By how much the first opportunity comes earlier; each later one is `SLOWER` times as far off: workloads take milliseconds, or seconds."""

SLOWER: Final = 1.5

MOMENTS: Final[tuple[CrashMoment | None, ...]] = (None, "after sending", "after sync", "before sync")
"""
When a node crashes: between two turns, or in the middle of one. The last only if writes may be torn: else what one turn writes and syncs
is safe at once or not at all, as of a journal.
"""

LENGTHS: Final = 64
"""How many lengths a fault can have."""


class FaultDriver:
    """
    Does faults to a cluster until it is stopped.

    Args:
        faults: Which kinds there may be.
        scopes: What can be done, and to which nodes; clients do not fail.
        tape: Every choice.
    """

    def __init__(self, faults: Faults, scopes: FaultScopes, tape: Tape) -> None:
        self.mix: dict[str, float] = {}
        self._faults = faults
        self._scopes = scopes
        self._tape = tape
        self._nodes: Sequence[SimulatedNode] = tuple(scopes.nodes.values())
        self._is_stopped = False
        self._kinds: list[Callable[[], Scope | None]] = []
        self._frequency = 0.0
        self._tears = self._loses = False
        self._disks_lost = 0
        self._pace = 1.0
        self._doomed: tuple[SimulatedNode, Scope] | None = None
        self._draw_mix()

    def _drawn(self, kind: str, allowed: bool) -> bool:
        drawn = allowed and self._tape.draw(2, f"mix: {kind}") == 1
        if drawn:
            self.mix[kind] = 1.0
        return drawn

    def _draw_mix(self) -> None:
        faults, tape = self._faults, self._tape
        several = len(self._nodes) > 1
        for kind, allowed, does in (
            ("crashes", faults.crashes, self._crash),
            ("partitions", faults.partitions and several, self._partition),
            ("pauses", faults.pauses, self._pause),
            ("slow nodes", faults.slow_nodes, self._slow),
            ("drift", faults.drift > 0, self._drift),
            ("full mailboxes", faults.full_mailboxes, self._full),
            ("restart storms", faults.restart_storms, self._storm),
        ):
            if self._drawn(kind, allowed):
                self._kinds.append(does)
        if "crashes" in self.mix:
            self._tears = self._drawn("torn writes", faults.torn_writes)
            self._loses = self._drawn("lost disks", faults.lost_disks)
        if self._kinds:
            self._frequency = self.mix["frequency"] = FREQUENCIES[tape.draw(len(FREQUENCIES), "mix: frequency")]
            self._pace = self.mix["pace"] = PACES[tape.draw(len(PACES), "mix: pace")]
        self._draw_network()
        if faults.skew:
            for node in self._nodes:
                node.rate = self._drawn_rate(faults.skew, f"skew: {node.name}")
            self.mix["skew"] = max(abs(node.rate - 1.0) for node in self._nodes)

    def _draw_network(self) -> None:
        faults, tape = self._faults, self._tape
        before = self._scopes.conditions
        rates = {
            "loss": RATES[tape.draw(len(RATES), "mix: loss")] if faults.loss else before.loss,
            "duplication": RATES[tape.draw(len(RATES), "mix: duplication")] if faults.duplication else before.duplication,
            "tail": TAILS[tape.draw(len(TAILS), "mix: tail")] if faults.tail else before.tail,
        }
        self.mix.update({kind: rate for kind, rate in rates.items() if rate})
        reorders = before.reorders or self._drawn("reordering", faults.reordering)
        self._scopes.network(evolve(before, **rates, reorders=reorders))

    def _drawn_rate(self, most: float, label: str) -> float:
        """The rate of a clock: 0 is right, then in hundredths of *most* fast, slow, faster, slower."""
        drawn = self._tape.draw(201, label)
        return 1.0 + most * ((drawn + 1) // 2) * (1 if drawn % 2 else -1) / 100

    def start(self) -> None:
        """From now on there are faults."""
        if self._kinds:
            self._next()

    def stop(self) -> None:
        """All ends: what lasts is over, the network only takes its time, and nodes that are down or stand still go on."""
        self._is_stopped = True
        if self._doomed is not None:
            self._doomed[0].forget_moment()
            self._doomed = None
        self._scopes.end_all()
        self._scopes.network(evolve(self._scopes.conditions, tail=0.0, loss=0.0, duplication=0.0, reorders=False))
        for node in self._nodes:
            node.unpause()
            node.start()

    def _next(self) -> None:
        gap = self._faults.every * self._pace * (0.5 + self._tape.draw(LENGTHS, "fault: gap") / LENGTHS)
        self._pace = min(1.0, self._pace * SLOWER)
        self._scopes.after(gap, self._opportunity)

    def _opportunity(self) -> None:
        if self._is_stopped:
            return
        self._strike()
        if self._tape.chance(self._frequency, "fault"):
            scope = self._kinds[self._tape.draw(len(self._kinds), "fault: kind")]()
            if scope is not None:
                self._begin(scope)
        self._next()

    def _begin(self, scope: Scope) -> None:
        scope.begin()
        self._scopes.after(self._length(), scope.end)

    def _strike(self) -> None:
        """The crash that waits for its moment comes, if nothing else by then."""
        if self._doomed is not None:
            (node, scope), self._doomed = self._doomed, None
            node.forget_moment()
            if node.is_up:
                self._begin(scope)

    def _length(self) -> float:
        return self._faults.lasts * (1 + self._tape.draw(LENGTHS, "fault: length")) / LENGTHS

    def _some_node(self, nodes: Sequence[SimulatedNode]) -> SimulatedNode:
        return nodes[self._tape.draw(len(nodes), "fault: node")]

    # Kinds: each gives the block of one fault, or nothing if there is nobody that it could befall

    @property
    def _minority(self) -> int:
        """How many nodes may be down at a time: a majority stays up. A node that is alone may be down."""
        return max(1, (len(self._nodes) - 1) // 2)

    def _may_fall(self) -> Sequence[SimulatedNode]:
        standing = [node for node in self._nodes if node.is_up and not self._scopes.is_in_a_storm(node.name)]
        if self._doomed is not None:
            return ()
        return standing if len(self._nodes) - len(standing) < self._minority else ()

    def _crash(self) -> Scope | None:
        nodes = self._may_fall()
        if not nodes:
            return None
        node = self._some_node(nodes)
        fates: list[DiskFate] = ["kept"]
        if self._tears:
            fates.append("torn")
        if self._loses and self._disks_lost < self._minority:
            fates.append("lost")
        fate = fates[self._tape.draw(len(fates), "fault: disk")]
        self._disks_lost += fate == "lost"
        scope = self._scopes.down(node.name, disk=fate)
        moments = 2 if node.disk is None else 4 if self._tears else 3
        moment = MOMENTS[self._tape.draw(moments, "fault: moment")]
        if moment is None:
            return scope
        self._doomed = node, scope
        node.at_moment(moment, self._strike)
        return None

    def _pause(self) -> Scope | None:
        running = [node for node in self._nodes if node.is_up and not node.is_paused]
        return self._scopes.paused(self._some_node(running).name) if running else None

    def _slow(self) -> Scope | None:
        up = [node for node in self._nodes if node.is_up]
        if not up:
            return None
        name = self._some_node(up).name
        return self._scopes.slow(name, TURNS_SECONDS[self._tape.draw(len(TURNS_SECONDS), "fault: slowness")])

    def _drift(self) -> Scope | None:
        name = self._some_node(self._nodes).name
        return self._scopes.drifting(name, self._drawn_rate(self._faults.drift, "fault: drift"))

    def _partition(self) -> Scope | None:
        names = [node.name for node in self._nodes]
        shape = self._tape.draw(5, "fault: shape")
        if shape == 0:
            return self._two_groups(names)
        if shape == 4:
            some = [name for name in names if not self._tape.draw(2, "fault: side")]
            return self._scopes.swizzled(some, self._length()) if some else None
        one = self._some_node(self._nodes).name
        others = [name for name in names if name != one]
        if shape == 3:  # one other node: all others are reached by both
            others = [others[self._tape.draw(len(others), "fault: other")]]
        return self._scopes.cut([one], others, both_ways=shape != 2)

    def _two_groups(self, names: Sequence[str]) -> Scope | None:
        some = [name for name in names if self._tape.draw(2, "fault: side")]
        others = [name for name in names if name not in some]
        return self._scopes.cut(some, others) if some and others else None

    def _full(self) -> Scope | None:
        return self._of_some_actor([node for node in self._nodes if node.is_up], may_be_full, self._scopes.full)

    def _storm(self) -> Scope | None:
        every = STORMS_SECONDS[self._tape.draw(len(STORMS_SECONDS), "fault: storm")]
        return self._of_some_actor(self._may_fall(), _is_restarted, lambda name, path: self._scopes.failing(name, path, every))

    def _of_some_actor(
        self, nodes: Sequence[SimulatedNode], may: Callable[[Cell], bool], does: Callable[[str, str], Scope]
    ) -> Scope | None:
        """Something that is done to one of the user's actors on one of *nodes*."""
        if not nodes:
            return None
        node = self._some_node(nodes)
        cells = [] if node.runtime is None else node.runtime.cells
        paths = [cell.path for cell in cells if cell.phase == UP and may(cell)]
        paths = [path for path in paths if path.startswith("/user/")]
        return does(node.name, paths[self._tape.draw(len(paths), "fault: actor")]) if paths else None


def _is_restarted(cell: Cell) -> bool:
    """Whether it comes back after a failure; others end by one, and nobody promised anything for after that."""
    return cell.spec.restart != "temporary"
