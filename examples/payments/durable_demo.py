"""The program with `--durable`: sells what is not decided yet, and prints who agrees with whom."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from trouper.persistence import JournalError

from .audit import audit
from .durable import books_file, paid_by_account, run_durable_day
from .messages import Totals
from .orders import BadRow, Order
from .progress import ProgressBar
from .report import Report, euros
from .world import Accidents


def sell_durably(file: Path, source: Path, rows: Sequence[Order | BadRow], *, accidents: Accidents, progress: ProgressBar) -> int:
    """0: everything reconciles. 1: it does not. 2: *file* cannot be used. 130: stopped before closing time."""
    orders = [row for row in rows if isinstance(row, Order)]
    began = time.perf_counter()
    day, unusable = None, False
    try:
        day = trio.run(run_durable_day, orders, accidents, file, progress.show)
    except* KeyboardInterrupt:
        pass
    except* JournalError as problems:
        unusable = True
        print(*problems.exceptions, sep="\n", file=sys.stderr)
    finally:
        progress.clear()
    if unusable:
        return 2
    if day is None:
        print(f"The shop was closed before closing time. What was decided is in {file}: start it again, and it goes on.", file=sys.stderr)
        return 130
    seconds = time.perf_counter() - began

    right = audit(source, orders)
    report = Report()
    refused = len(rows) - len(orders)
    agrees = right.rows == right.placed + refused
    print(f"{source.name}: {right.rows:,} lines = {right.placed:,} orders + {refused:,} refused   {report.check(agrees)}")
    log = paid_by_account(day.log.values())
    now = len(day.log) - day.decided_before
    print(f"{file.name}: {day.decided_before:,} orders were decided before, {now:,} now, in {seconds:.1f} s")
    print(f"{len(accidents.struck):,} crashes of accounts, each with an order in hand\n")
    print(f"{'Do the books agree?':<44}{'payments':>10}{'EUR':>16}")
    print(f"  {'recomputed from the file, without actors':<42}{right.paid.count:>10,}{euros(right.paid.cents):>16}")
    for name, totals in (
        ("the accounts, from their events", _sum(day.accounts)),
        ("the log of facts", _sum(log)),
        ("the books, projected from the log", _sum(day.books)),
    ):
        print(f"  {name:<42}{totals.count:>10,}{euros(totals.cents):>16}   {report.check(totals == right.paid)}")
    print(f"  the projection agrees with the log, account by account   {report.check(day.books == log)}")
    print(f"  so do the accounts   {report.check(day.accounts == log)}")
    once = sorted(payment.order for payment in day.log.values()) == sorted(order.number for order in orders)
    print(f"  each order is in the log once   {report.check(once)}")
    print(f"  offsets are from 1 without a gap   {report.check(list(day.log) == list(range(1, right.placed + 1)))}")
    gapless = list(day.invoices) == list(range(1, right.paid.count + 1))
    print(f"  invoices are numbered from 1 without a gap   {report.check(gapless)}\n")
    print(
        f"Totals reconcile, and the projection in {books_file(file).name} agrees with the log."
        if report.reconciles
        else "Something does not reconcile: see above."
    )
    return 0 if report.reconciles else 1


def _sum(by_account: Mapping[str, Totals]) -> Totals:
    return Totals(sum(totals.count for totals in by_account.values()), sum(totals.cents for totals in by_account.values()))
