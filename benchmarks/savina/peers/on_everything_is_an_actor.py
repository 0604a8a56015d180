"""
Six programs of the suite on everything-is-an-actor: an actor is an asyncio task with a bounded queue, and a full one has the sender wait.

They send the same messages as those on trouper, into mailboxes with the same bounds. An actor's class is called without arguments, so
partial functions stand for classes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import sin
from typing import Any

from actor_for_agents import Actor, ActorSystem
from randoms import PseudoRandom

Message = tuple[Any, ...]


class Member(Actor):
    """An actor that takes tuples: a word and what belongs to it."""

    async def on_receive(self, message: Message) -> Any:
        return await getattr(self, message[0])(*message[1:])

    @property
    def me(self) -> Any:
        return self.context.self_ref


class Pong(Member):
    async def ping(self, sender: Any) -> None:
        await sender.tell(("pong",))

    async def exit(self) -> None:
        self.me.stop()


class Ping(Member):
    def __init__(self, pings: int, result: asyncio.Future[int]) -> None:
        self.left, self.result, self.pongs = pings, result, 0

    async def on_started(self) -> None:
        self.partner = await self.context.spawn(Pong, "pong")

    async def next(self) -> None:
        await self.partner.tell(("ping", self.me))
        self.left -= 1

    async def pong(self) -> None:
        self.pongs += 1
        if self.left > 0:
            await self.me.tell(("next",))
        else:
            await self.partner.tell(("exit",))
            self.result.set_result(self.pongs)


async def pingpong(system: Any, pings: int) -> int:
    result: asyncio.Future[int] = asyncio.Future()
    ping = await system.spawn(partial(Ping, pings, result), "ping")
    await ping.tell(("next",))
    return await result


class Counter(Member):
    def __init__(self) -> None:
        self.counted = 0

    async def increment(self) -> None:
        self.counted += 1

    async def retrieve(self) -> int:
        return self.counted


class Producer(Member):
    async def produce(self, increments: int) -> int:
        counter = await self.context.spawn(Counter, "counter", mailbox_size=1000)
        for _ in range(increments):
            await counter.tell(("increment",))
        return await counter.ask(("retrieve",), timeout=3600)


async def count(system: Any, increments: int) -> int:
    producer = await system.spawn(Producer, "producer")
    return await producer.ask(("produce", increments), timeout=3600)


class Link(Member):
    def __init__(self, number: int, actors: int, landed: asyncio.Future[int]) -> None:
        self.number, self.actors, self.landed = number, actors, landed

    async def neighbour(self, ref: Any) -> None:
        self.following = ref

    async def ping(self, left: int) -> None:
        if left > 0:
            await self.following.tell(("ping", left - 1))
        else:
            self.landed.set_result(self.number)
            await self.following.tell(("exit", self.actors))

    async def exit(self, left: int) -> None:
        if left > 0:
            await self.following.tell(("exit", left - 1))
        self.me.stop()


async def threadring(system: Any, actors: int, hops: int) -> int:
    landed: asyncio.Future[int] = asyncio.Future()
    ring = [await system.spawn(partial(Link, number, actors, landed), f"link-{number}") for number in range(actors)]
    for number, link in enumerate(ring):
        await link.tell(("neighbour", ring[(number + 1) % actors]))
    await ring[0].tell(("ping", hops))
    for link in ring:
        await link.join()
    return await landed


class Worker(Member):
    async def work(self) -> None:
        assert sin(37.2) ** 2 > 0
        self.me.stop()


async def fjcreate(system: Any, actors: int) -> int:
    workers: list[Any] = []
    for number in range(actors):
        worker = await system.spawn(Worker, f"worker-{number}", mailbox_size=2)
        await worker.tell(("work",))
        workers.append(worker)
    for worker in workers:
        await worker.join()
    return sum(not worker.is_alive for worker in workers)


class Peer(Member):
    def __init__(self, number: int, pings: int, actors: int, sink: Any) -> None:
        self.number, self.left, self.actors, self.sink = number, pings, actors, sink
        self.pings, self.wrong, self.expected, self.random = 0, 0, -1, PseudoRandom(number)

    async def meet(self, neighbours: list[Any]) -> None:
        self.neighbours = neighbours

    async def ping(self, sender: int) -> None:
        await self.neighbours[sender].tell(("pong", self.number))

    async def pong(self, sender: int) -> None:
        self.wrong += sender != self.expected
        if self.pings == self.left:
            await self.sink.tell(("done", self.pings, self.wrong))
        else:
            self.expected = self.random.next_int(self.actors)
            await self.neighbours[self.expected].tell(("ping", self.number))
            self.pings += 1

    async def exit(self) -> None:
        self.me.stop()


class Sink(Member):
    def __init__(self, pings: int, actors: int, result: asyncio.Future[dict[str, int]]) -> None:
        self.each, self.actors, self.result = pings, actors, result
        self.left, self.pings, self.wrong = actors, 0, 0

    async def start_all(self) -> None:
        spawn = self.context.spawn
        self.peers = [
            await spawn(partial(Peer, number, self.each, self.actors, self.me), f"peer-{number}", mailbox_size=self.actors + 3)
            for number in range(self.actors)
        ]
        for peer in self.peers:
            await peer.tell(("meet", self.peers))
        for peer in self.peers:
            await peer.tell(("pong", -1))

    async def done(self, pings: int, wrong: int) -> None:
        self.left -= 1
        self.pings += pings
        self.wrong += wrong
        if self.left == 0:
            for peer in self.peers:
                await peer.tell(("exit",))
            self.result.set_result({"pings": self.pings, "wrong_pongs": self.wrong})


async def big(system: Any, pings: int, actors: int) -> dict[str, int]:
    result: asyncio.Future[dict[str, int]] = asyncio.Future()
    sink = await system.spawn(partial(Sink, pings, actors, result), "sink", mailbox_size=actors + 1)
    await sink.tell(("start_all",))
    return await result


class Creature(Member):
    def __init__(self, mall: Any, colour: int) -> None:
        self.mall, self.colour, self.meetings = mall, colour, 0

    async def go(self) -> None:
        await self.mall.tell(("meet", self.colour, self.me))

    async def meet(self, colour: int, creature: Any) -> None:
        if colour != self.colour:
            self.colour = 3 - self.colour - colour
        self.meetings += 1
        await creature.tell(("change", self.colour))
        await self.go()

    async def change(self, colour: int) -> None:
        self.colour = colour
        self.meetings += 1
        await self.go()

    async def exit(self) -> None:
        await self.mall.tell(("count", self.meetings))
        self.me.stop()

    on_started = go


class Mall(Member):
    def __init__(self, creatures: int, meetings: int, result: asyncio.Future[int]) -> None:
        self.left, self.creatures, self.result = meetings, creatures, result
        self.waiting: Any = None
        self.meetings = 0

    async def open(self) -> None:
        for number in range(self.creatures):
            await self.context.spawn(partial(Creature, self.me, number % 3), f"creature-{number}")

    async def meet(self, colour: int, creature: Any) -> None:
        if self.left == 0:
            await creature.tell(("exit",))
        elif self.waiting is None:
            self.waiting = creature
        else:
            self.left -= 1
            await self.waiting.tell(("meet", colour, creature))
            self.waiting = None

    async def count(self, meetings: int) -> None:
        self.creatures -= 1
        self.meetings += meetings
        if self.creatures == 0:
            self.result.set_result(self.meetings)


async def chameneos(system: Any, creatures: int, meetings: int) -> int:
    result: asyncio.Future[int] = asyncio.Future()
    mall = await system.spawn(partial(Mall, creatures, meetings, result), "mall", mailbox_size=creatures + 1)
    await mall.tell(("open",))
    return await result


PROGRAMS: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "pingpong": pingpong,
    "count": count,
    "fjcreate": fjcreate,
    "threadring": threadring,
    "chameneos": chameneos,
    "big": big,
}


async def _play(program: str, parameters: Mapping[str, Any]) -> Any:
    system = ActorSystem(program)
    result = await PROGRAMS[program](system, **parameters)
    await system.shutdown(timeout=3600)
    return result


def play(program: str, parameters: Mapping[str, Any]) -> Any:
    """The result of one program, when every actor has ended."""
    return asyncio.run(_play(program, parameters))
