"""
A register with a copy on each node: the last writer wins, by a logical clock, and copies tell each other what they have (Shapiro et al.,
"Conflict-free replicated data types", 2011).

Broken: of two writes at the same logical time a copy keeps its own, so that merging is not commutative. Correct: the writer's name
decides.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Client, Faults, Simulation

NAMES = ("a", "b", "c")


@frozen
class Write:
    value: str


@frozen
class Copy:
    time: int
    writer: str
    value: str


@frozen
class Gossip:
    pass


@define(eq=False)
class Replica(Actor[Write | Copy | Gossip]):
    """One copy."""

    name: str
    others: tuple[ActorRef[Any], ...]
    decides: bool
    copy: Copy = Copy(0, "", "")

    def on_start(self) -> None:
        self.context.every(0.1, Gossip())

    @handles(Write)
    def write(self, write: Write) -> None:
        self.copy = Copy(self.copy.time + 1, self.name, write.value)

    @handles(Gossip)
    def gossip(self, _gossip: Gossip) -> None:
        for other in self.others:
            other.tell_nowait(self.copy)

    @handles(Copy)
    def merge(self, theirs: Copy) -> None:
        mine = self.copy
        if theirs.time > mine.time or (self.decides and (theirs.time, theirs.writer) > (mine.time, mine.writer)):
            self.copy = theirs


def _writer(place: int) -> Any:
    async def work(client: Client) -> None:
        for number in range(2):
            await client.sleep(client.random.random() * 0.2)
            await client.ref(NAMES[place], "/user/replica").tell(Write(f"{client.name} {number}"))

    return work


def copies(sim: Simulation) -> dict[str, str]:
    """What each replica has."""
    return {replica.name: replica.copy.value for replica in sim.actors(Replica)}


def _register(sim: Simulation, *, decides: bool) -> None:
    for name in NAMES:
        others = tuple(sim.ref(other, "/user/replica") for other in NAMES if other != name)
        sim.node(name, actor(Replica, name, others, decides, name="replica"))
    for place in range(2):
        sim.client(_writer(place))
    sim.faults(Faults.swarm(crashes=False))
    sim.converges(copies, within=2.0, stays=0.5)


def broken(sim: Simulation) -> None:
    """Keeps its own."""
    _register(sim, decides=False)


def correct(sim: Simulation) -> None:
    """Lets the name decide."""
    _register(sim, decides=True)
