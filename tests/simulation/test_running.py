"""A run that cannot go on, a target that is wrong, and trees that give up."""

from __future__ import annotations

import pytest
from attrs import define, frozen

from trouper import Actor, actor, handles, supervisor
from trouper.actors.dispatcher import Dispatcher
from trouper.simulation import Client, Simulation, run_once, world

from .stormy import storm


@frozen
class Again:
    pass


@define(eq=False)
class Endless(Actor[Again]):
    """Tells itself for ever, in no time."""

    def on_start(self) -> None:
        self.context.ref.tell_nowait(Again())

    @handles(Again)
    def again(self, _again: Again) -> None:
        self.context.ref.tell_nowait(Again())


@define(eq=False)
class Failing(Actor[Again]):
    """Fails at each message."""

    def on_start(self) -> None:
        self.context.after(0.1, Again())

    @handles(Again)
    def again(self, _again: Again) -> None:
        raise ZeroDivisionError("as it does")


def test_a_circle_of_messages_that_takes_no_time_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many steps the run ends as stuck, instead of never."""
    monkeypatch.setattr(world, "STEPS_MAX", 1000)
    outcome = run_once(lambda sim: sim.node("a", actor(Endless, name="endless")), 1)
    assert outcome.violation is not None
    assert outcome.violation.kind == "stuck"
    assert "circle of messages" in outcome.violation.text


def test_what_a_target_raises_comes_out_bare() -> None:
    """A description of a cluster that is wrong is an error of whoever wrote it, and no violation."""

    def wrong(sim: Simulation) -> None:
        sim.node("a")
        sim.node("a")

    with pytest.raises(ValueError, match="a node 'a' already"):
        run_once(wrong, 1)


def test_a_tree_that_gives_up_is_a_violation_that_names_the_node() -> None:
    """A root whose restarts are spent ends a real system with its failure; a simulated one is found."""
    outcome = run_once(lambda sim: sim.node("a", supervisor("top", [actor(Failing, name="failing")], max_restarts=1)), 1)
    assert outcome.violation is not None
    assert (outcome.violation.kind, outcome.violation.name) == ("node", "a")
    assert "RestartLimitReached" in outcome.violation.text


def test_what_a_workload_raises_is_a_violation_that_names_the_client() -> None:
    """An assertion of a workload is an oracle too."""

    async def workload(client: Client) -> None:
        await client.sleep(0.5)
        raise AssertionError("this is not how it should be")

    def target(sim: Simulation) -> None:
        sim.client(workload, name="alice")

    outcome = run_once(target, 1)
    assert outcome.violation is not None
    assert str(outcome.violation) == "client alice is broken at 0.500000 s: this is not how it should be"


def test_one_worker_has_the_baton_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is woken while one is awake, though the world goes on wherever somebody asks whether anybody is ready."""
    woken = list[bool]()
    wake = Dispatcher.wake

    def noted(dispatcher: Dispatcher) -> None:
        woken.append(dispatcher.is_awake)
        wake(dispatcher)

    monkeypatch.setattr(Dispatcher, "wake", noted)
    for seed in range(5):
        run_once(storm, seed)
    assert len(woken) > 500
    assert not any(woken)
