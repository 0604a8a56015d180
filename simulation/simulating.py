"""`@simulation`, which marks a description of a cluster, and `@simulate(...)`, which makes one a test."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import TypeVar

from .arguments import check_function
from .exploring import explore
from .failing import SHRINK_RUNS, failure_of
from .run import Target

F = TypeVar("F", bound=Target)


def simulation(target: F) -> F:
    """
    Marks a function that describes a cluster: ``@simulation def raft_cluster(sim: Simulation) -> None``.

    Raises:
        TypeError: It does not take one argument, the simulation; or it is async, or a generator.
    """
    check_function("@simulation", target)
    if len(signature(target).parameters) != 1:
        raise TypeError(f"A simulation is a function of one argument: def {target.__name__}(sim: Simulation) -> None.")
    return target


def simulate(
    *, seeds: int = 500, strategy: str = "portfolio", jobs: int = 1, shrink_runs: int = SHRINK_RUNS
) -> Callable[[Target], Callable[[], None]]:
    """
    Makes the description of a cluster a test, which runs it under so many seeds: ``@simulate(seeds=500)``.

    The test fails with `SimulationFailed` at the first seed that breaks something. The run is shrunk, and left as a record for
    ``trouper replay``, as a program and as a diagram, in the folder ``.simulations`` or the one that TROUPER_SIMULATIONS names.

    Guarantees:
        * No file is overwritten by another one: what was changed by hand stays.

    Args:
        seeds: How many.
        strategy: As for `run_once`.
        jobs: Processes.
        shrink_runs: How many runs it may take to shrink what was found.
    """

    def as_test(target: Target) -> Callable[[], None]:
        described = simulation(target)

        def test() -> None:
            report = explore(described, seeds, strategy=strategy, jobs=jobs, stops_at_first=True)
            if report.first is not None:
                raise failure_of(described, report, shrink_runs)

        test.__name__ = getattr(described, "__name__", "simulation")
        test.__doc__ = described.__doc__
        test.__module__ = described.__module__
        test.simulation = described  # type: ignore[attr-defined]  # for those who want the description itself, such as trouper replay
        return test

    return as_test
