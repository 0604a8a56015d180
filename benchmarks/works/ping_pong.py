"""
Ping-pong: two actors that pass one ball to and fro. One operation is one hop: a message sent, a turn, a message handled.

There is never more than one message on its way, so nothing is spread over a queue: this is what the way from one handler to
the next costs.
"""

from functools import partial
from time import perf_counter

import trio
from attrs import define

from trouper import Actor, ActorRef, actor, handles, open_system

from .counting import HOW_MANY, HowMany
from .work import Work


class Ball:
    """What is passed."""

    __slots__ = ()


BALL = Ball()


@define(eq=False)
class Partner:
    """Says who the other player is."""

    ref: ActorRef[Ball]


@define(eq=False)
class PlainPlayer(Actor[Ball | Partner | HowMany]):
    """
    Passes the ball on from a plain handler, with `tell_nowait`.

    Args:
        hops: The one that plays the ball so many times keeps it, and says that the match is over.
    """

    hops: int
    over: trio.Event
    handled: int = 0
    partner: ActorRef[Ball] | None = None

    @handles(Partner)
    def meet(self, partner: Partner) -> None:
        """Knows the other one from now on."""
        self.partner = partner.ref

    @handles(Ball)
    def play(self, ball: Ball) -> None:
        """Passes the ball on, or ends the match."""
        self.handled += 1
        if self.handled != self.hops:
            assert self.partner is not None
            self.partner.tell_nowait(ball)
        else:
            self.over.set()

    @handles(HowMany)
    def how_many(self, _question: HowMany) -> int:
        """Says how often it had the ball."""
        return self.handled


@define(eq=False)
class AsyncPlayer(Actor[Ball | Partner | HowMany]):
    """The same from an async handler, with `await tell`."""

    hops: int
    over: trio.Event
    handled: int = 0
    partner: ActorRef[Ball] | None = None

    @handles(Partner)
    async def meet(self, partner: Partner) -> None:
        """Knows the other one from now on."""
        self.partner = partner.ref

    @handles(Ball)
    async def play(self, ball: Ball) -> None:
        """Passes the ball on, or ends the match."""
        self.handled += 1
        if self.handled != self.hops:
            assert self.partner is not None
            await self.partner.tell(ball)
        else:
            self.over.set()

    @handles(HowMany)
    async def how_many(self, _question: HowMany) -> int:
        """Says how often it had the ball."""
        return self.handled


Player = PlainPlayer | AsyncPlayer


async def ping_pong(factory: type[Player], messages: int) -> tuple[int, float]:
    """One match."""
    each = max(1, messages // 2)
    over = trio.Event()
    async with open_system() as system:
        first = await system.spawn(actor(factory, each + 1, over))
        second = await system.spawn(actor(factory, each, over))
        await first.tell(Partner(second))
        await second.tell(Partner(first))
        assert (await first.ask(HOW_MANY), await second.ask(HOW_MANY)) == (0, 0)
        began = perf_counter()
        first.tell_nowait(BALL)
        await over.wait()
        seconds = perf_counter() - began
        handled = await first.ask(HOW_MANY) + await second.ask(HOW_MANY)
    assert handled == 2 * each, (handled, each)
    return handled, seconds


WORKS = (
    Work("ping_pong_def", "ping-pong, def handlers, tell_nowait", "hops", partial(ping_pong, PlainPlayer), 200_000),
    Work("ping_pong_async", "ping-pong, async handlers, await tell", "hops", partial(ping_pong, AsyncPlayer), 200_000),
)
