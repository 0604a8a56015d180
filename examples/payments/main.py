"""
A shop's day with trouper: `python examples/payments/main.py [ORDERS.csv] [--durable FILE]`.

Orders go from desk to account to invoice to e-mail as messages, each to one actor, with back-pressure. What happened
goes to a ledger, an inventory and others as facts, published to nobody in particular; a fraud checker joins at half-time,
and no publisher is changed for it. Actors crash all day long. At the end every cent is accounted for, or this exits with 1.

    messages.py    everything that is said                    world.py      what can go wrong, seeded
    journal.py     the one place that must not forget         orders.py     the file of orders, and its mistakes
    accounts.py    accounts: crash, replay, go on             audit.py      the same day without an actor
    services.py    desks, invoices, e-mails                   report.py     what is printed
    listeners.py   whoever listens to facts                   demo.py       the day: from opening to closing time
    shop.py        the tree                                   make_orders.py  made orders.csv

With `--durable FILE` every payment is on the disk when it is acknowledged: stop it anywhere, start it again, and it goes on. This
needs `trouper[persistence]`.

    durable.py     event-sourced accounts, and books that are a projection of the log
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # The modules beside this file are a package: they import each other relatively, wherever they are started from and
    # whether or not Python puts a script's folder on its path (PYTHONSAFEPATH). A script is in no package, so this one
    # only makes the package known and runs it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    runpy.run_module("payments.demo", run_name="__main__", alter_sys=True)
