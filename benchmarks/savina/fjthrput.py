"""
03 Fork-join throughput: one driver floods many actors in turn, each of which does a little work for every message.

The actors' mailboxes are of the usual size and the driver waits for room. An actor's word that it has done its part is sent without
waiting, into a mailbox with a slot for each: the driver may be waiting for that very actor. The suite's priorities and channels are an
option of its selectors, not of its actors, and are left out.
"""

from math import sin

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many messages each of how many actors gets."""

    messages: int
    actors: int


@frozen
class Start(Request[int]):
    """Send them all; the reply is how many were processed."""


@frozen
class Work:
    """One piece of work."""


@frozen
class Finished:
    """An actor has processed all of its messages."""

    processed: int


WORK = Work()


def compute(theta: float) -> None:
    """The suite's work for one message: the square of a sine, which is positive."""
    result = sin(theta)
    assert result * result > 0


@define(eq=False)
class Worker(Actor[Work]):
    """Ends after so many messages."""

    expected: int
    driver: ActorRef[Finished]
    processed: int = 0

    @handles(Work)
    def work(self, _work: Work) -> None:
        """One of them."""
        self.processed += 1
        compute(37.2)
        if self.processed == self.expected:
            self.driver.tell_nowait(Finished(self.processed))
            self.context.stop_self()


@define(eq=False)
class Driver(Actor[Start | Finished]):
    """Sends round robin."""

    parameters: Parameters
    finished: int = 0
    processed: int = 0
    result: Reply[int] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[int]:
        """All messages to all actors, one each at a time."""
        self.result = self.context.defer(start)
        spec = role(Worker, self.parameters.messages, self.context.ref)
        workers = [await self.context.spawn(spec) for _ in range(self.parameters.actors)]
        for _ in range(self.parameters.messages):
            for worker in workers:
                await worker.tell(WORK)
        return self.result

    @handles(Finished)
    def count(self, finished: Finished) -> None:
        """One actor less to wait for."""
        self.finished += 1
        self.processed += finished.processed
        if self.finished == self.parameters.actors:
            self.result.send(self.processed)


async def play(system: System, parameters: Parameters) -> int:
    """One flood."""
    driver = await system.spawn(role(Driver, parameters, mailbox=parameters.actors + 1))
    return await driver.ask(Start())


def check(parameters: Parameters, processed: int) -> None:
    """Every actor has processed every message of its own."""
    same("the number of messages processed", processed, parameters.actors * parameters.messages)


PROGRAM = Program(
    "fjthrput",
    3,
    Sizes(default=Parameters(10_000, 60), here=Parameters(10_000, 60), small=Parameters(50, 60)),
    play,
    check,
    messages=lambda parameters: parameters.actors * (parameters.messages + 1) + 1,
    actors=lambda parameters: parameters.actors + 1,
)
