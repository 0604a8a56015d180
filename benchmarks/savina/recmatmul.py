"""
23 Recursive matrix multiplication: workers split a product into eight of half the size, and hand them back to the master.

The matrices are shared by design: that is the suite's program. Who works on a block of C is chosen by the block's place, so that no
two workers write to one. The most divided work comes first, by the workers' priority mailboxes. The number of works is known
beforehand and is the bound of every mailbox.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Priority, Reply, Request, System, handles

from .frame import Program, Sizes, role, same

Matrix = list[list[float]]


@frozen
class Parameters:
    """How long a side is, from how many elements on a product is split, and how many workers there are."""

    side: int
    threshold: int
    workers: int

    @property
    def works(self) -> int:
        """How many there are, with those that are split."""
        total, level, elements = 1, 1, self.side * self.side
        while elements > self.threshold:
            level *= 8
            total += level
            elements //= 4
        return total


@frozen
class Matrices:
    """The two factors and the product, which all workers share."""

    a: Matrix
    b: Matrix
    c: Matrix


@frozen
class Start(Request[Matrix]):
    """Begin; the reply is the product."""


@frozen
class Work:
    """Add to C, from there on, the product of the parts of A and B from there on, in so many rows and columns. Less is more urgent."""

    urgency: int
    a: tuple[int, int]
    b: tuple[int, int]
    c: tuple[int, int]
    side: int


@frozen
class Done:
    """A work is done, or split."""


@frozen
class Stop:
    """The end."""


DONE, STOP = Done(), Stop()


def urgency(message: Work | Stop) -> int:
    """The key of a worker's mailbox: the end comes last."""
    return message.urgency if isinstance(message, Work) else 1


@define(eq=False)
class Worker(Actor[Work | Stop]):
    """Multiplies, or splits."""

    threshold: int
    matrices: Matrices
    master: ActorRef[Work | Done]

    @handles(Work)
    def work(self, work: Work) -> None:
        """One of both."""
        if work.side * work.side > self.threshold:
            self.split(work)
        else:
            self.multiply(work)
        self.master.tell_nowait(DONE)

    def split(self, work: Work) -> None:
        """Into eight."""
        half = work.side // 2
        for row in (0, half):
            for column in (0, half):
                for inner in (0, half):
                    a = work.a[0] + row, work.a[1] + inner
                    b = work.b[0] + inner, work.b[1] + column
                    c = work.c[0] + row, work.c[1] + column
                    self.master.tell_nowait(Work(work.urgency - 1, a, b, c, half))

    def multiply(self, work: Work) -> None:
        """Row by row."""
        side, (row_a, column_a), (row_b, column_b), (row_c, column_c) = work.side, work.a, work.b, work.c
        rows_b = [row[column_b : column_b + side] for row in self.matrices.b[row_b : row_b + side]]
        for number in range(side):
            row = self.matrices.c[row_c + number]
            part = row[column_c : column_c + side]
            for factor, values in zip(self.matrices.a[row_a + number][column_a : column_a + side], rows_b, strict=True):
                part = [old + factor * value for old, value in zip(part, values, strict=True)]
            row[column_c : column_c + side] = part

    @handles(Stop)
    def stop(self, _stop: Stop) -> None:
        """The end."""
        self.context.stop_self()


@define(eq=False)
class Master(Actor[Start | Work | Done]):
    """Gives the works out."""

    parameters: Parameters
    sent: int = 0
    completed: int = 0
    workers: list[ActorRef[Work | Stop]] = field(factory=list[ActorRef[Work | Stop]])
    matrices: Matrices = field(init=False)
    result: Reply[Matrix] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Matrix]:
        """The whole product."""
        self.result = self.context.defer(start)
        side = self.parameters.side
        rows = range(side)
        self.matrices = Matrices(
            [[float(i) for _ in rows] for i in rows], [[float(j) for j in rows] for _ in rows], [[0.0] * side for _ in rows]
        )
        mailbox = Priority(self.parameters.works + 1, key=urgency)
        spec = role(Worker, self.parameters.threshold, self.matrices, self.context.ref, mailbox=mailbox)
        for _ in range(self.parameters.workers):
            self.workers.append(await self.context.spawn(spec))
        self.send(Work(0, (0, 0), (0, 0), (0, 0), side))
        return self.result

    @handles(Work)
    def send(self, work: Work) -> None:
        """To whom the block of C belongs."""
        self.workers[sum(work.c) % self.parameters.workers].tell_nowait(work)
        self.sent += 1

    @handles(Done)
    def count(self, _done: Done) -> None:
        """One less; or the end."""
        self.completed += 1
        if self.completed == self.sent:
            for worker in self.workers:
                worker.tell_nowait(STOP)
            self.result.send(self.matrices.c)


async def play(system: System, parameters: Parameters) -> Matrix:
    """One product."""
    master = await system.spawn(role(Master, parameters, mailbox=2 * parameters.works + 1))
    return await master.ask(Start())


def check(parameters: Parameters, product: Matrix) -> None:
    """A is i everywhere in row i, B is j everywhere in column j: so C is n times i times j."""
    side = parameters.side
    for i, row in enumerate(product):
        same(f"row {i} of the product", row, [float(side * i * j) for j in range(side)])


PROGRAM = Program(
    "recmatmul",
    23,
    Sizes(default=Parameters(1024, 16_384, 20), here=Parameters(256, 1_024, 20), small=Parameters(16, 16, 3)),
    play,
    check,
    messages=lambda parameters: 3 * parameters.works + parameters.workers,  # the first work comes from nobody; the start from outside
    actors=lambda parameters: parameters.workers + 1,
)
