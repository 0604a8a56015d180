"""
A lock that watches its holders, so that a crash does not keep it for ever.

Broken: the death of *any* former holder frees it, whoever holds it now. Correct: only that of the present one.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, AskError, Request, Terminated, actor, handles
from trouper.simulation import Faults, Simulation


@frozen
class Acquire(Request[bool]):
    holder: ActorRef[Any]


@frozen
class Release(Request[None]):
    holder: ActorRef[Any]


@frozen
class Go:
    pass


@define(eq=False)
class Lock(Actor[Acquire | Release | Terminated]):
    """Held by one at a time."""

    looks: bool
    holder: ActorRef[Any] | None = None

    @handles(Acquire)
    def acquire(self, acquire: Acquire) -> bool:
        if self.holder is not None and self.holder != acquire.holder:
            return False
        self.holder = acquire.holder
        self.context.watch(acquire.holder)
        return True

    @handles(Release)
    def release(self, release: Release) -> None:
        if self.holder == release.holder:
            self.holder = None

    @handles(Terminated)
    def gone(self, terminated: Terminated) -> None:
        if not self.looks or terminated.ref == self.holder:
            self.holder = None


@define(eq=False)
class Visitor(Actor[Go]):
    """Enters, stays for a while, leaves."""

    lock: ActorRef[Any]
    is_inside: bool = False

    def on_start(self) -> None:
        self.context.every(0.05, Go())

    @handles(Go)
    async def go(self, _go: Go) -> None:
        try:
            if not await self.lock.ask(Acquire(self.context.ref), timeout=0.1):
                return
            self.is_inside = True
            await self.context.sleep(0.2)
        except AskError:
            return
        finally:
            self.is_inside = False
        await self._leave()

    async def _leave(self) -> None:
        while True:
            try:
                await self.lock.ask(Release(self.context.ref), timeout=0.1)
            except AskError:
                continue
            return


def one_is_inside(sim: Simulation) -> bool:
    """Two are never inside."""
    return sum(visitor.is_inside for visitor in sim.actors(Visitor)) <= 1


def _lock(sim: Simulation, *, looks: bool) -> None:
    sim.node("lock", actor(Lock, looks, name="lock"))
    visitors = [sim.node(name, actor(Visitor, sim.ref("lock", "/user/lock"), name="visitor")) for name in ("a", "b", "c")]
    sim.always(one_is_inside)
    sim.failure_detector(0.3)
    sim.duration = 4.0
    for start in (0.5, 1.5, 2.5):
        sim.at(start, visitors[0].crash)
        sim.at(start + 0.1, visitors[0].start)
    sim.faults(Faults.swarm(crashes=False, partitions=False, pauses=False, loss=False, duplication=False))


def broken(sim: Simulation) -> None:
    """Any death frees it."""
    _lock(sim, looks=False)


def correct(sim: Simulation) -> None:
    """Its holder's death frees it."""
    _lock(sim, looks=True)
