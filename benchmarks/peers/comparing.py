"""What came of the peers: a table for a terminal, the same as Markdown between two markers of a page, and what the results' JSON gains."""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from attrs import define, field, frozen
from processes import Versions
from settings import BYTES, MARKS, ROWS, Peer

BEGIN, END = "<!-- peers -->", "<!-- /peers -->"


@define(eq=False)
class Cell:
    """
    One work of one peer, in all rounds.

    Args:
        each: Seconds of an operation, or bytes of an actor, in each round.
        bare: Seconds of a turn of the bare loop, in each round.
        note: What else was found.
        failure: Why there is no figure although there should be.
    """

    each: list[float] = field(factory=list[float])
    bare: list[float] = field(factory=list[float])
    note: str | None = None
    failure: str | None = None

    @property
    def multiples(self) -> list[float]:
        """The ratio to the bare loop of each round."""
        return [each / bare for each, bare in zip(self.each, self.bare, strict=True)]


@define(eq=False)
class Column:
    """A peer, and what was measured of it. *absent* says why nothing was."""

    peer: Peer
    cells: dict[str, Cell] = field(factory=dict[str, Cell])
    versions: Versions | None = None
    absent: str | None = None

    def cell(self, row: str) -> Cell:
        """The cell of a row, made when it is first asked for."""
        return self.cells.setdefault(row, Cell())


@frozen
class Comparison:
    """All of it: the columns, which rows were run, in how many rounds, on which Python the runner was."""

    columns: Sequence[Column]
    rows: Sequence[str]
    rounds: int
    python: str


def amount(multiple: float) -> str:
    """A multiple with the digits that mean something."""
    if multiple < 100:
        return f"{multiple:.1f}"
    if multiple < 10_000:
        return f"{multiple:,.0f}"
    return f"{multiple / 1e3:.0f}k" if multiple < 1e6 else f"{multiple / 1e6:.1f}M"


def duration(seconds: float) -> str:
    """Seconds in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def bulk(weight_bytes: float) -> str:
    """Bytes in the unit that fits."""
    return f"{weight_bytes / 1e6:.0f} MB" if weight_bytes >= 1e6 else f"{weight_bytes:,.0f} B"


class Footnotes:
    """Numbers for sentences, each sentence once."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> str:
        """The mark of a sentence."""
        if text not in self.texts:
            self.texts.append(text)
        return f"[{self.texts.index(text) + 1}]"


def _figure(column: Column, row: str, footnotes: Footnotes) -> str:
    """The median with its marks, or the number of the footnote that says why there is none."""
    cell = column.cells.get(row)
    if reason := column.peer.missing.get(row):
        return footnotes.number(reason)
    if cell is None or not cell.each:
        return f"failed {footnotes.number(cell.failure)}" if cell and cell.failure else "-"
    figure = bulk(median(cell.each)) if row == BYTES else f"x{amount(median(cell.multiples))}"
    notes = [*filter(None, [column.peer.notes.get(row), cell.note])]
    letters = column.peer.row_marks.get(row, "")
    return " ".join([figure, *([letters] if letters else []), *(footnotes.number(note) for note in notes)])


def _spread(column: Column, row: str) -> str:
    """The time of one operation, and the smallest and largest ratio of a round."""
    cell = column.cells.get(row)
    if cell is None or not cell.each or row == BYTES:
        return ""
    return f"{duration(median(cell.each))}, x{amount(min(cell.multiples))}-{amount(max(cell.multiples))}"


def _heading(column: Column) -> str:
    return f"{column.peer.title} ({column.peer.marks})" if column.peer.marks else column.peer.title


def _version(column: Column) -> str:
    if column.versions is None:
        return f"not run: {column.absent or 'no row of it was asked for'}"
    return column.versions.version + (f", Python {column.versions.python}" if column.versions.python else "")


def grids(comparison: Comparison) -> tuple[list[list[str]], list[list[str]], list[list[str]], list[str]]:
    """The table of medians, that of times and spreads, that of versions and mailboxes, each with its headings, and the legend."""
    footnotes = Footnotes()
    run = [column for column in comparison.columns if column.versions is not None]
    headings = ["", *(_heading(column) for column in run)]
    medians = [headings, *([f"{ROWS[row]}", *(_figure(column, row, footnotes) for column in run)] for row in comparison.rows)]
    rated = [row for row in comparison.rows if row != BYTES]
    spreads = [headings, *([f"{ROWS[row]}", *(_spread(column, row) for column in run)] for row in rated)]
    terms = [["", "version", "mailboxes"], *([column.peer.title, _version(column), column.peer.mailbox] for column in comparison.columns)]
    used = {letter for column in run for row in comparison.rows if row not in column.peer.missing for letter in column.peer.marks_of(row)}
    legend = [f"{letter}: {MARKS[letter].text}" for letter in MARKS if letter in used]
    return medians, spreads, terms, [*legend, *(f"[{number}] {text}" for number, text in enumerate(footnotes.texts, 1))]


