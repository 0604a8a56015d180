"""
ray: an actor is a process; a method call is a task that is serialised and sent to it, and returns a ref to its result.

Calls that nobody waits for have no results (`num_returns=0`), answers are fetched with `ray.get` or awaited. Actors here ask for no CPU of
their own, so that as many fit as a row needs. What restarts is a process that has died: an exception in a method is a result.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import ray
from frame import run_peer

BURST = 500
ASKERS = 200


@ray.remote(num_cpus=0)
class PlainCounter:
    """Counts in plain methods."""

    def __init__(self) -> None:
        self.handled = 0

    @ray.method(num_returns=0)
    def take(self, _note: None) -> None:
        self.handled += 1

    def answer(self, _note: None) -> int:
        self.handled += 1
        return self.handled

    def how_many(self) -> int:
        return self.handled


@ray.remote(num_cpus=0)
class AsyncCounter:
    """The same in async methods."""

    def __init__(self) -> None:
        self.handled = 0

    @ray.method(num_returns=0)
    async def take(self, _note: None) -> None:
        self.handled += 1

    async def answer(self, _note: None) -> int:
        self.handled += 1
        return self.handled

    async def how_many(self) -> int:
        return self.handled


def ended(*actors: Any) -> None:
    """Ends the processes of a work."""
    for one in actors:
        ray.kill(one)


def tell_nowait(factory: Any, messages: int) -> tuple[int, float]:
    ref = factory.remote()
    ray.get(ref.how_many.remote())
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            ref.take.remote(None)
        sent += burst
        while (handled := ray.get(ref.how_many.remote())) < sent:
            pass  # async methods run interleaved, so the question may overtake
    seconds = perf_counter() - began
    ended(ref)
    assert handled == messages, handled
    return messages, seconds


@ray.remote(num_cpus=0)
class PlainPlayer:
    """Passes the ball on, from plain methods."""

    def __init__(self, hops: int) -> None:
        self.hops, self.handled, self.partner = hops, 0, None

    def meet(self, partner: Any) -> None:
        self.partner = partner

    @ray.method(num_returns=0)
    def play(self, ball: None) -> None:
        self.handled += 1
        if self.handled != self.hops:
            self.partner.play.remote(ball)

    def how_many(self) -> int:
        return self.handled


@ray.remote(num_cpus=0)
class AsyncPlayer:
    """The same from async methods."""

    def __init__(self, hops: int) -> None:
        self.hops, self.handled, self.partner = hops, 0, None

    async def meet(self, partner: Any) -> None:
        self.partner = partner

    @ray.method(num_returns=0)
    async def play(self, ball: None) -> None:
        self.handled += 1
        if self.handled != self.hops:
            self.partner.play.remote(ball)

    async def how_many(self) -> int:
        return self.handled


def ping_pong(factory: Any, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    first, second = factory.remote(each + 1), factory.remote(each)
    ray.get([first.meet.remote(second), second.meet.remote(first)])
    began = perf_counter()
    first.play.remote(None)
    while (handled := sum(ray.get([first.how_many.remote(), second.how_many.remote()]))) < 2 * each:
        sleep(0.01)  # to ask without a pause would take the players' time
    seconds = perf_counter() - began
    ended(first, second)
    assert handled == 2 * each
    return handled, seconds


def ask(questions: int) -> tuple[int, float]:
    ref = PlainCounter.remote()
    ray.get(ref.how_many.remote())
    began = perf_counter()
    for _ in range(questions):
        answer = ray.get(ref.answer.remote(None))
    seconds = perf_counter() - began
    ended(ref)
    assert answer == questions
    return questions, seconds


@ray.remote(num_cpus=0)
class Asker:
    """Asks another actor, from an async method."""

    def __init__(self, target: Any) -> None:
        self.target = target

    async def start(self, questions: int) -> int:
        answer = 0
        for _ in range(questions):
            answer = await self.target.answer.remote(None)
        return answer


def ask_from_handler(questions: int) -> tuple[int, float]:
    target = AsyncCounter.remote()
    asker = Asker.remote(target)
    ray.get([target.how_many.remote(), asker.start.remote(0)])
    began = perf_counter()
    answer = ray.get(asker.start.remote(questions))
    seconds = perf_counter() - began
    ended(asker, target)
    assert answer == questions
    return questions, seconds


def ask_outside(askers: int, questions: int) -> tuple[int, float]:
    each = max(1, questions // askers)
    ref = AsyncCounter.remote()

    async def one() -> None:
        for _ in range(each):
            await ref.answer.remote(None)

    async def all_of_them() -> float:
        await ref.how_many.remote()
        began = perf_counter()
        await asyncio.gather(*(one() for _ in range(askers)))
        return perf_counter() - began

    seconds = asyncio.run(all_of_them())
    assert ray.get(ref.how_many.remote()) == each * askers
    ended(ref)
    return each * askers, seconds


def spawn(actors: int) -> tuple[int, float]:
    began = perf_counter()
    refs = [PlainCounter.remote() for _ in range(actors)]
    assert ray.get([ref.answer.remote(None) for ref in refs]) == [1] * actors
    seconds = perf_counter() - began
    ended(*refs)
    return actors, seconds


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Phoenix:
    """Dies when it is told to."""

    def __init__(self) -> None:
        self.handled = 0

    @ray.method(max_task_retries=0)
    def crash(self) -> None:
        os._exit(1)

    def take(self) -> int:
        self.handled += 1
        return self.handled


def restart(failures: int) -> tuple[int, float]:
    ref = Phoenix.remote()
    assert ray.get(ref.take.remote()) == 1
    began = perf_counter()
    for _ in range(failures):
        ref.crash.remote()
        assert ray.get(ref.take.remote()) == 1, "a new instance has counted nothing"
    seconds = perf_counter() - began
    ended(ref)
    return failures, seconds


@ray.remote(num_cpus=0)
class Weighed:
    """Says how much memory its process has for itself."""

    def private_bytes(self) -> int:
        rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private_"))


def weigh(actors: int) -> float:
    refs = [Weighed.remote() for _ in range(actors)]
    weights = ray.get([ref.private_bytes.remote() for ref in refs])
    ended(*refs)
    return sum(weights) / actors


def at_least(fewest: int, work: Callable[[int], tuple[int, float]]) -> Callable[[int], tuple[int, float]]:
    """The work, with so many operations at least: a process is too slow to start for fewer to mean anything."""
    return lambda operations: work(max(fewest, operations))


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
    try:
        run_peer(
            "ray",
            {
                "tell_nowait_def": (5_000, partial(tell_nowait, PlainCounter)),
                "tell_nowait_async": (5_000, partial(tell_nowait, AsyncCounter)),
                "ping_pong_def": (1_000, partial(ping_pong, PlainPlayer)),
                "ping_pong_async": (1_000, partial(ping_pong, AsyncPlayer)),
                "ask_def": (1_000, ask),
                "ask_handler_async": (1_000, ask_from_handler),
                "ask_outside_async": (1_000, partial(ask_outside, 1)),
                "ask_outside_async_200": (2_000, partial(ask_outside, ASKERS)),
                "spawn_told": (4, spawn),
                "restart": (2, restart),
            },
            weigh=(4, weigh),
        )
    finally:
        ray.shutdown()
