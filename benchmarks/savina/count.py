"""
02 Counting: a producer sends increments as fast as it can, then retrieves the sum.

The flood is held by back-pressure: the counter's mailbox has its usual 1,000 slots, and the producer waits for room. The counter never
sends to the producer but its reply, so nobody waits in a circle.
"""

from attrs import define, frozen

from trouper import Actor, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many increments."""

    increments: int


@frozen
class Start(Request[int]):
    """Send them; the reply is what the counter has counted."""


@frozen
class Increment:
    """One more."""


@frozen
class Retrieve(Request[int]):
    """How many were there? It is the last question."""


INCREMENT = Increment()


@define(eq=False)
class Counter(Actor[Increment | Retrieve]):
    """Counts."""

    counted: int = 0

    @handles(Increment)
    def increment(self, _increment: Increment) -> None:
        """One more."""
        self.counted += 1

    @handles(Retrieve)
    def retrieve(self, _retrieve: Retrieve) -> int:
        """Answers, and ends."""
        self.context.stop_self()
        return self.counted


@define(eq=False)
class Producer(Actor[Start]):
    """Sends so many increments."""

    increments: int

    @handles(Start)
    async def start(self, _start: Start) -> int:
        """All of them, then the question."""
        counter = await self.context.spawn(role(Counter))
        for _ in range(self.increments):
            await counter.tell(INCREMENT)
        return await counter.ask(Retrieve())


async def play(system: System, parameters: Parameters) -> int:
    """One flood."""
    producer = await system.spawn(role(Producer, parameters.increments))
    return await producer.ask(Start())


def check(parameters: Parameters, counted: int) -> None:
    """None was lost, none came twice."""
    same("the count", counted, parameters.increments)


PROGRAM = Program(
    "count",
    2,
    Sizes(default=Parameters(1_000_000), here=Parameters(1_000_000), small=Parameters(3_000)),
    play,
    check,
    messages=lambda parameters: parameters.increments + 2,
    actors=lambda _: 2,
)
