"""
What each process of `check_determinism` does: it runs seeds and says what came of them, or all that happened under one of them.

In the second case it also says from which line of the user's code each event came, which handler ran, and what was called meanwhile
that has other answers in other processes, by whatever reference: a profiler sees all calls of functions that are written in C.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final, TextIO

from attrs import define, field

from ..actors.cell import CURRENT
from ..system.targets import find_target
from .describing import Snapshot, shown
from .run import Target, run_on
from .simulated_cluster import Simulation
from .sites import Site, site_of, site_of_function
from .strategies import StrategyChoice
from .tape import Tape
from .trace import Event, EventKind, Trace

SUSPECTS: Final[dict[Any, str]] = {
    id: "id()",
    hash: "hash()",
    gc.collect: "gc.collect()",
    os.urandom: "os.urandom",
    os.getpid: "os.getpid",
    random.random: "random.random",
    random.getrandbits: "random.getrandbits",
    **{
        getattr(time, name): f"time.{name}"
        for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "sleep")
    },
}
"""Functions of C whose answers differ from process to process."""

_here: Final = sys._getframe  # pyright: ignore[reportPrivateUsage]  # events are asked where they come from


def heap_noise(count: int) -> list[object]:
    """
    Objects of all small sizes, of which every other one is given back in no order: what is made from now on lies elsewhere, and no
    longer one beside the other, which is what decides the order of a set of objects. It lasts for as long as the result is kept.
    """
    made: list[object] = [bytes(number % 480) for number in range(count)]
    places = list(range(count))
    random.Random(count).shuffle(places)
    for place in places[: count // 2]:
        made[place] = None
    return made


@define(eq=False)
class Log:
    """Everything that happened in one run, draws included, in order."""

    entries: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    simulation: Simulation | None = None
    _suspects: list[str] = field(factory=list[str])
    _now: float = 0.0

    def event(self, event: Event) -> None:
        """One more event."""
        self._now = event.time
        is_step = event.kind in ("step", "resumed")
        self._add(str(event).strip(), is_step=is_step, handler=str(self._handler_of(event)) if is_step else "")

    def draw(self, label: str, value: int, n: int) -> None:
        """One more draw."""
        self._add(f"{self._now:.6f} draw      {label}: {value} of {n}", is_step=False)

    def _add(self, text: str, *, is_step: bool, handler: str = "") -> None:
        entry = {"text": text.replace("\n", " "), "site": str(site_of(_here(3))), "suspects": self._suspects}
        self.entries.append({**entry, "is_step": is_step, "handler": handler})
        self._suspects = []

    def profile(self, frame: FrameType, what: str, called: Any) -> None:
        """Told by Python of every call."""
        if what == "c_call" and called in SUSPECTS and CURRENT.get() is not None:
            here = site_of(frame, frames=1)
            if here.file:
                self._suspects.append(f"{SUSPECTS[called]} at {here}")

    def _handler_of(self, event: Event) -> Site:
        node = None if self.simulation is None else self.simulation.nodes.get(event.node)
        cell = None if node is None or node.runtime is None else node.runtime.find(event.path)
        for kind, function in () if cell is None else cell.table.items():
            if kind.__name__ == event.what:
                return site_of_function(function)
        return Site()


class LoggedTrace(Trace):
    """A trace whose events go into a log as well."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def add(  # noqa: PLR0917  # as its base
        self, time: float, kind: EventKind, node: str, path: str, what: str, text: str | Snapshot, number: int = 0
    ) -> None:
        """One more event."""
        super().add(time, kind, node, path, what, text, number)
        self._log.event(Event(time, kind, node, path, what, text if type(text) is str else shown(text), number))


class LoggedTape(Tape):
    """A tape whose draws go into a log as well."""

    def __init__(self, seed: int, log: Log) -> None:
        super().__init__(seed)
        self._log = log

    def draw(self, n: int, label: str) -> int:
        """One more draw."""
        value = super().draw(n, label)
        if n > 1:
            self._log.draw(label, value, n)
        return value

    def choose(self, n: int, label: str, propose: Any) -> int:
        """One more draw."""
        value = super().choose(n, label, propose)
        if n > 1:
            self._log.draw(label, value, n)
        return value


def log_of(target: Target, seed: int, strategy: str) -> Log:
    """Runs *target* once, and keeps all that happened."""
    log = Log()

    def watched(sim: Simulation) -> None:
        log.simulation = sim
        target(sim)

    before = sys.getprofile()
    sys.setprofile(log.profile)
    try:
        run_on(watched, LoggedTape(seed, log), StrategyChoice(strategy), trace=LoggedTrace(log))
    finally:
        sys.setprofile(before)
    return log


def bear_witness(arguments: Sequence[str]) -> None:
    """
    A process: a line of JSON for each seed.

    Args:
        arguments: Where the target is, the strategy, how many objects are put into memory before, of how many of the last seeds all
            that happened is told (0 or 1), and the seeds.
    """
    place, strategy, noise, told, *seeds = arguments
    kept = heap_noise(int(noise))
    output, sys.stdout = sys.stdout, sys.stderr  # what the target prints is not what this process says
    found: Any = find_target(place)
    target: Target = getattr(found, "simulation", found)
    for position, seed in enumerate(seeds):
        if position == len(seeds) - int(told):
            _say(output, log_of(target, int(seed), strategy).entries)
        else:
            outcome = run_on(target, Tape(int(seed)), StrategyChoice(strategy), keeps=False)
            broken = outcome.violation
            _say(output, [outcome.digest, outcome.steps, *(() if broken is None else (broken.kind, broken.name, broken.time))])
    kept.clear()


def _say(output: TextIO, what: object) -> None:
    output.write(json.dumps(what) + "\n")
    output.flush()
