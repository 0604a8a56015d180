"""
What a program of the suite is, as data, and how one is run.

A program is played by one root actor and those that it starts. It is asked to start and replies with the result when the last word of
the protocol was said; then the tree is stopped, and every actor has ended before the clock is read again. So the time is that
of the suite's harness: from the first message until every actor has terminated.

Messages are what the system accepted while the program ran, without the runtime's own. Actors are counted by incarnation: each
actor of a system gets the next number, so two actors that do nothing, one before and one after, tell how many were between them.
"""

import math
from collections.abc import Awaitable, Callable
from reprlib import repr as shortened
from time import perf_counter
from typing import Any, Generic, Literal, TypeVar, TypeVarTuple

from attrs import define, frozen

from trouper import Actor, ActorSpec, Fifo, Priority, Supervision, System, actor, open_system

P = TypeVar("P")
R = TypeVar("R")
M = TypeVar("M")
Args = TypeVarTuple("Args")

Size = Literal["default", "here", "small"]

FAILS_WITH_ITS_CHILDREN = Supervision(directives={Exception: "escalate"})


def role(factory: Callable[[*Args], Actor[M]], *args: *Args, mailbox: int | Fifo | Priority = 1000) -> ActorSpec[M]:
    """
    The spec of an actor of a program. When it stops itself it has ended; when it fails, its parent fails too, and so
    at last whoever asked the root: a mistake ends the program instead of hanging it.
    """
    return actor(factory, *args, mailbox=mailbox, restart="temporary", stop_timeout=math.inf, supervision=FAILS_WITH_ITS_CHILDREN)


@frozen
class Sizes(Generic[P]):
    """
    The parameters of a program.

    Args:
        default: Those of the suite.
        here: So large that it says something, so small that the whole suite takes minutes.
        small: For tests: fractions of a second.
    """

    default: P
    here: P
    small: P

    def of(self, size: Size) -> P:
        """The parameters of that size."""
        return {"default": self.default, "here": self.here, "small": self.small}[size]


@frozen
class Outcome(Generic[R]):
    """
    What came of a run.

    Args:
        messages: How many the system accepted, each counted once, whoever sent it.
        actors: How many were started.
        seconds: From the first message until every actor has ended.
        result: What the program found.
    """

    messages: int
    actors: int
    seconds: float
    result: R


class WrongResult(Exception):
    """A program found something else than an independent computation of the same, or than the suite publishes."""


def same(what: str, found: object, wanted: object) -> None:
    """Raises WrongResult, naming *what*, unless both are equal."""
    if found != wanted:
        raise WrongResult(f"{what} is {shortened(found)}, and should be {shortened(wanted)}")


def close(what: str, found: float, wanted: float, tolerance: float) -> None:
    """Raises WrongResult, naming *what*, unless both differ by no more than *tolerance*."""
    if not abs(found - wanted) <= tolerance:
        raise WrongResult(f"{what} is {found!r}, and should be {wanted!r} within {tolerance!r}")


@define(eq=False)
class Milestone(Actor[Any]):
    """Does nothing; its incarnation says how many actors there were before it."""


@frozen
class Program(Generic[P, R]):
    """
    One program of the suite.

    Args:
        name: The suite's package name.
        number: The suite's number.
        sizes: Its parameters.
        play: Starts the root in a system, and returns what it replies.
        check: Raises WrongResult if a result is wrong.
        messages: How many messages the protocol takes, where that does not depend on who is faster.
        actors: How many actors it takes, likewise.
        leftover: Why messages find no recipient at the end; empty if every message is handled.
    """

    name: str
    number: int
    sizes: Sizes[P]
    play: Callable[[System, P], Awaitable[R]]
    check: Callable[[P, R], None]
    messages: Callable[[P], int] | None = None
    actors: Callable[[P], int] | None = None
    leftover: str = ""

    async def run(self, parameters: P) -> Outcome[R]:
        """
        Runs it once in a system of its own, and checks what it found and that no message was lost.

        Raises:
            WrongResult: It found something else.
        """
        async with open_system(name=self.name, ask_timeout=math.inf, shutdown_timeout=math.inf, slow_handler=math.inf) as system:
            before = await system.spawn(actor(Milestone, restart="temporary"))
            began = perf_counter()
            result = await self.play(system, parameters)
            after = await system.spawn(actor(Milestone, restart="temporary"))
            await system.stop()
            seconds = perf_counter() - began
            statistics = system.statistics()
        own = sum(counts.accepted for path, counts in statistics.actors.items() if path.startswith("/system"))
        actors = after.address.incarnation - before.address.incarnation - 1
        outcome = Outcome(statistics.accepted - own, actors, seconds, result)
        same("the number of failed messages", statistics.failed, 0)
        same("the number of messages that wait", statistics.waiting, 0)
        if not self.leftover:
            same("the number of dead letters", statistics.dead_letters, 0)
            same("the number of withdrawn messages", statistics.withdrawn, 0)
        if self.messages is not None:
            same("the number of messages", outcome.messages, self.messages(parameters))
        if self.actors is not None:
            same("the number of actors", outcome.actors, self.actors(parameters))
        self.check(parameters, result)
        return outcome
