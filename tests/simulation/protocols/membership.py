"""
A leader that is chosen by who is alive: each node watches the others, and the lowest name that lives leads.

Broken: whoever thinks that it leads writes, though a partition looks like a death, so that there are two. Correct: the log takes a
write only with a term that is not below the highest it has seen, and a leader begins with a term of its own.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Request, Terminated, actor, handles
from trouper.simulation import Faults, Simulation

NAMES = ("a", "b", "c", "d")


@frozen
class NewTerm(Request[int]):
    leader: str


@frozen
class Append(Request[bool]):
    leader: str
    term: int


@frozen
class Beat:
    pass


@define(eq=False)
class Log(Actor[NewTerm | Append]):
    """What leaders write."""

    checks: bool
    term: int = 0
    entries: list[tuple[int, str]] = field(factory=list[tuple[int, str]])

    @handles(NewTerm)
    def new_term(self, _new: NewTerm) -> int:
        self.term += 1
        return self.term

    @handles(Append)
    def append(self, append: Append) -> bool:
        if self.checks and append.term < self.term:
            return False
        self.entries.append((append.term, append.leader))
        return True


@define(eq=False)
class Member(Actor[Beat | Terminated]):
    """Leads if nobody before it lives."""

    name: str
    log: ActorRef[Any]
    before: tuple[ActorRef[Any], ...]
    dead: int = 0
    term: int = 0

    def on_start(self) -> None:
        for ref in self.before:
            self.context.watch(ref)
        self.context.every(0.1, Beat())

    @handles(Terminated)
    def gone(self, _terminated: Terminated) -> None:
        self.dead += 1

    @handles(Beat)
    async def beat(self, _beat: Beat) -> None:
        if self.dead < len(self.before):
            return
        try:
            if not self.term:
                self.term = await self.log.ask(NewTerm(self.name), timeout=0.2)
            if not await self.log.ask(Append(self.name, self.term), timeout=0.2):
                self.term = 0
        except AskError:
            return


def terms_do_not_go_back(sim: Simulation) -> None:
    """The log has no entry of a leader whose term is over."""
    for log in sim.actors(Log):
        terms = [term for term, _ in log.entries]
        assert terms == sorted(terms), f"the terms are {terms}"


def _membership(sim: Simulation, *, checks: bool) -> None:
    refs = {name: sim.ref(name, "/user/member") for name in NAMES}
    sim.node("log", actor(Log, checks, name="log"))
    for place, name in enumerate(NAMES):
        before = tuple(refs[other] for other in NAMES[:place])
        sim.node(name, actor(Member, name, sim.ref("log", "/user/log"), before, name="member"))
    sim.always(terms_do_not_go_back)
    sim.failure_detector(0.2)
    sim.faults(Faults.swarm(crashes=False))


def broken(sim: Simulation) -> None:
    """Takes every write."""
    _membership(sim, checks=False)


def correct(sim: Simulation) -> None:
    """Takes writes of the present term."""
    _membership(sim, checks=True)
