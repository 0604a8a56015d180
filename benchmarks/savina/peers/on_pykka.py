"""
Six programs of the suite on pykka: an actor is a thread, with a mailbox without bound.

They send the same messages as those on trouper. Where one reads a count that these have no message for, such as the deaths of
fjcreate, the library's own means is used.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from math import sin
from typing import Any

import pykka
from randoms import PseudoRandom

Message = tuple[Any, ...]


class Member(pykka.ThreadingActor):
    """An actor that takes tuples: a word and what belongs to it."""

    def on_receive(self, message: Message) -> Any:
        return getattr(self, message[0])(*message[1:])


class Pong(Member):
    def ping(self, sender: Any) -> None:
        sender.tell(("pong",))


class Ping(Member):
    def __init__(self, pings: int, result: Future[int]) -> None:
        super().__init__()
        self.left, self.result, self.pongs, self.partner = pings, result, 0, Pong.start()

    def next(self) -> None:
        self.partner.tell(("ping", self.actor_ref))
        self.left -= 1

    def pong(self) -> None:
        self.pongs += 1
        if self.left > 0:
            self.actor_ref.tell(("next",))
        else:
            self.partner.stop(block=False)
            self.result.set_result(self.pongs)


def pingpong(pings: int) -> int:
    result: Future[int] = Future()
    Ping.start(pings, result).tell(("next",))
    return result.result()


class Counter(Member):
    def on_start(self) -> None:
        self.counted = 0

    def increment(self) -> None:
        self.counted += 1

    def retrieve(self) -> int:
        return self.counted


class Producer(Member):
    def produce(self, increments: int) -> int:
        counter = Counter.start()
        for _ in range(increments):
            counter.tell(("increment",))
        return counter.ask(("retrieve",))


def count(increments: int) -> int:
    return Producer.start().ask(("produce", increments))


class Link(Member):
    def __init__(self, number: int, actors: int, landed: Future[int]) -> None:
        super().__init__()
        self.number, self.actors, self.landed = number, actors, landed

    def neighbour(self, ref: Any) -> None:
        self.following = ref

    def ping(self, left: int) -> None:
        if left > 0:
            self.following.tell(("ping", left - 1))
        else:
            self.landed.set_result(self.number)
            self.following.tell(("exit", self.actors - 1))  # to tell the dead is an error in pykka, so each is told once

    def exit(self, left: int) -> None:
        if left > 0:
            self.following.tell(("exit", left - 1))
        self.stop()


def threadring(actors: int, hops: int) -> int:
    landed: Future[int] = Future()
    ring = [Link.start(number, actors, landed) for number in range(actors)]
    for number, link in enumerate(ring):
        link.tell(("neighbour", ring[(number + 1) % actors]))
    ring[0].tell(("ping", hops))
    for link in ring:
        link.actor_stopped.wait()
    return landed.result()


class Worker(Member):
    def work(self) -> None:
        assert sin(37.2) ** 2 > 0
        self.stop()


def fjcreate(actors: int) -> int:
    workers: list[Any] = []
    for _ in range(actors):
        worker = Worker.start()
        worker.tell(("work",))
        workers.append(worker)
    return sum(worker.actor_stopped.wait() for worker in workers)


class Peer(Member):
    def __init__(self, number: int, pings: int, actors: int, sink: Any) -> None:
        super().__init__()
        self.number, self.left, self.actors, self.sink = number, pings, actors, sink
        self.pings, self.wrong, self.expected, self.random = 0, 0, -1, PseudoRandom(number)

    def meet(self, neighbours: list[Any]) -> None:
        self.neighbours = neighbours

    def ping(self, sender: int) -> None:
        self.neighbours[sender].tell(("pong", self.number))

    def pong(self, sender: int) -> None:
        self.wrong += sender != self.expected
        if self.pings == self.left:
            self.sink.tell(("done", self.pings, self.wrong))
        else:
            self.expected = self.random.next_int(self.actors)
            self.neighbours[self.expected].tell(("ping", self.number))
            self.pings += 1

    def exit(self) -> None:
        self.stop()


class Sink(Member):
    def __init__(self, pings: int, actors: int, result: Future[dict[str, int]]) -> None:
        super().__init__()
        self.actors, self.result = actors, result
        self.left, self.pings, self.wrong = actors, 0, 0
        self.peers = [Peer.start(number, pings, actors, self.actor_ref) for number in range(actors)]

    def start_all(self) -> None:
        for peer in self.peers:
            peer.tell(("meet", self.peers))
        for peer in self.peers:
            peer.tell(("pong", -1))

    def done(self, pings: int, wrong: int) -> None:
        self.left -= 1
        self.pings += pings
        self.wrong += wrong
        if self.left == 0:
            for peer in self.peers:
                peer.tell(("exit",))
            self.result.set_result({"pings": self.pings, "wrong_pongs": self.wrong})


def big(pings: int, actors: int) -> dict[str, int]:
    result: Future[dict[str, int]] = Future()
    Sink.start(pings, actors, result).tell(("start_all",))
    return result.result()


class Creature(Member):
    def __init__(self, mall: Any, colour: int) -> None:
        super().__init__()
        self.mall, self.colour, self.meetings = mall, colour, 0

    def on_start(self) -> None:
        self.go()

    def go(self) -> None:
        self.mall.tell(("meet", self.colour, self.actor_ref))

    def meet(self, colour: int, creature: Any) -> None:
        if colour != self.colour:
            self.colour = 3 - self.colour - colour
        self.meetings += 1
        creature.tell(("change", self.colour))
        self.go()

    def change(self, colour: int) -> None:
        self.colour = colour
        self.meetings += 1
        self.go()

    def exit(self) -> None:
        self.mall.tell(("count", self.meetings))
        self.stop()


class Mall(Member):
    def __init__(self, creatures: int, meetings: int, result: Future[int]) -> None:
        super().__init__()
        self.left, self.creatures, self.result = meetings, creatures, result
        self.waiting: Any = None
        self.meetings = 0

    def open(self) -> None:
        for number in range(self.creatures):
            Creature.start(self.actor_ref, number % 3)

    def meet(self, colour: int, creature: Any) -> None:
        if self.left == 0:
            creature.tell(("exit",))
        elif self.waiting is None:
            self.waiting = creature
        else:
            self.left -= 1
            self.waiting.tell(("meet", colour, creature))
            self.waiting = None

    def count(self, meetings: int) -> None:
        self.creatures -= 1
        self.meetings += meetings
        if self.creatures == 0:
            self.result.set_result(self.meetings)


def chameneos(creatures: int, meetings: int) -> int:
    result: Future[int] = Future()
    Mall.start(creatures, meetings, result).tell(("open",))
    return result.result()


PROGRAMS: Mapping[str, Callable[..., Any]] = {
    "pingpong": pingpong,
    "count": count,
    "fjcreate": fjcreate,
    "threadring": threadring,
    "chameneos": chameneos,
    "big": big,
}


def play(program: str, parameters: Mapping[str, Any]) -> Any:
    """The result of one program, when every actor has ended."""
    result = PROGRAMS[program](**parameters)
    pykka.ActorRegistry.stop_all()
    return result
