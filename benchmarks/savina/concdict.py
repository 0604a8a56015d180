"""
08 Concurrent dictionary: workers read and write one dictionary, which is an actor.

A worker has one request on its way, and sends the next when the result comes; so the dictionary has a slot for each worker. The numbers
are java.util.Random's, seeded a worker, so the requests are known beforehand: they are counted independently, and whatever stands under
a written key must be one of the values written there. (In the suite the keys are not brought below the limit; here they are.)
"""

from collections.abc import Iterator, Mapping

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role, same
from .randoms import JavaRandom


@frozen
class Parameters:
    """How many workers send how many requests each, how many of a hundred are writes, and how many keys there are."""

    workers: int
    requests: int
    write_percent: int
    keys: int


@frozen
class Result:
    """How many requests the dictionary took, and what it holds at the end."""

    reads: int
    writes: int
    entries: Mapping[int, int]


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Write:
    """Put *value* under *key*."""

    key: int
    value: int
    sender: "ActorRef[Value]"


@frozen
class Read:
    """What is under *key*?"""

    key: int
    sender: "ActorRef[Value]"


@frozen
class EndWork(Request[Result]):
    """To the dictionary: say what there is, and end."""


@frozen
class Value:
    """What is under the key now; to a worker: go on."""

    value: int | None


@frozen
class WorkerEnded:
    """A worker has sent all its requests."""


def requests_of(worker: int, parameters: Parameters) -> Iterator[tuple[int, int | None]]:
    """The key of each request of a worker, and the value if it is a write."""
    random = JavaRandom(worker + parameters.requests + parameters.write_percent)
    for _ in range(parameters.requests):
        is_write = random.next_int(100) < parameters.write_percent
        key = abs(random.next_any_int()) % parameters.keys
        yield key, random.next_any_int() if is_write else None


@define(eq=False)
class Dictionary(Actor[Write | Read | EndWork]):
    """The dictionary, with a value for each key from the start."""

    keys: int
    reads: int = 0
    writes: int = 0
    entries: dict[int, int] = field(factory=dict[int, int])

    def on_start(self) -> None:
        """Each key is its own value."""
        self.entries.update((key, key) for key in range(self.keys))

    @handles(Write)
    def write(self, write: Write) -> None:
        """One entry is replaced."""
        self.writes += 1
        self.entries[write.key] = write.value
        write.sender.tell_nowait(Value(write.value))

    @handles(Read)
    def read(self, read: Read) -> None:
        """One entry is looked up."""
        self.reads += 1
        read.sender.tell_nowait(Value(self.entries.get(read.key)))

    @handles(EndWork)
    def end(self, _end: EndWork) -> Result:
        """Hands everything over: it is never touched again."""
        self.context.stop_self()
        return Result(self.reads, self.writes, self.entries)


@define(eq=False)
class Worker(Actor[Value]):
    """Sends one request after the other."""

    number: int
    parameters: Parameters
    dictionary: ActorRef[Write | Read]
    master: ActorRef[WorkerEnded]
    me: ActorRef[Value] = field(init=False)
    requests: Iterator[tuple[int, int | None]] = field(init=False)

    def on_start(self) -> None:
        """Its requests are its own."""
        self.me = self.context.ref
        self.requests = requests_of(self.number, self.parameters)

    @handles(Value)
    def go_on(self, _value: Value) -> None:
        """The next request, or the end."""
        request = next(self.requests, None)
        if request is None:
            self.master.tell_nowait(WorkerEnded())
            self.context.stop_self()
            return
        key, value = request
        self.dictionary.tell_nowait(Read(key, self.me) if value is None else Write(key, value, self.me))


@define(eq=False)
class Master(Actor[Start | WorkerEnded]):
    """Ends the dictionary when the last worker has ended."""

    parameters: Parameters
    ended: int = 0
    dictionary: ActorRef[Write | Read | EndWork] = field(init=False)
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """Creates all."""
        self.result = self.context.defer(start)
        workers = self.parameters.workers
        self.dictionary = await self.context.spawn(role(Dictionary, self.parameters.keys, mailbox=workers + 1))
        for number in range(workers):
            worker = await self.context.spawn(role(Worker, number, self.parameters, self.dictionary, self.context.ref))
            await worker.tell(Value(None))
        return self.result

    @handles(WorkerEnded)
    async def count(self, _ended: WorkerEnded) -> None:
        """One less."""
        self.ended += 1
        if self.ended == self.parameters.workers:
            self.result.send(await self.dictionary.ask(EndWork()))


async def play(system: System, parameters: Parameters) -> Result:
    """One dictionary."""
    master = await system.spawn(role(Master, parameters, mailbox=parameters.workers + 1))
    return await master.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """The requests, drawn once more without actors."""
    written: dict[int, set[int]] = {}
    writes = 0
    for worker in range(parameters.workers):
        for key, value in requests_of(worker, parameters):
            if value is not None:
                writes += 1
                written.setdefault(key, set()).add(value)
    same("the number of writes", result.writes, writes)
    same("the number of requests", result.reads + result.writes, parameters.workers * parameters.requests)
    same("the number of entries", len(result.entries), parameters.keys)
    for key, value in result.entries.items():
        if value not in written.get(key, {key}):
            raise WrongResult(f"under {key} stands {value}, which nobody has written there")


PROGRAM = Program(
    "concdict",
    8,
    Sizes(default=Parameters(20, 10_000, 10, 524_287), here=Parameters(20, 10_000, 10, 65_536), small=Parameters(5, 40, 10, 100)),
    play,
    check,
    messages=lambda parameters: parameters.workers * (2 * parameters.requests + 2) + 2,
    actors=lambda parameters: parameters.workers + 2,
)
