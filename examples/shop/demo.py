"""The program: places orders, waits until each has closed, prints the page, and checks that everything adds up."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

import trio

from trouper import System, actor, open_system, supervisor
from trouper.persistence import Entities, Journal, JournalError, entities, follow, open_journal

from .messages import AskPage, AskTaken, Order, OrderClosed, OrderShipped, Place, Take, Undo
from .page import Page
from .participants import Carrier, Supply
from .process import CARRIER, Fulfilment, OrderProcess

ITEMS = {"lamp": 24_90, "chair": 79_00, "clock": 12_50, "carpet": 149_00, "mug": 6_90}
PIECES = 80
PURSE_CENTS = 600_00


def make_orders(count: int) -> Iterator[Order]:
    """The same in every run."""
    chance = Random(7)
    for number in range(1, count + 1):
        item = chance.choice(list(ITEMS))
        pieces = chance.randint(1, 3)
        country = chance.choice(["Norway", "Chile", "Japan", "Ghana", "Atlantis"])
        yield Order(f"N-{number:04}", f"C-{chance.randrange(count // 4 + 1):03}", item, pieces, pieces * ITEMS[item], country)


class Shop:
    """The tree, and the specs in it that somebody speaks to from outside."""

    def __init__(self, file: Path) -> None:
        self.stocks = entities("stocks", partial(Supply, "stock", PIECES))
        self.purses = entities("purses", partial(Supply, "purse", PURSE_CENTS))
        self.carriers = entities("carriers", Carrier)
        self.orders = entities("orders", partial(OrderProcess, self.stocks, self.purses, self.carriers), idle_seconds=1.0)
        self.page = actor(Page, file.with_name(f"{file.name}.page"), name="page")
        fulfilment = actor(Fulfilment, self.orders, name="fulfilment")
        doors = [self.stocks.spec, self.purses.spec, self.carriers.spec, self.orders.spec]
        self.tree = supervisor("shop", [*doors, self.page, fulfilment])


async def run(file: Path, orders: Sequence[Order]) -> bool | None:
    """Returns whether everything adds up; None if the process was told to terminate before the end."""
    shop = Shop(file)
    async with open_journal(file) as journal, open_system(shop.tree, name="shop", ask_timeout=30.0) as system:
        closed_before = await journal.last_offset()
        for order in orders:  # what was placed in an earlier run knows that
            await shop.orders.ref(system, order.number).ask(Place(order))
        closed = await _closed(journal, len(orders))
        while not (page := await system.ref(shop.page).ask(AskPage())).endswith("\n0 facts are not in here yet"):  # noqa: ASYNC110  # nobody is told
            await trio.sleep(0.01)
        print(f"{closed_before:,} facts were in {file.name} before; there are {await journal.last_offset():,} now\n\n{page}\n")
        shipped = [order for order in orders if isinstance(closed[order.number], OrderShipped)]
        return await _adds_up(shop, system, orders, shipped)
    return None  # SIGTERM cancelled the block


async def _closed(journal: Journal, count: int) -> dict[str, OrderClosed]:
    """Waits until so many orders have closed, in this run or in an earlier one."""
    closed: dict[str, OrderClosed] = {}
    async for followed in follow(journal, OrderClosed):
        closed[followed.fact.order] = followed.fact
        if len(closed) == count:
            break
    return closed


async def _adds_up(shop: Shop, system: System, orders: Sequence[Order], shipped: Sequence[Order]) -> bool:
    """What the participants hold is what was shipped, and nothing that was cancelled."""
    held = await _held(shop.stocks, system, sorted({order.item for order in orders}))
    spent = await _held(shop.purses, system, sorted({order.customer for order in orders}))
    parcels = await shop.carriers.ref(system, CARRIER).ask(AskTaken())
    checks = {
        f"{sum(held):,} pieces are gone from stock, and so many were shipped": sum(held) == sum(order.pieces for order in shipped),
        f"{sum(spent) / 100:,.2f} EUR were paid, and so much was shipped": sum(spent) == sum(order.cents for order in shipped),
        f"{parcels:,} parcels are on their way, one for each order shipped": parcels == len(shipped),
        "no stock is below zero, and no purse": max(held) <= PIECES and max(spent) <= PURSE_CENTS,
    }
    for said, is_so in checks.items():
        print(f"{said}   {'ok' if is_so else 'DOES NOT ADD UP'}")
    return all(checks.values())


async def _held(participants: Entities[Take | Undo | AskTaken], system: System, names: Sequence[str]) -> list[int]:
    return [await participants.ref(system, name).ask(AskTaken()) for name in names]


def main(arguments: list[str]) -> int:
    """0: everything adds up. 1: it does not. 2: the file cannot be used, or there is none. 130: stopped before the end."""
    is_file = 1 <= len(arguments) <= 2 and not arguments[0].startswith("-")
    if not is_file or not all(number.isdecimal() and int(number) for number in arguments[1:]):
        print("usage: python examples/shop/main.py FILE [ORDERS]", file=sys.stderr)
        return 2
    orders = list(make_orders(int(arguments[1]) if arguments[1:] else 300))
    adds_up, unusable = None, False
    try:
        adds_up = trio.run(run, Path(arguments[0]), orders)
    except* KeyboardInterrupt:
        pass
    except* JournalError as problems:
        unusable = True
        print(*problems.exceptions, sep="\n", file=sys.stderr)
    if unusable:
        return 2
    if adds_up is None:
        print("The shop was closed: start it again, and it goes on.", file=sys.stderr)
        return 130
    return 0 if adds_up else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
