"""
18 Sieve of Eratosthenes: candidates run down a chain of filters, each of which keeps so many primes and starts the next when it is full.

A line: each waits for the room of the next, and nobody for the one before. A filter is the parent of the next, and an actor's end is
the end of its children; so the filters do not stop themselves, but end with the chain.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """Below which number primes are looked for, and how many of them a filter keeps."""

    limit: int
    local_primes: int


@frozen
class Start(Request[int]):
    """Begin; the reply is how many primes there are."""


@frozen
class Candidate:
    """A number that no filter before has divided."""

    value: int


@frozen
class Exit:
    """There are no more numbers."""


@frozen
class Total:
    """How many primes all filters have."""

    primes: int


EXIT = Exit()


@define(eq=False)
class PrimeFilter(Actor[Candidate | Exit]):
    """Keeps primes."""

    number: int
    first_prime: int
    capacity: int
    driver: ActorRef[Total]
    primes: list[int] = field(init=False)
    next: "ActorRef[Candidate | Exit] | None" = None

    def on_start(self) -> None:
        """It is started for a prime."""
        self.primes = [self.first_prime]

    @handles(Candidate)
    async def sieve(self, candidate: Candidate) -> None:
        """Drops it, keeps it, or passes it on."""
        value = candidate.value
        for prime in self.primes:
            if value % prime == 0:
                return
        if self.next is not None:
            await self.next.tell(candidate)
        elif len(self.primes) < self.capacity:
            self.primes.append(value)
        else:
            self.next = await self.context.spawn(role(PrimeFilter, self.number + 1, value, self.capacity, self.driver))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """The last one knows how many there are: all others are full."""
        if self.next is not None:
            await self.next.tell(exit_)
        else:
            self.driver.tell_nowait(Total(self.number * self.capacity + len(self.primes)))


@define(eq=False)
class Producer(Actor[Start | Total]):
    """Sends the odd numbers."""

    parameters: Parameters
    result: Reply[int] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[int]:
        """All of them, and the end."""
        self.result = self.context.defer(start)
        first = await self.context.spawn(role(PrimeFilter, 0, 2, self.parameters.local_primes, self.context.ref))
        for value in range(3, self.parameters.limit, 2):
            await first.tell(Candidate(value))
        await first.tell(EXIT)
        return self.result

    @handles(Total)
    def end(self, total: Total) -> None:
        """The chain's answer."""
        self.result.send(total.primes)


async def play(system: System, parameters: Parameters) -> int:
    """One sieve."""
    producer = await system.spawn(role(Producer, parameters))
    return await producer.ask(Start())


def check(parameters: Parameters, primes: int) -> None:
    """The sieve in an array; for the suite's parameters, what it prints."""
    is_prime = bytearray([1]) * parameters.limit
    is_prime[:2] = b"\0\0"
    for number in range(2, int(parameters.limit**0.5) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, parameters.limit, number)))
    same("the number of primes", primes, sum(is_prime))
    if parameters == PROGRAM.sizes.default:
        same("the number of primes", primes, 9592)


PROGRAM = Program(
    "sieve",
    18,
    Sizes(default=Parameters(100_000, 1_000), here=Parameters(100_000, 1_000), small=Parameters(600, 20)),
    play,
    check,
)
