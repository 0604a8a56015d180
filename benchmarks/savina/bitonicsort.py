"""
30 Bitonic sort: a sorting network, in which every comparator, splitter, joiner and adapter is an actor.

As in the suite (which has it from StreamIt), the network is built from steps: a splitter deals sequences to partitions, each of which deals
its values to comparators, and joiners collect in the same order. Values go one way: each actor waits for the room of the next, and
joiners take everything, so nobody waits in a circle.

Whoever builds a part of the network is the parent of it, and an actor's end is the end of its children; so in contrast to the suite
the actors do not stop themselves at the exit that follows the values, but end with the network.
"""

from collections import deque
from collections.abc import Sequence

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many values (a power of 2), below how much, and where the random numbers begin."""

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


@frozen
class Data:
    """A value on its way to a joiner, and from which of its sources."""

    source: int
    value: int


@frozen
class Exit:
    """There are no more."""


EXIT = Exit()


@define(eq=False)
class ValueDataAdapter(Actor[Value | Exit]):
    """Writes on a value from which source it is."""

    source: int
    next: ActorRef[Data | Exit]

    @handles(Value)
    async def adapt(self, value: Value) -> None:
        """With the number."""
        await self.next.tell(Data(self.source, value.value))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There are no more."""
        await self.next.tell(exit_)


@define(eq=False)
class DataValueAdapter(Actor[Value | Data | Exit]):
    """Forgets from which source a value is."""

    next: ActorRef[Value | Exit]

    @handles(Value)
    async def pass_on(self, value: Value) -> None:
        """As it is."""
        await self.next.tell(value)

    @handles(Data)
    async def adapt(self, data: Data) -> None:
        """Without the number."""
        await self.next.tell(Value(data.value))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There are no more."""
        await self.next.tell(exit_)


@define(eq=False)
class Splitter(Actor[Value | Exit]):
    """Deals the values to its receivers in turn, so many at a time."""

    run: int
    receivers: Sequence[ActorRef[Value | Exit]]
    dealt: int = 0

    @handles(Value)
    async def split(self, value: Value) -> None:
        """To the one whose turn it is."""
        await self.receivers[self.dealt // self.run % len(self.receivers)].tell(value)
        self.dealt += 1

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There are no more."""
        for receiver in self.receivers:
            await receiver.tell(exit_)


