"""What is due on a simulated node: timers and timeouts, by a clock of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..actors.alarms import Alarm, Alarms
from ..actors.envelopes import Ask

if TYPE_CHECKING:
    from .node_runtime import NodeRuntime


class NodeAlarms(Alarms):
    """
    What is due on one node, by its own clock, which may run at another rate than the world's.

    Args:
        node: Whose.
    """

    def __init__(self, node: NodeRuntime) -> None:
        self._node = node
        self._thing = f"timers {node.name}"
        super().__init__(node.local_time)

    def arm_later(self, ask: Ask, timeout: float) -> None:
        """There are no slices that it could wait for."""
        self.arm(ask, timeout)

    def arm(self, ask: Ask, timeout: float) -> None:
        """See `Alarms.arm`."""
        self._node.world.touched(self._thing, "")
        super().arm(ask, timeout)

    def at(self, when: float, call: Callable[[], object]) -> Alarm:
        """See `Alarms.at`."""
        self._node.world.touched(self._thing, "")
        return super().at(when, call)

    def _wake_by(self, when: float) -> None:
        if when < self._until:
            self._until = when
            node = self._node
            if node.world.keeps_time:
                node.world.at(node.world_time(when), node.alarms_due)

    def next_due(self) -> float:
        """When the first of them is due, by the clock of its node."""
        return self._first()

    def look_again(self) -> None:
        """The clock runs otherwise now: what is due first is due at another time of the world."""
        self._until = math.inf
        self._wake_by(self._first())

    def ring_now(self) -> None:
        """Calls what is due, and asks to be woken for the next."""
        self._until = -1.0  # what is set meanwhile is found by the look at the first
        self._ring()
        self._until = math.inf
        self._wake_by(self._first())
