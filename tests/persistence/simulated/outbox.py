"""
A bank and a depot on nodes that crash: what is paid is shipped, once, over a network that loses and doubles.

The bank's accounts are event-sourced, and its courier delivers the facts of the log to the depot, which keeps what it has seen with what it
has shipped. The mistakes are those that people make with an outbox.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Never

from attrs import define, field, frozen

from trouper import ActorRef, AskError, Request, actor, handles, supervisor
from trouper.persistence import Courier, Delivery, DiskJournal, EventSourced, Seen, applies, use_journal
from trouper.simulation import Client, Disk, Faults, Simulation

PAYMENTS = 6
ATTEMPTS = 4


@frozen
class Pay(Request[bool]):
    reference: int


@frozen
class Paid:
    reference: int


@frozen
class PaymentMade:
    """The fact."""

    reference: int


@frozen
class Ship(Request[None]):
    reference: int
    delivery: Delivery


@frozen
class Shipped:
    reference: int


@define(eq=False)
class Bank(EventSourced[Pay, Paid]):
    """Takes payments; a reference counts once."""

    paid: list[int] = field(factory=list[int], init=False)

    @handles(Pay)
    async def pay(self, pay: Pay) -> bool:
        if pay.reference not in self.paid:
            await self.persist(Paid(pay.reference), publish=[PaymentMade(pay.reference)])
        return True

    @applies(Paid)
    def on_paid(self, event: Paid) -> None:
        self.paid.append(event.reference)


@define(eq=False)
class HastyBank(Bank):
    """Mistake: has it shipped before it is on the disk."""

    depot: ActorRef[Ship]

    @handles(Pay)
    async def pay(self, pay: Pay) -> bool:
        if pay.reference not in self.paid:
            try:
                await self.depot.ask(Ship(pay.reference, Delivery("bank", pay.reference + 1)), timeout=0.3)
            except AskError:
                return False
            await self.persist(Paid(pay.reference))
        return True


@define(eq=False)
class Outbox(Courier[Never, PaymentMade]):
    """Delivers to the depot."""

    depot: ActorRef[Ship]

    async def deliver(self, fact: PaymentMade, offset: int, /) -> None:
        await self.depot.ask(Ship(fact.reference, self.delivery(offset)), timeout=0.3)


@define(eq=False)
class CarelessOutbox(Outbox):
    """Mistake: takes a message that is sent for one that has arrived."""

    async def deliver(self, fact: PaymentMade, offset: int, /) -> None:
        await self.depot.tell(Ship(fact.reference, self.delivery(offset)))


@define(eq=False)
class Depot(EventSourced[Ship, Shipped | Delivery]):
    """Ships."""

    shipped: list[int] = field(factory=list[int], init=False)
    seen: Seen = field(factory=Seen, init=False)

    @handles(Ship)
    async def ship(self, ship: Ship) -> None:
        if self.seen.is_new(ship.delivery):
            await self.persist(Shipped(ship.reference), ship.delivery)

    @applies(Shipped)
    def on_shipped(self, event: Shipped) -> None:
        self.shipped.append(event.reference)

    @applies(Delivery)
    def on_delivery(self, delivery: Delivery) -> None:
        self.seen.add(delivery)


@define(eq=False)
class TrustingDepot(Depot):
    """Mistake: takes every delivery for a new one."""

    @handles(Ship)
    async def ship(self, ship: Ship) -> None:
        await self.persist(Shipped(ship.reference))


@define(eq=False)
class ForgetfulDepot(Depot):
    """Mistake: remembers deliveries in memory, and ships on the disk."""

    @handles(Ship)
    async def ship(self, ship: Ship) -> None:
        if self.seen.is_new(ship.delivery):
            await self.persist(Shipped(ship.reference))
            self.seen.add(ship.delivery)


@define
class LazyDisk:
    """Mistake: says that it has synced, and has not."""

    disk: Disk

    def write(self, key: str, value: Any, /) -> None:
        self.disk.write(key, value)

    def read(self, key: str, /) -> Any:
        return self.disk.read(key)

    def sync(self) -> None:
        """Later, perhaps."""


async def _customer(acknowledged: list[int], client: Client) -> None:
    """Pays until it is told that it has, a few times at most."""
    bank: ActorRef[Pay] = client.ref("bank", "/user/tree/bank")
    for reference in range(PAYMENTS):
        for _ in range(ATTEMPTS):
            try:
                is_paid = await bank.ask(Pay(reference), timeout=0.3)
            except AskError:
                is_paid = False
            if is_paid:
                acknowledged.append(reference)
                break
            await client.sleep(0.05)
        await client.sleep(0.1)


def _shop(
    sim: Simulation,
    *,
    bank: type[Bank] = Bank,
    outbox: type[Outbox] = Outbox,
    depot: type[Depot] = Depot,
    disk: type[Any] | None = None,
) -> None:
    acknowledged: list[int] = []
    disks = {name: sim.disk(name) if disk is None else disk(sim.disk(name)) for name in ("bank", "depot")}
    to_depot = sim.ref("depot", "/user/tree/depot")
    takes = actor(HastyBank, to_depot, name="bank") if bank is HastyBank else actor(bank, name="bank")
    at_bank = supervisor("tree", [takes, actor(outbox, to_depot, name="outbox")])
    at_depot = supervisor("tree", [actor(depot, name="depot")])
    sim.node("bank", at_bank, within=lambda: use_journal(DiskJournal(disks["bank"])))
    sim.node("depot", at_depot, within=lambda: use_journal(DiskJournal(disks["depot"])))
    sim.client(partial(_customer, acknowledged))
    sim.faults(Faults.swarm(torn_writes=True))

    def nothing_is_shipped_twice() -> None:
        for one in sim.actors(Depot):
            assert len(set(one.shipped)) == len(one.shipped), f"shipped: {one.shipped}"

    def all_that_is_paid_is_shipped() -> bool:
        banks, depots = sim.actors(Bank), sim.actors(Depot)
        if not (banks and depots) or len(banks[0].paid) < len(acknowledged):  # one that still comes back knows of nothing
            return False
        return sorted(banks[0].paid) == sorted(depots[0].shipped)

    def nothing_acknowledged_is_lost() -> None:
        (found,) = sim.actors(Bank)
        assert set(acknowledged) <= set(found.paid), f"acknowledged: {acknowledged}, paid: {found.paid}"

    sim.always(nothing_is_shipped_twice)
    sim.eventually(all_that_is_paid_is_shipped, within=30.0)
    sim.at_the_end(nothing_acknowledged_is_lost)


def correct(sim: Simulation) -> None:
    """Once in effect."""
    _shop(sim)


def hasty(sim: Simulation) -> None:
    """An effect before the event."""
    _shop(sim, bank=HastyBank)


def careless(sim: Simulation) -> None:
    """A delivery that nobody has confirmed."""
    _shop(sim, outbox=CarelessOutbox)


def trusting(sim: Simulation) -> None:
    """No de-duplication."""
    _shop(sim, depot=TrustingDepot)


def forgetful(sim: Simulation) -> None:
    """De-duplication that a crash forgets."""
    _shop(sim, depot=ForgetfulDepot)


def lazy(sim: Simulation) -> None:
    """A disk that lies."""
    _shop(sim, disk=LazyDisk)
