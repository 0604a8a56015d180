"""
Ask everybody, take what comes in time: scatter, gather, and a deadline.

A broker asks five suppliers at the same time, in a nursery in its handler, and gives them 100 ms. One is far too slow and one
crashes: the broker hears of both as exceptions at the ask, and answers with the rest. An ask that is given up leaves nothing
behind: a message that still waits is taken back, a late reply is dropped.
"""

import logging

import trio
from attrs import define, frozen

from trouper import Actor, ActorRef, AskFailed, AskStopped, AskTimeout, Request, actor, handles, open_system, supervisor

DEADLINE = 0.1


@frozen
class Offer:
    """What a supplier wants for it."""

    supplier: str
    cents: int


@frozen
class Quote(Request[Offer]):
    """To a supplier: what does it cost?"""

    item: str


@frozen
class Offers:
    """What came in time, cheapest first; and who has no offer, and why."""

    received: tuple[Offer, ...]
    missing: tuple[str, ...]


@frozen
class FindCheapest(Request[Offers]):
    """To the broker: ask around."""

    item: str
    suppliers: tuple[ActorRef[Quote], ...]


@define(eq=False)
class Supplier(Actor[Quote]):
    """Knows its price, sooner or later."""

    name: str
    cents: int
    seconds: float = 0.0

    @handles(Quote)
    async def quote(self, request: Quote) -> Offer:
        """Has to look it up."""
        await self.context.sleep(self.seconds)
        if not self.cents:
            raise LookupError(f"no price for a {request.item}")
        return Offer(self.name, self.cents)


@define(eq=False)
class Broker(Actor[FindCheapest]):
    """Asks around. A handler may open nurseries and use all of trio: it runs on a real task."""

    @handles(FindCheapest)
    async def find(self, request: FindCheapest) -> Offers:
        """Returns when all have answered, and at the deadline at the latest."""
        received: list[Offer] = []
        missing: list[str] = []

        async def ask(supplier: ActorRef[Quote]) -> None:
            try:
                received.append(await supplier.ask(Quote(request.item), timeout=DEADLINE))
            except (AskTimeout, AskFailed, AskStopped) as error:
                missing.append(f"{supplier}: {error.__cause__ or 'no answer in time'}")

        async with trio.open_nursery() as nursery:
            for supplier in request.suppliers:
                nursery.start_soon(ask, supplier)
        return Offers(tuple(sorted(received, key=lambda offer: offer.cents)), tuple(sorted(missing)))


SUPPLIERS = [
    actor(Supplier, "anvil & co", 4_990, name="anvil"),
    actor(Supplier, "brass bros", 5_290, 0.005, name="brass"),
    actor(Supplier, "copper inc", 3_890, 0.002, name="copper"),
    # Still asleep when the market closes: it is given no time to wake up.
    actor(Supplier, "dawdle ltd", 990, 60.0, name="dawdle", stop_timeout=0.0),
    actor(Supplier, "error gmbh", 0, name="error"),
]
BROKER = actor(Broker, name="broker")


async def main() -> None:
    """One question."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crash is meant to be: without its traceback
    async with open_system(supervisor("market", [*SUPPLIERS, BROKER])) as system:
        suppliers = tuple(system.ref(spec) for spec in SUPPLIERS)
        offers = await system.ref(BROKER).ask(FindCheapest("kettle", suppliers))
        print(f"Asked {len(suppliers)} suppliers for a kettle, with {DEADLINE * 1000:.0f} ms for all of them:")
        for offer in offers.received:
            print(f"  {offer.supplier:<12} {offer.cents / 100:6.2f}")
        for reason in offers.missing:
            print(f"  {reason}")
        print(f"The cheapest that answered: {offers.received[0].supplier}")


if __name__ == "__main__":
    trio.run(main)
