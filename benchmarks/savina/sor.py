"""
26 Successive over-relaxation: the cells of a grid, red and black in turn, each an actor that knows its neighbours.

As in the suite the grid has two halves, each with a runner that owns its cells and knows those at the border of the other. A cell that has
no start yet sets values aside (the stash). A cell hears at most twice of a neighbour before it has heard of all, so its
mailbox has slots for two values of each and the start.

As in the suite a cell ends after its last iteration, and the values that its neighbours send then find nobody: they are dead letters.
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, close, role, same
from .randoms import JavaRandom

SEED: Final = 10101010


@frozen
class Parameters:
    """How long a side of the grid is, how many iterations there are, and how far a step overshoots."""

    side: int
    iterations: int
    omega: float


@frozen
class Result:
    """The sum of all values, and how many cells there are."""

    total: float
    cells: int


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Value:
    """A neighbour's value."""

    value: float


@frozen
class Begin:
    """To a cell: these are your neighbours."""

    neighbours: "Sequence[ActorRef[Begin | Value]]"


@frozen
class CellDone:
    """A cell's last value."""

    value: float


@frozen
class Border:
    """The cells at the border of the right half."""

    refs: Sequence[ActorRef[Begin | Value]]


@frozen
class HalfDone:
    """The sum of a half."""

    total: float
    cells: int


@frozen
class Boot:
    """To the right half: the left half's cells at the border."""

    refs: Sequence[ActorRef[Begin | Value]]
    values: Sequence[Sequence[float]]


@define(eq=False)
class Cell(Actor[Begin | Value]):
    """One cell; a red one sends first."""

    value: float
    is_red: bool
    parameters: Parameters
    runner: ActorRef[CellDone]
    neighbours: Sequence[ActorRef[Begin | Value]] = ()
    iteration: int = 0
    received: int = 0
    sum: float = 0.0

    @handles(Begin)
    def begin(self, begin: Begin) -> None:
        """Knows its neighbours, and takes up what was set aside."""
        self.neighbours = begin.neighbours
        if self.is_red:
            self.send()
        self.context.unstash_all()

    def send(self) -> None:
        """Its value to all neighbours: one iteration."""
        value = Value(self.value)
        for neighbour in self.neighbours:
            neighbour.tell_nowait(value)
        self.iteration += 1

    @handles(Value)
    def take(self, value: Value) -> None:
        """One neighbour; with the last one, a step."""
        if not self.neighbours:
            self.context.stash()
            return
        if self.iteration == self.parameters.iterations:
            return  # it has ended with what came before
        self.sum += value.value
        self.received += 1
        if self.received == len(self.neighbours):
            omega = self.parameters.omega
            self.value = 0.25 * omega * self.sum + (1 - omega) * self.value
            self.sum, self.received = 0.0, 0
            self.send()
            if self.iteration == self.parameters.iterations:
                self.runner.tell_nowait(CellDone(self.value))
                self.context.stop_self()


def is_red(row: int, column: int) -> bool:
    """Red and black in turn, as on a chessboard."""
    return (row + column) % 2 == 0


def grid_of(parameters: Parameters) -> list[list[float]]:
    """The values at the start: small random numbers."""
    random = JavaRandom(SEED)
    return [[random.next_double() * 1e-6 for _ in range(parameters.side)] for _ in range(parameters.side)]


def neighbours_of(row: int, column: int, side: int) -> list[tuple[int, int]]:
    """Those beside a place, on the grid."""
    beside = (row, column + 1), (row + 1, column), (row, column - 1), (row - 1, column)
    return [(x, y) for x, y in beside if 0 <= x < side and 0 <= y < side]


