"""
The children of one actor: who lives, in which order they were started, and how often they failed.

Static children are those of the parent's spec: they keep their place when they are dead, and come back with their group.
Dynamic ones were spawned; one of them that dies is forgotten. Data only: what happens to children is decided in
`supervising.py` and done in `starting.py` and `stopping.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..supervision import ChildSpec, RestartLimitReached, RestartWindow, Supervision
from .cell import STARTING, UP, Cell

if TYPE_CHECKING:
    from .pending import Procedure

DEFAULT_SUPERVISION: Final = Supervision()

CAUSES_MAX: Final = 10
"""Exceptions that are kept for the case that the parent gives up. Each holds on to the frames that it went through."""


class Family:
    """The children of *parent*."""

    # Invariant: children maps the name of each living child to its cell, in start order among dynamic ones.
    # Invariant: placed maps each static spec to its latest cell, dead or alive.
    # Invariant: _index maps each cell in places to its place, and _kept holds their names.
    __slots__ = (
        "_index",
        "_kept",
        "causes",
        "children",
        "history",
        "judges",
        "numbers",
        "parent",
        "places",
        "policy",
        "reached",
        "regroup",
        "regrouped",
        "regroups",
        "renews",
        "significant",
        "window",
    )

    def __init__(self, parent: Cell) -> None:
        policy = parent.spec.supervision or DEFAULT_SUPERVISION
        self.parent: Cell = parent
        self.policy: Supervision = policy
        is_guardian = parent.parent is None or parent.parent.parent is None  # of a guardian a child that gave up is not restarted
        self.judges: bool = is_guardian or bool(policy.directives)  # else a failed child is restarted, unless it is temporary
        self.renews: bool = policy.strategy == "one_for_one" and policy.backoff is None  # a failed child, at once and alone
        self.window: RestartWindow = RestartWindow(policy.max_restarts, policy.within)
        self.history: deque[float] = deque()
        self.causes: deque[BaseException] = deque(maxlen=CAUSES_MAX)
        self.children: dict[str, Cell] = {}
        self.places: list[tuple[ChildSpec[Any], Cell | None]] = [(spec, None) for spec in parent.spec.children]
        self._index: dict[Cell, int] = {}
        self._kept: set[str] = set()
        self.numbers: dict[str, int] = {}
        self.reached: int = 0  # places that the parent's present start has got to; all of them once it is up
        self.significant: int = 0  # living children that are
        self.regroup: Procedure | None = None  # the restart of a group under way (one_for_all, rest_for_one)
        self.regrouped: Sequence[Cell] = ()  # whom that one concerns
        self.regroups: dict[Cell, Procedure] | None = None  # single restarts under way (one_for_one)

    def free_name(self, spec: ChildSpec[Any]) -> str:
        """The spec's name, or its label with a number that was never used here."""
        if spec.name is not None:
            return spec.name
        label = spec.label
        number = self.numbers.get(label, 0) + 1
        name = f"{label}-{number}"
        while name in self.children or name in self._kept:
            number += 1
            name = f"{label}-{number}"
        self.numbers[label] = number
        return name

    def holder_of(self, name: str) -> str | None:
        """The path of whose name it is: a living child, or one of the spec that has ended and keeps its place."""
        if name in self.children or name in self._kept:
            return f"{self.parent.path}/{name}"
        return None

    def is_static(self, cell: Cell) -> bool:
        """Whether *cell* holds a place of the parent's spec."""
        return cell in self._index

    def is_reached(self, cell: Cell) -> bool:
        """Whether it is not one that waits for its parent to start it."""
        return self._index.get(cell, -1) < self.reached

    def dynamic(self) -> list[Cell]:
        """The living children that were spawned, in start order."""
        return [cell for cell in self.children.values() if cell not in self._index]

    def static(self) -> list[Cell]:
        """The living children of the spec, in its order."""
        return [placed for _, placed in self.places if placed is not None and self.children.get(placed.name) is placed]

    def in_start_order(self) -> list[Cell]:
        """All living children: those of the spec, then those spawned."""
        return [*self.static(), *self.dynamic()]

    def adopt(self, cell: Cell) -> None:
        """*cell* is a living child from now on."""
        assert cell.name not in self.children
        self.children[cell.name] = cell
        self.significant += cell.spec.significant

    def place(self, index: int, cell: Cell) -> None:
        """Adopts *cell* and puts it into the place number *index*."""
        self.adopt(cell)
        spec, old = self.places[index]
        if old is not None:
            del self._index[old]
            self._kept.remove(old.name)
            self._forget_place(spec, old)
        self.places[index] = (spec, cell)
        placed = self.parent.dispatcher.placed
        placed[id(spec)] = None if id(spec) in placed else cell
        self._index[cell] = index
        self._kept.add(cell.name)

    def give_up_places(self) -> None:
        """The parent is dead: nobody finds its children by their specs any more."""
        for spec, placed in self.places:
            if placed is not None:
                self._forget_place(spec, placed)

    def place_of(self, cell: Cell) -> int:
        """The number of the place that *cell* holds."""
        return self._index[cell]

    def _forget_place(self, spec: ChildSpec[Any], cell: Cell) -> None:
        placed = self.parent.dispatcher.placed
        if placed.get(id(spec)) is cell:
            del placed[id(spec)]

    def abandon_restarts(self) -> None:
        """No restart under way goes on: the parent itself is taken down."""
        if self.regroup is not None:
            self.regroup.abandon()
            self.regroup = None
            self.regrouped = ()
        if self.regroups:
            for procedure in self.regroups.values():
                procedure.abandon()
            self.regroups.clear()

    def lose(self, cell: Cell) -> None:
        """*cell* is dead: its name is free, unless it keeps its place. A temporary one does not: it is never started again."""
        if self.children.get(cell.name) is cell:
            del self.children[cell.name]
            self.significant -= cell.spec.significant
        index = self._index.get(cell)
        if index is not None and cell.spec.restart == "temporary":
            del self._index[cell]
            self._kept.remove(cell.name)
            self.places[index] = (cell.spec, None)
            self._forget_place(cell.spec, cell)

    def count_restart(self, cause: BaseException) -> RestartLimitReached | None:
        """Counts a restart because of *cause*. Returns with what the parent fails if that is one too many."""
        parent = self.parent
        if parent.phase not in (UP, STARTING):  # it is taken down: nothing is restarted
            return None
        self.causes.append(cause)
        if self.window.admit(self.history, parent.dispatcher.alarms.clock()):
            return None
        policy = self.policy
        causes = tuple(self.causes)[-len(self.history) :]  # those that still count
        limit = RestartLimitReached(parent.path, policy.max_restarts, policy.within, causes)
        limit.__cause__ = cause
        return limit

    def start_count_again(self) -> None:
        """The parent has a new instance: its budget is new, as OTP's is."""
        self.history.clear()
        self.causes.clear()
