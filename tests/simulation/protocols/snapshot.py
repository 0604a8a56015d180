"""
The snapshot of Chandy and Lamport ("Distributed Snapshots", 1985): money goes round, and a marker follows it through every channel.

It needs channels that keep their order. Broken: the network reorders, so that money overtakes the marker. Correct: it does not.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Conditions, Simulation

NAMES = ("a", "b", "c")
EACH = 10


@frozen
class Money:
    sender: str
    amount: int


@frozen
class Marker:
    sender: str


@frozen
class Spend:
    pass


@frozen
class Start:
    pass


@define(eq=False)
class Bank(Actor[Money | Marker | Spend | Start]):
    """Sends money to the others, and records its balance and what is on its way to it."""

    name: str
    others: tuple[tuple[str, ActorRef[Any]], ...]
    balance: int = EACH
    recorded: int | None = None
    open_channels: set[str] = field(factory=set[str])

    def on_start(self) -> None:
        self.context.every(0.002, Spend())
        if self.name == "a":
            self.context.after(0.05, Start())

    @handles(Spend)
    def spend(self, _spend: Spend) -> None:
        if self.balance:
            self.balance -= 1
            self.context.random.choice(self.others)[1].tell_nowait(Money(self.name, 1))

    @handles(Money)
    def earn(self, money: Money) -> None:
        self.balance += money.amount
        if self.recorded is not None and money.sender in self.open_channels:
            self.recorded += money.amount

    @handles(Start)
    def start(self, _start: Start) -> None:
        self._record()

    @handles(Marker)
    def mark(self, marker: Marker) -> None:
        if self.recorded is None:
            self._record()
        self.open_channels.discard(marker.sender)

    def _record(self) -> None:
        self.recorded = self.balance
        self.open_channels = {name for name, _ in self.others}
        for _, ref in self.others:
            ref.tell_nowait(Marker(self.name))

    @property
    def is_done(self) -> bool:
        """Whether its part of the snapshot is there."""
        return self.recorded is not None and not self.open_channels


def a_snapshot_holds_all_the_money(sim: Simulation) -> None:
    """What was recorded is what there is."""
    banks = sim.actors(Bank)
    if len(banks) == len(NAMES) and all(bank.is_done for bank in banks):
        recorded = sum(bank.recorded or 0 for bank in banks)
        assert recorded == EACH * len(NAMES), f"{recorded} were recorded"


def _snapshot(sim: Simulation, *, reorders: bool) -> None:
    for name in NAMES:
        others = tuple((other, sim.ref(other, "/user/bank")) for other in NAMES if other != name)
        sim.node(name, actor(Bank, name, others, name="bank"))
    sim.network(Conditions(tail=0.1, reorders=reorders))
    sim.always(a_snapshot_holds_all_the_money)
    sim.duration = 0.3


def broken(sim: Simulation) -> None:
    """Channels reorder."""
    _snapshot(sim, reorders=True)


def correct(sim: Simulation) -> None:
    """Channels keep their order."""
    _snapshot(sim, reorders=False)
