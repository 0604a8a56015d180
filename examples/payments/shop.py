"""
The tree of the shop, as data.

    shop
    ├─ listeners          ledger, inventory, analytics, incidents; later the fraud checker
    └─ selling            rest_for_one: who fails takes those along that were started after it, and found it
       ├─ journal         what must not be forgotten
       ├─ bank            an account a customer, started by the bank
       ├─ back-office     the invoice office
       ├─ mail            the mailer, restarted with back-off
       └─ desks           a pool; the orders of one account go to one desk, so they stay in order

The accounts, the invoice office and the mailer are expected to crash. Each has a supervisor that restarts it alone, and none
of the crashes is felt above.
"""

from typing import Never

from attrs import evolve, frozen

from trouper import ActorSpec, Backoff, Supervision, actor, router, supervisor

from .accounts import Bank
from .journal import Journal
from .listeners import Analytics, AskCounts, AskFailures, AskTotals, Inventory, Ledger
from .messages import CountReceipts, FindAccount, Invoices, ListAccounts, PaymentsOf, PlaceOrder, SendReceipt, Write
from .services import InvoiceOffice, Mailer, OrderDesk
from .watchers import FraudChecker, Incidents
from .world import Accidents, MailProvider

DESKS = 4
OFTEN = 1_000
"""Restarts that are no reason to give up, in five seconds: the accidents of a bad day come more often than a real shop's."""

FRAUD_CHECKER = actor(FraudChecker, name="fraud-checker")


@frozen
class Shop:
    """The tree, and the specs in it that somebody speaks to from outside."""

    tree: ActorSpec[Never]
    desks: ActorSpec[PlaceOrder]
    bank: ActorSpec[FindAccount | ListAccounts]
    journal: ActorSpec[Write | PaymentsOf | Invoices]
    mailer: ActorSpec[SendReceipt | CountReceipts]
    listeners: ActorSpec[Never]
    ledger: ActorSpec[AskTotals]
    inventory: ActorSpec[AskCounts]
    analytics: ActorSpec[AskCounts]
    incidents: ActorSpec[AskFailures | AskTotals]


def make_shop(accidents: Accidents, provider: MailProvider) -> Shop:
    """The shop in a world where such things happen."""
    ledger = actor(Ledger, name="ledger")
    inventory = actor(Inventory, name="inventory")
    analytics = actor(Analytics, accidents, name="analytics")
    incidents = actor(Incidents, name="incidents")
    listeners = supervisor("listeners", [ledger, inventory, analytics, incidents], max_restarts=OFTEN)

    journal = actor(Journal, name="journal")
    bank = actor(Bank, accidents, name="bank", supervision=Supervision(max_restarts=OFTEN))
    invoices = actor(InvoiceOffice, accidents, name="invoices", mailbox=16)
    mailer = actor(Mailer, provider, name="mailer", mailbox=64)
    desks = evolve(
        router(
            "desks", actor(OrderDesk, name="desk", mailbox=16), DESKS, routing="consistent_hash", key=lambda command: command.order.account
        ),
        mailbox=64,
    )
    selling = supervisor(
        "selling",
        [
            journal,
            bank,
            supervisor("back-office", [invoices], max_restarts=OFTEN),
            supervisor("mail", [mailer], max_restarts=OFTEN, backoff=Backoff(first=0.005, cap=0.04, reset_after=0.1)),
            desks,
        ],
        strategy="rest_for_one",
    )
    tree = supervisor("shop", [listeners, selling])
    return Shop(tree, desks, bank, journal, mailer, listeners, ledger, inventory, analytics, incidents)
