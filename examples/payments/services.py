"""
The services that an order passes: desk, account, invoice office, mailer. Each is told or asked by name of its key.

Every mailbox is small. When the mailer waits for its provider its mailbox fills, so the desks wait to tell it, so theirs
fill, and whoever brings orders waits: that is back-pressure, and nobody had to program it.
"""

from typing import TypeVar

from attrs import define, field

from trouper import Actor, ActorRef, Answers, AskFailed, handles

from .facts import InvoiceIssued, OrderPlaced, PaymentCompleted
from .messages import (
    BANK_KEY,
    INVOICES_KEY,
    JOURNAL_KEY,
    MAIL_KEY,
    CountReceipts,
    FindAccount,
    Invoices,
    IssueInvoice,
    Pay,
    PlaceOrder,
    SendReceipt,
    Write,
)
from .world import Accidents, MailProvider

M = TypeVar("M")
R = TypeVar("R")

ATTEMPTS = 5


async def insist(ref: ActorRef[M], request: Answers[M, R]) -> R:
    """Asks again when the actor crashed. Only for requests that may be handled twice; the ref stays good over restarts."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await ref.ask(request)
        except AskFailed:
            continue
    return await ref.ask(request)


@define(eq=False)
class OrderDesk(Actor[PlaceOrder]):
    """Takes an order through, from payment to receipt."""

    _bank: ActorRef[FindAccount] = field(init=False)
    _invoices: ActorRef[IssueInvoice] = field(init=False)
    _mail: ActorRef[SendReceipt] = field(init=False)

    async def on_start(self) -> None:
        """Finds whom it works with."""
        (self._bank,) = await self.context.registry.wait_for(BANK_KEY)
        (self._invoices,) = await self.context.registry.wait_for(INVOICES_KEY)
        (self._mail,) = await self.context.registry.wait_for(MAIL_KEY)

    @handles(PlaceOrder)
    async def place(self, command: PlaceOrder) -> None:
        """One order at a time; another desk does not wait for it."""
        order = command.order
        self.context.publish(OrderPlaced(order))
        account = await self._bank.ask(FindAccount(order.account))
        payment = await insist(account, Pay(order.number, order.cents))
        if isinstance(payment, PaymentCompleted):
            invoice = await insist(self._invoices, IssueInvoice(order.number, order.cents))
            await self._mail.tell(SendReceipt(order.email, invoice))


@define(eq=False)
class InvoiceOffice(Actor[IssueInvoice]):
    """Numbers invoices without a gap, which the law wants, crashes or not."""

    accidents: Accidents
    _issued: dict[str, InvoiceIssued] = field(factory=dict[str, InvoiceIssued], init=False)
    _journal: ActorRef[Write | Invoices] = field(init=False)

    async def on_start(self) -> None:
        """Goes on with the number after the last one in the journal."""
        (self._journal,) = await self.context.registry.wait_for(JOURNAL_KEY)
        self._issued = {invoice.order: invoice for invoice in await self._journal.ask(Invoices())}
        self.context.registry.register(INVOICES_KEY, self.context.ref)

    @handles(IssueInvoice)
    async def issue(self, request: IssueInvoice) -> InvoiceIssued:
        """The invoice of an order, new or known."""
        invoice = self._issued.get(request.order)
        if invoice is None:
            invoice = InvoiceIssued(len(self._issued) + 1, request.order, request.cents)
            await self._journal.ask(Write(invoice))
            self.accidents.may_strike("printer jam", request.order)
            self._issued[request.order] = invoice
        return invoice


@define(eq=False)
class Mailer(Actor[SendReceipt | CountReceipts]):
    """Sends receipts. When the provider fails it fails too, and its supervisor waits a little longer each time."""

    provider: MailProvider

    def on_start(self) -> None:
        """Lets others find it."""
        self.context.registry.register(MAIL_KEY, self.context.ref)

    @handles(SendReceipt)
    def send(self, command: SendReceipt) -> None:
        """The e-mail in hand is lost when this fails; those behind it wait in the mailbox."""
        self.provider.deliver(command.email, command.invoice.order)

    @handles(CountReceipts)
    def count(self, _request: CountReceipts) -> int:
        """What the provider says; asked last, it is answered when all others are sent, or lost."""
        return len(self.provider.delivered)
