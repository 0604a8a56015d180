"""
The shop that keeps its payments on the disk: `python examples/payments/main.py --durable payments.db`.

Stop it anywhere, pull the plug, start it again with the same file: it goes on with the first order that is not decided. An account
is what its events add up to, so it needs no journal actor to come back from; a decision and its fact go to the disk together. The
books listen to nobody: they are a projection of the log, in a file of its own that may be deleted, and is made anew.

Here are accounts and books only. Receipts and figures are as lossy as before, so they stay with the shop that forgets.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import trio
from attrs import define, evolve, field, frozen

from trouper import Actor, ActorRef, Request, Supervision, actor, handles, open_system, router, supervisor
from trouper.persistence import Entities, EventSourced, Journal, Projection, applies, entities, follow, open_journal, projects

from .accounts import OPENING_CENTS
from .facts import Payment, PaymentCompleted, PaymentDeclined
from .messages import Pay, PlaceOrder, Spent, Totals
from .orders import Order
from .services import insist
from .world import Accidents

DESKS = 64
"""Orders that are in hand at once: what is decided meanwhile goes to the disk with one sync."""

OFTEN = 1_000
"""Restarts that are no reason to give up, in five seconds."""

PATIENCE = 10.0
"""Seconds without a decision after which the shop closes."""


@define(eq=False)
class DurableAccount(EventSourced[Pay | Spent, PaymentCompleted | PaymentDeclined]):
    """Decides whether an order can be paid. Who gets its answer may rely on it: it is on the disk."""

    accidents: Accidents
    account: str
    _decided: dict[str, Payment] = field(factory=dict[str, Payment], init=False)
    _balance_cents: int = field(default=OPENING_CENTS, init=False)

    @property
    def identity(self) -> str:
        """Whose the events are, wherever in a tree it runs."""
        return f"account {self.account}"

    @handles(Pay)
    async def pay(self, request: Pay) -> Payment:
        """Once an order, however often it is asked, and by whichever run of the program."""
        decided = self._decided.get(request.order)
        if decided is not None:
            return decided
        self.accidents.may_strike("crash before booking", request.order)
        decision = PaymentCompleted if request.cents <= self._balance_cents else PaymentDeclined
        payment = decision(request.order, self.account, request.cents)
        await self.persist(payment, publish=[payment])
        self.accidents.may_strike("crash after booking", request.order)
        return payment

    @applies(PaymentCompleted)
    def paid(self, event: PaymentCompleted) -> None:
        """Now, and whenever it comes back."""
        self._decided[event.order] = event
        self._balance_cents -= event.cents

    @applies(PaymentDeclined)
    def declined(self, event: PaymentDeclined) -> None:
        """A no is kept as well: it is not reconsidered."""
        self._decided[event.order] = event

    @handles(Spent)
    def spent(self, _request: Spent) -> Totals:
        """By its own books: what is gone from the balance."""
        paid = sum(isinstance(payment, PaymentCompleted) for payment in self._decided.values())
        return Totals(paid, OPENING_CENTS - self._balance_cents)


@define(eq=False)
class Desk(Actor[PlaceOrder]):
    """Takes an order to its account. The ref of an account is always good: the account is started when it is asked something."""

    accounts: Entities[Pay | Spent]

    @handles(PlaceOrder)
    async def place(self, command: PlaceOrder) -> None:
        """One order at a time; another desk does not wait for it."""
        order = command.order
        await insist(self.accounts.ref(self.context, order.account), Pay(order.number, order.cents))


@frozen
class AskBooks(Request[Mapping[str, Totals]]):
    """To the books: what has each account paid? None of it is missing that was decided before the question."""


@frozen
class AskInvoices(Request[Sequence[int]]):
    """To the books: the numbers of all invoices."""


@define(eq=False)
class DurableBooks(Projection[AskBooks | AskInvoices, PaymentCompleted | PaymentDeclined]):
    """Keeps the totals, and numbers invoices without a gap, which needs nobody's memory: it is the order of the log."""

    file: Path
    tables = (
        "CREATE TABLE invoices (number INTEGER PRIMARY KEY, order_number TEXT NOT NULL UNIQUE, cents INTEGER NOT NULL) STRICT",
        "CREATE TABLE accounts (account TEXT PRIMARY KEY, paid INTEGER NOT NULL, cents INTEGER NOT NULL, declined INTEGER NOT NULL) STRICT",
    )

    @projects(PaymentCompleted)
    def paid(self, fact: PaymentCompleted, model: sqlite3.Connection) -> None:
        """An invoice, and a line in the books."""
        model.execute("INSERT INTO invoices (order_number, cents) VALUES (?, ?)", (fact.order, fact.cents))
        model.execute(
            "INSERT INTO accounts VALUES (?, 1, ?, 0) ON CONFLICT DO UPDATE SET paid = paid + 1, cents = cents + excluded.cents",
            (fact.account, fact.cents),
        )

    @projects(PaymentDeclined)
    def declined(self, fact: PaymentDeclined, model: sqlite3.Connection) -> None:
        """A line in the books."""
        model.execute("INSERT INTO accounts VALUES (?, 0, 0, 1) ON CONFLICT DO UPDATE SET declined = declined + 1", (fact.account,))

    @handles(AskBooks)
    async def ask_books(self, _request: AskBooks) -> Mapping[str, Totals]:
        """Waits until the tables have caught up with the log."""
        while self.lag:  # noqa: ASYNC110  # a projection says how far behind it is; nobody is told when it is not
            await trio.sleep(0.005)
        rows = await self.query(lambda model: model.execute("SELECT account, paid, cents FROM accounts").fetchall())
        return {account: Totals(paid, cents) for account, paid, cents in rows}

    @handles(AskInvoices)
    async def ask_invoices(self, _request: AskInvoices) -> Sequence[int]:
        """In their order."""
        return await self.query(lambda model: [number for (number,) in model.execute("SELECT number FROM invoices ORDER BY number")])


