"""
10 Producer-consumer with a bounded buffer: the bound is kept by a manager that parks producers, not by a mailbox.

Each producer has one item on its way and each consumer one word that it is free, so the manager has a slot for each of them.
"""

from collections import deque
from math import log

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """The buffer's slots, who takes part, the items of each producer, and what an item costs both sides (hundreds of logarithms)."""

    slots: int
    producers: int
    consumers: int
    items: int
    produce_cost: int
    consume_cost: int


@frozen
class Result:
    """What was consumed, the sum of the items' numbers, and how many items waited at most."""

    items: int
    sum: int
    pending_max: int


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Produce:
    """To a producer: one more item."""


@frozen
class Item:
    """What is produced: the producer's item of that number, and what went into it."""

    producer: ActorRef[Produce]
    number: int
    worth: float


@frozen
class ProducerExit:
    """A producer has made its items."""


@frozen
class Exit(Request[tuple[int, int]]):
    """To a consumer: end. The reply is how many items it consumed, and the sum of their numbers."""


@frozen
class ConsumerAvailable:
    """A consumer is free again."""

    consumer: ActorRef[Item | Exit]


PRODUCE, PRODUCER_EXIT = Produce(), ProducerExit()


def process(worth: float, cost: int, random: PseudoRandom) -> float:
    """The suite's work for an item."""
    result = worth
    for _ in range(cost * 100):
        result += log(abs(random.next_double()) + 0.01)
    return result


@define(eq=False)
class Producer(Actor[Produce]):
    """Makes items, one when it is told to."""

    parameters: Parameters
    manager: ActorRef[Item | ProducerExit]
    made: int = 0
    worth: float = 0.0
    random: PseudoRandom = field(factory=PseudoRandom)
    me: ActorRef[Produce] = field(init=False)

    def on_start(self) -> None:
        """Knows its name."""
        self.me = self.context.ref

    @handles(Produce)
    def produce(self, _produce: Produce) -> None:
        """An item, or the end."""
        if self.made == self.parameters.items:
            self.manager.tell_nowait(PRODUCER_EXIT)
            self.context.stop_self()
            return
        self.worth = process(self.worth, self.parameters.produce_cost, self.random)
        self.manager.tell_nowait(Item(self.me, self.made, self.worth))
        self.made += 1


@define(eq=False)
class Consumer(Actor[Item | Exit]):
    """Consumes items."""

    cost: int
    manager: ActorRef[ConsumerAvailable]
    consumed: int = 0
    sum: int = 0
    worth: float = 0.0
    random: PseudoRandom = field(factory=PseudoRandom)
    free: ConsumerAvailable = field(init=False)

    def on_start(self) -> None:
        """Its word when it is free."""
        self.free = ConsumerAvailable(self.context.ref)

    @handles(Item)
    def consume(self, item: Item) -> None:
        """One item."""
        self.worth = process(self.worth + item.worth, self.cost, self.random)
        self.consumed += 1
        self.sum += item.number
        self.manager.tell_nowait(self.free)

    @handles(Exit)
    def exit(self, _exit: Exit) -> tuple[int, int]:
        """The end."""
        self.context.stop_self()
        return self.consumed, self.sum


@define(eq=False)
class Manager(Actor[Start | Item | ProducerExit | ConsumerAvailable]):
    """Has the buffer."""

    parameters: Parameters
    producers_left: int = 0
    pending_max: int = 0
    pending: deque[Item] = field(factory=deque[Item])
    parked: deque[ActorRef[Produce]] = field(factory=deque[ActorRef[Produce]])
    idle: deque[ActorRef[Item | Exit]] = field(factory=deque[ActorRef[Item | Exit]])
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """Creates all; every consumer is free, every producer is to produce."""
        self.result = self.context.defer(start)
        parameters = self.parameters
        self.producers_left = parameters.producers
        for _ in range(parameters.consumers):
            self.idle.append(await self.context.spawn(role(Consumer, parameters.consume_cost, self.context.ref)))
        for _ in range(parameters.producers):
            producer = await self.context.spawn(role(Producer, parameters, self.context.ref))
            producer.tell_nowait(PRODUCE)
        return self.result

    @handles(Item)
    def take(self, item: Item) -> None:
        """To a free consumer, or into the buffer; its producer goes on if there is room for what it will bring."""
        if self.idle:
            self.idle.popleft().tell_nowait(item)
        else:
            self.pending.append(item)
            self.pending_max = max(self.pending_max, len(self.pending))
        if len(self.pending) >= self.parameters.slots - self.parameters.producers:
            self.parked.append(item.producer)
        else:
            item.producer.tell_nowait(PRODUCE)

    @handles(ConsumerAvailable)
    async def give(self, available: ConsumerAvailable) -> None:
        """The next item, if there is one; then there is room for another."""
        if not self.pending:
            self.idle.append(available.consumer)
            await self.end_if_all_is_done()
            return
        available.consumer.tell_nowait(self.pending.popleft())
        if self.parked:
            self.parked.popleft().tell_nowait(PRODUCE)

    @handles(ProducerExit)
    async def count(self, _exit: ProducerExit) -> None:
        """One producer less."""
        self.producers_left -= 1
        await self.end_if_all_is_done()

    async def end_if_all_is_done(self) -> None:
        """Ends the consumers when no producer is left and all of them are free."""
        if self.producers_left == 0 and len(self.idle) == self.parameters.consumers:
            counts = [await consumer.ask(Exit()) for consumer in self.idle]
            self.result.send(Result(sum(items for items, _ in counts), sum(numbers for _, numbers in counts), self.pending_max))


async def play(system: System, parameters: Parameters) -> Result:
    """One market."""
    manager = await system.spawn(role(Manager, parameters, mailbox=parameters.producers + parameters.consumers + 1))
    return await manager.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """Every item was consumed once, and the buffer was never over its bound."""
    same("the number of items consumed", result.items, parameters.producers * parameters.items)
    same("the sum of their numbers", result.sum, parameters.producers * sum(range(parameters.items)))
    if result.pending_max > parameters.slots:
        raise WrongResult(f"{result.pending_max} items were in a buffer of {parameters.slots}")


PROGRAM = Program(
    "bndbuffer",
    10,
    Sizes(
        default=Parameters(50, 40, 40, 1_000, 25, 25),
        here=Parameters(50, 40, 40, 100, 2, 2),
        small=Parameters(8, 5, 3, 12, 1, 1),
    ),
    play,
    check,
    # start; per producer its items twice (produce, item) and the last word twice; per item a word that its consumer is free, and
    # the item to the consumer; the consumers' ends
    messages=lambda parameters: 1 + parameters.producers * (4 * parameters.items + 2) + parameters.consumers,
    actors=lambda parameters: parameters.producers + parameters.consumers + 1,
)
