"""Everything that is said, and what happened. Requests to participants carry the order's number: asked twice, they are done once."""

from attrs import frozen

from trouper import Request


@frozen
class Order:
    """What a customer wants."""

    number: str
    customer: str
    item: str
    pieces: int
    cents: int
    country: str


# To an order


@frozen
class Place(Request[None]):
    """Take this order. When the reply is there it will be shipped or cancelled, whatever happens."""

    order: Order


@frozen
class Fulfil(Request[None]):
    """Go on until you are shipped or cancelled."""


# To those whom it needs


@frozen
class Take(Request[bool]):
    """To a supply: this much is for an order. The reply says whether there was enough."""

    order: str
    amount: int


@frozen
class Ship(Request[bool]):
    """To a carrier: the reply says whether it ships there."""

    order: str
    country: str


@frozen
class Undo(Request[None]):
    """To a supply: put back what the order took. Never refused."""

    order: str


@frozen
class AskTaken(Request[int]):
    """To any of them: how much do all orders hold together?"""


@frozen
class AskPage(Request[str]):
    """To the read model: the page of text."""


# What happened, to a participant


@frozen
class Taken:
    """So much is an order's."""

    order: str
    amount: int


@frozen
class PutBack:
    """It is nobody's any more."""

    order: str


# What happened, to an order


@frozen
class OrderPlaced:
    """It is taken on."""

    order: Order


@frozen
class StockReserved:
    """The pieces are set aside."""

    order: str


@frozen
class PaymentTaken:
    """The money is there."""

    order: str


@frozen
class StepRefused:
    """Somebody said no: what was done is to be undone."""

    order: str
    why: str


@frozen
class OrderClosed:
    """It will not change any more."""

    order: str


@frozen
class OrderShipped(OrderClosed):
    """It is on its way."""


@frozen
class OrderCancelled(OrderClosed):
    """Nothing of it is left."""

    why: str
