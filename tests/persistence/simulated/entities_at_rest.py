"""
Accounts that are started by their first message, rest soon, and run on a node that crashes: whatever a client was told stays true.

The mistakes: entities that keep nothing, and, planted into the runtime by the test, a rest that does not wait for what is in the mailbox.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, AskStopped, Request, actor, handles, supervisor
from trouper.persistence import DiskJournal, Entities, EventSourced, applies, entities, use_journal
from trouper.simulation import Client, Faults, KeyValue, Simulation

KEYS = ("a", "b")
CLIENTS = 3


@frozen
class Put(Request[None]):
    key: str
    value: int


@frozen
class Get(Request[int | None]):
    key: str


@frozen
class Written:
    value: int


@define(eq=False)
class Cell(EventSourced[Put | Get, Written]):
    """One value."""

    key: str
    value: int | None = None

    @handles(Put)
    async def put(self, command: Put) -> None:
        await self.persist(Written(command.value))

    @handles(Get)
    def get(self, _command: Get) -> int | None:
        return self.value

    @applies(Written)
    def on_written(self, event: Written) -> None:
        self.value = event.value


@define(eq=False)
class ForgetfulCell(Actor[Put | Get]):
    """Mistake: what it knows does not survive its rest."""

    key: str
    value: int | None = None

    @handles(Put)
    def put(self, command: Put) -> None:
        self.value = command.value

    @handles(Get)
    def get(self, _command: Get) -> int | None:
        return self.value


@define(eq=False)
class Gate(Actor[Put | Get]):
    """Passes on what comes from one client on another node."""

    cells: Entities[Put | Get]
    refused: list[str]

    @handles(Put)
    async def put(self, command: Put) -> None:
        await self._pass_on(command)

    @handles(Get)
    async def get(self, command: Get) -> int | None:
        return await self._pass_on(command)

    async def _pass_on(self, command: Put | Get) -> int | None:
        try:
            return await self.cells.ref(self.context, command.key).ask(command, timeout=0.5)
        except AskStopped:
            self.refused.append(command.key)
            raise


async def _workload(client: Client) -> None:
    gate: ActorRef[Put | Get] = client.ref("store", f"/user/tree/gate-{client.name[-1]}")
    for number in range(12):
        key = KEYS[int(client.random.random() * len(KEYS))]
        if client.random.random() < 0.5:
            value = number + 100 * int(client.name[-1])
            await client.perform("put", (key, value), gate.ask(Put(key, value), timeout=0.4))
        else:
            await client.perform("get", key, gate.ask(Get(key), timeout=0.4))
        await client.sleep(0.1 * client.random.random())


def _store(sim: Simulation, cell: type[Any]) -> None:
    disk = sim.disk("store")
    cells: Entities[Put | Get] = entities("cells", cell, idle_seconds=0.05, live_max=1)
    refused: list[str] = []
    gates = [actor(Gate, cells, refused, name=f"gate-{number}") for number in range(1, CLIENTS + 1)]
    tree = supervisor("tree", [cells.spec, *gates], max_restarts=1000)  # a pause makes asks time out
    sim.node("store", tree, within=lambda: use_journal(DiskJournal(disk, sync_seconds=0.02)))
    for _ in range(CLIENTS):
        sim.client(_workload)
    sim.faults(Faults.swarm(duplication=False, torn_writes=True))
    sim.always(lambda: not refused)
    sim.linearizable(KeyValue)


def correct(sim: Simulation) -> None:
    """They come back from their events."""
    _store(sim, Cell)


def forgetful(sim: Simulation) -> None:
    """They come back empty."""
    _store(sim, ForgetfulCell)
