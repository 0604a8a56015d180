"""
A job that is offered to one of two workers, and to the other one if the first refuses, or does not answer in time.

Broken: the timeout of an attempt that was refused is taken for that of the next one, which so has less time than it was promised. Correct:
timeouts have the numbers of their attempts.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Faults, Simulation

ATTEMPTS_MAX = 6
PLANNERS = 8
PATIENCE_SECONDS = 0.02


@frozen
class Work:
    attempt: int
    back: ActorRef[Any]


@frozen
class Answer:
    attempt: int
    takes_it: bool


@frozen
class Late:
    attempt: int


@frozen
class Begin:
    pass


@define(eq=False)
class Worker(Actor[Work]):
    """Takes the job, or has no time."""

    @handles(Work)
    def work(self, work: Work) -> None:
        work.back.tell_nowait(Answer(work.attempt, self.context.random.random() < 0.5))


@define(eq=False)
class Planner(Actor[Begin | Answer | Late]):
    """Gives the job away."""

    workers: tuple[ActorRef[Any], ...]
    looks: bool
    attempt: int = 0
    since: float = 0.0
    is_taken: bool = False
    given_up_early: int = 0

    def on_start(self) -> None:
        self.context.after(0.01, Begin())

    @handles(Begin)
    def begin(self, _begin: Begin) -> None:
        self._offer()

    def _offer(self) -> None:
        if self.attempt < ATTEMPTS_MAX:
            self.attempt += 1
            self.since = self.context.now()
            self.workers[self.attempt % 2].tell_nowait(Work(self.attempt, self.context.ref))
            self.context.after(PATIENCE_SECONDS, Late(self.attempt))

    @handles(Answer)
    def answered(self, answer: Answer) -> None:
        if answer.attempt != self.attempt or self.is_taken:
            return
        if answer.takes_it:
            self.is_taken = True
        else:
            self._offer()

    @handles(Late)
    def late(self, late: Late) -> None:
        if self.is_taken or (self.looks and late.attempt != self.attempt):
            return
        self.given_up_early += self.context.now() < self.since + PATIENCE_SECONDS * 0.99
        self._offer()


def every_worker_has_its_time(sim: Simulation) -> bool:
    """No offer is given up before its time is over."""
    return all(planner.given_up_early == 0 for planner in sim.actors(Planner))


def _plan(sim: Simulation, *, looks: bool) -> None:
    names = ("left", "right")
    for name in names:
        sim.node(name, actor(Worker, name="worker"))
    workers = tuple(sim.ref(name, "/user/worker") for name in names)
    for number in range(PLANNERS):
        sim.node(f"planner-{number}", actor(Planner, workers, looks, name="planner"))
    sim.always(every_worker_has_its_time)
    sim.faults(Faults.swarm(crashes=False))
    sim.duration = 1.0


def broken(sim: Simulation) -> None:
    """Any timeout is the present one."""
    _plan(sim, looks=False)


def correct(sim: Simulation) -> None:
    """Timeouts have numbers."""
    _plan(sim, looks=True)
