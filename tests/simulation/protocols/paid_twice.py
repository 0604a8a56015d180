"""
Payments that are tried again until they are answered, each with a key by which it is known again.

Broken: the payment and its key are safe one after the other, in one handler, so that a crash between the two forgets the key of what was
paid. Correct: they are one write.
"""

from __future__ import annotations

from attrs import define, field, frozen

from trouper import Actor, AskError, Request, actor, handles
from trouper.simulation import Client, Counter, Disk, Faults, Simulation


@frozen
class Pay(Request[int]):
    key: str
    cents: int


@define(eq=False)
class Account(Actor[Pay]):
    """Adds up what was paid; the answer of each payment is kept under its key."""

    disk: Disk
    at_once: bool
    total: int = 0
    answers: dict[str, int] = field(factory=dict[str, int], init=False)

    def on_start(self) -> None:
        self.total, self.answers = self.disk.read("account", (self.disk.read("total", 0), self.disk.read("answers", {})))

    @handles(Pay)
    def pay(self, payment: Pay) -> int:
        if payment.key not in self.answers:
            self.total += payment.cents
            self.answers[payment.key] = self.total
            if self.at_once:
                self.disk.write("account", (self.total, self.answers))
            else:
                self.disk.write("total", self.total)
                self.disk.sync()
                self.disk.write("answers", self.answers)
            self.disk.sync()
        return self.answers[payment.key]


async def _workload(client: Client) -> None:
    account = client.ref("bank", "/user/account")

    async def pay_until_answered(payment: Pay) -> int:
        while True:
            try:
                return await account.ask(payment, timeout=0.1)
            except AskError:
                await client.sleep(0.05)

    for number in range(1, 6):
        await client.perform("add_and_get", number, pay_until_answered(Pay(f"{client.name} {number}", number)))


def _bank(sim: Simulation, *, at_once: bool) -> None:
    sim.node("bank", actor(Account, sim.disk("bank"), at_once, name="account"))
    sim.client(_workload)
    sim.client(_workload)
    sim.faults(Faults.swarm(skew=0.05))
    sim.linearizable(Counter)


def broken(sim: Simulation) -> None:
    """The key later."""
    _bank(sim, at_once=False)


def correct(sim: Simulation) -> None:
    """Both at once."""
    _bank(sim, at_once=True)
