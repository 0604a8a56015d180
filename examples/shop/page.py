"""The read model: a line an order, kept by what happened, and the page of text that is made from it."""

import sqlite3
from pathlib import Path

from attrs import define

from trouper import handles
from trouper.persistence import Projection, projects

from .messages import AskPage, OrderCancelled, OrderPlaced, OrderShipped, PaymentTaken, StepRefused, StockReserved

STATES = ("placed", "reserved", "paid", "refused", "shipped", "cancelled")


@define(eq=False)
class Page(Projection[AskPage, OrderPlaced | StockReserved | PaymentTaken | StepRefused | OrderShipped | OrderCancelled]):
    """Knows where each order is."""

    file: Path
    tables = (
        """CREATE TABLE orders (
            number TEXT PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, pieces INTEGER NOT NULL, cents INTEGER NOT NULL,
            state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '') STRICT""",
    )

    @projects(OrderPlaced)
    def placed(self, fact: OrderPlaced, model: sqlite3.Connection) -> None:
        """A new line."""
        order = fact.order
        row = (order.number, order.customer, order.item, order.pieces, order.cents)
        model.execute("INSERT INTO orders (number, customer, item, pieces, cents, state) VALUES (?, ?, ?, ?, ?, 'placed')", row)

    @projects(StockReserved)
    def reserved(self, fact: StockReserved, model: sqlite3.Connection) -> None:
        """Further."""
        _move(model, fact.order, "reserved")

    @projects(PaymentTaken)
    def paid(self, fact: PaymentTaken, model: sqlite3.Connection) -> None:
        """Further."""
        _move(model, fact.order, "paid")

    @projects(StepRefused)
    def refused(self, fact: StepRefused, model: sqlite3.Connection) -> None:
        """On the way back."""
        _move(model, fact.order, "refused", fact.why)

    @projects(OrderShipped)
    def shipped(self, fact: OrderShipped, model: sqlite3.Connection) -> None:
        """Done."""
        _move(model, fact.order, "shipped")

    @projects(OrderCancelled)
    def cancelled(self, fact: OrderCancelled, model: sqlite3.Connection) -> None:
        """Undone."""
        _move(model, fact.order, "cancelled", fact.why)

    @handles(AskPage)
    async def page(self, _request: AskPage) -> str:
        """As of now, or a moment ago: the last line says how many facts are not in it yet."""
        return f"{await self.query(_page)}\n{self.lag} facts are not in here yet"


def _move(model: sqlite3.Connection, order: str, state: str, why: str = "") -> None:
    model.execute("UPDATE orders SET state = ?, why = ? WHERE number = ?", (state, why, order))


def _page(model: sqlite3.Connection) -> str:
    counts = dict(model.execute("SELECT state, count(*) FROM orders GROUP BY state").fetchall())
    lines = ["Orders"] + [f"  {state:<20}{counts[state]:>6}" for state in STATES if state in counts]
    lines += ["Why orders were cancelled"]
    lines += [
        f"  {why:<20}{count:>6}"
        for why, count in model.execute("SELECT why, count(*) FROM orders WHERE state = 'cancelled' GROUP BY why ORDER BY why")
    ]
    lines += [f"Shipped{'pieces':>19}{'EUR':>14}"]
    lines += [
        f"  {item:<18}{pieces:>6}{cents / 100:>14,.2f}"
        for item, pieces, cents in model.execute(
            "SELECT item, sum(pieces), sum(cents) FROM orders WHERE state = 'shipped' GROUP BY item ORDER BY item"
        )
    ]
    return "\n".join(lines)
