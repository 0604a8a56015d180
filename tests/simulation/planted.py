"""Targets in which something is not deterministic, each in its own way, and one in which nothing is."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Simulation


@frozen
class Send:
    pass


@frozen
class Word:
    text: str


@define(eq=False)
class Sink(Actor[Word]):
    """Takes words."""

    words: list[str] = field(factory=list[str])

    @handles(Word)
    def take(self, word: Word) -> None:
        self.words.append(word.text)


@define(eq=False)
class Sender(Actor[Send]):
    """Sends words in an order that it does not know, or does."""

    sink: ActorRef[Any]
    how: str

    def on_start(self) -> None:
        self.context.after(0.1, Send())

    @handles(Send)
    def send(self, _send: Send) -> None:
        words = [f"word {number}" for number in range(8)]
        if self.how == "set":
            words = list(set(words))
        elif self.how == "hash":
            words = [word for word in words if hash(word) % 2]
        elif self.how == "id":
            words = [f"{id(self) // 16 % 97}"]
        for word in words:
            self.sink.tell_nowait(Word(word))


def _planted(sim: Simulation, how: str) -> None:
    sim.node("a", actor(Sink, name="sink"))
    sim.node("b", actor(Sender, sim.ref("a", "/user/sink"), how, name="sender"))
    sim.duration = 1.0


def order_of_a_set(sim: Simulation) -> None:
    """Sends in the order of a set."""
    _planted(sim, "set")


def hash_of_a_text(sim: Simulation) -> None:
    """Sends what has an odd hash."""
    _planted(sim, "hash")


def address_of_an_object(sim: Simulation) -> None:
    """Sends where it lies in memory."""
    _planted(sim, "id")


def nothing(sim: Simulation) -> None:
    """Is as it should be."""
    _planted(sim, "")