@define(eq=False)
class Joiner(Actor[Data | Exit]):
    """Collects values from its sources in turn, so many at a time; what comes early waits in it."""

    run: int
    sources: int
    next: ActorRef[Value | Exit]
    queues: list[deque[int]] = field(init=False)
    taken: int = 0
    exits: int = 0

    def on_start(self) -> None:
        """Nothing came yet."""
        self.queues = [deque[int]() for _ in range(self.sources)]

    @handles(Data)
    async def join(self, data: Data) -> None:
        """Passes on what is due."""
        self.queues[data.source].append(data.value)
        while queue := self.queues[self.taken // self.run % self.sources]:
            self.taken += 1
            await self.next.tell(Value(queue.popleft()))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There are no more when no source has more."""
        self.exits += 1
        if self.exits == self.sources:
            await self.next.tell(exit_)


@define(eq=False)
class CompareExchange(Actor[Value | Exit]):
    """Puts two values in order."""

    source: int
    is_up: bool
    next: ActorRef[Data | Exit]
    first: int | None = None

    @handles(Value)
    async def compare(self, value: Value) -> None:
        """With the one before, if it is the second."""
        if self.first is None:
            self.first = value.value
            return
        smaller, larger = sorted((self.first, value.value))
        self.first = None
        await self.next.tell(Data(self.source, smaller if self.is_up else larger))
        await self.next.tell(Data(self.source, larger if self.is_up else smaller))

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There are no more."""
        await self.next.tell(exit_)


@define(eq=False)
class Compound(Actor[Value | Exit]):
    """What has a part of the network below it: sends everything to where that begins."""

    first: ActorRef[Value | Exit] = field(init=False)

    @handles(Value)
    async def pass_on(self, value: Value) -> None:
        """Into the network."""
        await self.first.tell(value)

    @handles(Exit)
    async def exit(self, exit_: Exit) -> None:
        """There are no more."""
        await self.first.tell(exit_)


@define(eq=False)
class Partition(Compound):
    """Makes two bitonic sequences of one: comparators of values that are half a length apart."""

    source: int
    length: int
    is_up: bool
    next: ActorRef[Data | Exit]

    async def on_start(self) -> None:
        """Builds it, from the end."""
        spawn = self.context.spawn
        half = self.length // 2
        adapter = await spawn(role(ValueDataAdapter, self.source, self.next))
        joiner = await spawn(role(Joiner, 1, half, adapter))
        comparators = [await spawn(role(CompareExchange, number, self.is_up, joiner)) for number in range(half)]
        self.first = await spawn(role(Splitter, 1, comparators))


@define(eq=False)
class Step(Compound):
    """A step of a merge: deals sequences to partitions, whose direction changes after so many; 0: never."""

    length: int
    partitions: int
    turn: int
    next: ActorRef[Value | Exit]

    async def on_start(self) -> None:
        """Builds it, from the end."""
        spawn = self.context.spawn
        adapter: ActorRef[Value | Exit] = await spawn(role(DataValueAdapter, self.next)) if self.turn else self.next
        joiner = await spawn(role(Joiner, self.length, self.partitions, adapter))
        parts: list[ActorRef[Value | Exit]] = []
        for number in range(self.partitions):
            is_up = not self.turn or number // self.turn % 2 == 0
            if self.length > 2:
                parts.append(await spawn(role(Partition, number, self.length, is_up, joiner)))
            else:
                parts.append(await spawn(role(CompareExchange, number, is_up, joiner)))
        self.first = await spawn(role(Splitter, self.length, parts))


@define(eq=False)
class Stage(Compound):
    """A stage: makes sorted sequences of so many values, in as many steps as the logarithm of that; the last one makes a single one."""

    order: int
    values: int
    next: ActorRef[Value | Exit]

    async def on_start(self) -> None:
        """Builds its steps, from the end."""
        next_ = self.next
        part = self.order // 2
        while part >= 1:
            turn = part if self.order < self.values else 0
            next_ = await self.context.spawn(role(Step, self.order // part, self.values // self.order * part, turn, next_))
            part //= 2
        self.first = next_


@define(eq=False)
class Kernel(Compound):
    """The network."""

    values: int
    next: ActorRef[Value | Exit]

    async def on_start(self) -> None:
        """Builds its stages, from the end."""
        next_ = self.next
        order = self.values
        while order >= 2:
            next_ = await self.context.spawn(role(Stage, order, self.values, next_))
            order //= 2
        self.first = next_


@define(eq=False)
class Validation(Actor[Value | Exit]):
    """Looks at what comes out."""

    driver: ActorRef[Result]
    sum: int = 0
    values: int = 0
    descents: int = 0
    last: int = 0

    @handles(Value)
    def take(self, value: Value) -> None:
        """One more."""
        self.sum += value.value
        self.values += 1
        self.descents += value.value < self.last
        self.last = value.value

    @handles(Exit)
    def exit(self, _exit: Exit) -> None:
        """That was all."""
        self.driver.tell_nowait(Result(self.sum, self.values, self.descents))


@define(eq=False)
class Driver(Actor[Start | Result]):
    """Builds everything, and sends the values."""

    parameters: Parameters
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """All values, and the end."""
        self.result = self.context.defer(start)
        validation = await self.context.spawn(role(Validation, self.context.ref))
        adapter = await self.context.spawn(role(DataValueAdapter, validation))
        kernel = await self.context.spawn(role(Kernel, self.parameters.values, adapter))
        random = PseudoRandom(self.parameters.seed)
        for _ in range(self.parameters.values):
            await kernel.tell(Value(random.next_long() % self.parameters.limit))
        await kernel.tell(EXIT)
        return self.result

    @handles(Result)
    def end(self, result: Result) -> None:
        """All came out."""
        self.result.send(result)


async def play(system: System, parameters: Parameters) -> Result:
    """One network."""
    driver = await system.spawn(role(Driver, parameters))
    return await driver.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """They came out in order, and they are those that went in; for the suite's parameters, their sum is the suite's."""
    random = PseudoRandom(parameters.seed)
    same("the sum of the values", result.sum, sum(random.next_long() % parameters.limit for _ in range(parameters.values)))
    same("the number of values", result.values, parameters.values)
    if result.descents:
        raise WrongResult(f"{result.descents} values are smaller than the one before")
    if parameters == PROGRAM.sizes.default:
        same("the sum of the values", result.sum, 135063552)


PROGRAM = Program(
    "bitonicsort",
    30,
    Sizes(default=Parameters(4_096, 2**60, 2_048), here=Parameters(512, 2**60, 2_048), small=Parameters(16, 2**60, 2_048)),
    play,
    check,
)
