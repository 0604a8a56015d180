"""
A counter behind two front ends, which read, add, and write back.

Broken: they write what they computed, whatever was written meanwhile. Correct: they write only if the value is still the one that they
read, and try again if it is not.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, Request, actor, handles, supervisor
from trouper.simulation import UNKNOWN, Client, Counter, Faults, Simulation


@frozen
class Load(Request[int]):
    pass


@frozen
class Store(Request[bool]):
    expected: int | None
    value: int


@frozen
class Add(Request[bool]):
    amount: int


@define(eq=False)
class Memory(Actor[Load | Store]):
    """One number."""

    value: int = 0

    @handles(Load)
    def load(self, _load: Load) -> int:
        return self.value

    @handles(Store)
    def store(self, store: Store) -> bool:
        if store.expected is not None and store.expected != self.value:
            return False
        self.value = store.value
        return True


@define(eq=False)
class Front(Actor[Add]):
    """Adds to the number on another node."""

    memory: ActorRef[Any]
    compares: bool

    @handles(Add)
    async def add(self, add: Add) -> bool:
        while True:
            value: int = await self.memory.ask(Load())
            stored: bool = await self.memory.ask(Store(value if self.compares else None, value + add.amount))
            if stored:
                return True


async def _adds(front: str, client: Client) -> None:
    for _ in range(6):
        await client.perform("add", 1, client.ref(front, "/user/top/front").ask(Add(1)), result=lambda done: None if done else UNKNOWN)
    await client.perform("read", None, client.ref("memory", "/user/memory").ask(Load()))


def _counter(sim: Simulation, *, compares: bool) -> None:
    memory = sim.ref("memory", "/user/memory")
    sim.node("memory", actor(Memory, name="memory"))
    for name in ("left", "right"):
        sim.node(name, supervisor("top", [actor(Front, memory, compares, name="front")], max_restarts=100))
        sim.client(partial(_adds, name))
    sim.faults(Faults.swarm(crashes=False, loss=False, duplication=False))
    sim.linearizable(Counter)


def broken(sim: Simulation) -> None:
    """Writes blindly."""
    _counter(sim, compares=False)


def correct(sim: Simulation) -> None:
    """Compares and swaps."""
    _counter(sim, compares=True)
