"""
Messages: "do this". They are imperative and go to one actor each; a request carries the type of its reply.

A service is found by its key, so that nobody needs to know who is behind it, or where.
"""

from attrs import frozen

from trouper import ActorRef, Request, ServiceKey

from .facts import InvoiceIssued, Payment
from .orders import Order


@frozen
class PlaceOrder:
    """To a desk: sell this."""

    order: Order


@frozen
class FindAccount(Request[ActorRef["Pay | Spent"]]):
    """To the bank: where is this account? Opens it if it is new."""

    account: str


@frozen
class ListAccounts(Request[tuple[ActorRef["Pay | Spent"], ...]]):
    """To the bank: all accounts."""


@frozen
class Pay(Request[Payment]):
    """To an account: pay for an order. Asking twice for the same order pays once."""

    order: str
    cents: int


@frozen
class Totals:
    """How many, and how much."""

    count: int
    cents: int


@frozen
class Spent(Request[Totals]):
    """To an account: what did it pay?"""


@frozen
class IssueInvoice(Request[InvoiceIssued]):
    """To the invoice office. Asking twice for the same order issues one invoice."""

    order: str
    cents: int


@frozen
class SendReceipt:
    """To the mailer: tell the customer. Not repeated: a receipt that is lost is lost."""

    email: str
    invoice: InvoiceIssued


@frozen
class CountReceipts(Request[int]):
    """To the mailer: how many were delivered?"""


@frozen
class Write(Request[None]):
    """To the journal: this is so from now on."""

    fact: Payment | InvoiceIssued


@frozen
class PaymentsOf(Request[tuple[Payment, ...]]):
    """To the journal: what an account has decided so far."""

    account: str


@frozen
class Invoices(Request[tuple[InvoiceIssued, ...]]):
    """To the journal: all invoices so far."""


JOURNAL_KEY = ServiceKey[Write | PaymentsOf | Invoices]("journal")
BANK_KEY = ServiceKey[FindAccount]("bank")
INVOICES_KEY = ServiceKey[IssueInvoice]("invoices")
MAIL_KEY = ServiceKey[SendReceipt]("mail")
