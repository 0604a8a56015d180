"""
Paxos ("The Part-Time Parliament", Lamport): three acceptors, and for each of some decrees two proposers and one value.

Broken: an acceptor accepts a proposal below what it has promised. Correct: it refuses it. An acceptor's promises are on its disk, here an
object that outlives crashes.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Request, actor, handles
from trouper.simulation import Faults, Simulation

ACCEPTORS = ("a", "b", "c")
MAJORITY = 2
DECREES = 5


@frozen
class Promise:
    granted: bool
    accepted: tuple[int, str] | None


@frozen
class Prepare(Request[Promise]):
    ballot: int


@frozen
class Accept(Request[bool]):
    ballot: int
    value: str


@frozen
class Propose:
    round: int


@define
class Disk:
    """What an acceptor must not forget."""

    promised: int = 0
    accepted: tuple[int, str] | None = None


@define(eq=False)
class Acceptor(Actor[Prepare | Accept]):
    """Promises and accepts."""

    disk: Disk
    keeps_promises: bool

    @handles(Prepare)
    def prepare(self, prepare: Prepare) -> Promise:
        if prepare.ballot <= self.disk.promised:
            return Promise(granted=False, accepted=None)
        self.disk.promised = prepare.ballot
        return Promise(granted=True, accepted=self.disk.accepted)

    @handles(Accept)
    def accept(self, accept: Accept) -> bool:
        if self.keeps_promises and accept.ballot < self.disk.promised:
            return False
        self.disk.promised = max(self.disk.promised, accept.ballot)
        self.disk.accepted = accept.ballot, accept.value
        return True


@define(eq=False)
class Proposer(Actor[Propose]):
    """Tries to have its value chosen, until some value is."""

    decree: int
    number: int
    acceptors: tuple[ActorRef[Any], ...]
    chosen: str | None = None
    tried: int = field(default=0)

    def on_start(self) -> None:
        self.context.after(self.context.random.random() * 0.05, Propose(0))

    @handles(Propose)
    async def propose(self, propose: Propose) -> None:
        ballot = 10 * (propose.round + 1) + self.number
        value = f"value of {self.number}"
        promises: list[Promise] = [
            reply for reply in [await self._ask(ref, Prepare(ballot)) for ref in self.acceptors] if reply is not None
        ]
        granted = [promise for promise in promises if promise.granted]
        if len(granted) >= MAJORITY:
            earlier = [promise.accepted for promise in granted if promise.accepted is not None]
            if earlier:
                value = max(earlier)[1]
            accepted = [await self._ask(ref, Accept(ballot, value)) for ref in self.acceptors]
            if accepted.count(True) >= MAJORITY:
                self.chosen = value
                return
        if propose.round < 20:
            self.context.after(self.context.random.random() * 0.2, Propose(propose.round + 1))

    async def _ask(self, ref: ActorRef[Any], message: Any) -> Any:
        try:
            return await ref.ask(message, timeout=0.03)
        except AskError:
            return None


def one_value_is_chosen(sim: Simulation) -> None:
    """No two proposers of a decree learn different values."""
    known: dict[int, str] = {}
    for proposer in sim.actors(Proposer):
        if proposer.chosen is not None:
            first = known.setdefault(proposer.decree, proposer.chosen)
            assert first == proposer.chosen, f"chosen are {first!r} and {proposer.chosen!r} for decree {proposer.decree}"


def _paxos(sim: Simulation, *, keeps_promises: bool) -> None:
    for name in ACCEPTORS:
        sim.node(name, *(actor(Acceptor, Disk(), keeps_promises, name=f"acceptor-{decree}") for decree in range(DECREES)))
    for decree in range(DECREES):
        refs = tuple(sim.ref(name, f"/user/acceptor-{decree}") for name in ACCEPTORS)
        for number in (1, 2):
            sim.node(f"proposer-{decree}-{number}", actor(Proposer, decree, number, refs, name="proposer"))
    sim.always(one_value_is_chosen)
    sim.faults(Faults.swarm(pauses=True))
    sim.duration = 2.0


def broken(sim: Simulation) -> None:
    """Accepts anything."""
    _paxos(sim, keeps_promises=False)


def correct(sim: Simulation) -> None:
    """Keeps its promises."""
    _paxos(sim, keeps_promises=True)
