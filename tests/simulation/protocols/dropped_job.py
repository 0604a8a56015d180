"""
A clerk who hands jobs on to a worker of the same node.

Broken: a job that finds the worker's mailbox full is dropped, which no test sees, since the worker is quick. Correct: it is kept, and
handed on at the next opportunity.
"""

from __future__ import annotations

from attrs import define, field, frozen

from trouper import Actor, ActorRef, MailboxFull, actor, handles
from trouper.simulation import Faults, Simulation

JOBS = 20


@frozen
class Job:
    number: int


@frozen
class Hello:
    who: ActorRef[Job]


@frozen
class Tick:
    pass


@define(eq=False)
class Clerk(Actor[Hello | Tick]):
    """Hands a job on at every tick."""

    keeps: bool
    worker: ActorRef[Job] | None = field(init=False, default=None)
    left: list[Job] = field(init=False, factory=lambda: [Job(number) for number in range(JOBS)])

    def on_start(self) -> None:
        self.context.every(0.05, Tick())

    @handles(Hello)
    def hello(self, hello: Hello) -> None:
        self.worker = hello.who

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        if self.worker is None or not self.left:
            return
        job = self.left.pop(0)
        try:
            self.worker.tell_nowait(job)
        except MailboxFull:
            if self.keeps:
                self.left.insert(0, job)


@define(eq=False)
class Worker(Actor[Job | Tick]):
    """Does jobs at once."""

    clerk: ActorRef[Hello]
    done: set[int] = field(init=False, factory=set[int])

    def on_start(self) -> None:
        self.context.every(0.1, Tick())

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        self.clerk.tell_nowait(Hello(self.context.ref))

    @handles(Job)
    def do(self, job: Job) -> None:
        self.done.add(job.number)


def all_jobs_are_done(sim: Simulation) -> bool:
    """None is missing."""
    return all(len(worker.done) == JOBS for worker in sim.actors(Worker))


def _office(sim: Simulation, *, keeps: bool, full_mailboxes: bool = True) -> None:
    clerk = sim.ref("office", "/user/clerk")
    sim.node("office", actor(Clerk, keeps, name="clerk"), actor(Worker, clerk, name="worker"))
    sim.eventually(all_jobs_are_done, within=3.0)
    sim.faults(Faults.swarm(full_mailboxes=full_mailboxes))


def broken(sim: Simulation) -> None:
    """Drops what finds no room."""
    _office(sim, keeps=False)


def correct(sim: Simulation) -> None:
    """Keeps it."""
    _office(sim, keeps=True)


def unnoticed(sim: Simulation) -> None:
    """The broken one, under all faults but full mailboxes."""
    _office(sim, keeps=False, full_mailboxes=False)
