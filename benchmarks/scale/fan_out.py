"""A delivery's cost as subscribers grow in number: facts published from outside, each delivered to all and handled by all."""

from time import process_time

import trio
from works.publishing import DAY_ENDED, ORDER_PLACED, AsyncSubscriber, Day, PlainSubscriber

from trouper import actor, open_system, supervisor

from .curve import Curve, Multiples, multiples_of_bare

DELIVERIES_MIN = 50_000
BURST = 1_000
"""Deliveries in one burst, unless one fact makes more."""

PLAIN = "def handlers"
ASYNC = "async handlers"


async def measure_one(factory: type[PlainSubscriber | AsyncSubscriber], subscribers: int, times: int) -> list[float]:
    """The point for so many subscribers of one kind."""
    facts = max(1, BURST // subscribers)
    bursts = max(1, DELIVERIES_MIN // ((facts + 1) * subscribers))
    days: list[Day] = []
    crowd = supervisor("crowd")
    async with open_system(crowd, shutdown_timeout=600.0) as system:
        under = system.ref(crowd)
        for _ in range(subscribers):
            await system.spawn(actor(factory, days), under=under)

        async def publish() -> tuple[int, float]:
            began = process_time()
            for _ in range(bursts):
                days.append(Day(subscribers, trio.Event()))
                for _ in range(facts):
                    system.publish(ORDER_PLACED)
                system.publish(DAY_ENDED)
                await days[-1].over.wait()
            return bursts * (facts + 1) * subscribers, process_time() - began

        await publish()
        return await multiples_of_bare(publish, times)


async def measure(subscribers: int, times: int) -> Multiples:
    """The point for so many subscribers."""
    return {PLAIN: await measure_one(PlainSubscriber, subscribers, times), ASYNC: await measure_one(AsyncSubscriber, subscribers, times)}


CURVE = Curve(
    "fan-out",
    "A delivery, as there are more subscribers of a fact",
    "subscribers of the fact",
    "a delivery",
    {"": (PLAIN, ASYNC)},
    (1, 10, 100, 1_000, 10_000, 100_000),
    measure,
)
