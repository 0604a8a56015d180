"""The actors that run on the nodes of a cluster, found again and again at little cost: oracles ask for them after every step."""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_
from typing import TYPE_CHECKING, Any, TypeVar

from ..actors import Actor

if TYPE_CHECKING:
    from ..actors.cell import Cell
    from .nodes import SimulatedNode
    from .world import World

T = TypeVar("T")


class Population:
    """
    Which instances of a class there are.

    Args:
        world: Counts the changes of what there is.
        nodes: By name.
    """

    def __init__(self, world: World, nodes: Mapping[str, SimulatedNode]) -> None:
        self._world = world
        self._nodes = nodes
        self._known: dict[type, tuple[int, list[Cell], list[Any], list[Any]]] = {}

    def instances(self, kind: type[T]) -> list[T]:
        """The instances of *kind* on the nodes that are up, node by node."""
        changes = self._world.changes
        known = self._known.get(kind)
        if known is not None and known[0] == changes:
            _, cells, instances, found = known
            if all(map(is_, [cell.instance for cell in cells], instances)):
                return found.copy()
        if known is None:
            _check_actors(kind)
        cells = [cell for node in self._nodes.values() for cell in node.cells_for(kind)]
        instances = [cell.instance for cell in cells]
        found = [instance for instance in instances if isinstance(instance, kind)]
        self._known[kind] = changes, cells, instances, found
        return found.copy()


def _check_actors(kind: type[Any]) -> None:
    """A model's name is often that of an actor too, and an oracle that looks at nobody is always satisfied."""
    base: type[Actor[Any]] = Actor
    is_model = hasattr(kind, "initial") and hasattr(kind, "apply")
    if is_model and not issubclass(kind, base):
        raise TypeError(f"sim.actors() takes a class of actors, and {kind.__qualname__} of {kind.__module__} is a model.")
