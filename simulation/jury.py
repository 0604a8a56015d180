"""The jury: all oracles of one run, when each is asked, and when the run may end."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from .oracles import Finding, LastingOracle, Oracle, Violation

if TYPE_CHECKING:
    from .world import World


class Jury:
    """
    Judges one run, until the first violation.

    Args:
        world: The run. It is ended by the first violation, or when clients and faults have ended and nothing is left to wait for.
    """

    def __init__(self, world: World) -> None:
        self.violation: Violation | None = None
        self.always: list[Oracle] = []
        self.lasting: list[LastingOracle] = []
        self.at_the_end: list[tuple[str, Oracle]] = []
        self._world = world
        self._looking: list[LastingOracle] = []
        self._alarms: dict[LastingOracle, float] = {}
        self._is_calm = False

    def begin(self) -> None:
        """The cluster is described: from now on it is looked at after each step."""
        self._looking = [one for one in self.lasting if one.looks_at_faults]
        if self.always or self._looking:
            self._world.checks.append(self._check)

    def calm(self) -> None:
        """Clients and faults have ended."""
        world = self._world
        if not (self.always or self._looking):
            world.checks.append(self._check)
        self._is_calm = True
        self._looking = self.lasting
        for one in self.lasting:
            one.calm(world.now)
        self._look_at_lasting()

    def end(self) -> None:
        """The run is over: what is judged last."""
        for one in self._looking:
            if self.violation is None:
                self._take(one, one.look(self._world.now))
        for kind, oracle in self.at_the_end:
            if self.violation is None:
                self._judge(kind, oracle)

    def violate(self, kind: str, name: str, text: str) -> None:
        """Something is broken, and the run is over, unless it is one of an exploration."""
        world = self._world
        world.touched("the verdict", "")
        if self.violation is None:
            self.violation = Violation(kind, name, text, world.now, world.trace.length)
            if world.ends_with_violation:
                world.end()

    def _judge(self, kind: str, oracle: Oracle) -> None:
        text = oracle.holds()
        if text is not None:
            self.violate(kind, oracle.name, text)

    def _check(self) -> None:
        for oracle in self.always:
            text = oracle.holds()
            if text is not None:
                self.violate("always", oracle.name, text)
                return
        if self._looking or self._is_calm:
            self._look_at_lasting()

    def _look_at_lasting(self) -> None:
        now = self._world.now
        for one in self._looking:
            self._take(one, one.look(now))
            if self._world.is_over:
                return
            when = one.next_look(now)
            if when < self._alarms.get(one, math.inf):
                self._alarms[one] = when
                self._world.at(when, partial(self._alarm, one, when))
        if self._is_calm and all(one.is_settled(now) for one in self._looking):
            self._world.end_when_quiet()

    def _alarm(self, one: LastingOracle, when: float) -> None:
        if self._alarms.get(one) == when:
            del self._alarms[one]
            self._look_at_lasting()

    def _take(self, one: LastingOracle, finding: Finding | None) -> None:
        if finding is not None:
            self.violate(finding.kind, one.name, finding.text)
