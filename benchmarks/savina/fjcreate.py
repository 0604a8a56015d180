"""
04 Fork-join create: a driver starts many actors, and sends each one message, with which it ends.

The driver watches them, so that the end of each is seen, and is one message more: the suite's harness waits for the same with a latch
outside of the actors. News of a death take no slot of a mailbox.
"""

from attrs import define, field, frozen

from trouper import Actor, Reply, Request, System, Terminated, handles

from .fjthrput import WORK, Work, compute
from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many actors."""

    actors: int


@frozen
class Start(Request[int]):
    """Create them; the reply is how many have ended as they should."""


@define(eq=False)
class Worker(Actor[Work]):
    """Works once."""

    @handles(Work)
    def work(self, _work: Work) -> None:
        """And ends."""
        compute(37.2)
        self.context.stop_self()


@define(eq=False)
class Driver(Actor[Start]):
    """Creates, and counts the dead."""

    actors: int
    ended: int = 0
    ended_well: int = 0
    result: Reply[int] = field(init=False)

    @handles(Start)
    def start(self, start: Start) -> Reply[int]:
        """Creates all."""
        self.result = self.context.defer(start)
        spec = role(Worker, mailbox=1)
        for _ in range(self.actors):
            worker = self.context.spawn_nowait(spec)
            self.context.watch(worker)
            worker.tell_nowait(WORK)
        return self.result

    @handles(Terminated)
    def count(self, terminated: Terminated) -> None:
        """One more has ended."""
        self.ended += 1
        self.ended_well += terminated.reason.kind == "normal"
        if self.ended == self.actors:
            self.result.send(self.ended_well)


async def play(system: System, parameters: Parameters) -> int:
    """One crowd."""
    driver = await system.spawn(role(Driver, parameters.actors))
    return await driver.ask(Start())


def check(parameters: Parameters, ended: int) -> None:
    """Each has ended by itself."""
    same("the number of actors that ended by themselves", ended, parameters.actors)


PROGRAM = Program(
    "fjcreate",
    4,
    Sizes(default=Parameters(40_000), here=Parameters(40_000), small=Parameters(300)),
    play,
    check,
    messages=lambda parameters: 2 * parameters.actors + 1,
    actors=lambda parameters: parameters.actors + 1,
)
