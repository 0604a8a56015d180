"""
What one step of a run has touched: two steps that touch nothing in common may be made in either order, with the same result.

A footprint is a table of what was touched, and how. Two steps depend on each other if both touched one thing, unless both did so in
one of the ways in which the order is nobody's business: two actors of a node that only work do not disturb each other, but both are
disturbed by its crash. A step that is a *barrier* depends on every other one: time passes, or a workload looks into actors.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

ALONE: Final = ""
"""How a thing is touched if every other touch of it matters."""

EVERYTHING: Final = "everything"
"""What a barrier touches."""


@define(eq=False)
class Footprint:
    """
    What was touched, and how.

    Args:
        touched: The way of each thing.
    """

    touched: dict[str, str] = field(factory=dict[str, str])

    def add(self, thing: str, way: str = ALONE) -> None:
        """One more. Who touches one thing in two ways touches it alone."""
        self.touched[thing] = way if self.touched.get(thing, way) == way else ALONE

    def update(self, other: Footprint) -> None:
        """All that *other* has touched too."""
        for thing, way in other.touched.items():
            self.add(thing, way)

    def depends_on(self, other: Footprint) -> bool:
        """Whether the order of the two may matter."""
        mine, others = self.touched, other.touched
        if EVERYTHING in mine or EVERYTHING in others:
            return True
        if len(mine) > len(others):
            mine, others = others, mine
        return any(thing in others and (way == ALONE or others[thing] != way) for thing, way in mine.items())
