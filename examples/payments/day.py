"""
A day in the shop: orders are brought in, at half-time a fraud checker joins, at closing time the books are collected.

This is the outside of the system: plain trio code that tells, asks, subscribes, spawns and stops.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import trio
from attrs import frozen

from trouper import ActorFailed, ActorRef, Facts, Node, Statistics, System, open_system

from .facts import InvoiceIssued, Payment
from .listeners import AskCounts, AskFailures, AskTotals
from .messages import CountReceipts, Invoices, ListAccounts, PlaceOrder, Spent, Totals
from .orders import Order
from .shop import FRAUD_CHECKER, Shop, make_shop
from .world import Accidents, MailProvider

PATIENCE = 10.0
"""Seconds without a decision after which the shop closes."""


@frozen
class Books:
    """What everybody says at the end of the day, each from its own books."""

    accounts: Totals
    ledger: Totals
    invoices: tuple[InvoiceIssued, ...]
    receipts: int
    sold: Counter[str]
    in_figures: int
    figures_lost: int
    checked: Totals
    suspects: Counter[str]
    failures: tuple[ActorFailed, ...]
    tree: Node
    statistics: Statistics


async def run_day(orders: Sequence[Order], accidents: Accidents, on_progress: Callable[[int], None]) -> Books | None:
    """
    Sells *orders*, and returns the books; None if the process was told to terminate before closing time.

    Args:
        orders: In the order in which they are placed.
        accidents: What goes wrong meanwhile.
        on_progress: Called with the number of orders that are decided, at each.
    """
    shop = make_shop(accidents, MailProvider(accidents))
    half = len(orders) // 2
    async with open_system(shop.tree, name="shop", ask_timeout=30.0) as system:
        desks = system.ref(shop.desks)
        # Code that is no actor listens too. There is room for every fact of the day, so none is dropped.
        async with system.subscribe(Payment, capacity=len(orders) + 1) as decided:
            await _sell(orders[:half], desks, decided, on_progress)
            await system.spawn(FRAUD_CHECKER, under=system.ref(shop.listeners))
            await _sell(orders[half:], desks, decided, lambda number: on_progress(half + number))
        return await _collect(system, shop)
    return None  # SIGTERM cancelled the block


async def _sell(orders: Sequence[Order], desks: ActorRef[PlaceOrder], decided: Facts[Payment], on_progress: Callable[[int], None]) -> None:
    """Returns when each of *orders* is decided; or when nothing is decided any more, which the report will not miss."""

    async def bring() -> None:
        for order in orders:
            await desks.tell(PlaceOrder(order))  # waits while the desks have their hands full

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bring)
        for number in range(1, len(orders) + 1):
            with trio.move_on_after(PATIENCE) as patience:
                await anext(decided)
            if patience.cancelled_caught:
                nursery.cancel_scope.cancel()
                return
            on_progress(number)


async def _collect(system: System, shop: Shop) -> Books:
    """Closing time. Who is asked answers after what was sent and published to it before: nothing is on its way any more."""
    tree = system.tree()
    await system.stop(system.ref(shop.desks), drain=True)  # what lies on a desk is finished first
    receipts = await system.ref(shop.mailer).ask(CountReceipts(), timeout=math.inf)
    bank = system.ref(shop.bank)
    accounts = [await account.ask(Spent()) for account in await bank.ask(ListAccounts())]
    incidents, checker = system.ref(shop.incidents), system.ref(FRAUD_CHECKER)
    return Books(
        accounts=Totals(sum(spent.count for spent in accounts), sum(spent.cents for spent in accounts)),
        ledger=await system.ref(shop.ledger).ask(AskTotals()),
        invoices=await system.ref(shop.journal).ask(Invoices()),
        receipts=receipts,
        sold=await system.ref(shop.inventory).ask(AskCounts()),
        in_figures=(await system.ref(shop.analytics).ask(AskCounts())).total(),
        figures_lost=(await incidents.ask(AskTotals())).count,
        checked=await checker.ask(AskTotals()),
        suspects=await checker.ask(AskCounts()),
        failures=await incidents.ask(AskFailures()),
        tree=tree,
        statistics=system.statistics(),
    )
