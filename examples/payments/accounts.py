"""
The bank and its accounts: an actor an account, started when it is first needed, crashing on its own.

An account may crash before its decision is in the journal, or after. Both are safe: a new instance starts from the
journal, and whoever asks again for the same order gets the decision that was made, or makes it be made.
"""

from attrs import define, field

from trouper import Actor, ActorRef, actor, handles

from .facts import Payment, PaymentCompleted, PaymentDeclined
from .messages import BANK_KEY, JOURNAL_KEY, FindAccount, ListAccounts, Pay, PaymentsOf, Spent, Totals, Write
from .world import Accidents

OPENING_CENTS = 1_500_00


@define(eq=False)
class Account(Actor[Pay | Spent]):
    """Decides whether an order can be paid."""

    account: str
    accidents: Accidents
    journal: ActorRef[Write | PaymentsOf]
    _decided: dict[str, Payment] = field(factory=dict[str, Payment], init=False)
    _balance_cents: int = field(default=OPENING_CENTS, init=False)

    async def on_start(self) -> None:
        """Comes back to where it was: nothing was lost that was written down."""
        for payment in await self.journal.ask(PaymentsOf(self.account)):
            self._remember(payment)

    @handles(Pay)
    async def pay(self, request: Pay) -> Payment:
        """Once an order, however often it is asked."""
        decided = self._decided.get(request.order)
        if decided is not None:
            return decided
        self.accidents.may_strike("crash before booking", request.order)
        decision = PaymentCompleted if request.cents <= self._balance_cents else PaymentDeclined
        payment = decision(request.order, self.account, request.cents)
        await self.journal.ask(Write(payment))
        self.accidents.may_strike("crash after booking", request.order)
        self._remember(payment)
        return payment

    def _remember(self, payment: Payment) -> None:
        self._decided[payment.order] = payment
        if isinstance(payment, PaymentCompleted):
            self._balance_cents -= payment.cents

    @handles(Spent)
    def spent(self, _request: Spent) -> Totals:
        """By its own books: what is gone from the balance."""
        paid = sum(isinstance(payment, PaymentCompleted) for payment in self._decided.values())
        return Totals(paid, OPENING_CENTS - self._balance_cents)


@define(eq=False)
class Bank(Actor[FindAccount | ListAccounts]):
    """Opens accounts, and supervises them; their policy is in the tree, see shop.py."""

    accidents: Accidents
    _accounts: dict[str, ActorRef[Pay | Spent]] = field(factory=dict[str, ActorRef[Pay | Spent]], init=False)
    _journal: ActorRef[Write | PaymentsOf] = field(init=False)

    async def on_start(self) -> None:
        """Finds the journal, and lets others find the bank."""
        (self._journal,) = await self.context.registry.wait_for(JOURNAL_KEY)
        self.context.registry.register(BANK_KEY, self.context.ref)

    @handles(FindAccount)
    async def find(self, request: FindAccount) -> ActorRef[Pay | Spent]:
        """A ref outlives the crashes of its account, so it may be kept."""
        ref = self._accounts.get(request.account)
        if ref is None:
            spec = actor(Account, request.account, self.accidents, self._journal, name=request.account, mailbox=16)
            ref = self._accounts[request.account] = await self.context.spawn(spec)
        return ref

    @handles(ListAccounts)
    def everyone(self, _request: ListAccounts) -> tuple[ActorRef[Pay | Spent], ...]:
        """In the order in which they were opened."""
        return tuple(self._accounts.values())
