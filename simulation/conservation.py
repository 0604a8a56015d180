"""
Something is neither made nor lost: money, tokens, jobs.

The total is a function of the user's, who alone knows where the conserved may be: in the actors, in their outboxes, or on the way, which
`Simulation.in_flight` tells. At a moment at which the total cannot be told it returns None, and that moment is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .describing import describe
from .oracles import Finding, bound, complaint, name_of


class Conserves:
    """
    The total is always the same.

    Args:
        quantity: Returns the total, or None where it cannot be told.
        within: Virtual seconds from the end of clients and faults on, in which it has to be told once more.
        is_whole: Whether every node is up, and what runs on it has started.
        simulation: What *quantity* is asked of.
        count_events: How many events the trace has.
    """

    looks_at_faults: bool = True

    def __init__(
        self,
        quantity: Callable[..., object],
        within: float,
        is_whole: Callable[[], bool],
        simulation: object,
        count_events: Callable[[], int],
    ) -> None:
        self.name: str = name_of(quantity)
        self._quantity: Callable[[], Any] = bound(quantity, simulation)
        self._within = within
        self._is_whole = is_whole
        self._count_events = count_events
        self._total: object = None
        self._told = ""
        self._is_told = False
        self._calm_at = math.inf

    def calm(self, now: float) -> None:
        """It has to be told once more."""
        self._calm_at = now
        self._is_told = False

    def look(self, now: float) -> Finding | None:
        """Whether the total is what it was."""
        if not self._is_whole():
            return self._too_late(now)
        try:
            total = self._quantity()
        except Exception as error:  # noqa: BLE001  # an oracle that fails has not been satisfied
            return Finding("conserves", complaint(error))
        if total is None:
            return self._too_late(now)
        self._is_told = True
        if self._total is None:
            self._total = total
        elif total != self._total:
            return Finding("conserves", f"it was {describe(self._total)} until {self._told}, and is {describe(total)} now")
        self._told = f"{now:.6f} s (event {self._count_events()})"
        return None

    def _too_late(self, now: float) -> Finding | None:
        if self._is_told or now < self._calm_at + self._within:
            return None
        last = f"was last told at {self._told}" if self._told else "was never told"
        return Finding("never judged", f"the total {last}, and not within {self._within:g} s after the end of the faults")

    def next_look(self, now: float) -> float:  # noqa: ARG002
        """When it has to have been told."""
        return math.inf if self._is_told else self._calm_at + self._within

    def is_settled(self, now: float) -> bool:  # noqa: ARG002
        """Whether it has been told since the end of the faults."""
        return self._is_told
