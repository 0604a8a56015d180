"""Targets in which something is not deterministic, each in its own way, and one in which nothing is."""

from __future__ import annotations

import gc
import itertools
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Simulation

HELD: dict[str, Callable[[], Any]] = {"clock": time.time, "random": random.random, "urandom": lambda: BYTES["urandom"](4)}
"""References that nobody finds before a run."""

BYTES: dict[str, Callable[[int], bytes]] = {"urandom": os.urandom}
COUNT = itertools.count()
SEEN: list[int] = []


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
        elif self.how == "earlier runs":
            words = [f"{next(COUNT)}"]
        elif self.how == "thread":
            words = [f"{SEEN[-1]}"]
        elif self.how == "collector":
            words = [f"{gc.collect()}"]
        elif self.how == "draws":
            for _ in sorted({"b", "a", f"{hash('a') % 2}", f"{hash('b') % 5}"}):
                self.context.random.random()
        elif self.how in HELD:
            words = [f"{HELD[self.how]()}"]
        for word in words:
            self.sink.tell_nowait(Word(word))


def _planted(sim: Simulation, how: str) -> None:
    sim.node("a", actor(Sink, name="sink"))
    sim.node("b", actor(Sender, sim.ref("a", "/user/sink"), how, name="sender"))
    sim.duration = 1.0


def clock_that_is_held(sim: Simulation) -> None:
    """Sends what a clock says that was bound before the run."""
    _planted(sim, "clock")


def random_that_is_held(sim: Simulation) -> None:
    """Sends what the global generator says, bound before the run."""
    _planted(sim, "random")


def bytes_that_are_held(sim: Simulation) -> None:
    """Sends what the machine's randomness says, bound before the run."""
    _planted(sim, "urandom")


def count_of_runs(sim: Simulation) -> None:
    """Sends what outlives a run."""
    _planted(sim, "earlier runs")


def thread_beside(sim: Simulation) -> None:
    """Sends what a thread has done that nobody simulated started."""
    thread = threading.Thread(target=lambda: SEEN.append(time.perf_counter_ns()))
    thread.start()
    thread.join()
    _planted(sim, "thread")


def collected(sim: Simulation) -> None:
    """Sends how many objects the collector found."""
    _planted(sim, "collector")


def draws_by_hash(sim: Simulation) -> None:
    """Draws as often as hashes of texts say, and sends the same in any case."""
    _planted(sim, "draws")


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
