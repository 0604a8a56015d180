"""Which faults last now, and what they hold: blocks may overlap, and the last one that ends undoes what the first has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from .footprints import EVERYTHING
from .scope import Scope

if TYPE_CHECKING:
    from .cluster import Cluster


class OpenScopes:
    """
    The faults of one cluster that last.

    Args:
        cluster: Whose.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.fired: dict[str, int] = {}
        self._cluster = cluster
        self._open: dict[Scope, None] = {}
        self._holds: Counter[Hashable] = Counter()

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Calls *call* in so many virtual seconds."""
        world = self._cluster.world
        world.at(world.now + seconds, call)

    def end_all(self) -> None:
        """Every fault that lasts is over, those of blocks that are not over yet too."""
        for scope in reversed(list(self._open)):
            scope.end()

    def forget_all(self) -> None:
        """The run is over: what lasts is not undone any more."""
        self._open.clear()

    def _scope(self, begin: Callable[[], object], end: Callable[[], object]) -> Scope:
        return Scope(begin, end, self._open)

    def _while(self, scope: Scope, call: Callable[[], object]) -> None:
        """Something that is due within a block, unless that is over."""
        if scope in self._open:
            call()

    def _hold(self, *what: Hashable) -> bool:
        """One more block wants it so. Whether it is the first."""
        self._holds[what] += 1
        return self._holds[what] == 1

    def _release(self, *what: Hashable) -> bool:
        """One block less wants it so. Whether it was the last."""
        self._holds[what] -= 1
        return not self._holds[what]

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        left = list(names)
        return [left.pop(self._cluster.world.tape.draw(len(left), "fault: swizzle")) for _ in names]

    def _count(self, kind: str) -> None:
        self.fired[kind] = self.fired.get(kind, 0) + 1

    def _note(self, name: str, what: str, text: str) -> None:
        world = self._cluster.world
        world.touched(EVERYTHING, "")
        world.trace.add(world.now, "fault", name, "", what, text)

    def _fire(self, kind: str, name: str, text: str) -> None:
        self._count(kind)
        self._note(name, kind, text)