def introduction(comparison: Comparison) -> str:
    """How to read the table."""
    return textwrap.fill(
        f"Medians of {comparison.rounds} interleaved rounds, as multiples of a bare loop of CPython (deque.append, popleft, the call of a "
        "bound method), which is measured before and after each work in the same process; for the BEAM in CPython "
        f"{comparison.python} just before and after. Letters say what a peer does less of (lower case) or otherwise (upper case): those "
        "of a heading hold for the column, those of a cell for the cell. Numbers are footnotes. A slow peer does fewer operations.",
        width=140,
    )


def text(comparison: Comparison) -> str:
    """For a terminal: one block a row, since so many columns fit no screen."""
    medians, spreads, terms, legend = grids(comparison)
    lines = [introduction(comparison), ""]
    width = max(len(heading) for heading in medians[0])
    spread_of = {row[0]: row for row in spreads[1:]}
    for row in medians[1:]:
        lines.append(row[0])
        for place, heading in enumerate(medians[0][1:], 1):
            spread = spread_of[row[0]][place] if row[0] in spread_of else ""
            lines.append(f"  {heading.ljust(width)}  {row[place].ljust(14)}  {spread}".rstrip())
    lines += ["", *(f"{title}: {version}; mailboxes: {mailbox}" for title, version, mailbox in terms[1:]), "", *legend]
    return "\n".join(lines)


def _markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:" if len(rows[0]) > 3 else "---"] * (len(rows[0]) - 1)]
    return [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]


def markdown(comparison: Comparison) -> str:
    """For a page."""
    medians, spreads, terms, legend = grids(comparison)
    return "\n".join(
        [
            introduction(comparison),
            "",
            *_markdown_table(medians),
            "",
            *(f"- {line}" for line in legend),
            "",
            "The time of one operation, and the smallest and the largest multiple of a round:",
            "",
            *_markdown_table(spreads),
            "",
            *_markdown_table(terms),
        ]
    )


def write_page(page: Path, comparison: Comparison) -> None:
    """
    Puts the tables between the markers of a page. One that is not there is begun.

    Raises:
        ValueError: The page has not one pair of the markers.
    """
    before = page.read_text(encoding="utf-8") if page.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in tail:
        raise ValueError(f"{page} has to have the markers {BEGIN} and {END} once, in this order")
    page.write_text(f"{head}{BEGIN}\n{markdown(comparison)}\n{END}{tail}", encoding="utf-8")


def merge(results: Iterable[Mapping[str, Any]], comparison: Comparison) -> list[dict[str, Any]]:
    """
    The results with an object `peers` in each row that was compared; rows that are not there yet are added.

    A peer that was not run this time keeps what it had. trouper is a row itself and no peer; bytes have no multiple.
    """
    merged = [dict(row) for row in results]
    by_work = {row["work"]: row for row in merged}
    for name in comparison.rows:
        row: dict[str, Any] | None = by_work.get(name)
        for column in comparison.columns:
            cell = column.cells.get(name)
            if cell is None or not cell.each or column.versions is None:
                continue
            multiple = None if name == BYTES else round(median(cell.multiples), 2)
            rate = round(median(cell.each) if name == BYTES else 1 / median(cell.each), 3)
            if column.peer.name == "trouper":
                if row is None:
                    unit = "bytes" if name == BYTES else "operations/s"
                    row = {"work": name, "multiple_of_bare": multiple, "rate": rate, "unit": unit}
                    merged.append(row)
                continue
            if row is None:
                row = {"work": name}
                merged.append(row)
            row.setdefault("peers", {})[column.peer.name] = {
                "multiple_of_bare": multiple,
                "rate": rate,
                "version": column.versions.version,
                "does_less": [MARKS[letter].text for letter in column.peer.marks_of(name) if MARKS[letter].is_less],
            }
    return merged


def write_results(file: Path, comparison: Comparison) -> None:
    """Merges into the file, or writes it."""
    before: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    file.write_text(json.dumps(merge(before, comparison), indent=2) + "\n", encoding="utf-8")