@define(eq=False)
class RightHalf(Actor[Boot | CellDone]):
    """Owns the cells of the right half."""

    parameters: Parameters
    left: ActorRef[Border | HalfDone]
    cells: dict[tuple[int, int], ActorRef[Begin | Value]] = field(factory=dict[tuple[int, int], ActorRef[Begin | Value]])
    own: int = 0
    done: int = 0
    total: float = 0.0

    @handles(Boot)
    async def boot(self, boot: Boot) -> None:
        """Creates its cells, shows its border, and lets them begin."""
        side = self.parameters.side
        middle = side // 2
        places = [(row, column) for row in range(side) for column in range(middle, side)]
        self.own = len(places)
        for row, column in places:
            spec = role(Cell, boot.values[row][column - middle], is_red(row, column), self.parameters, self.context.ref, mailbox=9)
            self.cells[row, column] = await self.context.spawn(spec)
        for row, ref in enumerate(boot.refs):
            self.cells[row, middle - 1] = ref
        self.left.tell_nowait(Border([self.cells[row, middle] for row in range(side)]))
        for row, column in places:
            beside = [self.cells[place] for place in neighbours_of(row, column, side)]
            self.cells[row, column].tell_nowait(Begin(beside))

    @handles(CellDone)
    def add(self, done: CellDone) -> None:
        """One cell less; with the last, the half is done."""
        self.done += 1
        self.total += done.value
        if self.done == self.own:
            self.left.tell_nowait(HalfDone(self.total, self.done))


@define(eq=False)
class LeftHalf(Actor[Start | Border | CellDone | HalfDone]):
    """Owns the cells of the left half, and adds both halves up."""

    parameters: Parameters
    cells: dict[tuple[int, int], ActorRef[Begin | Value]] = field(factory=dict[tuple[int, int], ActorRef[Begin | Value]])
    done: int = 0
    total: float = 0.0
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """Creates its cells, and the right half."""
        self.result = self.context.defer(start)
        parameters, side = self.parameters, self.parameters.side
        middle = side // 2
        values = grid_of(parameters)
        for row in range(side):
            for column in range(middle):
                spec = role(Cell, values[row][column], is_red(row, column), parameters, self.context.ref, mailbox=9)
                self.cells[row, column] = await self.context.spawn(spec)
        right = await self.context.spawn(role(RightHalf, parameters, self.context.ref, mailbox=side * side + 1))
        border = [self.cells[row, middle - 1] for row in range(side)]
        await right.tell(Boot(border, [row[middle:] for row in values]))
        return self.result

    @handles(Border)
    def begin(self, border: Border) -> None:
        """Knows the border, and lets its cells begin."""
        side = self.parameters.side
        own = list(self.cells)
        for row, ref in enumerate(border.refs):
            self.cells[row, side // 2] = ref
        for row, column in own:
            beside = [self.cells[place] for place in neighbours_of(row, column, side)]
            self.cells[row, column].tell_nowait(Begin(beside))

    @handles(CellDone)
    def add(self, done: CellDone) -> None:
        """One cell less."""
        self.count(done.value, 1)

    @handles(HalfDone)
    def add_half(self, half: HalfDone) -> None:
        """All cells of the right half less."""
        self.count(half.total, half.cells)

    def count(self, value: float, cells: int) -> None:
        """With the last, the grid is done."""
        self.done += cells
        self.total += value
        if self.done == self.parameters.side**2:
            self.result.send(Result(self.total, self.done))


async def play(system: System, parameters: Parameters) -> Result:
    """One grid."""
    left = await system.spawn(role(LeftHalf, parameters, mailbox=parameters.side**2 + 3))
    return await left.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """The same in an array, one colour after the other; for the suite's parameters, its reference."""
    side, omega = parameters.side, parameters.omega
    grid = grid_of(parameters)
    for step in range(2 * parameters.iterations - 1):  # black begins and is one step ahead at the end
        for row in range(side):
            for column in range(side):
                if is_red(row, column) == (step % 2 == 1):
                    around = sum(grid[x][y] for x, y in neighbours_of(row, column, side))
                    grid[row][column] = 0.25 * omega * around + (1 - omega) * grid[row][column]
    same("the number of cells", result.cells, side * side)
    close("the sum of the grid", result.total, sum(map(sum, grid)), 1e-12)
    if (side, parameters.iterations, omega) == (20, 100, 1.25):
        close("the sum of the grid", result.total, 3.189420084871275e-06, 1e-12)


PROGRAM = Program(
    "sor",
    26,
    Sizes(default=Parameters(20, 100, 1.25), here=Parameters(40, 100, 1.25), small=Parameters(6, 8, 1.25)),
    play,
    check,
    actors=lambda parameters: parameters.side**2 + 2,
    leftover="a cell's last values go to neighbours that have ended",
)
