"""
The file of orders: one line an order, and a clear word about each line that is none.

Every line below the first is an `Order` or a `BadRow`, never nothing, so whoever reads can count that none is lost. A line
stands for itself: a quotation mark that is never closed spoils one order, not the rest of the file.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

COLUMNS = ("order", "account", "email", "item", "quantity", "unit_price")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
QUANTITY = re.compile(r"0*[1-9][0-9]{0,3}")
PRICE = re.compile(r"([0-9]{1,7})(?:\.([0-9]{2}))?")


@frozen
class Order:
    """One order. A price is a whole number of cents from the moment it is read."""

    number: str
    account: str
    email: str
    item: str
    quantity: int
    unit_cents: int

    @property
    def cents(self) -> int:
        """What is to be paid."""
        return self.quantity * self.unit_cents


@frozen
class BadRow:
    """A line that is no order, and why."""

    line: int
    problem: str

    def __str__(self) -> str:
        return f"line {self.line:,}: {self.problem}"


class NoOrders(Exception):
    """The file is no file of orders at all."""


def read_orders(path: Path) -> list[Order | BadRow]:
    """
    Every line of the file below the first that is not blank, in order, as what it is.

    Raises:
        NoOrders: There is no such file, or its first line does not name the columns.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return list(parse_orders(file))
    except OSError as error:
        raise NoOrders(f"{path} cannot be read: {error.strerror}.") from error


def parse_orders(lines: Iterable[str]) -> Iterator[Order | BadRow]:
    """The same of lines of text."""
    numbered = enumerate(lines, start=1)
    _, first = next(numbered, (1, ""))
    columns = [name.strip() for name in first.split(",")]
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise NoOrders(f"The first line must name the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}.")
    line_of: dict[str, int] = {}
    for line, text in numbered:
        if not text.strip():
            continue
        try:
            order = _order(columns, next(csv.reader([text], strict=True)))
            if order.number in line_of:
                raise ValueError(f"order {order.number} was on line {line_of[order.number]:,} already")  # noqa: TRY301
        except csv.Error as error:
            yield BadRow(line, f"it is not CSV: {error}")
        except ValueError as error:
            yield BadRow(line, str(error))
        else:
            line_of[order.number] = line
            yield order


def _order(columns: list[str], fields: list[str]) -> Order:
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} fields where there should be {len(columns)}")
    row = {column: field.strip() for column, field in zip(columns, fields, strict=True)}
    for column in COLUMNS:
        if not row[column]:
            raise ValueError(f"the {column} is missing")
        if "\ufffd" in row[column]:
            raise ValueError(f"the {column} is not UTF-8")
    for column, form, meant in (
        ("order", NAME, "letters, digits and hyphens"),
        ("account", NAME, "letters, digits and hyphens"),
        ("email", EMAIL, "an address such as ann@example.com"),
        ("quantity", QUANTITY, "a whole number from 1 to 9999"),
        ("unit_price", PRICE, "a price such as 12.90"),
    ):
        if not form.fullmatch(row[column]):
            raise ValueError(f"the {column} is {row[column][:40]!r}, not {meant}")
    euros, cents = row["unit_price"].partition(".")[::2]
    return Order(row["order"], row["account"], row["email"], row["item"], int(row["quantity"]), int(euros) * 100 + int(cents or 0))
