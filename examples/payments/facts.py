"""Facts: "this happened". They are past tense and immutable, and go to whoever listens; who publishes one asks no more of it."""

from attrs import frozen

from .orders import Order


@frozen
class OrderPlaced:
    """A desk has taken an order."""

    order: Order


@frozen
class Payment:
    """An account has decided about an order. Who subscribes to this hears of both decisions."""

    order: str
    account: str
    cents: int


@frozen
class PaymentCompleted(Payment):
    """The order is paid."""


@frozen
class PaymentDeclined(Payment):
    """The account had not enough; *cents* were asked for, nothing was paid."""


@frozen
class InvoiceIssued:
    """An invoice has a number and is in the journal."""

    number: int
    order: str
    cents: int


@frozen
class FiguresLost:
    """The analytics crashed, and the figures of so many orders went with its state."""

    orders: int
