"""
A counter whose clients try again when no answer comes.

Broken: an addition that came twice is added twice. Correct: the counter remembers which additions it has made.
"""

from __future__ import annotations

from attrs import define, field, frozen

from trouper import Actor, AskTimeout, Request, actor, handles
from trouper.simulation import UNKNOWN, Client, Counter, Faults, Simulation


@frozen
class Add(Request[bool]):
    identity: tuple[str, int]
    amount: int


@frozen
class Read(Request[int]):
    pass


@define(eq=False)
class Adder(Actor[Add | Read]):
    """The counter."""

    remembers: bool
    value: int = 0
    made: set[tuple[str, int]] = field(factory=set[tuple[str, int]])

    @handles(Add)
    def add(self, add: Add) -> bool:
        if not (self.remembers and add.identity in self.made):
            self.made.add(add.identity)
            self.value += add.amount
        return True

    @handles(Read)
    def read(self, _read: Read) -> int:
        return self.value


async def _workload(client: Client) -> None:
    counter = client.ref("counter", "/user/counter")

    async def add(number: int) -> bool:
        for _ in range(4):
            try:
                done: bool = await counter.ask(Add((client.name, number), 1), timeout=0.05)
            except AskTimeout:
                continue
            return done
        return False

    for number in range(4):
        await client.perform("add", 1, add(number), result=lambda done: None if done else UNKNOWN)
        await client.perform("read", None, counter.ask(Read(), timeout=0.2))


def _counter(sim: Simulation, *, remembers: bool) -> None:
    sim.node("counter", actor(Adder, remembers, name="counter"))
    sim.client(_workload)
    sim.client(_workload)
    sim.faults(Faults.swarm(crashes=False))
    sim.linearizable(Counter)


def broken(sim: Simulation) -> None:
    """Adds what it is told, as often as it is told."""
    _counter(sim, remembers=False)


def correct(sim: Simulation) -> None:
    """Adds each addition once."""
    _counter(sim, remembers=True)
