"""
Publishing: one fact to so many subscribers. One operation is one delivery: a fact queued at one subscriber and handled there.

Facts are published from outside, in bursts that make about a thousand deliveries and fit every subscription, so none is dropped. The
last fact of a burst is the sign that the others are handled; it is a delivery like them.
"""

from functools import partial
from time import perf_counter

import trio
from attrs import define, frozen

from trouper import Actor, actor, handles, open_system

from .counting import HOW_MANY, HowMany
from .work import Work

BURST = 1000
"""Deliveries in one burst, but for those of its last fact. With one subscriber its subscription takes just as many."""

REPORTED_FAN_OUT = 100
"""The id of a work with so many subscribers does not say how many."""


@frozen
class OrderPlaced:
    """A fact."""


@frozen
class DayEnded:
    """The last fact of a burst."""


ORDER_PLACED = OrderPlaced()
DAY_ENDED = DayEnded()


@define(eq=False)
class Day:
    """How many subscribers have not seen its end."""

    left: int
    over: trio.Event

    def end(self) -> None:
        """One has."""
        self.left -= 1
        if not self.left:
            self.over.set()


@define(eq=False)
class PlainSubscriber(Actor[OrderPlaced | DayEnded | HowMany]):
    """Takes facts in plain handlers."""

    days: list[Day]
    handled: int = 0

    def on_start(self) -> None:
        """Subscribes."""
        self.context.subscribe(OrderPlaced, capacity=BURST)
        self.context.subscribe(DayEnded)

    @handles(OrderPlaced)
    def take(self, _fact: OrderPlaced) -> None:
        """Counts a fact."""
        self.handled += 1

    @handles(DayEnded)
    def end(self, _fact: DayEnded) -> None:
        """Has seen all facts of a burst."""
        self.handled += 1
        self.days[-1].end()

    @handles(HowMany)
    def how_many(self, _question: HowMany) -> int:
        """Says how many facts there were."""
        return self.handled


@define(eq=False)
class AsyncSubscriber(Actor[OrderPlaced | DayEnded | HowMany]):
    """Takes facts in async handlers."""

    days: list[Day]
    handled: int = 0

    async def on_start(self) -> None:
        """Subscribes."""
        self.context.subscribe(OrderPlaced, capacity=BURST)
        self.context.subscribe(DayEnded)

    @handles(OrderPlaced)
    async def take(self, _fact: OrderPlaced) -> None:
        """Counts a fact."""
        self.handled += 1

    @handles(DayEnded)
    async def end(self, _fact: DayEnded) -> None:
        """Has seen all facts of a burst."""
        self.handled += 1
        self.days[-1].end()

    @handles(HowMany)
    async def how_many(self, _question: HowMany) -> int:
        """Says how many facts there were."""
        return self.handled


async def publish(factory: type[PlainSubscriber | AsyncSubscriber], fan_out: int, deliveries: int) -> tuple[int, float]:
    """Facts for *fan_out* subscribers, from outside."""
    facts = max(1, BURST // fan_out)
    bursts = max(1, deliveries // ((facts + 1) * fan_out))
    days: list[Day] = []
    async with open_system() as system:
        refs = [await system.spawn(actor(factory, days)) for _ in range(fan_out)]
        began = perf_counter()
        for _ in range(bursts):
            day = Day(fan_out, trio.Event())
            days.append(day)
            for _ in range(facts):
                system.publish(ORDER_PLACED)
            system.publish(DAY_ENDED)
            await day.over.wait()
        seconds = perf_counter() - began
        handled = [await ref.ask(HOW_MANY) for ref in refs]
    assert handled == [bursts * (facts + 1)] * fan_out, (handled, bursts, facts)
    return sum(handled), seconds


def work(style: str, factory: type[PlainSubscriber | AsyncSubscriber], fan_out: int) -> Work:
    """The work for so many subscribers."""
    name = f"publish_{style}" if fan_out == REPORTED_FAN_OUT else f"publish_{style}_{fan_out}"
    return Work(name, f"one fact to {fan_out}, {style} handlers", "deliveries", partial(publish, factory, fan_out), 100_000)


WORKS = (
    work("def", PlainSubscriber, 1),
    work("def", PlainSubscriber, 10),
    work("def", PlainSubscriber, 100),
    work("async", AsyncSubscriber, 1),
    work("async", AsyncSubscriber, 10),
    work("async", AsyncSubscriber, 100),
)