@frozen
class DurableDay:
    """What is known at closing time, each from its own source. *log* is by offset."""

    decided_before: int
    log: Mapping[int, Payment]
    accounts: Mapping[str, Totals]
    books: Mapping[str, Totals]
    invoices: Sequence[int]


def open_accounts(accidents: Accidents) -> Entities[Pay | Spent]:
    """All accounts, each started from its events when it is first asked something."""
    return entities("accounts", partial(DurableAccount, accidents), supervision=Supervision(max_restarts=OFTEN))


def books_file(file: Path) -> Path:
    """The books are beside the payments."""
    return file.with_name(f"{file.name}.books")


async def run_durable_day(
    orders: Sequence[Order], accidents: Accidents, file: Path, on_progress: Callable[[int], None]
) -> DurableDay | None:
    """
    Sells those of *orders* that are not decided in *file*; returns None if the process was told to terminate before closing time.

    Args:
        orders: In the order in which they are placed, the same in each run over one file.
        accidents: What goes wrong meanwhile.
        file: The journal, made if there is none.
        on_progress: Called with the number of orders that are decided, at each.

    Raises:
        JournalError: The file cannot be used.
    """
    accounts = open_accounts(accidents)
    books = actor(DurableBooks, books_file(file), name="books")
    desk = actor(Desk, accounts, name="desk", mailbox=16)
    desks = evolve(router("desks", desk, DESKS, routing="consistent_hash", key=lambda command: command.order.account), mailbox=DESKS)
    tree = supervisor("shop", [books, accounts.spec, desks])
    async with open_journal(file) as journal, open_system(tree, name="shop", ask_timeout=30.0) as system:
        before = await _read(journal, await journal.last_offset())
        await _sell(orders, {payment.order for payment in before.values()}, system.ref(desks), journal, on_progress)
        after = await _read(journal, await journal.last_offset())
        names = sorted({order.account for order in orders})
        return DurableDay(
            decided_before=len(before),
            log=after,
            accounts={name: await accounts.ref(system, name).ask(Spent()) for name in names},
            books=await system.ref(books).ask(AskBooks()),
            invoices=await system.ref(books).ask(AskInvoices()),
        )
    return None  # SIGTERM cancelled the block


async def _read(journal: Journal, last: int) -> dict[int, Payment]:
    """The log up to and including *last*, by offset."""
    found: dict[int, Payment] = {}
    if last:
        async for followed in follow(journal, Payment):
            found[followed.offset] = followed.fact
            if followed.offset >= last:
                break
    return found


async def _sell(
    orders: Sequence[Order], decided: set[str], desks: ActorRef[PlaceOrder], journal: Journal, on_progress: Callable[[int], None]
) -> None:
    """Brings what is not decided. That it is decided is read from the log: what is not on the disk did not happen."""
    waiting = [order for order in orders if order.number not in decided]

    async def bring() -> None:
        for order in waiting:
            await desks.tell(PlaceOrder(order))

    async with trio.open_nursery() as nursery:
        log = follow(journal, Payment, await journal.last_offset() + 1)
        nursery.start_soon(bring)
        for number in range(len(orders) - len(waiting) + 1, len(orders) + 1):
            with trio.move_on_after(PATIENCE) as patience:
                await anext(log)
            if patience.cancelled_caught:  # an order is lost, which the report will not miss
                nursery.cancel_scope.cancel()
                return
            on_progress(number)


def paid_by_account(payments: Iterable[Payment]) -> dict[str, Totals]:
    """What a plain loop over the payments comes to; accounts that could not pay once are in it."""
    totals: dict[str, Totals] = {}
    for payment in payments:
        before = totals.setdefault(payment.account, Totals(0, 0))
        if isinstance(payment, PaymentCompleted):
            totals[payment.account] = Totals(before.count + 1, before.cents + payment.cents)
    return totals
