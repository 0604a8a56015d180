"""
21 Trapezoidal rule: a master has the area under a curve added up by workers, each with a part of the interval.

Corrected: the suite cuts the number of a worker's strips off to an integer, and so loses a strip where the division falls just below one;
here the number is rounded.
"""

from math import exp, sin, sqrt

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, close, role


@frozen
class Parameters:
    """How many strips for how many workers, and from where to where."""

    strips: int
    workers: int
    left: float
    right: float


@frozen
class Start(Request[float]):
    """Begin; the reply is the area."""


@frozen
class Part:
    """To a worker: the area from here to there, in strips that wide."""

    left: float
    right: float
    width: float


@frozen
class Area:
    """What a worker has found."""

    area: float


def curve(x: float) -> float:
    """The suite's function."""
    return sin(x**3 - 1) / (x + 1) * sqrt(1 + exp(sqrt(2 * x)))


def strips(left: float, right: float, width: float) -> float:
    """The area of the trapezoids."""
    area = 0.0
    for number in range(round((right - left) / width)):
        x = left + number * width
        area += 0.5 * (curve(x) + curve(x + width)) * width
    return area


@define(eq=False)
class Worker(Actor[Part]):
    """Does one part."""

    master: ActorRef[Area]

    @handles(Part)
    def work(self, part: Part) -> None:
        """Adds up, and ends."""
        self.master.tell_nowait(Area(strips(part.left, part.right, part.width)))
        self.context.stop_self()


@define(eq=False)
class Master(Actor[Start | Area]):
    """Adds the parts."""

    parameters: Parameters
    received: int = 0
    area: float = 0.0
    result: Reply[float] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[float]:
        """Splits the interval."""
        self.result = self.context.defer(start)
        parameters = self.parameters
        part = (parameters.right - parameters.left) / parameters.workers
        width = (parameters.right - parameters.left) / parameters.strips
        spec = role(Worker, self.context.ref)
        for number in range(parameters.workers):
            worker = await self.context.spawn(spec)
            left = parameters.left + number * part
            await worker.tell(Part(left, left + part, width))
        return self.result

    @handles(Area)
    def add(self, area: Area) -> None:
        """One part more."""
        self.received += 1
        self.area += area.area
        if self.received == self.parameters.workers:
            self.result.send(self.area)


async def play(system: System, parameters: Parameters) -> float:
    """One area."""
    master = await system.spawn(role(Master, parameters, mailbox=parameters.workers + 1))
    return await master.ask(Start())


def check(parameters: Parameters, area: float) -> None:
    """Simpson's rule, which is exact to 1e-9 here, within the error of the trapezoids; what the suite prints for its size."""
    pairs = 20_000
    width = (parameters.right - parameters.left) / (2 * pairs)
    values = [curve(parameters.left + number * width) for number in range(2 * pairs + 1)]
    simpson = width / 3 * (values[0] + 4 * sum(values[1::2]) + 2 * sum(values[2:-1:2]) + values[-1])
    strip = (parameters.right - parameters.left) / parameters.strips
    close("the area", area, simpson, 1e-8 + 200 * strip * strip)
    if parameters == PROGRAM.sizes.default:
        close("the area", area, 0.2710807, 5e-7)


PROGRAM = Program(
    "trapezoid",
    21,
    Sizes(default=Parameters(10_000_000, 100, 1.0, 5.0), here=Parameters(1_000_000, 100, 1.0, 5.0), small=Parameters(2_000, 10, 1.0, 5.0)),
    play,
    check,
    messages=lambda parameters: 2 * parameters.workers + 1,
    actors=lambda parameters: parameters.workers + 1,
)
