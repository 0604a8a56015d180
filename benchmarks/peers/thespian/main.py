"""
thespian: actors get their messages in `receiveMessage`, on one of its system bases.

On multiprocTCPBase, which its documentation recommends, an actor is a process and its messages are pickled and sent through sockets. On
simpleSystemBase everything runs in the thread and inside the call of whoever tells: nothing at the same time, but the way to see what
its messages cost without processes. The base is the first argument.
"""

import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from frame import resident_bytes, run_peer
from thespian.actors import Actor, ActorExitRequest, ActorSystem

BURST = 500
FAN_OUT = 100
FACTS = 10
PATIENCE = timedelta(seconds=60)
QUIET = {"version": 1, "disable_existing_loggers": True, "root": {"level": "CRITICAL"}}

NOTE = "note"
QUESTION = "question"
HOW_MANY = "how many"


class Counter(Actor):
    """Counts what it handles, and answers with the number."""

    handled = 0

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  # its name
        if message == NOTE:
            self.handled += 1
        elif message == QUESTION:
            self.handled += 1
            self.send(sender, self.handled)
        elif message == HOW_MANY:
            self.send(sender, self.handled)


def tell_nowait(system: ActorSystem, messages: int) -> tuple[int, float]:
    ref = system.createActor(Counter)
    assert system.ask(ref, HOW_MANY, PATIENCE) == 0
    sent = 0
    began = perf_counter()
    while sent < messages:
        burst = min(BURST, messages - sent)
        for _ in range(burst):
            system.tell(ref, NOTE)
        sent += burst
        handled = system.ask(ref, HOW_MANY, PATIENCE)
    seconds = perf_counter() - began
    assert handled == messages, handled
    system.tell(ref, ActorExitRequest())
    return messages, seconds


class Player(Actor):
    """Passes the ball on. Whoever asked for the match hears of its end."""

    hops = handled = 0

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  # its name
        if message == NOTE:
            self.handled += 1
            if self.handled != self.hops:
                self.send(self.partner, NOTE)
            elif self.judge is not None:
                self.send(self.judge, self.handled)
        elif isinstance(message, tuple):
            self.partner, self.hops, is_watched = message
            self.judge = sender if is_watched else None
            if not is_watched:
                self.send(sender, self.handled)
        elif message == "serve":
            self.judge = sender
            self.send(self.partner, NOTE)
        elif message == HOW_MANY:
            self.send(sender, self.handled)


def ping_pong(system: ActorSystem, hops: int) -> tuple[int, float]:
    each = max(1, hops // 2)
    first, second = system.createActor(Player), system.createActor(Player)
    assert system.ask(first, (second, each, False), PATIENCE) == 0
    assert system.ask(second, (first, each + 1, False), PATIENCE) == 0
    began = perf_counter()
    assert system.ask(first, "serve", timedelta(minutes=1)) == each
    seconds = perf_counter() - began
    handled = system.ask(first, HOW_MANY, PATIENCE) + system.ask(second, HOW_MANY, PATIENCE)
    assert handled == 2 * each, handled
    for ref in (first, second):
        system.tell(ref, ActorExitRequest())
    return handled, seconds


def ask(system: ActorSystem, questions: int) -> tuple[int, float]:
    ref = system.createActor(Counter)
    assert system.ask(ref, HOW_MANY, PATIENCE) == 0
    began = perf_counter()
    for _ in range(questions):
        answer = system.ask(ref, QUESTION, PATIENCE)
    seconds = perf_counter() - began
    assert answer == questions
    system.tell(ref, ActorExitRequest())
    return questions, seconds


def spawn(system: ActorSystem, actors: int) -> tuple[int, float]:
    refs = []
    began = perf_counter()
    for _ in range(actors):
        ref = system.createActor(Counter)
        system.tell(ref, NOTE)
        refs.append(ref)
    assert [system.ask(ref, HOW_MANY, PATIENCE) for ref in refs] == [1] * actors
    seconds = perf_counter() - began
    for ref in refs:
        system.tell(ref, ActorExitRequest())
    return actors, seconds


def publish(system: ActorSystem, deliveries: int) -> tuple[int, float]:
    bursts = max(1, deliveries // ((FACTS + 1) * FAN_OUT))
    refs = [system.createActor(Counter) for _ in range(FAN_OUT)]
    began = perf_counter()
    for _ in range(bursts):
        for _ in range(FACTS):
            for ref in refs:
                system.tell(ref, NOTE)
        answers = [system.ask(ref, QUESTION, PATIENCE) for ref in refs]
    seconds = perf_counter() - began
    assert answers == [bursts * (FACTS + 1)] * FAN_OUT
    for ref in refs:
        system.tell(ref, ActorExitRequest())
    return sum(answers), seconds


class Weighed(Actor):
    """Says how much memory its process has for itself."""

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  # its name
        if message == HOW_MANY:
            rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
            self.send(sender, sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private_")))


def weigh_processes(system: ActorSystem, actors: int) -> float:
    refs = [system.createActor(Weighed) for _ in range(actors)]
    return sum(system.ask(ref, HOW_MANY, PATIENCE) for ref in refs) / actors


def weigh_objects(system: ActorSystem, actors: int) -> float:
    before = resident_bytes()
    refs = [system.createActor(Counter) for _ in range(actors)]
    for ref in refs:
        system.tell(ref, NOTE)
    grown = resident_bytes() - before
    assert system.ask(refs[-1], HOW_MANY, PATIENCE) == 1
    return grown / actors


BASE = sys.argv[1]


def opened(work: Callable[[ActorSystem, int], Any]) -> Callable[[int], Any]:
    """The work on a system of its own."""

    def run(operations: int) -> Any:
        system = ActorSystem(BASE, logDefs=QUIET)
        try:
            return work(system, operations)
        finally:
            system.shutdown()

    return run


IN_PROCESSES = {
    "tell_nowait_def": (2_000, opened(tell_nowait)),
    "ping_pong_def": (1_000, opened(ping_pong)),
    "ask_def": (500, opened(ask)),
    "spawn_told": (20, opened(spawn)),
}
IN_THIS_THREAD = {
    "tell_nowait_def": (40_000, opened(tell_nowait)),
    "ping_pong_def": (40_000, opened(ping_pong)),
    "ask_def": (20_000, opened(ask)),
    "spawn_told": (1_000, opened(spawn)),
    "publish_def": (30_000, opened(publish)),
}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    if BASE == "simpleSystemBase":
        run_peer("thespian", IN_THIS_THREAD, weigh=(20_000, opened(weigh_objects)), arguments=sys.argv[2:])
    else:
        run_peer("thespian", IN_PROCESSES, weigh=(4, opened(weigh_processes)), arguments=sys.argv[2:])
