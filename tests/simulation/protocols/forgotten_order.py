"""
A shop that accepts orders, and a warehouse on another node that ships them.

Broken: the shop tells the warehouse once, so that an order whose message is lost is never shipped. Correct: it tells it until the warehouse
has confirmed.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Request, actor, handles
from trouper.simulation import UNKNOWN, Client, Faults, Simulation


@frozen
class Order(Request[bool]):
    number: str


@frozen
class Ship:
    number: str


@frozen
class Shipped:
    number: str


@frozen
class Remind:
    pass


@define(eq=False)
class Warehouse(Actor[Ship]):
    """Ships."""

    shop: ActorRef[Any]
    shipped: set[str] = field(factory=set[str])

    @handles(Ship)
    def ship(self, ship: Ship) -> None:
        self.shipped.add(ship.number)
        self.shop.tell_nowait(Shipped(ship.number))


@define(eq=False)
class Shop(Actor[Order | Shipped | Remind]):
    """Accepts orders."""

    warehouse: ActorRef[Any]
    repeats: bool
    accepted: set[str] = field(factory=set[str])
    unshipped: dict[str, None] = field(factory=dict[str, None])

    def on_start(self) -> None:
        if self.repeats:
            self.context.every(0.1, Remind())

    @handles(Order)
    def order(self, order: Order) -> bool:
        self.accepted.add(order.number)
        self.unshipped[order.number] = None
        self.warehouse.tell_nowait(Ship(order.number))
        return True

    @handles(Remind)
    def remind(self, _remind: Remind) -> None:
        for number in self.unshipped:
            self.warehouse.tell_nowait(Ship(number))

    @handles(Shipped)
    def confirmed(self, shipped: Shipped) -> None:
        self.unshipped.pop(shipped.number, None)


async def _customer(client: Client) -> None:
    for number in range(4):
        order = client.ref("shop", "/user/shop").ask(Order(f"{client.name}/{number}"), timeout=0.2)
        await client.perform("order", number, order, result=lambda done: done or UNKNOWN)
        await client.sleep(0.1)


def accepted(sim: Simulation) -> set[str]:
    """The orders that the shop has accepted."""
    return {number for shop in sim.actors(Shop) for number in shop.accepted}


def shipped(sim: Simulation) -> set[str]:
    """The orders that have left the warehouse."""
    return {number for warehouse in sim.actors(Warehouse) for number in warehouse.shipped}


def _orders(sim: Simulation, *, repeats: bool) -> None:
    sim.node("shop", actor(Shop, sim.ref("warehouse", "/user/warehouse"), repeats, name="shop"))
    sim.node("warehouse", actor(Warehouse, sim.ref("shop", "/user/shop"), name="warehouse"))
    sim.client(_customer)
    sim.client(_customer)
    sim.leads_to(accepted, shipped, within=1.0)
    sim.faults(Faults.swarm(crashes=False))


def broken(sim: Simulation) -> None:
    """Tells the warehouse once."""
    _orders(sim, repeats=False)


def correct(sim: Simulation) -> None:
    """Tells it until it confirms."""
    _orders(sim, repeats=True)
