"""What is printed at the end of the day: who agrees with whom, what went wrong and what it cost, the tree, the accounts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from textwrap import wrap

from attrs import evolve

from trouper import Node, Statistics

from .audit import Audit
from .day import Books
from .messages import Totals
from .orders import BadRow
from .world import Accident, Accidents

NAMES_SHOWN = 40
BAD_ROWS_SHOWN = 10
ACCOUNTS_SHOWN = 5


def euros(cents: int) -> str:
    """For people."""
    return f"{cents // 100:,}.{cents % 100:02d}"


class Report:
    """Lines, and whether all that must agree does."""

    def __init__(self) -> None:
        self.reconciles = True

    def check(self, agrees: bool) -> str:
        """The word behind a line."""
        self.reconciles = self.reconciles and agrees
        return "ok" if agrees else "DOES NOT AGREE"

    def day(self, source: str, bad: Sequence[BadRow], right: Audit, seconds: float) -> Iterator[str]:
        """What came in."""
        agrees = right.rows == right.placed + len(bad)
        yield f"{source}: {right.rows:,} lines = {right.placed:,} orders + {len(bad):,} refused   {self.check(agrees)}"
        yield from (f"  {row}" for row in bad[:BAD_ROWS_SHOWN])
        if len(bad) > BAD_ROWS_SHOWN:
            yield f"  and {len(bad) - BAD_ROWS_SHOWN:,} more"
        declined = right.placed - right.paid.count
        yield f"{right.paid.count:,} paid, {declined:,} declined, in {seconds:.1f} s ({right.placed / seconds:,.0f} orders a second)"

    def money(self, books: Books, right: Audit) -> Iterator[str]:
        """Who agrees with whom, to the cent."""
        invoiced = Totals(len(books.invoices), sum(invoice.cents for invoice in books.invoices))
        yield f"{'Do the books agree?':<44}{'payments':>10}{'EUR':>16}"
        yield f"  {'recomputed from the file, without actors':<42}{right.paid.count:>10,}{euros(right.paid.cents):>16}"
        for name, totals in (
            ("the accounts' own books", books.accounts),
            ("the ledger, from facts", books.ledger),
            ("the invoices", invoiced),
        ):
            yield f"  {name:<42}{totals.count:>10,}{euros(totals.cents):>16}   {self.check(totals == right.paid)}"
        gapless = [invoice.number for invoice in books.invoices] == list(range(1, len(books.invoices) + 1))
        yield f"  invoices are numbered from 1 without a gap   {self.check(gapless)}"
        sold = f"{books.sold.total():,} pieces of {len(books.sold)} items"
        yield f"  inventory, from facts: sold {sold}, and has nothing set aside   {self.check(books.sold == right.sold)}"
        late, flagged = books.checked, books.suspects.total()
        yield (
            f"  fraud checker, started at half-time: saw {late.count:,} payments, all since then, and flagged {flagged:,}"
            f"   {self.check(late == right.paid_in_second_half)}"
        )

    def losses(self, books: Books, right: Audit, accidents: Accidents) -> Iterator[str]:
        """What went wrong, by name, and what was lost with it."""
        by_place: defaultdict[str, list[str]] = defaultdict(list)
        others: list[str] = []
        for failure in books.failures:
            if isinstance(failure.cause, Accident):
                by_place[failure.cause.place].append(failure.cause.order)
            else:
                others.append(f"{failure.path}: {failure.cause!r}")
        noticed = {(place, order) for place, orders in by_place.items() for order in orders}
        yield f"What went wrong, and what it cost: {len(books.failures)} crashes   {self.check(noticed == accidents.struck and not others)}"
        yield from (f"  not expected: {other}" for other in others)
        before, after, jams = (len(by_place[place]) for place in ("crash before booking", "crash after booking", "printer jam"))
        if before or after:
            yield f"  accounts: {before} crashes before booking, {after} after it. Nothing lost: they replay the journal, desks ask again."
        if jams:
            yield f"  invoices: {jams} printer jams. Nothing lost, for the same reason."
        if lost := by_place["mail line down"]:
            yield f"  mailer: {len(lost):,} crashes. Each lost the receipt in hand; those queued went out after the back-off. Lost:"
            more = f" and {len(lost) - NAMES_SHOWN:,} more" if len(lost) > NAMES_SHOWN else ""
            yield from wrap(", ".join(lost[:NAMES_SHOWN]) + more, 100, initial_indent=" " * 4, subsequent_indent=" " * 4)
        sent = f"{books.receipts:,} receipts delivered + {len(lost):,} lost = {right.paid.count:,} payments"
        yield f"    {sent}   {self.check(books.receipts + len(lost) == right.paid.count)}"
        if bugs := by_place["division by zero"]:
            yield f"  analytics: {len(bugs)} crashes. Each lost the figures, which are kept nowhere safe."
        seen = f"{books.in_figures:,} orders in the figures + {books.figures_lost:,} lost with them = {right.placed:,} placed"
        yield f"    {seen}   {self.check(books.in_figures + books.figures_lost == right.placed)}"

    def tree(self, tree: Node) -> Iterator[str]:
        """Who is there at closing time, and how often each was restarted."""
        yield f"The tree at closing time, with {ACCOUNTS_SHOWN} of the accounts:"
        yield from (f"  {line}" for line in str(_with_few_accounts(tree)).splitlines())

    def accounts(self, counts: Statistics) -> Iterator[str]:
        """Nothing that was sent is nowhere."""
        ended = {"handled": counts.handled, "failed": counts.failed, "withdrawn": counts.withdrawn}
        ended |= {"dead letters": counts.dead_letters, "waiting": counts.waiting}
        said = " + ".join(f"{number:,} {name}" for name, number in ended.items())
        yield f"Every message is accounted for: {counts.accepted:,} accepted =   {self.check(counts.accepted == sum(ended.values()))}"
        yield f"  {said}"


def _with_few_accounts(node: Node) -> Node:
    """The same tree, with the accounts that were restarted most often."""
    children = node.children
    if node.path.endswith("/bank"):
        children = tuple(sorted(children, key=lambda child: (-child.restarts, child.path))[:ACCOUNTS_SHOWN])
    return evolve(node, children=tuple(map(_with_few_accounts, children)))
