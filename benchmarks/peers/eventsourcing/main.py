"""
The `eventsourcing` package: one aggregate, of which each event is saved by itself, in a file of SQLite.

SQLite's write-ahead log with `synchronous=FULL`, as trouper's journal: the package sets the one, and the other is what SQLite does by
default; both are looked at here. Prints events for a second of the clock.
"""

import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

FULL = 2
WARM_UP = 50


class Account(Aggregate):
    @event("Opened")
    def __init__(self) -> None:
        self.balance_cents = 0

    @event("Deposited")
    def deposit(self, cents: int) -> None:
        self.balance_cents += cents


def save(bank: Application, account: Account, events: int) -> None:
    for _ in range(events):
        account.deposit(1)
        bank.save(account)


def main() -> None:
    events = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "bank.db")
        os.environ |= {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": file}
        bank = Application()
        account = Account()
        save(bank, account, WARM_UP)
        began = perf_counter()
        save(bank, account, events)
        seconds = perf_counter() - began
        assert bank.repository.get(account.id).balance_cents == WARM_UP + events
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
    print(events / seconds, version("eventsourcing"))


if __name__ == "__main__":
    main()
