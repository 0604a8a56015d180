"""
16 Radix sort: a pipeline with an actor for each bit. Values without the bit are passed on at once, those with it when all have come.

A line: each waits for the room of the next, and nobody for the one before.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many values, below how much, and where the random numbers begin."""

    values: int
    limit: int
    seed: int


@frozen
class Result:
    """The sum of the values that came out, how many there were, and how many were smaller than the one before."""

    sum: int
    values: int
    descents: int


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Value:
    """One of those to be sorted."""

    value: int


@define(eq=False)
class Validation(Actor[Value]):
    """The end of the line."""

    expected: int
    driver: ActorRef[Result]
    sum: int = 0
    values: int = 0
    descents: int = 0
    last: int = 0

    @handles(Value)
    def take(self, value: Value) -> None:
        """Looks at one."""
        self.sum += value.value
        self.values += 1
        self.descents += value.value < self.last
        self.last = value.value
        if self.values == self.expected:
            self.driver.tell_nowait(Result(self.sum, self.values, self.descents))
            self.context.stop_self()


@define(eq=False)
class Sorter(Actor[Value]):
    """Sorts by one bit."""

    expected: int
    radix: int
    next: ActorRef[Value]
    seen: int = 0
    kept: list[Value] = field(factory=list[Value])

    @handles(Value)
    async def sort(self, value: Value) -> None:
        """On, or to the others that wait."""
        self.seen += 1
        if value.value & self.radix:
            self.kept.append(value)
        else:
            await self.next.tell(value)
        if self.seen == self.expected:
            for late in self.kept:
                await self.next.tell(late)
            self.context.stop_self()


@define(eq=False)
class Source(Actor[Start | Result]):
    """Builds the line, and sends the values down."""

    parameters: Parameters
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """From the end of the line to its beginning; then all values."""
        self.result = self.context.defer(start)
        values, limit = self.parameters.values, self.parameters.limit
        first: ActorRef[Value] = await self.context.spawn(role(Validation, values, self.context.ref))
        radix = limit // 2
        while radix > 0:
            first = await self.context.spawn(role(Sorter, values, radix, first))
            radix //= 2
        random = PseudoRandom(self.parameters.seed)
        for _ in range(values):
            await first.tell(Value(random.next_long() % limit))
        return self.result

    @handles(Result)
    def end(self, result: Result) -> None:
        """All came out."""
        self.result.send(result)


async def play(system: System, parameters: Parameters) -> Result:
    """One line."""
    source = await system.spawn(role(Source, parameters))
    return await source.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """They came out in order, and they are those that went in; for the suite's parameters, their sum is the suite's."""
    random = PseudoRandom(parameters.seed)
    same("the sum of the values", result.sum, sum(random.next_long() % parameters.limit for _ in range(parameters.values)))
    same("the number of values", result.values, parameters.values)
    if result.descents:
        raise WrongResult(f"{result.descents} values are smaller than the one before")
    if parameters == PROGRAM.sizes.default:
        same("the sum of the values", result.sum, 3275789328)


PROGRAM = Program(
    "radixsort",
    16,
    Sizes(default=Parameters(100_000, 2**60, 2048), here=Parameters(10_000, 2**60, 2048), small=Parameters(40, 2**16, 2048)),
    play,
    check,
    messages=lambda parameters: 2 + parameters.values * parameters.limit.bit_length(),
    actors=lambda parameters: parameters.limit.bit_length() + 1,
)
