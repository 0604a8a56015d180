"""
14 Logistic map: workers iterate x = r x (1 - x), each with the help of a computer that it asks and waits for.

This is the suite's test of a worker that holds back what comes while it waits for an answer (stash, become or await there): here
an async handler that asks, since one message is handled at a time. The flood of terms is held by back-pressure: the master waits for
a worker's room, the worker for its computer, and the computer for nobody.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Request, System, handles

from .frame import Program, Sizes, close, role


@frozen
class Parameters:
    """How many terms of how many series, the first rate, and by how much the rates differ."""

    terms: int
    series: int
    start_rate: float
    increment: float


@frozen
class Start(Request[float]):
    """Begin; the reply is the sum of the last terms."""


@frozen
class NextTerm:
    """One term further."""


@frozen
class GetTerm(Request[float]):
    """Where are you? It is the last question."""


@frozen
class Compute(Request[float]):
    """The term after this one."""

    term: float


NEXT_TERM = NextTerm()


@define(eq=False)
class RateComputer(Actor[Compute]):
    """Knows the rate."""

    rate: float

    @handles(Compute)
    def compute(self, compute: Compute) -> float:
        """One term."""
        return self.rate * compute.term * (1 - compute.term)


@define(eq=False)
class SeriesWorker(Actor[NextTerm | GetTerm]):
    """Knows the term."""

    term: float
    computer: ActorRef[Compute]

    @handles(NextTerm)
    async def advance(self, _next: NextTerm) -> None:
        """One term."""
        self.term = await self.computer.ask(Compute(self.term))

    @handles(GetTerm)
    def get(self, _get: GetTerm) -> float:
        """Answers, and ends."""
        self.context.stop_self()
        return self.term


@define(eq=False)
class Master(Actor[Start]):
    """Drives the workers."""

    parameters: Parameters
    workers: list[ActorRef[NextTerm | GetTerm]] = field(factory=list[ActorRef[NextTerm | GetTerm]])

    @handles(Start)
    async def start(self, _start: Start) -> float:
        """All terms of all series, then the sum."""
        parameters = self.parameters
        for number in range(parameters.series):
            offset = number * parameters.increment
            computer = await self.context.spawn(role(RateComputer, parameters.start_rate + offset))
            self.workers.append(await self.context.spawn(role(SeriesWorker, offset, computer)))
        for _ in range(parameters.terms):
            for worker in self.workers:
                await worker.tell(NEXT_TERM)
        return sum([await worker.ask(GetTerm()) for worker in self.workers])


async def play(system: System, parameters: Parameters) -> float:
    """One sum."""
    master = await system.spawn(role(Master, parameters))
    return await master.ask(Start())


def check(parameters: Parameters, total: float) -> None:
    """The same without actors; and, for the suite's parameters, what the suite prints."""
    expected = 0.0
    for number in range(parameters.series):
        rate = parameters.start_rate + number * parameters.increment
        term = number * parameters.increment
        for _ in range(parameters.terms):
            term = rate * term * (1 - term)
        expected += term
    close("the sum of the terms", total, expected, 1e-12)
    if parameters == PROGRAM.sizes.default:
        close("the sum of the terms", total, 6.38783514460412, 1e-12)


PROGRAM = Program(
    "logmap",
    14,
    Sizes(default=Parameters(25_000, 10, 3.46, 0.0025), here=Parameters(25_000, 10, 3.46, 0.0025), small=Parameters(100, 10, 3.46, 0.0025)),
    play,
    check,
    messages=lambda parameters: 1 + parameters.series * (2 * parameters.terms + 1),
    actors=lambda parameters: 2 * parameters.series + 1,
)
