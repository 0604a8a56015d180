"""
What must come true once clients and faults have ended: a liveness that nobody can promise while links are cut and nodes are down.
"""

from __future__ import annotations

import math

from .oracles import Finding, Oracle


class Eventually:
    """
    Once true is enough.

    Args:
        oracle: What.
        within: Virtual seconds from the end of clients and faults on.
    """

    looks_at_faults: bool = False

    def __init__(self, oracle: Oracle, within: float) -> None:
        self.name: str = oracle.name
        self._oracle = oracle
        self._within = within
        self._deadline = math.inf
        self._came_true = False

    def calm(self, now: float) -> None:
        """Its time begins."""
        self._deadline = now + self._within

    def look(self, now: float) -> Finding | None:
        """Whether it has come true, or is late."""
        if self._came_true:
            return None
        text = self._oracle.holds()
        self._came_true = text is None
        return Finding("eventually", text) if text is not None and now >= self._deadline else None

    def next_look(self, now: float) -> float:  # noqa: ARG002
        """At its deadline."""
        return math.inf if self._came_true else self._deadline

    def is_settled(self, now: float) -> bool:  # noqa: ARG002
        """Whether it has come true."""
        return self._came_true
