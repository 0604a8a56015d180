"""
No actors: a task that takes messages from an asyncio.Queue and hands them to a bound method. The least that asyncio asks for.

A question carries a future. Several actors are several tasks with a queue each, and a fact is put into each queue.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter
from typing import Any

from frame import resident_bytes, run_peer

BURST = 10_000
ASKERS = 200
FAN_OUT = 100
FACTS = 10


class Note:
    __slots__ = ()


class Question:
    __slots__ = ("reply",)

    def __init__(self, reply: asyncio.Future[int]) -> None:
        self.reply = reply


NOTE = Note()


class Counter:
    """What the messages are handed to."""

    def __init__(self) -> None:
        self.handled = 0

    def take(self, _note: Note) -> None:
        self.handled += 1

    def answer(self, _question: Question) -> int:
        self.handled += 1
        return self.handled

    async def take_async(self, _note: Note) -> None:
        self.handled += 1

    async def answer_async(self, _question: Question) -> int:
        self.handled += 1
        return self.handled


async def serve(queue: asyncio.Queue[Any], counter: Counter) -> None:
    """An actor with plain handlers."""
    while True:
        message = await queue.get()
        if isinstance(message, Note):
            counter.take(message)
        else:
            message.reply.set_result(counter.answer(message))


async def serve_async(queue: asyncio.Queue[Any], counter: Counter) -> None:
    """An actor with async handlers."""
    while True:
        message = await queue.get()
        if isinstance(message, Note):
            await counter.take_async(message)
        else:
            message.reply.set_result(await counter.answer_async(message))


async def ask(queue: asyncio.Queue[Any]) -> int:
    reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    await queue.put(Question(reply))
    return await reply


Serve = Callable[[asyncio.Queue[Any], Counter], Coroutine[Any, Any, None]]


def started(serve: Serve, room: int = BURST + 1) -> asyncio.Queue[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue(room)
    TASKS.add(asyncio.create_task(serve(queue, Counter())))
    return queue


TASKS: set[asyncio.Task[None]] = set()


async def tell_nowait(serve: Serve, messages: int) -> tuple[int, float]:
    queue = started(serve)
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            queue.put_nowait(NOTE)
        sent += burst
        handled = await ask(queue)
    seconds = perf_counter() - began
    assert handled == messages + -(-messages // BURST), handled
    return messages, seconds


async def tell(serve: Serve, messages: int) -> tuple[int, float]:
    queue = started(serve)
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            await queue.put(NOTE)
        sent += burst
        handled = await ask(queue)
    seconds = perf_counter() - began
    assert handled == messages + -(-messages // BURST), handled
    return messages, seconds


async def ping_pong(is_async: bool, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    queues: list[asyncio.Queue[Any]] = [asyncio.Queue(1000), asyncio.Queue(1000)]
    handled = [0, 0]

    def play(me: int, ball: Note) -> bool:
        handled[me] += 1
        if handled[me] == each + (me == 0):
            return False
        queues[not me].put_nowait(ball)
        return True

    async def play_async(me: int, ball: Note) -> bool:
        handled[me] += 1
        if handled[me] == each + (me == 0):
            return False
        await queues[not me].put(ball)
        return True

    async def player(me: int) -> None:
        queue = queues[me]
        if is_async:
            while await play_async(me, await queue.get()):
                pass
        else:
            while play(me, await queue.get()):
                pass

    players = [asyncio.create_task(player(me)) for me in range(2)]
    await asyncio.sleep(0)
    began = perf_counter()
    queues[0].put_nowait(NOTE)
    await asyncio.wait(players, return_when=asyncio.FIRST_COMPLETED)
    seconds = perf_counter() - began
    assert sum(handled) == 2 * each
    for one in players:
        one.cancel()
    return 2 * each, seconds


async def ask_each(serve: Serve, questions: int) -> tuple[int, float]:
    queue = started(serve)
    began = perf_counter()
    for _ in range(questions):
        answer = await ask(queue)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


async def ask_in_parallel(questions: int) -> tuple[int, float]:
    queue = started(serve_async)
    each = max(1, questions // ASKERS)

    async def asker() -> None:
        for _ in range(each):
            await ask(queue)

    began = perf_counter()
    await asyncio.gather(*(asker() for _ in range(ASKERS)))
    seconds = perf_counter() - began
    assert await ask(queue) == each * ASKERS + 1
    return each * ASKERS, seconds


async def spawn(actors: int) -> tuple[int, float]:
    left = actors
    over = asyncio.Event()

    async def newcomer(queue: asyncio.Queue[Any]) -> None:
        nonlocal left
        while True:
            await queue.get()
            left -= 1
            if not left:
                over.set()

    refs: list[asyncio.Queue[Any]] = []
    began = perf_counter()
    for _ in range(actors):
        queue: asyncio.Queue[Any] = asyncio.Queue(1000)
        TASKS.add(asyncio.create_task(newcomer(queue)))
        await queue.put(NOTE)
        refs.append(queue)
    await over.wait()
    seconds = perf_counter() - began
    assert left == 0
    return actors, seconds


async def publish(serve: Serve, deliveries: int) -> tuple[int, float]:
    queues = [started(serve) for _ in range(FAN_OUT)]
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    began = perf_counter()
    for _ in range(bursts):
        for _ in range(FACTS):
            for queue in queues:
                queue.put_nowait(NOTE)
        answers = await asyncio.gather(*(ask(queue) for queue in queues))
    seconds = perf_counter() - began
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    return sum(answers), seconds


async def weigh(actors: int) -> float:
    before = resident_bytes()
    queues = []
    for _ in range(actors):
        queue = started(serve, 1000)
        await queue.put(NOTE)
        queues.append(queue)
    await asyncio.sleep(0)
    assert all(queue.empty() for queue in queues)
    return (resident_bytes() - before) / actors


def run(work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
    try:
        return asyncio.run(work(*arguments))
    finally:
        TASKS.clear()


if __name__ == "__main__":
    run_peer(
        None,
        {
            "tell_nowait_def": (800_000, partial(run, tell_nowait, serve)),
            "tell_nowait_async": (800_000, partial(run, tell_nowait, serve_async)),
            "tell_def": (800_000, partial(run, tell, serve)),
            "tell_async": (800_000, partial(run, tell, serve_async)),
            "ping_pong_def": (200_000, partial(run, ping_pong, False)),
            "ping_pong_async": (200_000, partial(run, ping_pong, True)),
            "ask_def": (60_000, partial(run, ask_each, serve)),
            "ask_outside_async": (60_000, partial(run, ask_each, serve_async)),
            "ask_outside_async_200": (60_000, partial(run, ask_in_parallel)),
            "spawn_told": (50_000, partial(run, spawn)),
            "publish_def": (400_000, partial(run, publish, serve)),
            "publish_async": (400_000, partial(run, publish, serve_async)),
        },
        weigh=(100_000, partial(run, weigh)),
    )
