"""
Every state: a search that knows where it has been, and takes each step of each state once.

It walks. Where a state has a step that was not yet taken, it is taken; where none is left, the run ends, and the next one goes
straight to a state that has one. A circle of messages that never ends has states without end only if something grows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define, field

from ..actors.cell import UP
from ..mailbox import Envelope
from .any_order import Option
from .describing import describe, shown
from .flying import name_of
from .footprints import Footprint
from .search import START, NotExplored, Search

if TYPE_CHECKING:
    from .simulated_cluster import Simulation

State: TypeAlias = Callable[["Simulation"], Hashable]
"""What tells one state of a cluster from another."""

Step: TypeAlias = tuple[str, tuple[int, ...]]
"""What happens, and what is drawn in it; what is not named is 0."""


@define(eq=False)
class _Known:
    """
    A state that was reached.

    Args:
        way: The steps that have led to it first.
        untried: Steps that were not taken from here, the last of which is the next.
    """

    way: tuple[Step, ...]
    untried: list[Step]
    leads_to: dict[Step, _Known] = field(factory=dict[Step, "_Known"])


class StateSearch(Search):
    """
    Takes each step of each state once.

    Args:
        state: Tells states apart; None: `state_of`.
    """

    def __init__(self, state: State | None = None) -> None:
        super().__init__()
        self.known: dict[Hashable, _Known] = {}
        self._state = state
        self._start = _Known((), [(START, ())])  # before any node has started
        self._open: list[_Known] = [self._start]
        self._at = self._start
        self._way: list[Step] = []  # what this run has done
        self._plan: list[Step] = []  # what it does before it looks around, the next last
        self._key = START
        self._is_new = False  # whether the present step was never taken from this state
        self._wanted: tuple[int, ...] = ()
        self._values: list[int] = []
        self._sizes: list[int] = []

    @property
    def left(self) -> int:
        """How many steps are known that have not been taken yet."""
        return sum(len(known.untried) for known in {id(known): known for known in self._open}.values())

    def begin(self) -> None:
        """A run begins, towards the state that was found last and has steps that were not taken."""
        target = self._open[-1]
        self._at = self._start
        self._way = []
        self._plan = list(reversed(target.way))
        self._take(self._plan.pop() if self._plan else self._start.untried.pop(), is_new=target is self._start)

    def advance(self) -> bool:
        """A run has ended. False: no step is left."""
        self._note()
        while self._open and not self._open[-1].untried:
            self._open.pop()
        return bool(self._open)

    def _take(self, step: Step, *, is_new: bool) -> None:
        self._key, self._wanted = step
        self._is_new = is_new
        self._values = []
        self._sizes = []

    def value(self, n: int, label: str) -> int:  # noqa: ARG002
        """See `Search.value`."""
        place = len(self._values)
        value = self._wanted[place] if place < len(self._wanted) else 0
        self._values.append(value)
        self._sizes.append(n)
        return value

    def _note(self) -> Step:
        """The step that was made, with all that was drawn in it. What else could have been drawn in a new one is to be tried."""
        if self._is_new:
            self._is_new = False
            for place in range(len(self._wanted), len(self._values)):
                self._at.untried += [(self._key, (*self._values[:place], value)) for value in range(1, self._sizes[place])]
            if self._at.untried:
                self._open.append(self._at)
        return self._key, tuple(self._values)

    def made(self, footprint: Footprint, causes: frozenset[int]) -> None:
        """See `any_order.Explorer`."""

    def pick(self, options: Sequence[Option]) -> int:
        """A step that was not taken from this state yet, or one that leads to where there is one."""
        step = self._note()
        self._way.append(step)
        here = self._at.leads_to.get(step)
        if here is None:
            here = self._at.leads_to[step] = self._reached(options)
        self._at = here
        if self._plan:
            self._take(self._plan.pop(), is_new=False)
        elif here.untried:
            self._take(here.untried.pop(), is_new=True)
        else:
            onwards = next((taken for taken, known in here.leads_to.items() if known.untried), None)
            if onwards is None:
                self.is_cut = True
                return -1
            self._take(onwards, is_new=False)
        return next(index for index, option in enumerate(options) if option.key == self._key)

    def _reached(self, options: Sequence[Option]) -> _Known:
        """The state that this run is in, which is perhaps a known one."""
        assert self._simulation is not None
        if self._state is not None:
            state = self._state(self._simulation)
        else:
            try:
                state = state_of(self._simulation)
            except NotExplored as error:
                self.refuse(error.what, error.why)
                state = ""
        known = self.known.get(state)
        if known is None:
            known = self.known[state] = _Known(tuple(self._way), [(option.key, ()) for option in reversed(options)])
            self._open.append(known)
        return known


def state_of(simulation: Simulation) -> str:
    """
    All that decides how a run goes on, as text: actors with what waits for them, messages in flight, timers, time, and what may still fail.

    Raises:
        NotExplored: A handler waits in its middle: where it is, and what it will do, is no state that could be told.
    """
    any_order = simulation.any_order
    assert any_order is not None
    assert any_order.cluster is not None
    texts = [f"{simulation.now} {any_order.left} {simulation.world.is_calm}"]
    texts += [
        f"{name} {[shown(flying.message) for flying in channel]}"
        for name, channel in sorted(any_order.links.channels.items(), key=_name_of_channel)
    ]
    for node in any_order.cluster.up.values():
        texts.append(f"{node.node} {node.is_open} {node.next_due()}")
        for cell in node.cells:
            if cell.held is not None and cell.phase == UP:
                raise NotExplored(name_of(cell), "waits in the middle of a handler, which is no state that could be told: explore orders.")
            waiting = [describe(item.message if isinstance(item, Envelope) else item) for item in cell.queue or ()]
            if waiting or cell.path.startswith("/user/"):
                texts.append(f"{name_of(cell)} {cell.phase} {describe(cell.instance)} {waiting}")
    for disk in simulation.disks:
        texts.append(describe(disk.content()))
    return "\n".join(texts)


def _name_of_channel(channel: tuple[str, Any]) -> str:
    return channel[0]
