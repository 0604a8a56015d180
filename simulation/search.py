"""
What searches for every order have in common: a tape whose draws they choose, and what they hear of a run.

A run is a function of its tape. So nothing of a run is copied or taken back to see what else could have happened: it is run again, with
another choice. What is drawn inside a step (a loss, `context.random.choice`) belongs to the step, and all its values are tried.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from attrs import define

from ..errors import TrouperError
from .any_order import Option
from .footprints import Footprint
from .tape import FRACTIONS, Tape

if TYPE_CHECKING:
    from .simulated_cluster import Simulation

START: Final = "start"
"""The first step of every run: all nodes start."""

FREE: Final = ("task", "any order")
"""Draws that are no choices here: of trio's tasks none is a handler, and the bound is given."""


@define(eq=False)
class NotExplored(TrouperError):
    """The orders of this cluster cannot be explored: something in it has an order of its own, which no draw decides."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"The orders of this cluster cannot be explored: {self.what} {self.why}"


class Search(ABC):
    """Chooses what happens next, run after run."""

    def __init__(self) -> None:
        self.refusal: NotExplored | None = None
        self.unexplored: dict[str, None] = {}
        self.is_cut: bool = False
        self._simulation: Simulation | None = None

    def attach(self, simulation: Simulation) -> None:
        """A run begins."""
        self._simulation = simulation
        any_order = simulation.any_order
        assert any_order is not None
        any_order.explorer = self
        any_order.unexplored = self.unexplored
        simulation.world.ends_with_violation = False  # what else is on its way has its races too
        simulation.world.on_trio = self._refuse_trio
        self.is_cut = False

    def refuse(self, what: str, why: str) -> None:
        """This cluster is none that can be explored: the run ends."""
        assert self._simulation is not None
        self._simulation.world.is_abandoned = True
        if self.refusal is None:
            self.refusal = NotExplored(what, why)
        self._simulation.world.end()

    def _refuse_trio(self, who: str) -> None:
        self.refuse(
            who,
            "waits on trio itself, whose tasks have an order that steps of actors do not show. A handler may wait by 'await ref.ask(...)' "
            "and 'context.sleep(...)' outside of nurseries and cancel scopes, or use timers.",
        )

    @abstractmethod
    def value(self, n: int, label: str) -> int:
        """Which of *n* values something drawn in the present step has."""

    @abstractmethod
    def pick(self, options: Sequence[Option]) -> int:
        """See `any_order.Explorer`."""

    @abstractmethod
    def made(self, footprint: Footprint, causes: frozenset[int]) -> None:
        """See `any_order.Explorer`."""


class SearchTape(Tape):
    """
    A tape whose values are a search's.

    Args:
        search: Whose.
    """

    def __init__(self, search: Search) -> None:
        super().__init__(0)
        self._search = search

    def draw(self, n: int, label: str) -> int:
        """The value that is tried in this run."""
        if n <= 1:
            return 0
        return self.choose(n, label, lambda _: 0 if label in FREE else self._search.value(n, label))

    def chance(self, probability: float, label: str) -> bool:
        """Both."""
        return probability > 0.0 and self.draw(2, label) == 1

    def fraction(self, label: str) -> float:
        """Always the least: nobody can try all."""
        self._search.unexplored[f"{label} between 0.0 and 1.0"] = None
        return self.choose(FRACTIONS, label, lambda _: 0) / FRACTIONS
