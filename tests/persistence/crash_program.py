"""
Pays without end, and says each payment that it was told of. `crash_harness.py` starts it and kills it.

The accounts and the books are those of `examples/payments/durable.py`, with snapshots; entities come and go, accounts crash, and
payments are asked for again that may be decided already. A courier has a receipt kept for each decision by receivers that know what they
have seen, and reminders fall due. A line goes out when the reply is there and not before.

    crash_program.py pay FOLDER SEED     reads "PAYER NEXT" lines, pays, and writes "ORDER DECISION CENTS" lines, until it is killed
    crash_program.py sum FOLDER          writes "accounts ACCOUNT COUNT CENTS" and "books ACCOUNT COUNT CENTS" lines
    crash_program.py fail FOLDER STEP    a little of the same over many databases; each time another call of SQLite fails
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Never
from unittest.mock import patch
from zlib import crc32

import trio
from attrs import define, field, frozen

from trouper import ActorRef, ActorSpec, AskError, Request, StartFailed, Supervision, System, actor, handles, open_system, supervisor
from trouper.persistence import (
    Courier,
    Delivery,
    Entities,
    EventSourced,
    ForgetReminder,
    Journal,
    JournalError,
    Remind,
    Reminders,
    Seen,
    SqliteJournal,
    applies,
    entities,
    open_journal,
    restores,
    tables,
)

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))
from payments.durable import AskBooks, AskInvoices, DurableAccount, DurableBooks, books_file
from payments.facts import PaymentCompleted, PaymentDeclined
from payments.messages import Pay, Spent
from payments.services import insist
from payments.world import Accidents

PER_ACCOUNT = 250
"""Payments of one payer after which it goes to another account, so that none becomes too long to come back from."""

OFTEN = 1_000_000


@frozen
class Kept:
    """The state of an account."""

    completed: tuple[PaymentCompleted, ...]
    declined: tuple[PaymentDeclined, ...]


@define(eq=False)
class Account(DurableAccount):
    """With snapshots."""

    snapshot_every = 40

    def snapshot(self) -> Kept:
        payments = self._decided.values()
        return Kept(
            tuple(payment for payment in payments if isinstance(payment, PaymentCompleted)),
            tuple(payment for payment in payments if isinstance(payment, PaymentDeclined)),
        )

    @restores(Kept)
    def restore(self, state: Kept) -> None:
        for completed in state.completed:
            self.paid(completed)
        for declined in state.declined:
            self.declined(declined)


def account_of(payer: int, number: int) -> str:
    """Two payers share an account."""
    return f"{payer // 2}-{number // PER_ACCOUNT}"


async def pay(accounts: Entities[Pay | Spent], system: System, payer: int, number: int) -> None:
    """One payment, or the same again. Says what came of it."""
    order = f"{payer}-{number}"
    cents = 1 + crc32(order.encode()) % 1000
    account: ActorRef[Pay | Spent] = accounts.ref(system, account_of(payer, number))
    payment = await insist(account, Pay(order, cents))
    os.write(1, f"{order} {type(payment).__name__} {payment.cents}\n".encode())


@frozen
class Receive(Request[None]):
    order: str
    cents: int
    delivery: Delivery


@frozen
class Receipt:
    order: str
    cents: int


@define(eq=False)
class Receipts(EventSourced[Receive, Receipt | Delivery]):
    """One for each account. What is delivered counts once."""

    account: str
    seen: Seen = field(factory=Seen, init=False)

    @property
    def identity(self) -> str:
        return f"receipts {self.account}"

    @handles(Receive)
    async def take(self, message: Receive) -> None:
        if self.seen.is_new(message.delivery):
            await self.persist(Receipt(message.order, message.cents), message.delivery)

    @applies(Receipt)
    def on_receipt(self, event: Receipt) -> None:
        """It is kept, and that is all."""

    @applies(Delivery)
    def on_delivery(self, delivery: Delivery) -> None:
        self.seen.add(delivery)


@frozen
class AskUnconfirmed(Request[int]):
    pass


@define(eq=False)
class Sending(Courier[AskUnconfirmed, PaymentCompleted | PaymentDeclined]):
    """Has a receipt kept for each decision."""

    receipts: Entities[Receive]

    def lane(self, fact: PaymentCompleted | PaymentDeclined, /) -> str:
        return fact.account

    async def deliver(self, fact: PaymentCompleted | PaymentDeclined, offset: int, /) -> None:
        receipts = self.receipts.ref(self.context, fact.account)
        await receipts.ask(Receive(fact.order, fact.cents, self.delivery(offset)), timeout=60.0)

    @handles(AskUnconfirmed)
    def ask_unconfirmed(self, _request: AskUnconfirmed) -> int:
        return self.unconfirmed


@define(eq=False)
class Bank:
    """The accounts, the books, receipts and reminders over one file."""

    folder: Path
    seed: int
    accounts: Entities[Pay | Spent] = field(init=False)
    books: ActorSpec[AskBooks | AskInvoices] = field(init=False)
    sending: ActorSpec[AskUnconfirmed] = field(init=False)
    reminders: ActorSpec[Remind | ForgetReminder] = field(init=False)
    tree: ActorSpec[Never] = field(init=False)

    def __attrs_post_init__(self) -> None:
        accidents = Accidents({"crash before booking": 200, "crash after booking": 200}, self.seed)
        live_max = (5, 40, 10_000)[self.seed % 3]
        policy = Supervision(max_restarts=OFTEN)
        self.accounts = entities("accounts", partial(Account, accidents), idle_seconds=0.05, live_max=live_max, supervision=policy)
        self.books = actor(DurableBooks, books_file(self.folder / "bank.db"), name="books")
        receipts = entities("receipts", Receipts, idle_seconds=0.05, live_max=live_max, supervision=policy)
        self.sending = actor(Sending, receipts, name="sending")
        self.reminders = actor(Reminders, name="reminders")
        tree = [self.books, self.accounts.spec, receipts.spec, self.sending, self.reminders]
        self.tree = supervisor("bank", tree, max_restarts=OFTEN)

    async def pay(self, journal: Path | Journal, starts: Mapping[int, int], payments: int) -> None:
        """Each payer goes on with its next payment. Every tenth time it asks for an earlier one once more."""
        async with open_journal(journal), open_system(self.tree, ask_timeout=60.0) as system, trio.open_nursery() as nursery:

            async def payer(name: int, start: int) -> None:
                for number in range(start, start + payments):
                    await pay(self.accounts, system, name, number)
                    if number % 10 == 9:
                        await pay(self.accounts, system, name, number - 7)
                        key = f"reminder-{self.seed}-{name}-{number}"
                        with suppress(AskError):
                            await system.ref(self.reminders).ask(Remind(key, time.time() + 0.1))
                            os.write(1, f"{key} ReminderDue 0\n".encode())

            for name, start in starts.items():
                nursery.start_soon(payer, name, start)

    async def sum(self, names: Iterable[str]) -> None:
        """What the accounts and the books say."""
        async with open_journal(self.folder / "bank.db"), open_system(self.tree, ask_timeout=60.0) as system:
            await system.ref(self.reminders).ask(ForgetReminder("none"))  # answered when all that were missed have fired
            while await system.ref(self.sending).ask(AskUnconfirmed()):  # noqa: ASYNC110  # it says how many there are, and no more
                await trio.sleep(0.05)
            for name in names:
                spent = await self.accounts.ref(system, name).ask(Spent())
                print("accounts", name, spent.count, spent.cents)
            for name, totals in (await system.ref(self.books).ask(AskBooks())).items():
                print("books", name, totals.count, totals.cents)


@define(eq=False)
class Fault:
    """
    Has one call of SQLite fail, of all that its connections are given.

    Args:
        at: Which, from 1.
        lost: Whether it is carried out, and only its outcome is lost.
    """

    at: int
    lost: bool
    calls: int = 0

    def connect(self, path: str, busy_timeout: float) -> sqlite3.Connection:
        """A connection whose calls are counted."""
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False, factory=FaultyConnection)
        assert isinstance(connection, FaultyConnection)
        connection.fault = self
        return connection


class FaultyConnection(sqlite3.Connection):
    """Counts what is executed."""

    fault: Fault

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return self._count(super().execute, sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        return self._count(super().executemany, sql, parameters)

    def _count(self, call: Any, sql: str, parameters: Any) -> sqlite3.Cursor:
        fault = self.fault
        fault.calls += 1  # two threads may count one call twice or not at all: every call is still struck in some run
        strikes = fault.calls == fault.at
        if not strikes or fault.lost:
            cursor: sqlite3.Cursor = call(sql, parameters)
            if not strikes:
                return cursor
            cursor.close()
        raise sqlite3.OperationalError("disk I/O error")


async def fail(folder: Path, call: int) -> bool:
    """Six payers pay a little over one disk, of which one call fails. Returns whether there was such a call."""
    fault = Fault((call + 1) // 2, lost=call % 2 == 0)
    bank = Bank(folder, seed=call)
    with trio.fail_after(60), patch.object(tables, "connect", fault.connect):
        try:
            async with SqliteJournal(folder / "bank.db", connect=fault.connect) as journal:
                await bank.pay(journal, dict.fromkeys(range(6), 0), 10)
        except (JournalError, StartFailed):  # the journal, or the books, cannot be opened
            print("refused", flush=True)
    return fault.calls >= fault.at


def main() -> None:
    logging.getLogger("trouper").addHandler(logging.NullHandler())
    what, folder, *more = sys.argv[1:]
    bank = Bank(Path(folder), int(more[0]) if more else 0)
    if what == "pay":
        starts = {int(payer): int(start) for payer, start in (line.split() for line in sys.stdin)}
        trio.run(bank.pay, bank.folder / "bank.db", starts, 1_000_000)
    elif what == "sum":
        with closing(sqlite3.connect(bank.folder / "bank.db")) as connection:
            found = connection.execute("SELECT DISTINCT identity FROM events WHERE identity LIKE 'account %'").fetchall()
            names = [identity.removeprefix("account ") for (identity,) in found]
        trio.run(bank.sum, names)
    else:
        for call in count(1, int(more[0])):
            print("run", call, flush=True)
            run = bank.folder / str(call)
            run.mkdir()
            if not trio.run(fail, run, call):
                break


if __name__ == "__main__":
    main()
