"""
casty: an actor is an async function that reads its inbox, found by its type and a key; the runtime is native code.

Messages are serialised within a process too. `tell` never waits, and drops what a full mailbox has no room for, so the bounded ones here
have room for a burst. The count is kept in the function, which costs less than the state that casty would replicate. The functions stand
at module scope, as casty wants them, and what a message cannot carry stands beside them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any

from casty import ActorSystem, Askable, Backoff, Context, actor
from frame import resident_bytes, run_peer

BURST = 10_000
ASKERS = 200
FAN_OUT = 100
FACTS = 10
FAILURES = 500


@dataclass(frozen=True)
class Note: ...


@dataclass(frozen=True)
class Crash: ...


@dataclass(frozen=True)
class Question(Askable[int]): ...


@dataclass(frozen=True)
class HowMany(Askable[int]): ...


@dataclass(frozen=True)
class AskFor(Askable[int]):
    """Ask the one with this key so many questions."""

    key: str
    questions: int


@dataclass(frozen=True)
class Play(Askable[int]):
    """Who the other one is, and how often to play the ball. Answered with how often it was played till now."""

    partner: str
    hops: int


NOTE = Note()
CRASH = Crash()
QUESTION = Question()
HOW_MANY = HowMany()
KEYS = (str(number) for number in count())


@actor(initial=0, mailbox=BURST + 1)
async def counter(ctx: Context[int, Note | Question | HowMany]) -> None:
    """Counts what it handles, and answers with the number."""
    handled = 0
    async for message in ctx.inbox:
        match message:
            case Note():
                handled += 1
            case Question():
                handled += 1
                message.reply_to.tell(handled)
            case HowMany():
                message.reply_to.tell(handled)


async def tell_nowait(system: ActorSystem, messages: int) -> tuple[int, float]:
    ref = system.ref(counter, next(KEYS))
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            ref.tell(NOTE)
        sent += burst
        handled = await ref.ask(HOW_MANY)
    seconds = perf_counter() - began
    assert handled == messages, handled
    return messages, seconds


OVER: list[asyncio.Event] = []


@actor(initial=0, mailbox=1000)
async def player(ctx: Context[int, Note | Play]) -> None:
    """Passes the ball on."""
    handled = 0
    hops = 0
    partner = ctx.self
    async for message in ctx.inbox:
        match message:
            case Note():
                handled += 1
                if handled == hops:
                    OVER[-1].set()
                else:
                    partner.tell(NOTE)
            case Play():
                partner, hops = ctx.system.ref(player, message.partner), message.hops
                message.reply_to.tell(handled)


async def ping_pong(system: ActorSystem, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    OVER.append(asyncio.Event())
    one, other = next(KEYS), next(KEYS)
    first, second = system.ref(player, one), system.ref(player, other)
    assert (await first.ask(Play(other, each + 1)), await second.ask(Play(one, each))) == (0, 0)
    began = perf_counter()
    first.tell(NOTE)
    await OVER[-1].wait()
    seconds = perf_counter() - began
    handled = await first.ask(Play(other, 0)) + await second.ask(Play(one, 0))
    assert handled == 2 * each, handled
    return handled, seconds


@actor(initial=0, ask_timeout=timedelta(minutes=10))
async def asker(ctx: Context[int, AskFor]) -> None:
    """Asks another actor, from its body."""
    async for message in ctx.inbox:
        target = ctx.system.ref(counter, message.key)
        for _ in range(message.questions):
            answer = await target.ask(QUESTION)
        message.reply_to.tell(answer)


async def ask_from_handler(system: ActorSystem, questions: int) -> tuple[int, float]:
    key = next(KEYS)
    ref = system.ref(asker, next(KEYS))
    began = perf_counter()
    answer = await ref.ask(AskFor(key, questions))
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask(system: ActorSystem, questions: int) -> tuple[int, float]:
    ref = system.ref(counter, next(KEYS))
    began = perf_counter()
    for _ in range(questions):
        answer = await ref.ask(QUESTION)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask_in_parallel(system: ActorSystem, questions: int) -> tuple[int, float]:
    each = max(1, questions // ASKERS)
    ref = system.ref(counter, next(KEYS))

    async def one() -> None:
        for _ in range(each):
            await ref.ask(QUESTION)

    began = perf_counter()
    await asyncio.gather(*(one() for _ in range(ASKERS)))
    seconds = perf_counter() - began
    assert await ref.ask(HOW_MANY) == each * ASKERS
    return each * ASKERS, seconds


TALLY = [0]


@actor(initial=0, mailbox=1000)
async def newcomer(ctx: Context[int, Note]) -> None:
    """Takes its one message off the tally."""
    async for _ in ctx.inbox:
        TALLY[0] -= 1
        if not TALLY[0]:
            OVER[-1].set()


async def spawn(system: ActorSystem, actors: int) -> tuple[int, float]:
    TALLY[0] = actors
    OVER.append(asyncio.Event())
    refs = []
    began = perf_counter()
    for _ in range(actors):
        ref = system.ref(newcomer, next(KEYS))
        ref.tell(NOTE)
        refs.append(ref)
    await OVER[-1].wait()
    seconds = perf_counter() - began
    assert TALLY[0] == 0
    return actors, seconds


async def publish(system: ActorSystem, deliveries: int) -> tuple[int, float]:
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    refs = [system.ref(counter, next(KEYS)) for _ in range(FAN_OUT)]
    began = perf_counter()
    for _ in range(bursts):
        for _ in range(FACTS):
            for ref in refs:
                ref.tell(NOTE)
        answers = await asyncio.gather(*(ref.ask(QUESTION) for ref in refs))
    seconds = perf_counter() - began
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    return sum(answers), seconds


REBORN = [0]


@actor(initial=0, mailbox=2 * FAILURES + 1, backoff=Backoff(first=timedelta(0), limit=timedelta(0)))
async def phoenix(ctx: Context[int, Crash | Note | HowMany]) -> None:
    """Fails when it is told to. What it has counted outlives it."""
    is_new = True
    async for message in ctx.inbox:
        match message:
            case Crash():
                raise RuntimeError
            case Note():
                assert is_new
                is_new = False
                REBORN[0] += 1
            case HowMany():
                message.reply_to.tell(REBORN[0])


async def restart(system: ActorSystem, failures: int) -> tuple[int, float]:
    REBORN[0] = sent = 0
    ref = system.ref(phoenix, next(KEYS))
    began = perf_counter()
    while sent < failures:
        burst = min(FAILURES, failures - sent)
        for _ in range(burst):
            ref.tell(CRASH)
            ref.tell(NOTE)
        sent += burst
        handled = await ref.ask(HOW_MANY)
    seconds = perf_counter() - began
    assert handled == failures, handled
    return failures, seconds


async def weigh(system: ActorSystem, actors: int) -> float:
    before = resident_bytes()
    refs = []
    for _ in range(actors):
        ref = system.ref(counter, next(KEYS))
        ref.tell(NOTE)
        refs.append(ref)
    assert await refs[-1].ask(HOW_MANY) == 1
    grown = resident_bytes() - before
    assert len(system.activations()) == actors
    return grown / actors


def run(work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    async def opened() -> Any:
        async with ActorSystem(ask_timeout=timedelta(seconds=60)) as system:
            return await work(system, *arguments)

    return asyncio.run(opened())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    run_peer(
        "casty",
        {
            "tell_nowait_async": (200_000, partial(run, tell_nowait)),
            "ping_pong_async": (60_000, partial(run, ping_pong)),
            "ask_handler_async": (20_000, partial(run, ask_from_handler)),
            "ask_outside_async": (20_000, partial(run, ask)),
            "ask_outside_async_200": (20_000, partial(run, ask_in_parallel)),
            "spawn_told": (20_000, partial(run, spawn)),
            "publish_async": (100_000, partial(run, publish)),
            "restart": (2_000, partial(run, restart)),
        },
        weigh=(30_000, partial(run, weigh)),
    )
