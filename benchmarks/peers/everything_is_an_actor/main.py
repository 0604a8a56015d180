"""
everything-is-an-actor: an actor is an asyncio task with a bounded queue. Handlers are async; `tell` waits for room.

It has no subscriptions, so a fact is told to each actor in turn. A child that fails is restarted by its parent's strategy.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter
from typing import Any

from actor_for_agents import Actor, ActorSystem, OneForOneStrategy
from frame import resident_bytes, run_peer

BURST = 10_000
ASKERS = 200
FAN_OUT = 100
FACTS = 10
FAILURES = 500


class Note:
    __slots__ = ()


class Question:
    __slots__ = ()


class HowMany:
    __slots__ = ()


class Crash:
    __slots__ = ()


NOTE = Note()
QUESTION = Question()
HOW_MANY = HowMany()
CRASH = Crash()


class Counter(Actor):
    """Counts what it handles, and answers with the number."""

    def __init__(self) -> None:
        self.handled = 0

    async def on_receive(self, message: Any) -> int | None:
        if isinstance(message, Note):
            self.handled += 1
        elif isinstance(message, Question):
            self.handled += 1
            return self.handled
        else:
            return self.handled
        return None


async def tell(system: ActorSystem, messages: int) -> tuple[int, float]:
    ref = await system.spawn(Counter, "counter", mailbox_size=BURST + 1)
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            await ref.tell(NOTE)
        sent += burst
        handled = await ref.ask(HOW_MANY)
    seconds = perf_counter() - began
    assert handled == messages
    return messages, seconds


class Player(Actor):
    """Passes the ball on."""

    def __init__(self, hops: int, over: asyncio.Event) -> None:
        self.hops, self.over, self.handled = hops, over, 0

    async def on_receive(self, message: Any) -> int | None:
        if isinstance(message, Note):
            self.handled += 1
            if self.handled == self.hops:
                self.over.set()
            else:
                await self.partner.tell(message)
            return None
        if isinstance(message, HowMany):
            return self.handled
        self.partner = message
        return None


async def ping_pong(system: ActorSystem, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    over = asyncio.Event()
    first = await system.spawn(partial(Player, each + 1, over), "first")
    second = await system.spawn(partial(Player, each, over), "second")
    await first.ask(second)
    await second.ask(first)
    began = perf_counter()
    await first.tell(NOTE)
    await over.wait()
    seconds = perf_counter() - began
    handled = await first.ask(HOW_MANY) + await second.ask(HOW_MANY)
    assert handled == 2 * each
    return handled, seconds


class Asker(Actor):
    """Asks another actor, from its handler."""

    def __init__(self, target: Any) -> None:
        self.target = target

    async def on_receive(self, questions: int) -> int:
        for _ in range(questions):
            answer = await self.target.ask(QUESTION)
        return answer


async def ask_from_handler(system: ActorSystem, questions: int) -> tuple[int, float]:
    target = await system.spawn(Counter, "counter")
    asker = await system.spawn(partial(Asker, target), "asker")
    began = perf_counter()
    answer = await asker.ask(questions, timeout=600)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask(system: ActorSystem, questions: int) -> tuple[int, float]:
    ref = await system.spawn(Counter, "counter")
    began = perf_counter()
    for _ in range(questions):
        answer = await ref.ask(QUESTION)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask_in_parallel(system: ActorSystem, questions: int) -> tuple[int, float]:
    each = max(1, questions // ASKERS)
    ref = await system.spawn(Counter, "counter")

    async def asker() -> None:
        for _ in range(each):
            await ref.ask(QUESTION)

    began = perf_counter()
    await asyncio.gather(*(asker() for _ in range(ASKERS)))
    seconds = perf_counter() - began
    assert await ref.ask(HOW_MANY) == each * ASKERS
    return each * ASKERS, seconds


class Newcomer(Actor):
    """Takes its one message off the tally."""

    def __init__(self, tally: list[int], over: asyncio.Event) -> None:
        self.tally, self.over = tally, over

    async def on_receive(self, _note: Any) -> None:
        self.tally[0] -= 1
        if not self.tally[0]:
            self.over.set()


class Crowd(Actor):
    """Under whom the newcomers are."""

    async def on_receive(self, actors: int) -> float:
        tally = [actors]
        over = asyncio.Event()
        newcomer = partial(Newcomer, tally, over)
        refs = []
        began = perf_counter()
        for number in range(actors):
            ref = await self.context.spawn(newcomer, f"newcomer-{number}")
            await ref.tell(NOTE)
            refs.append(ref)
        await over.wait()
        return perf_counter() - began


async def spawn(system: ActorSystem, actors: int) -> tuple[int, float]:
    crowd = await system.spawn(Crowd, "crowd")
    return actors, await crowd.ask(actors, timeout=600)


async def publish(system: ActorSystem, deliveries: int) -> tuple[int, float]:
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    refs = [await system.spawn(Counter, f"counter-{number}") for number in range(FAN_OUT)]
    began = perf_counter()
    for _ in range(bursts):
        for _ in range(FACTS):
            for ref in refs:
                await ref.tell(NOTE)
        answers = await asyncio.gather(*(ref.ask(QUESTION) for ref in refs))
    seconds = perf_counter() - began
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    return sum(answers), seconds


class Crashed(Exception):
    """What the handler raises."""


class Phoenix(Actor):
    """Fails when it is told to. What it has counted outlives it."""

    def __init__(self, handled: list[int]) -> None:
        self.handled = handled
        self.is_new = True

    async def on_receive(self, message: Any) -> int | None:
        if isinstance(message, Crash):
            raise Crashed
        if isinstance(message, Note):
            assert self.is_new
            self.is_new = False
            self.handled[0] += 1
            return None
        return self.handled[0]


class Nest(Actor):
    """Restarts its child as often as it fails."""

    def supervisor_strategy(self) -> OneForOneStrategy:
        return OneForOneStrategy(max_restarts=1_000_000, within_seconds=60)

    async def on_receive(self, handled: list[int]) -> Any:
        return await self.context.spawn(partial(Phoenix, handled), "phoenix", mailbox_size=2 * FAILURES + 1)


async def restart(system: ActorSystem, failures: int) -> tuple[int, float]:
    sent = 0
    nest = await system.spawn(Nest, "nest")
    ref = await nest.ask([0])
    began = perf_counter()
    while sent < failures:
        burst = min(FAILURES, failures - sent)
        for _ in range(burst):
            await ref.tell(CRASH)
            await ref.tell(NOTE)
        sent += burst
        handled = await ref.ask(HOW_MANY)
    seconds = perf_counter() - began
    assert handled == failures
    return failures, seconds


async def weigh(system: ActorSystem, actors: int) -> float:
    before = resident_bytes()
    refs = []
    for number in range(actors):
        ref = await system.spawn(Counter, f"counter-{number}")
        await ref.tell(NOTE)
        refs.append(ref)
    await asyncio.sleep(0)
    grown = resident_bytes() - before
    assert await refs[-1].ask(HOW_MANY) == 1
    return grown / actors


def run(work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    async def opened() -> Any:
        system = ActorSystem("peers")
        result = await work(system, *arguments)
        await system.shutdown(timeout=60)
        return result

    return asyncio.run(opened())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    run_peer(
        "everything-is-an-actor",
        {
            "tell_async": (300_000, partial(run, tell)),
            "ping_pong_async": (100_000, partial(run, ping_pong)),
            "ask_handler_async": (15_000, partial(run, ask_from_handler)),
            "ask_outside_async": (15_000, partial(run, ask)),
            "ask_outside_async_200": (15_000, partial(run, ask_in_parallel)),
            "spawn_told": (20_000, partial(run, spawn)),
            "publish_async": (100_000, partial(run, publish)),
            "restart": (10_000, partial(run, restart)),
        },
        weigh=(50_000, partial(run, weigh)),
    )
