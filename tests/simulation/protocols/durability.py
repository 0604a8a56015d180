"""
A register whose value is on a disk.

Broken: it answers before its disk is synced, so that a crash takes back what a client was told. Correct: it syncs first.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, Request, actor, handles
from trouper.simulation import UNKNOWN, Client, Disk, Faults, Register, Simulation


@frozen
class Write(Request[bool]):
    value: int


@frozen
class Read(Request[int]):
    pass


@define(eq=False)
class Store(Actor[Write | Read]):
    """The register."""

    disk: Disk
    syncs: bool

    def on_start(self) -> None:
        if not self.syncs:
            self.disk.sync()

    @handles(Write)
    def write(self, write: Write) -> bool:
        self.disk.write("value", write.value)
        if self.syncs:
            self.disk.sync()
        return True

    @handles(Read)
    def read(self, _read: Read) -> Any:
        return self.disk.read("value", 0)


async def _workload(client: Client) -> None:
    store = client.ref("store", "/user/store")
    for number in range(10):
        await client.perform("write", number, store.ask(Write(number), timeout=0.3), result=lambda done: None if done else UNKNOWN)
        await client.sleep(0.1)
        await client.perform("read", None, store.ask(Read(), timeout=0.3))


def _register(sim: Simulation, *, syncs: bool) -> None:
    sim.node("store", actor(Store, sim.disk("store"), syncs, name="store"))
    sim.client(_workload)
    sim.faults(Faults.swarm(duplication=False))
    sim.linearizable(Register(0))


def broken(sim: Simulation) -> None:
    """Answers first."""
    _register(sim, syncs=False)


def correct(sim: Simulation) -> None:
    """Syncs first."""
    _register(sim, syncs=True)
