"""
Tickets with ascending numbers, from an actor that fails now and then and is restarted by its supervisor.

Broken: the next number is in the actor alone, so that a restart begins again. Correct: it is on the disk before the number is given away.
"""

from __future__ import annotations

from attrs import define, frozen

from trouper import Actor, Request, actor, handles, supervisor
from trouper.simulation import UNKNOWN, Client, Disk, Faults, Simulation


@frozen
class Take(Request[int]):
    pass


class Jammed(Exception):
    """It happens."""


@define(eq=False)
class Printer(Actor[Take]):
    """Gives tickets away, and jams."""

    disk: Disk
    remembers: bool
    number: int = 0

    def on_start(self) -> None:
        if self.remembers:
            self.number = self.disk.read("number", 0)

    @handles(Take)
    def take(self, _take: Take) -> int:
        if self.context.random.random() < 0.1:
            raise Jammed
        self.number += 1
        if self.remembers:
            self.disk.write("number", self.number)
            self.disk.sync()
        return self.number


async def _workload(client: Client) -> None:
    for _ in range(9):
        await client.perform("take", None, client.ref("printer", "/user/top/printer").ask(Take(), timeout=0.2))


def no_ticket_comes_twice(sim: Simulation) -> None:
    """All tickets that clients have differ."""
    tickets = [operation.result for operation in sim.history.operations if operation.result is not UNKNOWN]
    assert len(set(tickets)) == len(tickets), f"the tickets are {tickets}"


def _tickets(sim: Simulation, *, remembers: bool) -> None:
    printer = actor(Printer, sim.disk("printer"), remembers, name="printer")
    sim.node("printer", supervisor("top", [printer], max_restarts=100))
    sim.client(_workload)
    sim.client(_workload)
    sim.at_the_end(no_ticket_comes_twice)
    sim.faults(Faults.swarm())


def broken(sim: Simulation) -> None:
    """Forgets."""
    _tickets(sim, remembers=False)


def correct(sim: Simulation) -> None:
    """Remembers."""
    _tickets(sim, remembers=True)
