"""
A transfer between two accounts of one actor, with a wait in between that has a time limit.

Broken: when the time is over, the money is gone from one account and has not come to the other. Correct: it is put back.
"""

from __future__ import annotations

from typing import Any

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Request, actor, handles
from trouper.simulation import Client, Faults, Simulation

TOTAL = 100


@frozen
class Approve(Request[bool]):
    pass


@frozen
class Transfer(Request[bool]):
    cents: int


@define(eq=False)
class Office(Actor[Approve]):
    """Approves everything, sooner or later."""

    @handles(Approve)
    async def approve(self, _approve: Approve) -> bool:
        await trio.sleep(self.context.random.random() * 0.044)
        return True


@define(eq=False)
class Bank(Actor[Transfer]):
    """Two accounts."""

    office: ActorRef[Any]
    puts_back: bool
    accounts: list[int] = field(factory=lambda: [TOTAL, 0])
    is_busy: bool = False

    @handles(Transfer)
    async def transfer(self, transfer: Transfer) -> bool:
        self.is_busy = True
        self.accounts[0] -= transfer.cents
        done = False
        try:
            with trio.move_on_after(0.045):
                await self.office.ask(Approve())
                self.accounts[1] += transfer.cents
                done = True
        except AskError:
            done = False
        if not done and self.puts_back:
            self.accounts[0] += transfer.cents
        self.is_busy = False
        return done


def no_money_is_lost(sim: Simulation) -> bool:
    """What one account loses the other gains."""
    return all(bank.is_busy or sum(bank.accounts) == TOTAL for bank in sim.actors(Bank))


async def _workload(client: Client) -> None:
    for number in range(20):
        await client.perform("transfer", number, client.ref("bank", "/user/bank").ask(Transfer(1)))


def _bank(sim: Simulation, *, puts_back: bool) -> None:
    sim.node("office", actor(Office, name="office"))
    sim.node("bank", actor(Bank, sim.ref("office", "/user/office"), puts_back, name="bank"))
    sim.client(_workload)
    sim.always(no_money_is_lost)
    sim.faults(Faults.swarm(crashes=False))


def broken(sim: Simulation) -> None:
    """Forgets half of a transfer."""
    _bank(sim, puts_back=False)


def correct(sim: Simulation) -> None:
    """Undoes it."""
    _bank(sim, puts_back=True)
