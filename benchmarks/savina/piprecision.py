"""
22 Precise pi: workers compute the terms of the Bailey-Borwein-Plouffe series, until a term is too small to count.

As in the suite, ten terms a worker are on their way, and each result brings the next term: that is the bound of the mailboxes. Numbers are
whole numbers of units far below the last digit, since Python's are exact.
"""

from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same

GUARD_DIGITS: Final = 10
TERMS_ON_THEIR_WAY: Final = 10
"""Of a worker."""


@frozen
class Parameters:
    """How many workers, and how many digits after the point."""

    workers: int
    digits: int


@frozen
class Start(Request[int]):
    """Begin; the reply is pi times ten to the digits, without the fraction."""


@frozen
class Term:
    """To a worker: this term of the series, in units of one over *scale*."""

    number: int
    scale: int


@frozen
class Result:
    """A term, and who computed it."""

    term: int
    worker: int


@frozen
class Stop:
    """The end."""


STOP = Stop()


def term_of(number: int, scale: int) -> int:
    """The series' term of that number, times *scale*."""
    eight = 8 * number
    parts = 4 * scale // (eight + 1) - 2 * scale // (eight + 4) - scale // (eight + 5) - scale // (eight + 6)
    return parts >> (4 * number)


@define(eq=False)
class Worker(Actor[Term | Stop]):
    """Computes terms."""

    number: int
    master: ActorRef[Result]

    @handles(Term)
    def compute(self, term: Term) -> None:
        """One term."""
        self.master.tell_nowait(Result(term_of(term.number, term.scale), self.number))

    @handles(Stop)
    def stop(self, _stop: Stop) -> None:
        """The end."""
        self.context.stop_self()


@define(eq=False)
class Master(Actor[Start | Result]):
    """Adds the terms."""

    parameters: Parameters
    requested: int = 0
    received: int = 0
    sum: int = 0
    is_precise: bool = False
    workers: list[ActorRef[Term | Stop]] = field(factory=list[ActorRef[Term | Stop]])
    scale: int = field(init=False)
    result: Reply[int] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[int]:
        """The first terms."""
        self.result = self.context.defer(start)
        parameters = self.parameters
        self.scale = 10 ** (parameters.digits + GUARD_DIGITS)
        for number in range(parameters.workers):
            self.workers.append(await self.context.spawn(role(Worker, number, self.context.ref)))
        for number in range(min(parameters.digits, TERMS_ON_THEIR_WAY * parameters.workers)):
            self.request(number % parameters.workers)
        return self.result

    def request(self, worker: int) -> None:
        """The next term, of this worker."""
        self.workers[worker].tell_nowait(Term(self.requested, self.scale))
        self.requested += 1

    @handles(Result)
    def add(self, result: Result) -> None:
        """One term more; another, if they still count."""
        self.received += 1
        self.sum += result.term
        if result.term <= 10**GUARD_DIGITS:
            self.is_precise = True
        if not self.is_precise:
            self.request(result.worker)
        if self.received == self.requested:
            for worker in self.workers:
                worker.tell_nowait(STOP)
            self.result.send(self.sum // 10**GUARD_DIGITS)


async def play(system: System, parameters: Parameters) -> int:
    """All digits."""
    master = await system.spawn(role(Master, parameters, mailbox=TERMS_ON_THEIR_WAY * parameters.workers + 1))
    return await master.ask(Start())


def check(parameters: Parameters, pi: int) -> None:
    """Machin's formula: pi is 16 arctan 1/5 less 4 arctan 1/239."""
    scale = 10 ** (parameters.digits + GUARD_DIGITS)
    machin = (16 * inverse_arctangent(5, scale) - 4 * inverse_arctangent(239, scale)) // 10**GUARD_DIGITS
    same("how far the digits of pi are off", pi - machin, 0)


def inverse_arctangent(number: int, scale: int) -> int:
    """The arctangent of 1/number, times *scale*, by its series."""
    power = scale // number
    total = 0
    divisor = 1
    while power:
        total += power // divisor if divisor % 4 == 1 else -(power // divisor)
        power //= number * number
        divisor += 2
    return total


PROGRAM = Program(
    "piprecision",
    22,
    Sizes(default=Parameters(20, 5_000), here=Parameters(20, 5_000), small=Parameters(4, 120)),
    play,
    check,
    actors=lambda parameters: parameters.workers + 1,
)
