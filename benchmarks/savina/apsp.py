"""
25 All-pairs shortest paths: Floyd and Warshall's algorithm, an actor for each block of the matrix.

In each round a block sends itself to all blocks in its row and its column, and computes when all of theirs are there. Corrected: a
neighbour may be a round ahead, and the suite then puts its new block in place of the old one and later throws it away, so
that somebody waits for ever; here blocks are kept by their round. Nobody is further ahead than one round, so a mailbox has slots
for two rounds. And here no block is sent in the last round, when nobody would take it.
"""

from collections.abc import Sequence

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same
from .randoms import PseudoRandom

Block = tuple[tuple[int, ...], ...]


@frozen
class Parameters:
    """How many nodes the graph has, how many rows a block has, and how long an edge is at most."""

    nodes: int
    rows: int
    length: int

    @property
    def side(self) -> int:
        """How many blocks there are in a row."""
        return self.nodes // self.rows


@frozen
class Start(Request[list[list[int]]]):
    """Begin; the reply is the matrix of all distances."""


@frozen
class Neighbours:
    """Those in one's row and column."""

    refs: "Sequence[ActorRef[Neighbours | Distances]]"


@frozen
class Distances:
    """A block, after the round of that number."""

    round: int
    place: tuple[int, int]
    block: Block


@frozen
class Finished:
    """A block after the last round."""

    place: tuple[int, int]
    block: Block


@define(eq=False)
class BlockActor(Actor[Neighbours | Distances]):
    """One block."""

    parameters: Parameters
    place: tuple[int, int]
    block: Block
    driver: ActorRef[Finished]
    round: int = -1
    neighbours: Sequence[ActorRef[Neighbours | Distances]] = ()
    received: dict[int, dict[tuple[int, int], Block]] = field(factory=dict[int, dict[tuple[int, int], Block]])

    @handles(Neighbours)
    def meet(self, neighbours: Neighbours) -> None:
        """Sends itself to them for the first time."""
        self.neighbours = neighbours.refs
        self.send()

    def send(self) -> None:
        """To all neighbours, after this round."""
        distances = Distances(self.round, self.place, self.block)
        for neighbour in self.neighbours:
            neighbour.tell_nowait(distances)

    @handles(Distances)
    def take(self, distances: Distances) -> None:
        """Computes when all blocks of the round are there."""
        self.received.setdefault(distances.round, {})[distances.place] = distances.block
        if self.neighbours and len(self.received.get(self.round, ())) == len(self.neighbours):
            blocks = self.received.pop(self.round)
            self.round += 1
            self.compute(blocks)
            if self.round == self.parameters.nodes - 1:
                self.driver.tell_nowait(Finished(self.place, self.block))
                self.context.stop_self()
            else:
                self.send()

    def compute(self, blocks: dict[tuple[int, int], Block]) -> None:
        """The ways through the node of the round's number."""
        which, offset = divmod(self.round, self.parameters.rows)
        row, column = self.place
        to = blocks.get((row, which), self.block)
        onward = blocks.get((which, column), self.block)[offset]
        self.block = tuple(
            tuple([old if old <= (new := way[offset] + on) else new for old, on in zip(line, onward, strict=True)])
            for line, way in zip(self.block, to, strict=True)
        )


@define(eq=False)
class Driver(Actor[Start | Finished]):
    """Cuts the matrix, and puts it together again."""

    parameters: Parameters
    finished: int = 0
    distances: list[list[int]] = field(factory=list[list[int]])
    result: Reply[list[list[int]]] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[list[list[int]]]:
        """Creates the blocks, and introduces them to each other."""
        self.result = self.context.defer(start)
        self.distances = graph_of(self.parameters)
        rows, side = self.parameters.rows, self.parameters.side
        blocks: dict[tuple[int, int], ActorRef[Neighbours | Distances]] = {}
        for row in range(side):
            for column in range(side):
                lines = self.distances[row * rows : (row + 1) * rows]
                block = tuple(tuple(line[column * rows : (column + 1) * rows]) for line in lines)
                place = row, column
                mailbox = 4 * (side - 1) + 1
                blocks[place] = await self.context.spawn(role(BlockActor, self.parameters, place, block, self.context.ref, mailbox=mailbox))
        for (row, column), ref in blocks.items():
            others = [blocks[place] for place in blocks if place != (row, column) and (place[0] == row or place[1] == column)]
            ref.tell_nowait(Neighbours(others))
        return self.result

    @handles(Finished)
    def put_back(self, finished: Finished) -> None:
        """One block more."""
        rows = self.parameters.rows
        row, column = finished.place
        for number, line in enumerate(finished.block):
            self.distances[row * rows + number][column * rows : (column + 1) * rows] = line
        self.finished += 1
        if self.finished == self.parameters.side**2:
            self.result.send(self.distances)


def graph_of(parameters: Parameters) -> list[list[int]]:
    """The suite's graph: an edge between any two nodes, as long in both directions."""
    nodes = parameters.nodes
    random = PseudoRandom(nodes)
    graph = [[0] * nodes for _ in range(nodes)]
    for i in range(nodes):
        for j in range(i + 1, nodes):
            graph[i][j] = graph[j][i] = random.next_int(parameters.length) + 1
    return graph


async def play(system: System, parameters: Parameters) -> list[list[int]]:
    """One graph."""
    driver = await system.spawn(role(Driver, parameters, mailbox=parameters.side**2 + 1))
    return await driver.ask(Start())


def check(parameters: Parameters, distances: list[list[int]]) -> None:
    """The algorithm without blocks; for the suite's parameters, the sum of all distances is the suite's."""
    expected = graph_of(parameters)
    for node in range(parameters.nodes):
        through = expected[node]
        expected = [[min(old, line[node] + on) for old, on in zip(line, through, strict=True)] for line in expected]
    same("the distances", distances, expected)
    if parameters == PROGRAM.sizes.default:
        same("the sum of the distances", sum(map(sum, distances)), 401700)


PROGRAM = Program(
    "apsp",
    25,
    Sizes(default=Parameters(300, 50, 100), here=Parameters(200, 50, 100), small=Parameters(24, 8, 100)),
    play,
    check,
    messages=lambda parameters: 1 + parameters.side**2 * (2 + parameters.nodes * 2 * (parameters.side - 1)),
    actors=lambda parameters: parameters.side**2 + 1,
)
