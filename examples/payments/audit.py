"""
The same day without an actor, a crash or a queue: a loop over the orders. What it counts is what everybody has to agree with.

The orders of one account are decided in the order of the file, here and in the shop; between accounts no order matters.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from .accounts import OPENING_CENTS
from .messages import Totals
from .orders import Order


@frozen
class Audit:
    """What a day comes to. *rows* is what the file holds below its first line, good or bad."""

    rows: int
    placed: int
    paid: Totals
    paid_in_second_half: Totals
    sold: Counter[str]


def audit(path: Path, orders: Sequence[Order]) -> Audit:
    """Counts the lines of the file, and pays each order if its account has enough left."""
    balances: defaultdict[str, int] = defaultdict(lambda: OPENING_CENTS)
    paid: list[tuple[int, Order]] = []
    for place, order in enumerate(orders):
        if order.cents <= balances[order.account]:
            balances[order.account] -= order.cents
            paid.append((place, order))
    sold: Counter[str] = Counter()
    for _, order in paid:
        sold[order.item] += order.quantity
    second_half = [order for place, order in paid if place >= len(orders) // 2]
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = sum(bool(line.strip()) for line in file) - 1
    return Audit(rows, len(orders), _totals([order for _, order in paid]), _totals(second_half), sold)


def _totals(orders: Sequence[Order]) -> Totals:
    return Totals(len(orders), sum(order.cents for order in orders))
