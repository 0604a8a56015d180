"""Runs that the tests of diagrams draw: one that is known event by event, and one that faults spoil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Event, Faults, Outcome, Simulation, Violation, run_once
from trouper.simulation.diagram import Diagram, diagram_of

# A known run: a asks b, whose answer comes; c hears of nothing, since what b sends it is lost; a crashes, and c is cut off from b.
KNOWN = (
    Event(0.0, "step", "a", "/user/asker", "Go", "Go()", 0),
    Event(0.0, "sent", "a", "b/user/asked", "Question", "Question(text='<b>?')", 1),
    Event(0.1, "step", "c", "/user/other", "Tick", "Tick()", 0),
    Event(0.2, "delivered", "b", "/user/asked", "", "", 1),
    Event(0.2, "step", "b", "/user/asked", "Question", "", 1),
    Event(0.2, "state", "b", "/user/asked", "Asked", "Asked(count=1)", 0),
    Event(0.2, "sent", "b", "a reply to 1", "int", "42", 2),
    Event(0.2, "sent", "b", "c/user/other", "News", "News()", 3),
    Event(0.2, "dropped", "b", "/user/other", "", "network", 3),
    Event(0.3, "delivered", "a", "", "", "", 2),
    Event(0.3, "resumed", "a", "/user/asker", "", "", 0),
    Event(0.4, "fault", "a", "", "crash", "", 0),
    Event(0.5, "fault", "", "", "partition", "b>c, c>b", 0),
    Event(0.6, "step", "b", "/user/asked", "Question", "Question(text='again')", 0),
    Event(0.6, "state", "b", "/user/asked", "Asked", "Asked(count=2)", 0),
    Event(0.6, "sent", "b", "c@1/user/other", "News", "News()", 4),
    Event(0.6, "dropped", "b", "/user/other", "", "network", 4),
    Event(0.6, "sent", "b", "a/user/asker", "News", "News()", 5),
    Event(0.7, "dropped", "a", "/user/asker", "", "node is down", 5),
    Event(0.8, "fault", "a", "", "restart", "", 0),
    Event(0.9, "fault", "", "", "calm", "all faults end", 0),
    Event(0.9, "sent", "c", "a/user/asker", "News", "News()", 6),
)


def outcome_of(events: Sequence[Event], violation: Violation | None) -> Outcome:
    seed = run_once(nothing, 7, strategy="fifo", keeps=True)
    return evolve(
        seed,
        violation=violation,
        digest="0123456789abcdef0123",
        seconds=0.9,
        mix={},
        fired={"crash": 1},
        message_types={},
        events=list(events),
    )


def nothing(sim: Simulation) -> None:
    """A run without an event."""
    sim.duration = 0.0


def known() -> Diagram:
    return diagram_of(outcome_of(KNOWN, Violation("always", "never_twice", "b was asked twice", 0.6)), "known")


@frozen
class Ping:
    number: int


@define(eq=False)
class Player(Actor[Ping]):
    """Sends pings back, and forgets with a crash how many there were."""

    other: ActorRef[Any]
    seen: int = 0

    def on_start(self) -> None:
        self.context.after(0.01, Ping(0))

    @handles(Ping)
    def ping(self, ping: Ping) -> None:
        self.seen += 1
        self.other.tell_nowait(Ping(ping.number + 1))


def few_pings(sim: Simulation) -> None:
    """Somebody sees too few pings under most seeds, and enough if there are no faults."""
    for name, other in (("a", "b"), ("b", "a")):
        sim.node(name, actor(Player, sim.ref(other, "/user/player"), name="player"))
    sim.duration = 0.5

    def many_were_seen() -> bool:
        """Both saw a hundred."""
        return all(player.seen > 100 for player in sim.actors(Player))

    sim.at_the_end(many_were_seen)
    sim.faults(Faults.swarm(duplication=False))


def always_too_few(sim: Simulation) -> None:
    """Not even the calmest run passes."""
    sim.duration = 0.1
    sim.faults(Faults.swarm())
    sim.at_the_end(lambda: False)


def first_failing() -> Outcome:
    return next(outcome for seed in range(100) if (outcome := run_once(few_pings, seed)).violation is not None)
