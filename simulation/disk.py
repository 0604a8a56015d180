"""A node's disk: what outlives its crashes, if it was synced."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from .packing import is_unchanging

if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")


class Disk:
    """
    Keeps values by key for one node; made by `sim.disk(node)`, and handed to its actors as an argument of their specs.

    Guarantees:
        * What was written before a `sync` is there after every crash, and is read as it was when it was written.
        * Of what was written after the last one, a crash keeps the first writes, and loses the others: how many, is drawn.

    Args:
        world: The run.
        name: Of the node.
    """

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._synced: dict[str, Any] = {}
        self._unsynced: list[tuple[str, Any]] = []

    def write(self, key: str, value: Any) -> None:
        """Writes a value, which is read at once, and may be lost until it is synced."""
        self._unsynced.append((key, _copied(value)))

    def read(self, key: str, default: Any = None) -> Any:
        """The value that was written last."""
        for written, value in reversed(self._unsynced):
            if written == key:
                return _copied(value)
        return _copied(self._synced.get(key, default))

    def sync(self) -> None:
        """All that was written is safe."""
        self._synced.update(self._unsynced)
        self._unsynced.clear()

    def crash(self) -> None:
        """The node has crashed."""
        if self._unsynced:
            lost = self._world.tape.draw(len(self._unsynced) + 1, f"disk: {self._name}")
            self._synced.update(self._unsynced[: len(self._unsynced) - lost])
            self._unsynced.clear()
            if lost:
                self._world.trace.add(self._world.now, "fault", self._name, "", "disk", f"{lost} writes are lost")


def _copied(value: T) -> T:
    """A copy that no change of the value shows in; the value itself if it cannot change."""
    return value if is_unchanging(value) else copy.deepcopy(value)
