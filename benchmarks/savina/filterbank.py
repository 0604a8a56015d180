"""
17 Filter bank: a signal is split to several banks of filters, each a line of seven actors, and put together again.

Producer and source pass one word to and fro; from the source on everybody waits for the room of the next, and nobody for the one before.
So the banks cannot run far apart, and the integrator, which waits for one value of each, keeps few of them. The published version is
said to deadlock on Akka; this one ends, since the exits follow the values down the same lines. It is checked against the same filters
computed one after the other. The suite's FIR filter keeps its window in a ring and never turns it: so does this one.
"""

from collections import deque
from collections.abc import Sequence
from operator import mul

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many values, how wide the filters are, and how many banks there are."""

    simulations: int
    columns: int
    channels: int


@frozen
class Start(Request[Sequence[float]]):
    """Begin; the reply is what came out."""


@frozen
class Next:
    """To the producer: another one, please."""


@frozen
class Boot:
    """To the source: another one."""


@frozen
class Value:
    """One value on its way."""

    value: float


@frozen
class SourcedValue:
    """A value at the end of the bank of that number."""

    channel: int
    value: float


@frozen
class Collected:
    """One value of each bank, in the order of the banks."""

    values: Sequence[float]


@frozen
class Output:
    """All that came out."""

    values: Sequence[float]


@frozen
class Exit:
    """There is no more."""


NEXT, BOOT, EXIT, ZERO = Next(), Boot(), Exit(), Value(0.0)
MAX_VALUE = 1000

Coefficients = Sequence[float]


def first_coefficients(channel: int, parameters: Parameters) -> Coefficients:
    """The suite's H, backwards."""
    columns, channels = parameters.columns, parameters.channels
    values = [float(i * columns + channel * channels + channel + i + channel + 1) for i in range(columns)]
    return values[::-1]


def second_coefficients(channel: int, parameters: Parameters) -> Coefficients:
    """The suite's F, backwards."""
    values = [float(i * channel + channel * channel + channel + i) for i in range(parameters.columns)]
    return values[::-1]


@define(eq=False)
class Producer(Actor[Next]):
    """Says so often that there is another value."""

    left: int
    source: "ActorRef[Boot | Exit]"

    @handles(Next)
    def produce(self, _next: Next) -> None:
        """Another, or the end."""
        if self.left == 0:
            self.source.tell_nowait(EXIT)
            self.context.stop_self()
        else:
            self.left -= 1
            self.source.tell_nowait(BOOT)


@define(eq=False)
class Source(Actor[Boot | Exit]):
    """Makes the values."""

    simulations: int
    banks: Sequence[ActorRef[Value | Exit]]
    driver: ActorRef[Output]
    current: int = 0
    branches: ActorRef[Value | Exit] = field(init=False)
    producer: ActorRef[Next] = field(init=False)

    async def on_start(self) -> None:
        """Starts what is beside it."""
        self.branches = await self.context.spawn(role(Branches, self.banks))
        self.producer = await self.context.spawn(role(Producer, self.simulations, self.context.ref))
        self.producer.tell_nowait(NEXT)

    @handles(Boot)
    async def emit(self, _boot: Boot) -> None:
        """The next value."""
        await self.branches.tell(Value(float(self.current)))
        self.current = (self.current + 1) % MAX_VALUE
        self.producer.tell_nowait(NEXT)

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There is no more."""
        await self.branches.tell(exit_)


@define(eq=False)
class Branches(Actor[Value | Exit]):
    """Sends everything to every bank."""

    banks: Sequence[ActorRef[Value | Exit]]

    @handles(Value)
    async def split(self, value: Value) -> None:
        """To all."""
        for bank in self.banks:
            await bank.tell(value)

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There is no more."""
        for bank in self.banks:
            await bank.tell(exit_)
        self.context.stop_self()


@define(eq=False)
class Stage(Actor[Value | Exit]):
    """A stage of a bank, and the way to end; as it stands, the head of a bank."""

    next: ActorRef[Value | Exit]

    @handles(Value)
    async def pass_on(self, value: Value) -> None:
        """As it is."""
        await self.next.tell(value)

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There is no more."""
        await self.next.tell(exit_)
        self.context.stop_self()


@define(eq=False)
class Delay(Stage):
    """Passes on what came so many values ago."""

    length: int
    state: deque[Value] = field(init=False)

    def on_start(self) -> None:
        """Zeroes come first."""
        self.state = deque([ZERO] * self.length)

    @handles(Value)
    async def pass_on(self, value: Value) -> None:
        """One in, one out."""
        self.state.append(value)
        await self.next.tell(self.state.popleft())


@define(eq=False)
class FirFilter(Stage):
    """Weighs the latest values, once it has a window of them."""

    coefficients: Coefficients
    window: list[float] = field(init=False)
    index: int = 0
    is_full: bool = False

    def on_start(self) -> None:
        """Nothing came yet."""
        self.window = [0.0] * len(self.coefficients)

    @handles(Value)
    async def pass_on(self, value: Value) -> None:
        """The weighed sum."""
        self.window[self.index] = value.value
        self.index += 1
        if self.index == len(self.window):
            self.is_full = True
            self.index = 0
        if self.is_full:
            await self.next.tell(Value(sum(map(mul, self.window, self.coefficients))))


@define(eq=False)
class SampleFilter(Stage):
    """Passes on one of so many, and zeroes for the others."""

    rate: int
    seen: int = 0

    @handles(Value)
    async def pass_on(self, value: Value) -> None:
        """The value, or nothing."""
        await self.next.tell(ZERO if self.seen else value)
        self.seen = (self.seen + 1) % self.rate


@define(eq=False)
class TaggedForward(Actor[Value | Exit]):
    """The end of a bank: says from which bank a value is."""

    channel: int
    integrator: ActorRef[SourcedValue | Exit]

    @handles(Value)
    async def tag(self, value: Value) -> None:
        """With the number of the bank."""
        await self.integrator.tell(SourcedValue(self.channel, value.value))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There is no more."""
        await self.integrator.tell(exit_)
        self.context.stop_self()


