"""
Faults: which kinds a run may have, how a seed mixes them, and what was done.

Swarm testing (Groce et al., ISSTA 2012): not every fault in every run, since faults hide each other's bugs. Each seed draws which kinds it
has and how often; of ten seeds some crash a node again and again and never cut a link. What was drawn is in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import field, frozen, validators

from .links import Conditions

if TYPE_CHECKING:
    from .cluster import Cluster
    from .nodes import SimulatedNode

RATES: Final = (0.0, 0.01, 0.05, 0.2)
"""How probable loss and duplication are in a run, one of these."""

TAILS: Final = (0.0, 0.01, 0.1, 0.3)
"""How probable it is that a message takes far longer."""

LENGTHS: Final = 64
"""How many lengths a fault can have."""

FIRES: Final = {
    "crashes": "crash",
    "partitions": "partition",
    "pauses": "pause",
    "loss": "loss",
    "duplication": "duplicate",
    "reordering": "",
    "tail": "slow",
    "skew": "",
}
"""What each kind is counted as when it comes; empty: it is there all the time in a run that has drawn it."""


@frozen
class Faults:
    """
    The kinds of faults that runs may have; made by `Faults.swarm` or `Faults.none`.

    Args:
        crashes: Nodes lose their memory, and start again later.
        partitions: Links are cut: between two groups, of one node, in one direction.
        pauses: Nodes stand still for a while.
        loss: Messages are lost.
        duplication: Messages arrive twice.
        reordering: Messages of one sender to one actor overtake each other.
        tail: Some messages take far longer than most.
        skew: How much faster or slower than the world's a node's clock may be: 0.05 is five per cent.
        every: Seconds between two opportunities for a fault.
        lasts: Seconds that a fault lasts at most.
    """

    crashes: bool = False
    partitions: bool = False
    pauses: bool = False
    loss: bool = False
    duplication: bool = False
    reordering: bool = False
    tail: bool = False
    skew: float = field(default=0.0, validator=[validators.ge(0), validators.lt(1)])
    every: float = field(default=0.2, validator=validators.gt(0))
    lasts: float = field(default=1.0, validator=validators.gt(0))

    @classmethod
    def swarm(
        cls,
        *,
        crashes: bool = True,
        partitions: bool = True,
        pauses: bool = True,
        loss: bool = True,
        duplication: bool = True,
        reordering: bool = False,
        tail: bool = True,
        skew: float = 0.0,
        every: float = 0.2,
        lasts: float = 1.0,
    ) -> Faults:
        """Faults that each seed draws its own mix of. What is True may be in the mix; reordering breaks a promise of one system."""
        return cls(crashes, partitions, pauses, loss, duplication, reordering, tail, skew, every, lasts)

    @classmethod
    def none(cls) -> Faults:
        """A network that only takes its time."""
        return cls()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of those that there may be."""
        return tuple(name for name in FIRES if getattr(self, name))


