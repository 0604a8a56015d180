"""
pykka: an actor is a thread with a mailbox without bound. Handlers are plain functions.

Messages go to `on_receive`, by `tell` and `ask`, which cost less than its proxies. A fact is broadcast through its registry.
"""

import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

import pykka
from frame import resident_bytes, run_peer

BURST = 10_000
FAN_OUT = 100
FACTS = 10


class Note:
    __slots__ = ()


class Question:
    __slots__ = ()


class HowMany:
    __slots__ = ()


NOTE = Note()
QUESTION = Question()
HOW_MANY = HowMany()


class Counter(pykka.ThreadingActor):
    """Counts what it handles, and answers with the number."""

    def __init__(self) -> None:
        super().__init__()
        self.handled = 0

    def on_receive(self, message: Any) -> int | None:
        if isinstance(message, Note):
            self.handled += 1
        elif isinstance(message, Question):
            self.handled += 1
            return self.handled
        else:
            return self.handled
        return None


def tell_nowait(messages: int) -> tuple[int, float]:
    ref = Counter.start()
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            ref.tell(NOTE)
        sent += burst
        handled = ref.ask(HOW_MANY)
    seconds = perf_counter() - began
    assert handled == messages
    return messages, seconds


class Player(pykka.ThreadingActor):
    """Passes the ball on."""

    def __init__(self, hops: int, over: threading.Event) -> None:
        super().__init__()
        self.hops, self.over, self.handled, self.partner = hops, over, 0, None

    def on_receive(self, message: Any) -> None:
        if isinstance(message, Note):
            self.handled += 1
            if self.handled == self.hops:
                self.over.set()
            else:
                self.partner.tell(message)
        else:
            self.partner = message


def ping_pong(hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    over = threading.Event()
    first, second = Player.start(each + 1, over), Player.start(each, over)
    first.ask(second)
    second.ask(first)
    began = perf_counter()
    first.tell(NOTE)
    over.wait()
    seconds = perf_counter() - began
    handled = first.proxy().handled.get() + second.proxy().handled.get()
    assert handled == 2 * each
    return handled, seconds


def ask(questions: int) -> tuple[int, float]:
    ref = Counter.start()
    began = perf_counter()
    for _ in range(questions):
        answer = ref.ask(QUESTION)
    seconds = perf_counter() - began
    assert answer == questions
    return questions, seconds


class Newcomer(pykka.ThreadingActor):
    """Says that it has had its message."""

    def __init__(self, greeted: threading.Semaphore) -> None:
        super().__init__()
        self.greeted = greeted

    def on_receive(self, _note: Any) -> None:
        self.greeted.release()


def spawn(actors: int) -> tuple[int, float]:
    greeted = threading.Semaphore(0)
    refs = []
    began = perf_counter()
    for _ in range(actors):
        ref = Newcomer.start(greeted)
        ref.tell(NOTE)
        refs.append(ref)
    for _ in refs:
        greeted.acquire()
    return actors, perf_counter() - began


def publish(deliveries: int) -> tuple[int, float]:
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    refs = [Counter.start() for _ in range(FAN_OUT)]
    began = perf_counter()
    for _ in range(bursts):
        for _ in range(FACTS):
            pykka.ActorRegistry.broadcast(NOTE, Counter)
        answers = pykka.get_all([ref.ask(QUESTION, block=False) for ref in refs])
    seconds = perf_counter() - began
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    return sum(answers), seconds


def weigh(actors: int) -> float:
    before = resident_bytes()
    refs = [Counter.start() for _ in range(actors)]
    for ref in refs:
        ref.tell(NOTE)
    assert pykka.get_all([ref.ask(HOW_MANY, block=False) for ref in refs]) == [1] * actors
    grown = resident_bytes() - before
    pykka.ActorRegistry.stop_all()
    return grown / actors


def tidy(work: Callable[[int], tuple[int, float]]) -> Callable[[int], tuple[int, float]]:
    """The work, and then the end of its threads."""

    def done(operations: int) -> tuple[int, float]:
        try:
            return work(operations)
        finally:
            pykka.ActorRegistry.stop_all()

    return done


if __name__ == "__main__":
    run_peer(
        "pykka",
        {
            "tell_nowait_def": (50_000, tidy(tell_nowait)),
            "ping_pong_def": (20_000, tidy(ping_pong)),
            "ask_def": (10_000, tidy(ask)),
            "spawn_told": (2_000, tidy(spawn)),
            "publish_def": (40_000, tidy(publish)),
        },
        weigh=(2_000, weigh),
    )
