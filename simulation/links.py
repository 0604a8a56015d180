"""
The network between nodes: how long a message takes, whether it arrives, how often, and in which order.

A message that is sent is a row of draws: lost or not, doubled or not, the latency, its tail. The benign value of each is
the friendliest network there is. Cuts are directed, from one node to another, so that a partition may be one-way or partial.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from .world import World

STEPS_OF_LATENCY: Final = 1024
"""How many latencies the body of the distribution has."""


@frozen
class Conditions:
    """
    How the network is.

    Args:
        latency_min: Seconds that every message takes at least.
        latency_span: Seconds on top, equally distributed.
        tail: How probable it is that a message takes far longer: up to *tail_factor* times as long.
        tail_factor: See *tail*.
        loss: How probable it is that a message is lost.
        duplication: How probable it is that it arrives twice.
        reorders: Whether messages of one sender to one actor may overtake each other. They do not within one system, and not
            over one connection.
    """

    latency_min: float = field(default=0.0005, validator=validators.ge(0))
    latency_span: float = field(default=0.002, validator=validators.ge(0))
    tail: float = field(default=0.01, validator=[validators.ge(0), validators.le(1)])
    tail_factor: float = field(default=50.0, validator=validators.ge(1))
    loss: float = field(default=0.0, validator=[validators.ge(0), validators.le(1)])
    duplication: float = field(default=0.0, validator=[validators.ge(0), validators.le(1)])
    reorders: bool = False


class _Labels(NamedTuple):
    """What the draws of one link are called: each link has choices of its own, so that one can change without the others."""

    loss: str
    duplicate: str
    latency: str
    tail: str
    length: str


def _labels_of(source: str, target: str) -> _Labels:
    return _Labels(*(f"{what}: {source}>{target}" for what in ("loss", "duplicate", "latency", "tail", "tail length")))


class Links:
    """
    What is between the nodes.

    Args:
        world: The run.
        conditions: May be replaced at any time.
    """

    def __init__(self, world: World, conditions: Conditions) -> None:
        self.conditions: Conditions = conditions
        self.losses: int = 0
        self.duplicates: int = 0
        self.slow: int = 0
        self.cut_off: int = 0
        self._world = world
        self._cuts: dict[tuple[str, str], float] = {}
        self._last: dict[object, float] = {}
        self._labels: dict[tuple[str, str], _Labels] = {}

    def carry(  # noqa: PLR0917  # called for every message
        self,
        source: str,
        target: str,
        channel: object,
        arrive: Callable[[], object],
        number: int = 0,  # noqa: ARG002
        message: object = None,  # noqa: ARG002
    ) -> bool:
        """
        Has *arrive* called when the message is there; perhaps twice, perhaps never. Returns whether it is on its way.

        Args:
            source: The node it comes from.
            target: The node it goes to.
            channel: What keeps its order with: messages of one channel do not overtake each other unless the network reorders.
            arrive: Called with nothing.
            number: Of the message in the trace.
            message: What it is, for who looks at what is on its way.
        """
        world = self._world
        if source == target:
            world.at(world.now, arrive)
            return True
        conditions = self.conditions
        tape = world.tape
        if self._cuts and (source, target) in self._cuts:
            self.cut_off += 1
            return False
        labels = self._labels.get((source, target))
        if labels is None:
            labels = self._labels[source, target] = _labels_of(source, target)
        if conditions.loss and tape.chance(conditions.loss, labels.loss):
            self.losses += 1
            return False
        self._arrive(conditions, labels, channel, arrive)
        if conditions.duplication and tape.chance(conditions.duplication, labels.duplicate):
            self.duplicates += 1
            self._arrive(conditions, labels, (channel, "duplicate"), arrive)
        return True

    def _arrive(self, conditions: Conditions, labels: _Labels, channel: object, arrive: Callable[[], object]) -> None:
        world = self._world
        latency = conditions.latency_min + conditions.latency_span * world.tape.draw(STEPS_OF_LATENCY, labels.latency) / STEPS_OF_LATENCY
        if conditions.tail and world.tape.chance(conditions.tail, labels.tail):
            self.slow += 1
            latency *= 1.0 + (conditions.tail_factor - 1.0) * world.tape.draw(STEPS_OF_LATENCY, labels.length) / STEPS_OF_LATENCY
        when = world.now + latency
        if not conditions.reorders:
            when = max(when, self._last.get(channel, 0.0))
            self._last[channel] = when
        world.at(when, arrive)

    def arrivals(self) -> list[Callable[[], object]]:
        """What is called when messages arrive that are on no agenda."""
        return []

    # Cuts

    def cut(self, source: str, target: str) -> None:
        """From now on nothing that *source* sends reaches *target*."""
        self._cuts.setdefault((source, target), self._world.now)

    def mend(self, source: str, target: str) -> None:
        """It does again."""
        self._cuts.pop((source, target), None)

    def is_cut(self, source: str, target: str) -> bool:
        """Whether nothing gets from *source* to *target*."""
        return (source, target) in self._cuts

    def cut_since(self, source: str, target: str) -> float | None:
        """Since when nothing gets through; None if it does."""
        return self._cuts.get((source, target))
