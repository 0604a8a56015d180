"""
A lease: whoever holds it may write, and gives it up by itself when its own clock says that it is over.

Broken: the holder uses the whole of its time, though its clock may be slower than the one of who gave it. Correct: it stops before,
by more than the clocks can differ, and counts from when it asked.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, AskError, Request, actor, handles
from trouper.simulation import Faults, Simulation

LEASE_SECONDS = 0.5
SKEW = 0.05
GUARD = 1.0 - 3 * SKEW


@frozen
class Acquire(Request[bool]):
    holder: str


@frozen
class Try:
    pass


@define(eq=False)
class Lessor(Actor[Acquire]):
    """Gives the lease to one at a time."""

    holder: str = ""
    until: float = 0.0

    @handles(Acquire)
    def acquire(self, acquire: Acquire) -> bool:
        now = self.context.now()
        if now < self.until and self.holder != acquire.holder:
            return False
        self.holder, self.until = acquire.holder, now + LEASE_SECONDS
        return True


@define(eq=False)
class Holder(Actor[Try]):
    """Wants the lease, and keeps it for its time."""

    name: str
    lessor: ActorRef[Any]
    has_guard: bool
    until: float = 0.0

    def on_start(self) -> None:
        self.context.every(0.07, Try())

    @property
    def holds(self) -> bool:
        """Whether it takes itself for the holder."""
        return self.context.now() < self.until

    @handles(Try)
    async def attempt(self, _try: Try) -> None:
        if self.holds:
            return
        asked = self.context.now()
        try:
            acquired: bool = await self.lessor.ask(Acquire(self.name), timeout=0.2)
        except AskError:
            return
        if acquired:
            self.until = asked + LEASE_SECONDS * GUARD if self.has_guard else self.context.now() + LEASE_SECONDS


def one_holder(sim: Simulation) -> bool:
    """The lease has one holder at most."""
    return sum(holder.holds for holder in sim.actors(Holder)) <= 1


def _lease(sim: Simulation, *, has_guard: bool) -> None:
    lessor = sim.ref("lessor", "/user/lessor")
    sim.node("lessor", actor(Lessor, name="lessor"))
    for name in ("left", "right"):
        sim.node(name, actor(Holder, name, lessor, has_guard, name="holder"))
    sim.always(one_holder)
    sim.faults(Faults.swarm(crashes=False, skew=SKEW))


def broken(sim: Simulation) -> None:
    """Trusts its clock to the end."""
    _lease(sim, has_guard=False)


def correct(sim: Simulation) -> None:
    """Has a guard band."""
    _lease(sim, has_guard=True)
