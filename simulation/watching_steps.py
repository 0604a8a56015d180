"""
What a step has touched, found out by comparing the cells of its node before and after, and by what reports itself.

Actors share nothing but what the runtime shares: mailboxes, the tree, the registry, timers. A step may append to the mailboxes of
others on its node, and that is told apart, since it commutes with what they do. Whatever else it changes there counts as a change of
the whole node, which no other step of that node commutes with.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ..actors.cell import HELD, Cell
from .flying import place_of
from .footprints import ALONE, Footprint

if TYPE_CHECKING:
    from .node_runtime import NodeRuntime

WORKS = "works"
"""How a step touches its node that changes nothing but its actor and mailboxes."""


def _look(cell: Cell) -> tuple[Any, ...]:
    queue = cell.queue
    return cell.phase, cell.attention, cell.state == HELD, 0 if queue is None else len(queue)


def _bonds(cell: Cell) -> tuple[Any, ...]:
    ties = cell.ties
    if ties is None:
        return (False, False, 0, 0, 0, False)
    return (
        ties.subscribed,
        ties.registered,
        len(ties.listings or ()),
        len(ties.watching or ()),
        0 if ties.family is None else len(ties.family.children),
        bool(ties.stash),
    )


class StepWatcher:
    """
    Watches one step after the other.

    Guarantees:
        * The footprint of a step has everything that another step of the run can tell it by.

    Not guaranteed:
        * What actors share behind the runtime's back: objects that are arguments of several specs, globals.
    """

    def __init__(self) -> None:
        self.footprint: Footprint = Footprint()
        self.number: int = 0
        self.causes: set[int] = set()
        self._node: NodeRuntime | None = None
        self._before: list[tuple[Any, ...]] = []
        self._ran: Cell | None = None
        self._bonds: tuple[Any, ...] = ()
        self._takes = 0
        self._mail: dict[Cell, deque[int]] = {}
        self._roused: dict[Cell, int] = {}

    def touch(self, thing: str, way: str = ALONE) -> None:
        """The present step has touched something."""
        self.footprint.add(thing, way)

    def begin(self, node: NodeRuntime | None, cause: int = 0) -> None:
        """A step begins, on *node* if on one, made possible by the step *cause*."""
        self.number += 1
        self.footprint = Footprint()
        self.causes = {cause}
        self._ran = None
        self._takes = 0
        self._node = node
        if node is not None:
            self.footprint.add(f"node {node.name}", WORKS)
            self._before = [_look(cell) for cell in node.cells]

    def rouse(self, cell: Cell) -> None:
        """A cell has become ready."""
        self._roused[cell] = self.number

    def runs(self, cell: Cell) -> None:
        """A turn of a cell is part of this step."""
        self._ran = cell
        self._bonds = _bonds(cell)
        self.footprint.add(f"actor {place_of(cell)}")
        mail = self._mail.get(cell)
        self._takes = 0
        if cell.held is None and cell.queue and mail:
            self.causes.add(mail.popleft())
            self._takes = 1
        elif (roused_by := self._roused.get(cell, 0)) != self.number:
            self.causes.add(roused_by)

    def end(self) -> Footprint:
        """The step has been made: what it has touched."""
        node = self._node
        if node is not None:
            footprint = self.footprint
            cells = node.cells
            if len(cells) != len(self._before):
                footprint.add(f"node {node.name}")
            for cell, before in zip(cells, self._before, strict=False):
                after = _look(cell)
                if after != before or cell is self._ran:
                    self._compare(cell, before, after)
            if self._ran is not None and _bonds(self._ran) != self._bonds:
                footprint.add(f"node {node.name}")
                self._mail.pop(self._ran, None)  # what was set aside is in front of it now, perhaps
        return self.footprint

    def _compare(self, cell: Cell, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        node = self._node
        assert node is not None
        footprint = self.footprint
        phase, attention, was_held, length = before
        name = place_of(cell)
        grown = after[3] - length
        if cell is self._ran:
            grown += self._takes
        elif after[1] != attention or after[2] != was_held:
            footprint.add(f"actor {name}")
        if after[0] != phase:
            footprint.add(f"node {node.name}")
        if grown > 0:
            footprint.add(f"mail {name}")
            self._mail.setdefault(cell, deque()).extend([self.number] * grown)
            if not isinstance(cell.queue, deque) or after[3] >= cell.limit:
                footprint.add(f"actor {name}")  # where a message goes, or whether it does, depends on what waits there