@define(eq=False)
class Integrator(Actor[SourcedValue | Exit]):
    """Waits for one value of each bank."""

    channels: int
    next: ActorRef[Collected | Exit]
    exits: int = 0
    queues: list[deque[float]] = field(init=False)

    def on_start(self) -> None:
        """Nothing came yet."""
        self.queues = [deque[float]() for _ in range(self.channels)]

    @handles(SourcedValue)
    async def collect(self, sourced: SourcedValue) -> None:
        """Passes a set on when it is complete."""
        self.queues[sourced.channel].append(sourced.value)
        if all(self.queues):
            await self.next.tell(Collected([queue.popleft() for queue in self.queues]))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There is no more when no bank has more."""
        self.exits += 1
        if self.exits == self.channels:
            await self.next.tell(exit_)
            self.context.stop_self()


@define(eq=False)
class Combine(Actor[Collected | Exit]):
    """Adds a set up."""

    sink: ActorRef[Value | Exit]

    @handles(Collected)
    async def combine(self, collected: Collected) -> None:
        """One value of many."""
        await self.sink.tell(Value(sum(collected.values)))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There is no more."""
        await self.sink.tell(exit_)
        self.context.stop_self()


@define(eq=False)
class Sink(Actor[Value | Exit]):
    """Takes what comes out."""

    driver: ActorRef[Output]
    values: list[float] = field(factory=list[float])

    @handles(Value)
    def take(self, value: Value) -> None:
        """One more."""
        self.values.append(value.value)

    @handles(Exit)
    def exit(self, _exit: Exit) -> None:
        """That was all."""
        self.driver.tell_nowait(Output(tuple(self.values)))
        self.context.stop_self()


@define(eq=False)
class Driver(Actor[Start | Output]):
    """Builds everything, from the end to the beginning."""

    parameters: Parameters
    result: Reply[Sequence[float]] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Sequence[float]]:
        """The source starts it."""
        self.result = self.context.defer(start)
        parameters, spawn = self.parameters, self.context.spawn
        sink = await spawn(role(Sink, self.context.ref))
        combine = await spawn(role(Combine, sink))
        integrator = await spawn(role(Integrator, parameters.channels, combine))
        banks: list[ActorRef[Value | Exit]] = []
        for channel in range(parameters.channels):
            tagged = await spawn(role(TaggedForward, channel, integrator))
            second = await spawn(role(FirFilter, tagged, second_coefficients(channel, parameters)))
            delay = await spawn(role(Delay, second, parameters.columns - 1))
            sample = await spawn(role(SampleFilter, delay, parameters.columns))
            first = await spawn(role(FirFilter, sample, first_coefficients(channel, parameters)))
            banks.append(await spawn(role(Stage, await spawn(role(Delay, first, parameters.columns - 1)))))
        await spawn(role(Source, parameters.simulations, banks, self.context.ref))
        return self.result

    @handles(Output)
    def end(self, output: Output) -> None:
        """Everything came out."""
        self.result.send(output.values)


async def play(system: System, parameters: Parameters) -> Sequence[float]:
    """One signal."""
    driver = await system.spawn(role(Driver, parameters))
    return await driver.ask(Start())


def filtered(values: Sequence[float], coefficients: Coefficients) -> list[float]:
    """Delayed by a window less one, and weighed: a filter's delay and FIR for the whole signal at once."""
    width = len(coefficients)
    delayed = [0.0] * (width - 1) + list(values)
    result: list[float] = []
    for end in range(width, len(values) + 1):  # as many as came in, so the last ones stay in the delay
        window = delayed[end - width : end]
        turn = end % width  # where the ring stands
        ring = window[width - turn :] + window[: width - turn]
        result.append(sum(map(mul, ring, coefficients)))
    return result


def check(parameters: Parameters, output: Sequence[float]) -> None:
    """The same filters, one after the other."""
    signal = [float(number % MAX_VALUE) for number in range(parameters.simulations)]
    banks: list[list[float]] = []
    for channel in range(parameters.channels):
        once = filtered(signal, first_coefficients(channel, parameters))
        sampled = [value if number % parameters.columns == 0 else 0.0 for number, value in enumerate(once)]
        banks.append(filtered(sampled, second_coefficients(channel, parameters)))
    same("the number of values", len(output), max(0, parameters.simulations - 2 * parameters.columns + 2))
    same("the values", list(output), [sum(values) for values in zip(*banks, strict=True)])


PROGRAM = Program(
    "filterbank",
    17,
    Sizes(default=Parameters(34_816, 16_384, 8), here=Parameters(3_000, 128, 8), small=Parameters(60, 8, 3)),
    play,
    check,
    actors=lambda parameters: 7 * parameters.channels + 7,
)
