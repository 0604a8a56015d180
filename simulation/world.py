"""
The world of one run: virtual time, what is due when, and when it is over.

Time passes only where nothing can run: no cell is ready and no task of trio is runnable. Then it jumps to whatever is due first, the
world's own events (timers of nodes, messages on the network, faults) or a deadline of trio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, final

from trio.abc import Clock

from .errors import SimulationStuck
from .trace import Trace
from .trio_order import TaskOrder

if TYPE_CHECKING:
    from .tape import Tape

STEPS_MAX: Final = 1_000_000
"""Steps of one run, after which it is taken for a circle of messages that never ends."""

EVENTS_MAX: Final = 2_000_000
"""Timers and messages of one run, after which it is taken for a circle too."""

IDLE_WAITS_MAX: Final = 100
"""How often a run in which nothing is due waits for trio before it is stuck."""

IDLE_WAIT_SECONDS: Final = 0.01
"""For so many real seconds."""


class World:
    """
    One run.

    Args:
        tape: Every choice.
        trace: Everything that happens.
    """

    # Invariant: now never goes back.

    def __init__(self, tape: Tape, trace: Trace) -> None:
        self.tape: Tape = tape
        self.trace: Trace = trace
        self.order: TaskOrder = TaskOrder(tape, lambda: self.now)
        self.now: float = 0.0
        self.is_over: bool = False
        self.steps: int = 0
        self.messages: int = 0
        self.handled: set[type] = set()  # classes of what actors were given
        self.events: int = 0
        self.changes: int = 0  # of what there is: lives of nodes that began or ended, and cells that were made
        self.on_over: Callable[[], object] = _nothing
        self.wake: Callable[[], object] = _nothing
        self.checks: list[Callable[[], object]] = []
        self.is_calm: bool = False
        self.is_abandoned: bool = False  # and not to be judged at its end, which is none
        self.keeps_time: bool = True  # whether messages and timers come when they are due, and not when they are chosen
        self.ends_with_violation: bool = True
        self.touched: Callable[[str, str], object] = _nobody_asks
        self.observed: Callable[[Iterable[str], type], object] = _nobody_asks
        self.on_trio: Callable[[str], object] = _nobody_asks
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    def at(self, when: float, call: Callable[[], object]) -> None:
        """Calls *call* at *when*, or at once if that is past; what is due at the same time is called in the order it was asked for."""
        self._count = count = self._count + 1
        if when != math.inf:
            heappush(self._agenda, (max(self.now, when), count, call))

    @property
    def agenda(self) -> list[Callable[[], object]]:
        """What is going to be called, in its order."""
        return [call for _, _, call in sorted(self._agenda, key=itemgetter(0, 1))]

    def end(self) -> None:
        """The run is over: nothing of the simulated happens any more."""
        if not self.is_over:
            self.is_over = True
            self.on_over()

    def end_when_quiet(self) -> None:
        """The run is over; where every order is possible, what is on its way arrives first, for it has its races too."""
        if self.keeps_time:
            self.end()
        else:
            self.at(self.now, self.end)

    def check(self) -> None:
        """A step has been made: looks at what must always hold."""
        for check in self.checks:
            check()
        if self.steps > STEPS_MAX:
            raise SimulationStuck(self.now, f"{STEPS_MAX} steps were made; is there a circle of messages that takes no time?")

    def pass_time(self, ready: list[Any], *, only_once: bool = False) -> bool:
        """Lets time pass until something is *ready*, or to what is due next. False: trio comes first, or nothing can happen any more."""
        agenda = self._agenda
        order = self.order
        while not ready:
            if self.is_over or not agenda or order.batch or order.runnable:
                return False
            when = agenda[0][0]
            if order.next_deadline < when:
                return False
            self.now = when
            while agenda and agenda[0][0] <= when and not self.is_over:
                heappop(agenda)[2]()
                self.events = events = self.events + 1
                if events > EVENTS_MAX:
                    raise SimulationStuck(self.now, f"{EVENTS_MAX} timers and messages were due; is there a circle that takes no time?")
            if only_once:
                return True
        return True

    def next_due(self) -> float:
        """When the world's next event is."""
        return self._agenda[0][0] if self._agenda else math.inf


def _nothing() -> None:
    """Before the run is set up nobody listens."""


def _nobody_asks(*_what: object) -> None:
    """Who explores every order asks what a step touches; nobody else does."""


@final
class WorldClock(Clock):
    """
    trio's clock in a run: it shows the world's time, and jumps when trio has nothing to run.

    Args:
        world: Whose time it is.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle_waits = 0

    def start_clock(self) -> None:
        """A run of trio begins."""

    def current_time(self) -> float:
        """Virtual seconds."""
        return self._world.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Asked when no task can run: the world goes on first, if it is due first."""
        world = self._world
        if not world.is_over and world.next_due() <= deadline and world.next_due() != math.inf:
            world.wake()
        elif deadline != math.inf:
            world.now = max(world.now, deadline)
        else:  # what trio tells itself arrives as real input and output
            self._idle_waits += 1
            if self._idle_waits > IDLE_WAITS_MAX:
                raise SimulationStuck(world.now, "every task waits for something that nobody will ever do")
            return IDLE_WAIT_SECONDS
        self._idle_waits = 0
        return 0.0
