"""The program: reads the file, runs the day, prints the report. See main.py, which starts it."""

import logging
import sys
import time
from pathlib import Path

import trio

from .audit import audit
from .day import run_day
from .orders import BadRow, NoOrders, Order, read_orders
from .report import Report
from .world import a_bad_day

BAR_WIDTH = 40


class ProgressBar:
    """How far the day is, on a terminal; where nobody looks, nothing."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._step = max(total // 200, 1)
        self._shown = sys.stderr.isatty()

    def show(self, number: int) -> None:
        """Draws it again, if it looks different by now."""
        if self._shown and (number % self._step == 0 or number == self._total):
            filled = BAR_WIDTH * number // self._total
            sys.stderr.write(f"\r[{'=' * filled}{' ' * (BAR_WIDTH - filled)}] {number:,} of {self._total:,} orders ")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leaves the line to the report."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """0: everything reconciles. 1: it does not. 2: there is nothing to sell."""
    if len(arguments) > 1 or arguments[:1] in (["-h"], ["--help"]):
        print("usage: python examples/payments/main.py [ORDERS.csv]", file=sys.stderr)
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
