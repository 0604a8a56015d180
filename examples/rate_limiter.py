"""
A rate limiter: a token bucket as an actor, with deferred replies, a timer and a bound on who may wait.

Whoever wants to do something asks first. While there are tokens the reply comes at once; then it is deferred until a timer
brings the next token; and when too many wait already, it is a refusal. The limiter never waits inside of a handler, so it
answers all others meanwhile.
"""

from collections import deque
from itertools import count

import trio
from attrs import define, field, frozen

from trouper import Actor, Reply, Request, actor, handles, open_system


@frozen
class Granted:
    """Go ahead. *ticks* is how many ticks of the limiter's timer you have waited."""

    ticks: int


@frozen
class Refused:
    """Too many wait. Come back later."""

    waiting: int


@frozen
class Acquire(Request[Granted | Refused]):
    """May I?"""


@frozen
class Tick:
    """From the limiter's timer."""


@define(eq=False)
class RateLimiter(Actor[Acquire | Tick]):
    """
    A bucket of *burst* tokens, to which one is added every *interval* seconds.

    The timer runs only while tokens are missing: who has nothing to do costs nothing.
    """

    burst: int
    interval: float
    waiting_max: int
    _tokens: int = field(init=False)
    _ticks: int = field(default=0, init=False)
    _waiting: deque[tuple[int, Reply[Granted | Refused]]] = field(factory=deque[tuple[int, Reply[Granted | Refused]]], init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = self.burst

    @handles(Acquire)
    def acquire(self, request: Acquire) -> Granted | Refused | Reply[Granted | Refused]:
        """At once, later, or not."""
        if self._tokens == self.burst:
            self._start_timer()
        if self._tokens:
            self._tokens -= 1
            return Granted(0)
        if len(self._waiting) == self.waiting_max:
            return Refused(len(self._waiting))
        reply = self.context.defer(request)
        self._waiting.append((self._ticks, reply))
        return reply

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        """One more token: for who waits the longest, or for the bucket."""
        self._ticks += 1
        if self._waiting:
            since, reply = self._waiting.popleft()
            reply.send(Granted(self._ticks - since))
        else:
            self._tokens += 1
        if self._tokens < self.burst:
            self._start_timer()

    def _start_timer(self) -> None:
        self.context.after(self.interval, Tick(), key="tick")


LIMITER = actor(RateLimiter, 3, 0.02, 4, name="limiter")


async def main() -> None:
    """Ten callers at the same time, then one more."""
    async with open_system(LIMITER) as system:
        limiter = system.ref(LIMITER)
        outcomes: dict[int, Granted | Refused] = {}

        numbers = count(1)

        async def call() -> None:
            number = next(numbers)
            outcomes[number] = await limiter.ask(Acquire())

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(call)
        print("Ten at once; 3 tokens, one more every 20 ms, 4 may wait:")
        for number, outcome in sorted(outcomes.items()):
            match outcome:
                case Granted(0):
                    print(f"  caller {number:>2} went ahead at once")
                case Granted(ticks):
                    print(f"  caller {number:>2} went ahead after {ticks} tick{'s' if ticks > 1 else ''}")
                case Refused(waiting):
                    print(f"  caller {number:>2} was refused: {waiting} waited already")
        await trio.sleep(0.1)
        await call()
        print(f"A while later there are tokens again: caller 11 {'went ahead at once' if outcomes[11] == Granted(0) else 'had to wait'}")


if __name__ == "__main__":
    trio.run(main)
