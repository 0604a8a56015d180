"""
Replicas become alike: TLA+'s ``<>[]`` (all views are equal), with a bound on the time.

That they are equal at one moment proves little: they are before the first update, and while one is on its way. So they have to stay
equal for a while; an update that arrives late merely begins that anew, as long as there is time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .describing import describe
from .oracles import Finding, bound, complaint, name_of


class Converges:
    """
    All views become equal, and stay so.

    Args:
        view: Returns what each replica shows, by the replica's name.
        within: Virtual seconds from the end of clients and faults on, after which all are equal.
        stays: Virtual seconds for which they have to stay equal.
        simulation: What *view* is asked of.
    """

    looks_at_faults: bool = False

    def __init__(self, view: Callable[..., Mapping[str, object]], within: float, stays: float, simulation: object) -> None:
        self.name: str = name_of(view)
        self._view: Callable[[], Any] = bound(view, simulation)
        self._within = within
        self._stays = stays
        self._deadline = math.inf
        self._equal_since = math.inf

    def calm(self, now: float) -> None:
        """Their time begins."""
        self._deadline = now + self._within

    def look(self, now: float) -> Finding | None:
        """Whether they are equal now, and if not whether they should be."""
        try:
            views: Mapping[str, object] = self._view()
            shown = list(views.values())
            is_equal = bool(shown) and all(one == shown[0] for one in shown)
        except Exception as error:  # noqa: BLE001  # an oracle that fails has not been satisfied
            return Finding("converges", complaint(error))
        if is_equal:
            self._equal_since = min(self._equal_since, now)
            return None
        were_equal, self._equal_since = self._equal_since, math.inf
        if now < self._deadline:
            return None
        if not shown:
            return Finding("never judged", f"{self.name} had no view {self._within:g} s after the end of the faults")
        if were_equal <= self._deadline:
            return Finding("converges", f"the views were equal from {were_equal:.6f} s on, and differ again: {_differing(views)}")
        return Finding("converges", f"{self._within:g} s after the end of the faults the views differ: {_differing(views)}")

    def next_look(self, now: float) -> float:
        """At the deadline, and when they have been equal for long enough."""
        return min((when for when in (self._deadline, self._equal_since + self._stays) if when > now), default=math.inf)

    def is_settled(self, now: float) -> bool:
        """Whether they have been equal for long enough."""
        return now >= self._equal_since + self._stays


def _differing(views: Mapping[str, object]) -> str:
    groups: list[tuple[object, list[str]]] = []
    for name, view in views.items():
        names = next((names for other, names in groups if other == view), None)
        if names is None:
            groups.append((view, [name]))
        else:
            names.append(name)
    return "; ".join(f"{', '.join(names)}: {describe(view)}" for view, names in groups)
