"""
xoscar, in process: a method call on a ref, `tell` for one without an answer. Each call is an asyncio task that waits for the actor's lock.

It has no subscriptions, so a fact is told to each actor in turn.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any

import xoscar
from frame import resident_bytes, run_peer

BURST = 10_000
ASKERS = 200
FAN_OUT = 100
FACTS = 10
UIDS = (str(number) for number in count())


class Note:
    __slots__ = ()


NOTE = Note()


class PlainCounter(xoscar.Actor):
    """Counts in plain methods."""

    def __init__(self) -> None:
        self.handled = 0

    def take(self, _note: Note) -> None:
        self.handled += 1

    def answer(self, _note: Note) -> int:
        self.handled += 1
        return self.handled

    def how_many(self) -> int:
        return self.handled


class AsyncCounter(xoscar.Actor):
    """The same in async methods."""

    def __init__(self) -> None:
        self.handled = 0

    async def take(self, _note: Note) -> None:
        self.handled += 1

    async def answer(self, _note: Note) -> int:
        self.handled += 1
        return self.handled

    async def how_many(self) -> int:
        return self.handled


async def created(address: str, factory: type[xoscar.Actor], *arguments: Any) -> Any:
    uid = next(UIDS)
    await xoscar.create_actor(factory, *arguments, address=address, uid=uid)
    return await xoscar.actor_ref(address, uid)


async def tell(factory: type[xoscar.Actor], address: str, messages: int) -> tuple[int, float]:
    ref = await created(address, factory)
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            await ref.take.tell(NOTE)
        sent += burst
        handled = await ref.how_many()
    seconds = perf_counter() - began
    assert handled == messages, handled
    return messages, seconds


class Player(xoscar.Actor):
    """Passes the ball on."""

    def __init__(self, hops: int, over: asyncio.Event) -> None:
        self.hops, self.over, self.handled = hops, over, 0

    async def meet(self, partner: Any) -> None:
        self.partner = partner

    async def play(self, ball: Note) -> None:
        self.handled += 1
        if self.handled == self.hops:
            self.over.set()
        else:
            await self.partner.play.tell(ball)

    async def how_many(self) -> int:
        return self.handled


async def ping_pong(address: str, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    over = asyncio.Event()
    first = await created(address, Player, each + 1, over)
    second = await created(address, Player, each, over)
    await first.meet(second)
    await second.meet(first)
    began = perf_counter()
    await first.play.tell(NOTE)
    await over.wait()
    seconds = perf_counter() - began
    handled = await first.how_many() + await second.how_many()
    assert handled == 2 * each
    return handled, seconds


class Asker(xoscar.Actor):
    """Asks another actor, from a method."""

    def __init__(self, target: Any) -> None:
        self.target = target

    async def start(self, questions: int) -> int:
        for _ in range(questions):
            answer = await self.target.answer(NOTE)
        return answer


async def ask_from_handler(address: str, questions: int) -> tuple[int, float]:
    asker = await created(address, Asker, await created(address, AsyncCounter))
    began = perf_counter()
    answer = await asker.start(questions)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask(factory: type[xoscar.Actor], address: str, questions: int) -> tuple[int, float]:
    ref = await created(address, factory)
    began = perf_counter()
    for _ in range(questions):
        answer = await ref.answer(NOTE)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask_in_parallel(address: str, questions: int) -> tuple[int, float]:
    each = max(1, questions // ASKERS)
    ref = await created(address, AsyncCounter)

    async def one() -> None:
        for _ in range(each):
            await ref.answer(NOTE)

    began = perf_counter()
    await asyncio.gather(*(one() for _ in range(ASKERS)))
    seconds = perf_counter() - began
    assert await ref.how_many() == each * ASKERS
    return each * ASKERS, seconds


class Newcomer(xoscar.Actor):
    """Takes its one message off the tally."""

    def __init__(self, tally: list[int], over: asyncio.Event) -> None:
        self.tally, self.over = tally, over

    def take(self, _note: Note) -> None:
        self.tally[0] -= 1
        if not self.tally[0]:
            self.over.set()


async def spawn(address: str, actors: int) -> tuple[int, float]:
    tally = [actors]
    over = asyncio.Event()
    refs = []
    began = perf_counter()
    for _ in range(actors):
        ref = await xoscar.create_actor(Newcomer, tally, over, address=address, uid=next(UIDS))
        await ref.take.tell(NOTE)
        refs.append(ref)
    await over.wait()
    seconds = perf_counter() - began
    assert tally[0] == 0
    return actors, seconds


async def publish(factory: type[xoscar.Actor], address: str, deliveries: int) -> tuple[int, float]:
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    refs = [await created(address, factory) for _ in range(FAN_OUT)]
    began = perf_counter()
    for _ in range(bursts):
        for _ in range(FACTS):
            for ref in refs:
                await ref.take.tell(NOTE)
        answers = await asyncio.gather(*(ref.answer(NOTE) for ref in refs))
    seconds = perf_counter() - began
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    return sum(answers), seconds


async def weigh(address: str, actors: int) -> float:
    before = resident_bytes()
    refs = []
    for _ in range(actors):
        ref = await created(address, PlainCounter)
        await ref.take.tell(NOTE)
        refs.append(ref)
    await asyncio.sleep(0)
    grown = resident_bytes() - before
    assert await refs[-1].how_many() == 1
    return grown / actors


def run(work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    *first, operations = arguments

    async def opened() -> Any:
        pool = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
        async with pool:
            return await work(*first, pool.external_address, operations)

    return asyncio.run(opened())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    run_peer(
        "xoscar",
        {
            "tell_def": (60_000, partial(run, tell, PlainCounter)),
            "tell_async": (60_000, partial(run, tell, AsyncCounter)),
            "ping_pong_async": (40_000, partial(run, ping_pong)),
            "ask_def": (100_000, partial(run, ask, PlainCounter)),
            "ask_handler_async": (100_000, partial(run, ask_from_handler)),
            "ask_outside_async": (100_000, partial(run, ask, AsyncCounter)),
            "ask_outside_async_200": (40_000, partial(run, ask_in_parallel)),
            "spawn_told": (5_000, partial(run, spawn)),
            "publish_def": (60_000, partial(run, publish, PlainCounter)),
            "publish_async": (60_000, partial(run, publish, AsyncCounter)),
        },
        weigh=(10_000, partial(run, weigh)),
    )
