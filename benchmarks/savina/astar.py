"""
27 A* search: workers spread over a grid of three dimensions from one corner, and hand what is too much for one message back to a master.

The nodes are shared by design: that is the suite's program. A node gets its parent once, by whoever comes first (an atomic exchange in the
suite, one statement here: all actors of a system take turns). Workers have priority mailboxes, in which what is nearest to the target
comes first; the end comes last, so nothing is left over. Corrected: when the target is found, the suite's workers are
told to end twice, and what they send back finds nobody; here the master stays, and gives nothing out any more.

A node is work at most once, which is the bound of every mailbox.
"""

from collections import deque
from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Priority, Reply, Request, System, handles

from .barber import busy_wait
from .frame import Program, Sizes, WrongResult, role, same
from .randoms import JavaRandom


@frozen
class Parameters:
    """How many workers, how long an edge of the grid is, how many priorities there are, and how many nodes a message is good for."""

    workers: int
    edge: int
    priorities: int
    threshold: int

    @property
    def nodes(self) -> int:
        """Of the grid."""
        return self.edge**3


GRANULARITY: Final = 8


@define(eq=False, repr=False)
class Node:
    """A place on the grid."""

    number: int
    place: tuple[int, int, int]
    neighbours: "list[Node]" = field(factory=list["Node"])
    parent: "Node | None" = None


@frozen
class Result:
    """Whether the target was found, and how far away, in steps of the path found."""

    is_found: bool
    steps: int


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Work:
    """Spread from there; less is more urgent."""

    node: Node
    urgency: int


@frozen
class Received:
    """A work is done, or handed back in parts."""


@frozen
class Found:
    """The target is reached."""


@frozen
class Stop:
    """The end."""


@frozen
class Stopped:
    """A worker has ended."""


RECEIVED, FOUND, STOP, STOPPED = Received(), Found(), Stop(), Stopped()


def grid_of(parameters: Parameters) -> list[Node]:
    """The suite's graph: from each place to some of those that are one further in one or two directions."""
    edge = parameters.edge
    nodes = [Node(0, (i, j, k)) for i in range(edge) for j in range(edge) for k in range(edge)]
    random = JavaRandom(123456)
    for number, node in enumerate(nodes):
        node.number = number
        i, j, k = node.place
        for count in range(2, 8):
            step = count - 1
            if (count == 7 and not node.neighbours) or random.next_boolean():
                x, y, z = min(edge - 1, i + (step >> 2)), min(edge - 1, j + (step >> 1 & 1)), min(edge - 1, k + (step & 1))
                other = nodes[(x * edge + y) * edge + z]
                if other is not node and other not in node.neighbours:
                    node.neighbours.append(other)
    return nodes


def target_of(nodes: list[Node], parameters: Parameters) -> Node:
    """Where the search leads: at four fifths of each edge."""
    axis = int(0.8 * parameters.edge)
    return nodes[(axis * parameters.edge + axis) * parameters.edge + axis]


