"""`@simulation`, which marks a description of a cluster, and `@simulate(...)`, which makes one a test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import TypeVar

from attrs import define

from ..errors import TrouperError
from .exploring import explore
from .files import recording_of, save
from .run import Target

F = TypeVar("F", bound=Target)


@define(eq=False)
class SimulationFailed(TrouperError, AssertionError):
    """A simulated cluster broke what it promises under some seed."""

    target: str
    seed: int
    violation: str
    seeds: int
    violations: int
    file: str

    def __str__(self) -> str:
        return (
            f"{self.target}, seed {self.seed}: {self.violation}\n"
            f"{self.violations} of {self.seeds} seeds broke something. Run this one again with 'trouper replay {self.file}'."
        )


def simulation(target: F) -> F:
    """
    Marks a function that describes a cluster: ``@simulation def raft_cluster(sim: Simulation) -> None``.

    Raises:
        TypeError: It does not take one argument, the simulation.
    """
    if len(signature(target).parameters) != 1:
        raise TypeError(f"A simulation is a function of one argument: def {target.__name__}(sim: Simulation) -> None.")
    return target


def simulate(*, seeds: int = 500, strategy: str = "portfolio", jobs: int = 1) -> Callable[[Target], Callable[[], None]]:
    """
    Makes the description of a cluster a test, which runs it under so many seeds: ``@simulate(seeds=500)``.

    The test fails with `SimulationFailed` at the first seed that breaks something, and leaves a file for ``trouper replay``.

    Args:
        seeds: How many.
        strategy: As for `run_once`.
        jobs: Processes.
    """

    def as_test(target: Target) -> Callable[[], None]:
        described = simulation(target)
        name = getattr(described, "__name__", "simulation")
        code = getattr(described, "__code__", None)

        def test() -> None:
            report = explore(described, seeds, strategy=strategy, jobs=jobs, stops_at_first=True)
            first = report.first
            if first is None:
                return
            with tempfile.NamedTemporaryFile("w", prefix=f"{name}-{first.seed}-", suffix=".json", delete=False) as file:
                path = Path(file.name)
            save(recording_of(first, f"{code.co_filename if code is not None else described.__module__}:{name}"), path)
            raise SimulationFailed(name, first.seed, str(first.violation), report.seeds, report.violations, str(path))

        test.__name__ = name
        test.__doc__ = described.__doc__
        test.__module__ = described.__module__
        test.simulation = described  # type: ignore[attr-defined]  # for those who want the description itself, such as trouper replay
        return test

    return as_test
