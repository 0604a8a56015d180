"""
The journal: the one place that must not forget.

"Let it crash" needs somewhere to come back from. State worth keeping lives in an actor that does nothing which can go
wrong (Erlang calls it the error kernel); whoever does risky work writes here first, and reads it back when it starts anew.

A fact is published here and not by who decided it: writing and publishing are one turn of one actor with nothing between,
so that there is no crash after which something is written but was never announced, or announced twice.
"""

from collections import defaultdict

from attrs import define, field

from trouper import Actor, handles

from .facts import InvoiceIssued, Payment
from .messages import JOURNAL_KEY, Invoices, PaymentsOf, Write


@define(eq=False)
class Journal(Actor[Write | PaymentsOf | Invoices]):
    """Keeps what is written to it, and announces it."""

    _payments: defaultdict[str, list[Payment]] = field(factory=lambda: defaultdict[str, list[Payment]](list), init=False)
    _invoices: list[InvoiceIssued] = field(factory=list[InvoiceIssued], init=False)

    def on_start(self) -> None:
        """Lets others find it."""
        self.context.registry.register(JOURNAL_KEY, self.context.ref)

    @handles(Write)
    def write(self, request: Write) -> None:
        """From here on it is so."""
        fact = request.fact
        if isinstance(fact, Payment):
            self._payments[fact.account].append(fact)
        else:
            self._invoices.append(fact)
        self.context.publish(fact)

    @handles(PaymentsOf)
    def payments_of(self, request: PaymentsOf) -> tuple[Payment, ...]:
        """What an account starts from."""
        return tuple(self._payments.get(request.account, ()))

    @handles(Invoices)
    def all_invoices(self, _request: Invoices) -> tuple[InvoiceIssued, ...]:
        """What the invoice office starts from."""
        return tuple(self._invoices)
