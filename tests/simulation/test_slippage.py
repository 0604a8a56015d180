"""Slippage: a smaller run must not be broken by what was left out of it."""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Simulation, explore, shrink
from trouper.simulation.oracles import Violation
from trouper.simulation.slippage import same


@frozen
class Word:
    text: str


@define(eq=False)
class Ear(Actor[Word]):
    """Hears."""

    heard: int = 0

    @handles(Word)
    def hear(self, _word: Word) -> None:
        self.heard += 1


@define(eq=False)
class Mouth(Actor[Word]):
    """Says something to both ears, once; in a run where chance has it so to one of them alone."""

    ears: tuple[ActorRef[Any], ...]

    def on_start(self) -> None:
        self.context.after(1.0, Word("hello"))

    @handles(Word)
    def say(self, word: Word) -> None:
        forgets = self.context.random.random() > 0.5
        for ear in self.ears[forgets:]:
            ear.tell_nowait(word)


def _all_have_heard(sim: Simulation) -> bool:
    return [ear.heard for node in ("left", "right") for ear in sim.nodes[node].actors(Ear)] == [1, 1]


def _conversation(sim: Simulation) -> None:
    names = ("left", "right", "idle")
    for name in names:
        sim.node(name, actor(Ear, name="ear"))
    sim.node("mouth", actor(Mouth, tuple(sim.ref(name, "/user/ear") for name in names[:2]), name="mouth"))
    sim.eventually(_all_have_heard)
    sim.duration = 3.0


def test_a_node_that_others_need_is_not_left_out() -> None:
    """
    Without the left ear nobody would have heard: the oracle would be broken for another reason. Both ears and the mouth are there,
    and chance is what broke it; the node that nobody needs is not.
    """
    found = explore(_conversation, 200, stops_at_first=True).first
    assert found is not None
    after = shrink(_conversation, found.draws, runs_max=200).after
    labels = {draw.label for draw in after.draws if draw.value}
    assert labels >= {"random:mouth", "absent node: idle"}
    assert not labels & {f"absent node: {name}" for name in ("left", "right", "mouth")}
    assert after.violation is not None
    assert after.violation.kind == "eventually"


def test_an_oracle_that_raises_where_it_said_no_is_not_the_same() -> None:
    """A claim that is not satisfied is not one that could not be judged."""
    no, error, other = (Violation("always", "claim", text, 1.0) for text in ("3 have it", "ValueError: not enough", "KeyError: 'a'"))
    assert same(no, Violation("always", "claim", "4 have it", 2.0))
    assert not same(no, error)
    assert not same(error, other)
    assert not same(no, None)
    assert not same(no, Violation("eventually", "claim", "3 have it", 1.0))
