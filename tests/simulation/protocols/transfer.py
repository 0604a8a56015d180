"""
Banks that send each other money over a network that loses and doubles messages. What was sent is sent again until it is confirmed.

Broken: the receiver books what comes, so that a transfer that comes twice makes money. Correct: it keeps which transfers it has booked.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Faults, Simulation

NAMES = ("a", "b")
EACH = 10


@frozen
class Transfer:
    sender: str
    number: int
    amount: int


@frozen
class Booked:
    number: int


@frozen
class Spend:
    pass


@frozen
class Remind:
    pass


@define(eq=False)
class Bank(Actor[Transfer | Booked | Spend | Remind]):
    """Has a balance, and transfers that are not confirmed yet."""

    name: str
    other: ActorRef[Any]
    remembers: bool
    balance: int = EACH
    sent: int = 0
    unconfirmed: dict[int, Transfer] = field(factory=dict[int, Transfer])
    booked: set[int] = field(factory=set[int])

    def on_start(self) -> None:
        self.context.every(0.05, Spend())
        self.context.every(0.1, Remind())

    @handles(Spend)
    def spend(self, _spend: Spend) -> None:
        if self.balance and self.sent < 8:
            amount = 1 + int(self.context.random.random() * self.balance)
            self.balance -= amount
            self.sent += 1
            transfer = self.unconfirmed[self.sent] = Transfer(self.name, self.sent, amount)
            self.other.tell_nowait(transfer)

    @handles(Remind)
    def remind(self, _remind: Remind) -> None:
        for transfer in self.unconfirmed.values():
            self.other.tell_nowait(transfer)

    @handles(Transfer)
    def book(self, transfer: Transfer) -> None:
        if not self.remembers or transfer.number not in self.booked:
            self.booked.add(transfer.number)
            self.balance += transfer.amount
        self.other.tell_nowait(Booked(transfer.number))

    @handles(Booked)
    def confirmed(self, booked: Booked) -> None:
        self.unconfirmed.pop(booked.number, None)


def money(sim: Simulation) -> int:
    """The balances, and what was taken from one and is not booked by the other."""
    banks = {bank.name: bank for bank in sim.actors(Bank)}
    total = sum(bank.balance for bank in banks.values())
    for bank in banks.values():
        receiver = banks[NAMES[1 - NAMES.index(bank.name)]]
        total += sum(transfer.amount for transfer in bank.unconfirmed.values() if transfer.number not in receiver.booked)
    return total


def _transfers(sim: Simulation, *, remembers: bool) -> None:
    for name, other in zip(NAMES, reversed(NAMES), strict=True):
        sim.node(name, actor(Bank, name, sim.ref(other, "/user/bank"), remembers, name="bank"))
    sim.conserves(money)
    sim.faults(Faults.swarm(crashes=False))
    sim.duration = 1.0


def broken(sim: Simulation) -> None:
    """Books what comes."""
    _transfers(sim, remembers=False)


def correct(sim: Simulation) -> None:
    """Books each transfer once."""
    _transfers(sim, remembers=True)
