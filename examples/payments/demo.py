"""The program: reads the file, runs the day, prints the report. See main.py, which starts it."""

import logging
import sys
import time
from pathlib import Path

import trio

from .audit import audit
from .day import run_day
from .orders import BadRow, NoOrders, Order, read_orders
from .progress import ProgressBar
from .report import Report
from .world import a_bad_day


def main(arguments: list[str]) -> int:
    """0: everything reconciles. 1: it does not. 2: there is nothing to sell."""
    kept: Path | None = None
    if arguments[-2:-1] == ["--durable"]:
        *arguments, _, name = arguments
        kept = Path(name)
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print("usage: python examples/payments/main.py [ORDERS.csv] [--durable FILE]", file=sys.stderr)
        return 2
    path = Path(arguments[0]) if arguments else Path(__file__).with_name("orders.csv")
    try:
        rows = read_orders(path)
    except NoOrders as problem:
        print(problem, file=sys.stderr)
        return 2
    orders = [row for row in rows if isinstance(row, Order)]
    bad = [row for row in rows if isinstance(row, BadRow)]

    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crashes are in the report: no tracebacks
    accidents = a_bad_day()
    progress = ProgressBar(len(orders))
    if kept is not None:
        try:
            from .durable_demo import sell_durably  # noqa: PLC0415  # only this needs the extra trouper[persistence]
        except ImportError as missing:
            print(missing, file=sys.stderr)
            return 2
        return sell_durably(kept, path, rows, accidents=accidents, progress=progress)
    began = time.perf_counter()
    try:
        books = trio.run(run_day, orders, accidents, progress.show)
    except* KeyboardInterrupt:
        books = None
    finally:
        progress.clear()
    if books is None:
        print("The shop was closed before closing time, in order: no report.", file=sys.stderr)
        return 130
    seconds = time.perf_counter() - began

    right = audit(path, orders)
    report = Report()
    for part in (
        report.day(path.name, bad, right, seconds),
        report.money(books, right),
        report.losses(books, right, accidents),
        report.tree(books.tree),
        report.accounts(books.statistics),
    ):
        print(*part, sep="\n", end="\n\n")
    print("Everything reconciles." if report.reconciles else "Something does not reconcile: see above.")
    return 0 if report.reconciles else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
