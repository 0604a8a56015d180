"""
29 Fibonacci: an actor for every call of the recursive function.

An actor is the child of the one that called it, and ends when it has answered: by then its own children have answered, and ended. It
never has more than the request or two answers waiting.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """Which Fibonacci number."""

    number: int


@frozen
class Start(Request[int]):
    """Begin; the reply is the number."""


@frozen
class Compute:
    """To a call: this number."""

    number: int


@frozen
class Response:
    """What a call has found."""

    value: int


ONE = Response(1)


@define(eq=False)
class Call(Actor[Compute | Response]):
    """One call."""

    caller: ActorRef[Response]
    open_calls: int = 2
    sum: int = 0

    @handles(Compute)
    def compute(self, compute: Compute) -> None:
        """By itself, or by two others."""
        if compute.number <= 2:
            self.caller.tell_nowait(ONE)
            self.context.stop_self()
            return
        spec = role(Call, self.context.ref, mailbox=2)
        self.context.spawn_nowait(spec).tell_nowait(Compute(compute.number - 1))
        self.context.spawn_nowait(spec).tell_nowait(Compute(compute.number - 2))

    @handles(Response)
    def add(self, response: Response) -> None:
        """One answer; with the second it has its own."""
        self.sum += response.value
        self.open_calls -= 1
        if self.open_calls == 0:
            self.caller.tell_nowait(Response(self.sum))
            self.context.stop_self()


@define(eq=False)
class Driver(Actor[Start | Response]):
    """Makes the first call."""

    number: int
    result: Reply[int] = field(init=False)

    @handles(Start)
    def start(self, start: Start) -> Reply[int]:
        """The first call."""
        self.result = self.context.defer(start)
        self.context.spawn_nowait(role(Call, self.context.ref, mailbox=2)).tell_nowait(Compute(self.number))
        return self.result

    @handles(Response)
    def end(self, response: Response) -> None:
        """That was all."""
        self.result.send(response.value)


async def play(system: System, parameters: Parameters) -> int:
    """One number."""
    driver = await system.spawn(role(Driver, parameters.number))
    return await driver.ask(Start())


def fibonacci(number: int) -> int:
    """The sum of the two before, twice 1 first."""
    last, next_ = 0, 1
    for _ in range(number):
        last, next_ = next_, last + next_
    return last


def check(parameters: Parameters, value: int) -> None:
    """Without recursion; for the suite's parameter, what it prints."""
    same("the number", value, fibonacci(parameters.number))
    if parameters == PROGRAM.sizes.default:
        same("the number", value, 75025)


def calls(parameters: Parameters) -> int:
    """A call for each 1 in the sum, and one for each addition."""
    return 2 * fibonacci(parameters.number) - 1


PROGRAM = Program(
    "fib",
    29,
    Sizes(default=Parameters(25), here=Parameters(21), small=Parameters(10)),
    play,
    check,
    messages=lambda parameters: 1 + 2 * calls(parameters),
    actors=lambda parameters: 1 + calls(parameters),
)
