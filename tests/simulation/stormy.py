"""
A target that does all that could make two runs differ: raw trio sleeps, nurseries, cancellations, timers, restarts, faults, randomness.

Run as a program it prints the hash of a run's trace, for tests that compare processes: ``python stormy.py SEED [NOISE]``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import trio
import trio.lowlevel
from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Request, Terminated, actor, handles, supervisor
from trouper.simulation.client import Client
from trouper.simulation.faults import Faults
from trouper.simulation.run import run_once
from trouper.simulation.simulated_cluster import Simulation


@frozen
class Work(Request[int]):
    kind: str
    number: int


@frozen
class Note:
    words: frozenset[str]


@frozen
class Tick:
    pass


class Broken(Exception):
    """A planned failure."""


@define(eq=False)
class Worker(Actor[Work | Note | Tick | Terminated]):
    """Waits on trio in every way there is."""

    peers: tuple[ActorRef[Any], ...]
    done: int = 0
    seen: list[str] = field(factory=list[str])

    async def on_start(self) -> None:
        self.context.every(0.1, Tick(), key="tick")
        self.context.watch(self.peers[0])
        self.context.start_soon(self._beside)
        await trio.sleep(self.context.random.random() / 100)

    async def _beside(self) -> None:
        while True:
            await trio.sleep(0.05)
            self.peers[1].tell_nowait(Note(frozenset(("some", "words", "without", "order"))))

    @handles(Work)
    async def work(self, work: Work) -> int:
        self.done += 1
        if work.kind == "nursery":
            async with trio.open_nursery() as nursery:
                for part in range(4):
                    nursery.start_soon(self._part, part)
        elif work.kind == "cancelled":
            with trio.move_on_after(0.01):
                async with trio.open_nursery() as nursery:
                    for _ in range(4):
                        nursery.start_soon(trio.sleep_forever)
        elif work.kind == "ask":
            try:
                self.done += await self.context.random.choice(self.peers).ask(Work("nursery", work.number), timeout=0.05)
            except AskError:
                self.done += 1
        elif work.kind == "fail":
            raise Broken(str(work.number))
        else:
            await trio.sleep(0.003)
        return self.done

    async def _part(self, part: int) -> None:
        await trio.lowlevel.checkpoint()
        self.seen.append(f"part {part}")
        await trio.sleep(0.001 * (part % 2))
        self.peers[part % len(self.peers)].tell_nowait(Note(frozenset((f"part {part}",))))

    @handles(Note)
    def note(self, note: Note) -> None:
        self.seen.append(str(len(note.words)))

    @handles(Tick)
    async def tick(self, _tick: Tick) -> None:
        await trio.lowlevel.checkpoint()
        self.context.random.shuffle(self.seen)

    @handles(Terminated)
    def over(self, terminated: Terminated) -> None:
        self.seen.append(str(terminated.reason))
        self.context.after(0.2, Tick())


async def workload(client: Client) -> None:
    """Gives all kinds of work to all nodes."""
    for number in range(20):
        kind = client.random.choice(("nursery", "cancelled", "ask", "fail", "sleep"))
        name = client.random.choice(("a", "b", "c"))
        await client.perform(kind, number, client.ref(name, "/user/top/worker").ask(Work(kind, number), timeout=0.2))
        await client.sleep(0.05)


def storm(sim: Simulation) -> None:
    """Three nodes, two clients, every fault."""
    names = ("a", "b", "c")
    for name in names:
        peers = tuple(sim.ref(other, "/user/top/worker") for other in names if other != name)
        sim.node(name, supervisor("top", [actor(Worker, peers, name="worker")], max_restarts=1000))
    sim.client(workload)
    sim.client(workload)
    sim.faults(Faults.swarm(reordering=True, skew=0.05))


def noise() -> Iterable[object]:
    """Moves everything in memory to other places."""
    return [[object() for _ in range(size % 97)] for size in range(10_000)]


if __name__ == "__main__":
    kept = noise() if len(sys.argv) > 2 else ()
    outcome = run_once(storm, int(sys.argv[1]))
    print(outcome.digest, outcome.steps, outcome.violation)
