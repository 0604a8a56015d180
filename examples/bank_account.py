"""
An account: commands, requests with typed replies, facts, and what a crash costs. Start here.

A command is told and has no reply; a request is asked, and type checkers know what comes back; a fact is published to
whoever listens. When the account crashes its supervisor starts a new one behind the same ref: those who wait and those who hold
the ref notice nothing, but what was only in the account's memory is gone. `payments/` shows where to keep what must not be.
"""

import logging

import trio
from attrs import define, frozen

from trouper import Actor, AskFailed, Request, actor, handles, open_system, supervisor


@frozen
class PaymentCompleted:
    """A fact: published, never answered."""

    account: str
    reference: str
    cents: int


@frozen
class Declined:
    """The other reply to `Pay`."""

    reason: str


@frozen
class Deposit:
    """A command: told, no reply."""

    cents: int


@frozen
class Pay(Request[PaymentCompleted | Declined]):
    """A request: asked, with the type of its reply."""

    cents: int
    reference: str


@frozen
class Balance(Request[int]):
    """How many cents are there?"""


@define(eq=False)
class Account(Actor[Deposit | Pay | Balance]):
    """One account. No locks: an actor handles one message at a time."""

    number: str
    balance_cents: int = 0

    @handles(Deposit)
    def deposit(self, command: Deposit) -> None:
        """Nobody waits for it to be done."""
        self.balance_cents += command.cents

    @handles(Pay)
    def pay(self, request: Pay) -> PaymentCompleted | Declined:
        """What it returns is the reply. What it raises is a crash: an amount like that should not have come this far."""
        if request.cents <= 0:
            raise ValueError(f"{request.cents} cents for {request.reference}")
        if request.cents > self.balance_cents:
            return Declined(f"{request.cents} cents for {request.reference}, but the balance is {self.balance_cents} cents")
        self.balance_cents -= request.cents
        fact = PaymentCompleted(self.number, request.reference, request.cents)
        self.context.publish(fact)
        return fact

    @handles(Balance)
    def balance(self, _request: Balance) -> int:
        """In cents."""
        return self.balance_cents


@define(eq=False)
class Ledger(Actor[PaymentCompleted | Balance]):
    """Listens. No account knows of it."""

    total_cents: int = 0

    def on_start(self) -> None:
        """From here on it hears of every payment."""
        self.context.subscribe(PaymentCompleted)

    @handles(PaymentCompleted)
    def record(self, fact: PaymentCompleted) -> None:
        """One more."""
        self.total_cents += fact.cents

    @handles(Balance)
    def total(self, _request: Balance) -> int:
        """What was paid, by all accounts."""
        return self.total_cents


LEDGER = actor(Ledger, name="ledger")
ACCOUNT = actor(Account, "A-1", 10_000, name="account-A-1", mailbox=64)
BANK = supervisor("bank", [LEDGER, ACCOUNT], max_restarts=3, within=5.0)


async def main() -> None:
    """A few payments, and a crash between them."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crash is meant to be: without its traceback
    async with open_system(BANK) as system:
        account = system.ref(ACCOUNT)
        print(f"{account} opens with {await account.ask(Balance())} cents")

        await account.tell(Deposit(500))
        for cents, reference in ((9_000, "rent"), (2_000, "a lamp"), (1_500, "a book")):
            match await account.ask(Pay(cents, reference)):
                case PaymentCompleted():
                    print(f"  paid {cents} cents for {reference}")
                case Declined(reason):
                    print(f"  declined: {reason}")
        print(f"{account} has {await account.ask(Balance())} cents left")

        try:
            await account.ask(Pay(-100, "nothing"))
        except AskFailed as failure:
            print(f"  crash: {failure.__cause__}")
        print(f"{account} is back, behind the same ref, with the {await account.ask(Balance())} cents of its spec")
        print(f"the ledger did not crash: it has heard of payments of {await system.ref(LEDGER).ask(Balance())} cents")


if __name__ == "__main__":
    trio.run(main)
