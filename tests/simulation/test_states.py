"""States are counted exactly: against explicit models, and the counts that Stateright publishes."""

from __future__ import annotations

import pytest

from trouper.simulation import Simulation, explore, explore_states
from trouper.simulation.states import state_of

from .commit_model import Kind, Manager, Resource, alike, consumed, reachable, specified, start_of, two_phase_commit


@pytest.mark.parametrize(("resources", "states"), [(3, 288), (5, 8_832)])
def test_the_explicit_model_is_the_one_that_stateright_counts(resources: int, states: int) -> None:
    """The specification of Gray and Lamport has 288 states with three resource managers, and 8,832 with five."""
    assert reachable(start_of(resources, "specification"), specified) == states


def test_the_explicit_model_under_symmetry() -> None:
    """Of the 8,832 states 314 differ in more than which resource manager is which."""
    assert reachable(start_of(5, "specification"), specified, alike) == 314


@pytest.mark.parametrize(("resources", "keeps", "kind"), [(2, True, "specification"), (3, True, "specification"), (1, False, "consumed")])
def test_real_actors_have_the_states_of_the_explicit_model(resources: int, keeps: bool, kind: Kind) -> None:
    """
    Two-phase commit by actors on a simulated network has the states of the specification where messages are never consumed: 288 with
    three resource managers. Where each message is delivered once it has those of an explicit model in which that is so.
    """
    report = explore_states(two_phase_commit(resources, keeps=keeps))
    assert report.explored is not None
    assert report.explored.is_complete
    assert report.explored.states == reachable(start_of(resources, kind), consumed if kind == "consumed" else specified)
    assert not report.violations


def test_states_may_be_told_apart_by_a_function() -> None:
    """Who looks at less has fewer states: those of the actors alone."""

    def of_actors(sim: Simulation) -> tuple[object, ...]:
        resources = tuple(resource.state for resource in sim.actors(Resource))
        return resources, tuple((manager.state, tuple(sorted(manager.prepared))) for manager in sim.actors(Manager))

    seen: set[object] = set()

    def both(sim: Simulation) -> tuple[object, ...]:
        seen.add(of_actors(sim))
        return of_actors(sim), state_of(sim)

    report = explore_states(two_phase_commit(2, keeps=True), state=both)
    assert report.explored is not None
    assert report.explored.states == 56
    assert len(seen) < 56


def test_the_strategy_states_counts() -> None:
    """`explore` takes it as any other strategy."""
    report = explore(two_phase_commit(2, keeps=True), 1000, strategy="states")
    assert "complete, 56 states" in str(report)
