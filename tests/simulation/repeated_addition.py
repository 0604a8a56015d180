"""A counter whose one client tries again: wrong if its first answer is late. For the command line."""

from __future__ import annotations

from attrs import define, frozen

from trouper import Actor, AskTimeout, Request, actor, handles
from trouper.simulation import Client, Simulation, simulation


@frozen
class Add(Request[int]):
    pass


@define(eq=False)
class Counter(Actor[Add]):
    value: int = 0

    @handles(Add)
    def add(self, _add: Add) -> int:
        self.value += 1
        return self.value


async def adds_until_answered(client: Client) -> None:
    for _ in range(2):
        try:
            await client.ref("store", "/user/counter").ask(Add(), timeout=0.1)
        except AskTimeout:
            continue
        return


@simulation
def repeated_addition(sim: Simulation) -> None:
    sim.node("store", actor(Counter, name="counter"))
    sim.client(adds_until_answered)
    sim.always(lambda: all(counter.value <= 1 for counter in sim.actors(Counter)))