def urgency(node: Node, parameters: Parameters) -> int:
    """The suite's priority, upside down: the smallest is the most urgent."""
    farthest = max(parameters.edge - axis for axis in node.place)
    return -abs(parameters.priorities - farthest // GRANULARITY)


def mailbox_key(message: Work | Stop) -> int:
    """The key of a worker's mailbox: the end comes last."""
    return message.urgency if isinstance(message, Work) else 1


@define(eq=False)
class Worker(Actor[Work | Stop]):
    """Spreads."""

    parameters: Parameters
    origin: Node
    target: Node
    master: ActorRef[Work | Received | Found | Stopped]

    @handles(Work)
    def work(self, work: Work) -> None:
        """So many nodes; the rest goes back."""
        queue = deque([work.node])
        self.search(queue)
        for node in queue:
            self.master.tell_nowait(Work(node, urgency(node, self.parameters)))
        self.master.tell_nowait(RECEIVED)

    def search(self, queue: deque[Node]) -> None:
        """Breadth first; leaves in the queue what is too much, and nothing if the target is found."""
        for _ in range(self.parameters.threshold):
            if not queue:
                return
            node = queue.popleft()
            busy_wait(100)
            for neighbour in node.neighbours:
                if neighbour.parent is None and neighbour is not self.origin:
                    neighbour.parent = node
                    if neighbour is self.target:
                        self.master.tell_nowait(FOUND)
                        queue.clear()
                        return
                    queue.append(neighbour)

    @handles(Stop)
    def stop(self, _stop: Stop) -> None:
        """The end."""
        self.master.tell_nowait(STOPPED)
        self.context.stop_self()


@define(eq=False)
class Master(Actor[Start | Work | Received | Found | Stopped]):
    """Gives the works out in turn."""

    parameters: Parameters
    sent: int = 0
    completed: int = 0
    stopped: int = 0
    is_over: bool = False
    workers: list[ActorRef[Work | Stop]] = field(factory=list[ActorRef[Work | Stop]])
    nodes: list[Node] = field(factory=list[Node])
    target: Node = field(init=False)
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """The grid, the workers, and the first work."""
        self.result = self.context.defer(start)
        parameters = self.parameters
        self.nodes = grid_of(parameters)
        self.target = target_of(self.nodes, parameters)
        mailbox = Priority(parameters.nodes + 1, key=mailbox_key)
        spec = role(Worker, parameters, self.nodes[0], self.target, self.context.ref, mailbox=mailbox)
        for _ in range(parameters.workers):
            self.workers.append(await self.context.spawn(spec))
        self.give_out(Work(self.nodes[0], 0))
        return self.result

    @handles(Work)
    def give_out(self, work: Work) -> None:
        """To the next worker, as long as the target is not found."""
        if not self.is_over:
            self.workers[self.sent % self.parameters.workers].tell_nowait(work)
            self.sent += 1

    @handles(Received)
    def count(self, _received: Received) -> None:
        """One less."""
        self.completed += 1
        if self.completed == self.sent:
            self.end()

    @handles(Found)
    def find(self, _found: Found) -> None:
        """That is enough."""
        self.end()

    def end(self) -> None:
        """Has the workers end, once."""
        if not self.is_over:
            self.is_over = True
            for worker in self.workers:
                worker.tell_nowait(STOP)

    @handles(Stopped)
    def see_off(self, _stopped: Stopped) -> None:
        """One worker less; then the path is followed back."""
        self.stopped += 1
        if self.stopped == self.parameters.workers:
            steps, node = 0, self.target
            while node.parent is not None:
                node = node.parent
                steps += 1
            self.result.send(Result(node is self.nodes[0], steps))


async def play(system: System, parameters: Parameters) -> Result:
    """One search."""
    master = await system.spawn(role(Master, parameters, mailbox=2 * parameters.nodes + parameters.workers + 2))
    return await master.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """The path leads back to the origin, and is no shorter than the shortest and no longer than any way up the grid."""
    nodes = grid_of(parameters)
    target = target_of(nodes, parameters)
    shortest = {nodes[0].number: 0}
    queue = deque([nodes[0]])
    while queue:
        node = queue.popleft()
        for neighbour in node.neighbours:
            if neighbour.number not in shortest:
                shortest[neighbour.number] = shortest[node.number] + 1
                queue.append(neighbour)
    same("that the target is reached", result.is_found, target.number in shortest)
    if not shortest[target.number] <= result.steps <= sum(target.place):
        raise WrongResult(f"a path of {result.steps} steps, and the shortest has {shortest[target.number]}")


PROGRAM = Program(
    "astar",
    27,
    Sizes(default=Parameters(20, 30, 30, 1_024), here=Parameters(20, 30, 30, 64), small=Parameters(4, 8, 30, 16)),
    play,
    check,
    actors=lambda parameters: parameters.workers + 1,
)