class FaultDriver:
    """
    Does faults to a cluster until it is stopped, and counts them.

    Args:
        faults: Which kinds there may be.
        cluster: To whom.
        nodes: The nodes that may fail; clients do not.
    """

    def __init__(self, faults: Faults, cluster: Cluster, nodes: Sequence[SimulatedNode]) -> None:
        self.mix: dict[str, float] = {}
        self.fired: dict[str, int] = {}
        self._faults = faults
        self._cluster = cluster
        self._nodes = nodes
        self._is_stopped = False
        self._kinds: list[Callable[[], None]] = []
        self._frequency = 0.0
        self._draw_mix()

    def _drawn(self, kind: str, allowed: bool) -> bool:
        drawn = allowed and self._cluster.world.tape.draw(2, f"mix: {kind}") == 1
        if drawn:
            self.mix[kind] = 1.0
        return drawn

    def _draw_mix(self) -> None:
        faults, tape = self._faults, self._cluster.world.tape
        several = len(self._nodes) > 1
        for kind, allowed, does in (
            ("crashes", faults.crashes, self._crash),
            ("partitions", faults.partitions and several, self._partition),
            ("pauses", faults.pauses, self._pause),
        ):
            if self._drawn(kind, allowed):
                self._kinds.append(does)
        if self._kinds:
            self._frequency = self.mix["frequency"] = (0.2, 0.5, 0.9)[tape.draw(3, "mix: frequency")]
        before = self._cluster.links.conditions
        rates = {
            "loss": RATES[tape.draw(len(RATES), "mix: loss")] if faults.loss else before.loss,
            "duplication": RATES[tape.draw(len(RATES), "mix: duplication")] if faults.duplication else before.duplication,
            "tail": TAILS[tape.draw(len(TAILS), "mix: tail")] if faults.tail else before.tail,
        }
        self.mix.update({kind: rate for kind, rate in rates.items() if rate})
        self._cluster.links.conditions = Conditions(
            before.latency_min,
            before.latency_span,
            rates["tail"],
            before.tail_factor,
            rates["loss"],
            rates["duplication"],
            before.reorders or self._drawn("reordering", faults.reordering),
        )
        if faults.skew:
            for node in self._nodes:
                drawn = tape.draw(201, f"skew: {node.name}")
                node.rate = 1.0 + faults.skew * ((drawn + 1) // 2) * (1 if drawn % 2 else -1) / 100
            self.mix["skew"] = max(abs(node.rate - 1.0) for node in self._nodes)

    def start(self) -> None:
        """From now on there are faults."""
        if self._kinds:
            self._next()

    def stop(self) -> None:
        """All ends: cuts are healed, nodes that stand still go on, and those that are down start again."""
        self._is_stopped = True
        self._cluster.links.mend_all()
        before = self._cluster.links.conditions
        self._cluster.links.conditions = Conditions(before.latency_min, before.latency_span, 0.0, before.tail_factor, 0.0, 0.0)
        for node in self._nodes:
            node.unpause()
            node.start()

    def _next(self) -> None:
        world = self._cluster.world
        gap = self._faults.every * (0.5 + world.tape.draw(LENGTHS, "fault: gap") / LENGTHS)
        world.at(world.now + gap, self._opportunity)

    def _opportunity(self) -> None:
        if self._is_stopped:
            return
        tape = self._cluster.world.tape
        if tape.chance(self._frequency, "fault"):
            self._kinds[tape.draw(len(self._kinds), "fault: kind")]()
        self._next()

    def _lasts(self, end: Callable[[], object]) -> None:
        world = self._cluster.world
        lasts = self._faults.lasts * (1 + world.tape.draw(LENGTHS, "fault: length")) / LENGTHS
        world.at(world.now + lasts, end)

    def _count(self, kind: str) -> None:
        self.fired[kind] = self.fired.get(kind, 0) + 1

    def _some_node(self, nodes: Sequence[SimulatedNode]) -> SimulatedNode:
        return nodes[self._cluster.world.tape.draw(len(nodes), "fault: node")]

    # Kinds

    def _crash(self) -> None:
        up = [node for node in self._nodes if node.is_up]
        if len(self._nodes) - len(up) >= max(1, (len(self._nodes) - 1) // 2):  # a majority stays up
            return
        node = self._some_node(up)
        self._count("crash")
        node.crash()
        self._lasts(partial(self._restart, node))

    def _restart(self, node: SimulatedNode) -> None:
        if not node.is_up and not self._is_stopped:
            self._count("restart")
            node.start()

    def _pause(self) -> None:
        running = [node for node in self._nodes if node.is_up and not node.is_paused]
        if not running:
            return
        node = self._some_node(running)
        self._count("pause")
        node.pause()
        self._lasts(partial(self._unpause, node))

    def _unpause(self, node: SimulatedNode) -> None:
        if node.is_paused:
            self._count("resume")
            node.unpause()

    def _partition(self) -> None:
        names = [node.name for node in self._nodes]
        tape = self._cluster.world.tape
        shape = tape.draw(3, "fault: shape")
        if shape == 0:  # two groups
            some = [name for name in names if tape.draw(2, "fault: side")]
            links = [(one, other) for one in some for other in names if other not in some]
            links += [(other, one) for one, other in links]
        else:  # one node alone: both ways, or only what it sends
            alone = self._some_node(self._nodes).name
            links = [(alone, other) for other in names if other != alone]
            if shape == 1:
                links += [(other, alone) for _, other in links]
        if not links:
            return
        self._note("partition", links)
        for one, other in links:
            self._cluster.cut(one, other)
        self._lasts(partial(self._heal, links))

    def _heal(self, links: Sequence[tuple[str, str]]) -> None:
        if not self._is_stopped:
            self._note("heal", links)
        for one, other in links:
            self._cluster.links.mend(one, other)

    def _note(self, kind: str, links: Sequence[tuple[str, str]]) -> None:
        self._count(kind)
        world = self._cluster.world
        world.trace.add(world.now, "fault", "", "", kind, ", ".join(f"{one}>{other}" for one, other in links))
