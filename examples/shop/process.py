"""
The saga: an order asks those whom it needs, one after the other, writes each answer down, and undoes all when one refuses.

After a kill it knows the last answer that it wrote down. The one that came after that is asked for again, and is the same, since
whoever is asked knows the order's number. What drives it on is a courier: it delivers each `OrderPlaced` until the order has closed.
"""

from typing import Never

from attrs import define, field

from trouper import handles
from trouper.persistence import Courier, Entities, EventSourced, applies

from .messages import (
    AskTaken,
    Fulfil,
    Order,
    OrderCancelled,
    OrderPlaced,
    OrderShipped,
    PaymentTaken,
    Place,
    Ship,
    StepRefused,
    StockReserved,
    Take,
    Undo,
)

CARRIER = "post"


@define(eq=False)
class OrderProcess(
    EventSourced[Place | Fulfil, OrderPlaced | StockReserved | PaymentTaken | StepRefused | OrderShipped | OrderCancelled],
):
    """One order, from its placing to its end."""

    stocks: Entities[Take | Undo | AskTaken]
    purses: Entities[Take | Undo | AskTaken]
    carriers: Entities[Ship | AskTaken]
    number: str
    _order: Order | None = field(default=None, init=False)
    _is_reserved: bool = field(default=False, init=False)
    _is_paid: bool = field(default=False, init=False)
    _refused: str | None = field(default=None, init=False)
    _is_closed: bool = field(default=False, init=False)

    @property
    def identity(self) -> str:
        """Whose the events are."""
        return f"order {self.number}"

    @handles(Place)
    async def place(self, command: Place) -> None:
        """Once. The fact is what the courier delivers."""
        if self._order is None:
            placed = OrderPlaced(command.order)
            await self.persist(placed, publish=[placed])

    @handles(Fulfil)
    async def fulfil(self, _request: Fulfil) -> None:
        """From wherever it is."""
        assert self._order is not None
        while not self._is_closed:
            happened = await (self._next(self._order) if self._refused is None else self._undo(self._order, self._refused))
            await self.persist(happened, publish=[happened])

    async def _next(self, order: Order) -> StockReserved | PaymentTaken | OrderShipped | StepRefused:
        """One step forward."""
        if not self._is_reserved:
            reserved = await self.stocks.ref(self.context, order.item).ask(Take(order.number, order.pieces))
            return StockReserved(order.number) if reserved else StepRefused(order.number, "out of stock")
        if not self._is_paid:
            paid = await self.purses.ref(self.context, order.customer).ask(Take(order.number, order.cents))
            return PaymentTaken(order.number) if paid else StepRefused(order.number, "not enough money")
        shipped = await self.carriers.ref(self.context, CARRIER).ask(Ship(order.number, order.country))
        return OrderShipped(order.number) if shipped else StepRefused(order.number, f"no way to {order.country}")

    async def _undo(self, order: Order, why: str) -> OrderCancelled:
        """All the way back, the latest first."""
        if self._is_paid:
            await self.purses.ref(self.context, order.customer).ask(Undo(order.number))
        if self._is_reserved:
            await self.stocks.ref(self.context, order.item).ask(Undo(order.number))
        return OrderCancelled(order.number, why)

    @applies(OrderPlaced)
    def placed(self, event: OrderPlaced) -> None:
        """It begins."""
        self._order = event.order

    @applies(StockReserved)
    def reserved(self, _event: StockReserved) -> None:
        """The first step."""
        self._is_reserved = True

    @applies(PaymentTaken)
    def paid(self, _event: PaymentTaken) -> None:
        """The second."""
        self._is_paid = True

    @applies(StepRefused)
    def refused(self, event: StepRefused) -> None:
        """The turning point."""
        self._refused = event.why

    @applies(OrderShipped)
    def shipped(self, _event: OrderShipped) -> None:
        """The end."""
        self._is_closed = True

    @applies(OrderCancelled)
    def cancelled(self, _event: OrderCancelled) -> None:
        """The other end."""
        self._is_closed = True


@define(eq=False)
class Fulfilment(Courier[Never, OrderPlaced]):
    """Sees to it that each order that was placed ends, over any number of restarts."""

    orders: Entities[Place | Fulfil]

    async def deliver(self, fact: OrderPlaced, offset: int, /) -> None:  # noqa: ARG002  # an order knows itself whether it was asked before
        """Confirmed when the order has closed."""
        await self.orders.ref(self.context, fact.order.number).ask(Fulfil())

    def lane(self, fact: OrderPlaced, /) -> str:
        """One order does not wait for another."""
        return fact.order.number
