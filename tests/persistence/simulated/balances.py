"""
A projection on a node that crashes, with a disk that loses what was not synced: each fact is in its tables once, whenever somebody asks.

The mistakes are planted by the test: a place in the log that is kept apart from the tables, before them or after.
"""

from __future__ import annotations

import sqlite3
from typing import ClassVar

from attrs import define, field, frozen

from trouper import ActorRef, AskError, Request, actor, handles, supervisor
from trouper.persistence import DiskJournal, DiskTables, EventSourced, Projection, applies, projects, use_journal
from trouper.simulation import Client, Faults, Simulation

DEPOSITS = 10


@frozen
class Deposit(Request[None]):
    pass


@frozen
class Deposited:
    number: int


@frozen
class MoneyCame:
    """The fact."""

    number: int


@frozen
class AskNumbers(Request[tuple[int, ...]]):
    pass


@define(eq=False)
class Account(EventSourced[Deposit, Deposited]):
    """Numbers its deposits from 1."""

    count: int = field(default=0, init=False)

    @handles(Deposit)
    async def deposit(self, _command: Deposit) -> None:
        number = self.count + 1
        await self.persist(Deposited(number), publish=[MoneyCame(number)])

    @applies(Deposited)
    def on_deposited(self, event: Deposited) -> None:
        self.count = event.number


@define(eq=False)
class Numbers(Projection[AskNumbers, MoneyCame]):
    """Has each number in a row."""

    tables: ClassVar = ["CREATE TABLE numbers (number INTEGER NOT NULL) STRICT"]

    file: DiskTables

    @projects(MoneyCame)
    def came(self, fact: MoneyCame, model: sqlite3.Connection) -> None:
        model.execute("INSERT INTO numbers VALUES (?)", (fact.number,))

    @handles(AskNumbers)
    async def numbers(self, _request: AskNumbers) -> tuple[int, ...]:
        return tuple(number for (number,) in await self.query(lambda model: model.execute("SELECT number FROM numbers").fetchall()))


async def _workload(client: Client) -> None:
    """Deposits, and asks for the numbers: they are 1, 2, 3, ... however far they are behind; at last all of them are there."""
    account: ActorRef[Deposit] = client.ref("bank", "/user/tree/account")
    numbers: ActorRef[AskNumbers] = client.ref("bank", "/user/tree/numbers")
    acknowledged = 0
    found: tuple[int, ...] = ()
    patience = 200
    while patience and (acknowledged < DEPOSITS or len(found) < acknowledged):
        patience -= 1
        try:
            if acknowledged < DEPOSITS:
                await account.ask(Deposit(), timeout=0.3)
                acknowledged += 1
            found = await numbers.ask(AskNumbers(), timeout=0.3)
        except AskError:
            await client.sleep(0.05)
            continue
        assert found == tuple(range(1, len(found) + 1)), f"the tables have {found}"
        await client.sleep(0.05)
    assert patience, f"{acknowledged} deposits were acknowledged, and the tables have {found}"


def correct(sim: Simulation) -> None:
    """Tables and place in one transaction."""
    disk = sim.disk("bank")
    tree = supervisor("tree", [actor(Account, name="account"), actor(Numbers, DiskTables(disk, "numbers"), name="numbers")])
    sim.node("bank", tree, within=lambda: use_journal(DiskJournal(disk)))
    sim.client(_workload)
    sim.faults(Faults.swarm(torn_writes=True))
