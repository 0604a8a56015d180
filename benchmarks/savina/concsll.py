"""
09 Concurrent sorted list: workers insert into, search in and measure one sorted linked list, which is an actor.

As in the dictionary, each worker has one request on its way. The list is really a chain of nodes: the searching is linear. What was
inserted is known beforehand, so the list at the end is compared value by value.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many workers send how many requests each; how many of a hundred are inserts, and how many ask for the size."""

    workers: int
    requests: int
    write_percent: int
    size_percent: int


@frozen
class Result:
    """How many requests there were, and what the list holds at the end."""

    requests: int
    values: Sequence[int]


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Demand:
    """What a worker wants of the list: one of the three words below, with a value."""

    kind: str
    value: int
    sender: "ActorRef[Answer]"


WRITE: Final = "write"
CONTAINS: Final = "contains"
SIZE: Final = "size"


@frozen
class EndWork(Request[Result]):
    """To the list: say what there is, and end."""


@frozen
class Answer:
    """The size, or whether there is such a value; to a worker: go on."""

    value: int


@frozen
class WorkerEnded:
    """A worker has sent all its requests."""


def demands_of(worker: int, parameters: Parameters) -> Iterator[tuple[str, int]]:
    """What a worker wants, in order."""
    seed = worker + parameters.requests + parameters.write_percent + parameters.size_percent
    random = PseudoRandom(seed)
    for _ in range(parameters.requests):
        drawn = random.next_int(100)
        if drawn < parameters.size_percent:
            yield SIZE, 0
        elif drawn < parameters.size_percent + parameters.write_percent:
            yield WRITE, random.next_long()
        else:
            yield CONTAINS, random.next_long()


@define(eq=False)
class Node:
    """One link of the chain."""

    value: int
    next: "Node | None"


@define(eq=False)
class SortedList:
    """A chain of nodes in ascending order."""

    head: Node | None = None
    size: int = 0

    def insert(self, value: int) -> None:
        """Puts the value in its place, behind equal ones."""
        self.size += 1
        before, node = None, self.head
        while node is not None and node.value <= value:
            before, node = node, node.next
        new = Node(value, node)
        if before is None:
            self.head = new
        else:
            before.next = new

    def contains(self, value: int) -> bool:
        """Whether it is there."""
        node = self.head
        while node is not None and node.value < value:
            node = node.next
        return node is not None and node.value == value

    def __iter__(self) -> Iterator[int]:
        node = self.head
        while node is not None:
            yield node.value
            node = node.next


@define(eq=False)
class Keeper(Actor[Demand | EndWork]):
    """Keeps the list."""

    requests: int = 0
    values: SortedList = field(factory=SortedList)

    @handles(Demand)
    def serve(self, demand: Demand) -> None:
        """One request."""
        self.requests += 1
        if demand.kind == WRITE:
            self.values.insert(demand.value)
            answer = demand.value
        elif demand.kind == CONTAINS:
            answer = int(self.values.contains(demand.value))
        else:
            answer = self.values.size
        demand.sender.tell_nowait(Answer(answer))

    @handles(EndWork)
    def end(self, _end: EndWork) -> Result:
        """Says what there is."""
        self.context.stop_self()
        return Result(self.requests, tuple(self.values))


@define(eq=False)
class Worker(Actor[Answer]):
    """Sends one request after the other."""

    number: int
    parameters: Parameters
    keeper: ActorRef[Demand]
    master: ActorRef[WorkerEnded]
    me: ActorRef[Answer] = field(init=False)
    demands: Iterator[tuple[str, int]] = field(init=False)

    def on_start(self) -> None:
        """Its requests are its own."""
        self.me = self.context.ref
        self.demands = demands_of(self.number, self.parameters)

    @handles(Answer)
    def go_on(self, _answer: Answer) -> None:
        """The next request, or the end."""
        demand = next(self.demands, None)
        if demand is None:
            self.master.tell_nowait(WorkerEnded())
            self.context.stop_self()
        else:
            self.keeper.tell_nowait(Demand(*demand, self.me))


@define(eq=False)
class Master(Actor[Start | WorkerEnded]):
    """Ends the list when the last worker has ended."""

    parameters: Parameters
    ended: int = 0
    keeper: ActorRef[Demand | EndWork] = field(init=False)
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """Creates all."""
        self.result = self.context.defer(start)
        workers = self.parameters.workers
        self.keeper = await self.context.spawn(role(Keeper, mailbox=workers + 1))
        for number in range(workers):
            worker = await self.context.spawn(role(Worker, number, self.parameters, self.keeper, self.context.ref))
            await worker.tell(Answer(0))
        return self.result

    @handles(WorkerEnded)
    async def count(self, _ended: WorkerEnded) -> None:
        """One less."""
        self.ended += 1
        if self.ended == self.parameters.workers:
            self.result.send(await self.keeper.ask(EndWork()))


async def play(system: System, parameters: Parameters) -> Result:
    """One list."""
    master = await system.spawn(role(Master, parameters, mailbox=parameters.workers + 1))
    return await master.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """The list is sorted, and holds what was inserted."""
    written = [value for worker in range(parameters.workers) for kind, value in demands_of(worker, parameters) if kind == WRITE]
    same("the number of requests", result.requests, parameters.workers * parameters.requests)
    same("the list", list(result.values), sorted(written))


PROGRAM = Program(
    "concsll",
    9,
    Sizes(default=Parameters(20, 8_000, 10, 1), here=Parameters(20, 1_000, 10, 1), small=Parameters(5, 60, 10, 1)),
    play,
    check,
    messages=lambda parameters: parameters.workers * (2 * parameters.requests + 2) + 2,
    actors=lambda parameters: parameters.workers + 2,
)
