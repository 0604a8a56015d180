"""
Those who listen. They know facts and nothing else: not one of them is named anywhere on the selling side.

A publisher never waits for them, so each says for itself how many facts may wait, and what if there are more: the ledger
fails rather than miss a payment; the figures of the analytics may have a hole.
"""

from collections import Counter

from attrs import define, field, frozen

from trouper import Actor, ActorFailed, Request, handles

from .facts import FiguresLost, OrderPlaced, PaymentCompleted, PaymentDeclined
from .messages import Totals
from .world import Accidents


@frozen
class AskTotals(Request[Totals]):
    """What have you counted? The answer comes after the facts that were published before."""


@frozen
class AskCounts(Request[Counter[str]]):
    """The same by name: of items, of accounts."""


@frozen
class AskFailures(Request[tuple[ActorFailed, ...]]):
    """What has failed?"""


@define(eq=False)
class Ledger(Actor[PaymentCompleted | AskTotals]):
    """Adds up what was paid."""

    _count: int = field(default=0, init=False)
    _cents: int = field(default=0, init=False)

    def on_start(self) -> None:
        """It would rather fail than not hear of a payment."""
        self.context.subscribe(PaymentCompleted, on_full="fail", capacity=10_000)

    @handles(PaymentCompleted)
    def record(self, fact: PaymentCompleted) -> None:
        """One line."""
        self._count += 1
        self._cents += fact.cents

    @handles(AskTotals)
    def totals(self, _request: AskTotals) -> Totals:
        """The sum of the lines."""
        return Totals(self._count, self._cents)


@define(eq=False)
class Inventory(Actor[OrderPlaced | PaymentCompleted | PaymentDeclined | AskCounts]):
    """Sets aside what is ordered, until it is paid or not."""

    _set_aside: dict[str, tuple[str, int]] = field(factory=dict[str, tuple[str, int]], init=False)
    _sold: Counter[str] = field(factory=Counter[str], init=False)

    def on_start(self) -> None:
        """Three kinds of facts, in the order in which they were published."""
        for kind in (OrderPlaced, PaymentCompleted, PaymentDeclined):
            self.context.subscribe(kind, on_full="fail", capacity=10_000)

    @handles(OrderPlaced)
    def set_aside(self, fact: OrderPlaced) -> None:
        """Nobody else gets it."""
        self._set_aside[fact.order.number] = (fact.order.item, fact.order.quantity)

    @handles(PaymentCompleted)
    def sell(self, fact: PaymentCompleted) -> None:
        """It leaves the house."""
        item, quantity = self._set_aside.pop(fact.order)
        self._sold[item] += quantity

    @handles(PaymentDeclined)
    def put_back(self, fact: PaymentDeclined) -> None:
        """Somebody else may have it."""
        del self._set_aside[fact.order]

    @handles(AskCounts)
    def sold(self, _request: AskCounts) -> Counter[str]:
        """Pieces sold by item; nothing may be left set aside."""
        return Counter({**self._sold, **{f"{item} (set aside)": quantity for item, quantity in self._set_aside.values()}})


@define(eq=False)
class Analytics(Actor[OrderPlaced | AskCounts]):
    """Has a bug, and keeps its figures nowhere safe, since they are only figures."""

    accidents: Accidents
    _ordered: Counter[str] = field(factory=Counter[str], init=False)

    def on_start(self) -> None:
        """The subscription outlives restarts; the figures do not."""
        self.context.subscribe(OrderPlaced)

    @handles(OrderPlaced)
    def count(self, fact: OrderPlaced) -> None:
        """One more order of this item."""
        self.accidents.may_strike("division by zero", fact.order.number)
        self._ordered[fact.order.item] += 1

    def on_restart(self, _cause: BaseException, /) -> None:
        """The last that the old instance does: it says what is lost with it, the order in hand included."""
        self.context.publish(FiguresLost(self._ordered.total() + 1))

    @handles(AskCounts)
    def ordered(self, _request: AskCounts) -> Counter[str]:
        """Orders by item, since the last restart."""
        return Counter(self._ordered)
