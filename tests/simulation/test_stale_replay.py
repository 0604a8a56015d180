"""A record of code that has changed since: it is followed as far as it fits, and what comes then follows the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import define, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Simulation, run_once
from trouper.simulation.files import recording_of, save
from trouper.simulation.run import Outcome
from trouper.system.cli import main


@frozen
class Throw:
    pass


@frozen
class Shout:
    """The message that is added."""


@define(eq=False)
class Player(Actor[Throw | Shout]):
    """Throws a die three times, and from some version on shouts before the last."""

    shouts_to: ActorRef[Any] | None
    count: int = 0

    def on_start(self) -> None:
        self.context.every(1.0, Throw())

    @handles(Throw)
    def throw(self, _throw: Throw) -> None:
        self.count += 1
        if self.count == 3 and self.shouts_to is not None:
            self.shouts_to.tell_nowait(Shout())
        self.context.random.random()

    @handles(Shout)
    def shout(self, _shout: Shout) -> None:
        pass


def _game(name: str, *, shouts: bool) -> Any:
    def game(sim: Simulation) -> None:
        sim.node("table", actor(Player, sim.ref("other", "/user/player") if shouts else None, name=name))
        sim.node("other", actor(Player, None, name="player"))
        sim.duration = 5.5

    return game


def old(sim: Simulation) -> None:
    """As it was recorded."""
    _game("player", shouts=False)(sim)


def shouting(sim: Simulation) -> None:
    """A type of messages was added."""
    _game("player", shouts=True)(sim)


def renamed(sim: Simulation) -> None:
    """A node of it has another name."""
    sim.node("desk", actor(Player, None, name="player"))
    sim.node("other", actor(Player, None, name="player"))
    sim.duration = 5.5


def _recorded(seed: int = 11) -> Outcome:
    return run_once(old, seed, keeps=True)


def test_a_record_is_followed_to_the_message_that_was_added_and_the_place_is_named() -> None:
    """
    Index, what was recorded, what was wanted, and the actor that was about to: then the run follows its seed, the same each time. The
    draws before are those of the record.
    """
    recorded = _recorded()
    first, again = (run_once(shouting, 11, record=recorded.draws, keeps=True) for _ in range(2))
    departure = first.departure
    assert departure is not None
    index = departure.index
    assert index > 3
    assert first.draws[:index] == recorded.draws[:index]
    assert departure.recorded == recorded.draws[index]
    assert departure.label == first.draws[index].label == "latency: table>other"
    assert "/user/player" in departure.place
    assert "Shout" in departure.place
    assert f"draw {index} of the record" in str(departure)
    assert departure.place in str(departure)
    assert again.digest == first.digest
    assert run_once(shouting, 12, record=recorded.draws, keeps=True).draws[:index] == recorded.draws[:index]
    assert run_once(shouting, 12, record=recorded.draws).digest != first.digest
    assert first.seconds == recorded.seconds


def test_an_actor_with_another_name_draws_the_same_where_its_node_has_the_same() -> None:
    """Draws are named by nodes and links: the record of a cluster in which an actor was renamed fits to its end."""
    recorded = _recorded()
    replayed = run_once(_game("somebody", shouts=False), 11, record=recorded.draws, keeps=True)
    assert replayed.departure is None
    assert replayed.draws == recorded.draws


def test_a_node_with_another_name_is_where_the_record_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`trouper replay` says at which draw, and that the run went on under its seed."""
    recorded = _recorded()
    file = tmp_path / "run.json"
    save(recording_of(recorded, f"{__file__}:renamed"), file)
    assert main(["replay", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "The replay left its record: draw " in shown
    assert "'random:table', but the run drew one of" in shown
    assert "for 'random:desk' after '" in shown
    assert "desk /user/player Throw" in shown
    assert "followed its seed" in shown
