"""
No actors: a task that takes messages from a trio memory channel and hands them to a bound method. The least that trio asks for.

A question carries an event and a place for the answer. Several actors are several tasks with a channel each, and a fact is sent into each.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any

import trio
import trio.testing
from frame import resident_bytes, run_peer

BURST = 10_000
ASKERS = 200
FAN_OUT = 100
FACTS = 10


class Note:
    __slots__ = ()


class Question:
    __slots__ = ("answer", "answered")

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.answer = 0


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


async def serve(channel: trio.MemoryReceiveChannel[Any], counter: Counter) -> None:
    """An actor with plain handlers."""
    async for message in channel:
        if isinstance(message, Note):
            counter.take(message)
        else:
            message.answer = counter.answer(message)
            message.answered.set()


async def serve_async(channel: trio.MemoryReceiveChannel[Any], counter: Counter) -> None:
    """An actor with async handlers."""
    async for message in channel:
        if isinstance(message, Note):
            await counter.take_async(message)
        else:
            message.answer = await counter.answer_async(message)
            message.answered.set()


Channel = trio.MemorySendChannel[Any]
Serve = Callable[[trio.MemoryReceiveChannel[Any], Counter], Awaitable[None]]


async def ask(channel: Channel) -> int:
    question = Question()
    await channel.send(question)
    await question.answered.wait()
    return question.answer


def started(nursery: trio.Nursery, serve: Serve, room: int = BURST + 1) -> Channel:
    send, receive = trio.open_memory_channel[Any](room)
    nursery.start_soon(serve, receive, Counter())
    return send


async def tell_nowait(serve: Serve, messages: int) -> tuple[int, float]:
    async with trio.open_nursery() as nursery:
        channel = started(nursery, serve)
        sent = 0
        began = perf_counter()
        while sent < messages:
            burst = min(BURST, messages - sent)
            for _ in range(burst):
                channel.send_nowait(NOTE)
            sent += burst
            handled = await ask(channel)
        seconds = perf_counter() - began
        nursery.cancel_scope.cancel()
    assert handled == messages + -(-messages // BURST), handled
    return messages, seconds


async def tell(serve: Serve, messages: int) -> tuple[int, float]:
    async with trio.open_nursery() as nursery:
        channel = started(nursery, serve)
        sent = 0
        began = perf_counter()
        while sent < messages:
            burst = min(BURST, messages - sent)
            for _ in range(burst):
                await channel.send(NOTE)
            sent += burst
            handled = await ask(channel)
        seconds = perf_counter() - began
        nursery.cancel_scope.cancel()
    assert handled == messages + -(-messages // BURST), handled
    return messages, seconds


async def ping_pong(is_async: bool, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    ends = [trio.open_memory_channel[Note](1000) for _ in range(2)]
    handled = [0, 0]
    over = trio.Event()

    def play(me: int, ball: Note) -> None:
        handled[me] += 1
        if handled[me] == each + (me == 0):
            over.set()
        else:
            ends[not me][0].send_nowait(ball)

    async def play_async(me: int, ball: Note) -> None:
        handled[me] += 1
        if handled[me] == each + (me == 0):
            over.set()
        else:
            await ends[not me][0].send(ball)

    async def player(me: int) -> None:
        async for ball in ends[me][1]:
            if is_async:
                await play_async(me, ball)
            else:
                play(me, ball)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(player, 0)
        nursery.start_soon(player, 1)
        await trio.testing.wait_all_tasks_blocked()
        began = perf_counter()
        ends[0][0].send_nowait(NOTE)
        await over.wait()
        seconds = perf_counter() - began
        nursery.cancel_scope.cancel()
    assert sum(handled) == 2 * each
    return 2 * each, seconds


async def ask_each(serve: Serve, questions: int) -> tuple[int, float]:
    async with trio.open_nursery() as nursery:
        channel = started(nursery, serve)
        began = perf_counter()
        for _ in range(questions):
            answer = await ask(channel)
        seconds = perf_counter() - began
        nursery.cancel_scope.cancel()
    assert answer == questions
    return questions, seconds


async def ask_in_parallel(questions: int) -> tuple[int, float]:
    each = max(1, questions // ASKERS)

    async def asker(channel: Channel) -> None:
        for _ in range(each):
            await ask(channel)

    async with trio.open_nursery() as nursery:
        channel = started(nursery, serve_async)
        began = perf_counter()
        async with trio.open_nursery() as askers:
            for _ in range(ASKERS):
                askers.start_soon(asker, channel)
        seconds = perf_counter() - began
        handled = await ask(channel)
        nursery.cancel_scope.cancel()
    assert handled == each * ASKERS + 1
    return each * ASKERS, seconds


async def spawn(actors: int) -> tuple[int, float]:
    left = actors
    over = trio.Event()

    async def newcomer(channel: trio.MemoryReceiveChannel[Note]) -> None:
        nonlocal left
        async for _ in channel:
            left -= 1
            if not left:
                over.set()

    refs: list[trio.MemorySendChannel[Note]] = []
    async with trio.open_nursery() as nursery:
        began = perf_counter()
        for _ in range(actors):
            send, receive = trio.open_memory_channel[Note](1000)
            nursery.start_soon(newcomer, receive)
            await send.send(NOTE)
            refs.append(send)
        await over.wait()
        seconds = perf_counter() - began
        nursery.cancel_scope.cancel()
    assert left == 0
    return actors, seconds


async def publish(serve: Serve, deliveries: int) -> tuple[int, float]:
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    async with trio.open_nursery() as nursery:
        channels = [started(nursery, serve) for _ in range(FAN_OUT)]
        began = perf_counter()
        for _ in range(bursts):
            for _ in range(FACTS):
                for channel in channels:
                    channel.send_nowait(NOTE)
            questions = [Question() for _ in range(FAN_OUT)]
            for channel, question in zip(channels, questions, strict=True):
                channel.send_nowait(question)
            for question in questions:
                await question.answered.wait()
        seconds = perf_counter() - began
        nursery.cancel_scope.cancel()
    answers = [question.answer for question in questions]
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    return sum(answers), seconds


async def weigh(actors: int) -> float:
    channels: list[Channel] = []
    async with trio.open_nursery() as nursery:
        before = resident_bytes()
        for _ in range(actors):
            channel = started(nursery, serve, 1000)
            await channel.send(NOTE)
            channels.append(channel)
        await trio.testing.wait_all_tasks_blocked()
        grown = resident_bytes() - before
        assert not any(channel.statistics().current_buffer_used for channel in channels)
        nursery.cancel_scope.cancel()
    return grown / actors


def run(work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    return trio.run(work, *arguments)


if __name__ == "__main__":
    run_peer(
        "trio",
        {
            "tell_nowait_def": (100_000, partial(run, tell_nowait, serve)),
            "tell_nowait_async": (100_000, partial(run, tell_nowait, serve_async)),
            "tell_def": (50_000, partial(run, tell, serve)),
            "tell_async": (50_000, partial(run, tell, serve_async)),
            "ping_pong_def": (30_000, partial(run, ping_pong, False)),
            "ping_pong_async": (30_000, partial(run, ping_pong, True)),
            "ask_def": (20_000, partial(run, ask_each, serve)),
            "ask_outside_async": (20_000, partial(run, ask_each, serve_async)),
            "ask_outside_async_200": (20_000, partial(run, ask_in_parallel)),
            "spawn_told": (30_000, partial(run, spawn)),
            "publish_def": (100_000, partial(run, publish, serve)),
            "publish_async": (100_000, partial(run, publish, serve_async)),
        },
        weigh=(30_000, partial(run, weigh)),
    )
