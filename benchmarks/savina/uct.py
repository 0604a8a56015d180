"""
19 Unbalanced cobwebbed tree: nodes ask the root whether they may have children, which it grants by the toss of a coin.

Corrected in three points. In the suite a tree that dies out by chance never ends: here the root counts the questions that are open.
There the root ends itself while nodes still ask it, and parents end before their children: here a node ends when its children have
ended, and says so to its parent. And the suite's work for a question, four million turns of an empty loop, is a parameter.

Every node has one question on its way, so the root has a slot for each, beside what its ten children say as children.
"""

from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .barber import busy_wait
from .frame import Program, Sizes, WrongResult, role, same
from .randoms import JavaRandom


@frozen
class Parameters:
    """
    The tree.

    Args:
        nodes: How many at most.
        computation_mean: The mean of a node's work when the tree is walked through, in units of *unit*.
        computation_deviation: Its standard deviation.
        urgent_percent: Of a hundred grants, about how many name an urgent child.
        unit: Turns of an empty loop in a unit of work; a question takes a hundred units.
    """

    nodes: int
    computation_mean: int
    computation_deviation: int
    urgent_percent: int
    unit: float


@frozen
class Result:
    """The tree's size and height, and how many nodes were granted children, walked through, and ended."""

    size: int
    height: int
    grants: int
    grants_heard: int
    traversed: int
    ended: int


CHILDREN: Final = 10


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class TryGenerate:
    """To a node: ask whether you may have children."""


@frozen
class ShouldGenerate:
    """To the root: may I?"""

    node: "ActorRef[Generate]"
    height: int


@frozen
class Generate:
    """To a node: have children, the first of that number, which work so much; of those one may be urgent."""

    first_number: int
    computation: int
    urgent: int | None


@frozen
class UpdateGrant:
    """To a parent: the child of that number has children."""

    child: int


@frozen
class Traverse:
    """To a node: work, and have your children work."""


@frozen
class Terminate:
    """To a node: end, when your children have ended."""


@frozen
class Ended:
    """To a parent: a child has ended. In all that was below it: the nodes, those that have worked, and the news of grants."""

    nodes: int
    traversed: int
    grants_heard: int


TRY_GENERATE, TRAVERSE, TERMINATE = TryGenerate(), Traverse(), Terminate()

NodeMessage = TryGenerate | Generate | UpdateGrant | Traverse | Terminate


@define
class Farewells:
    """What a parent hears of its children at their end."""

    children: int = 0
    nodes: int = 0
    traversed: int = 0
    grants_heard: int = 0

    def hear(self, ended: Ended) -> None:
        """One child less."""
        self.children += 1
        self.nodes += ended.nodes
        self.traversed += ended.traversed
        self.grants_heard += ended.grants_heard


@define(eq=False)
class Node(Actor[TryGenerate | Generate | UpdateGrant | Traverse | Terminate | Ended]):
    """A node of the tree."""

    parent: ActorRef[UpdateGrant | Ended]
    root: ActorRef[ShouldGenerate]
    height: int
    number: int
    computation: int
    unit: float
    is_urgent: bool
    traversed: int = 0
    grants_heard: int = 0
    children: list[ActorRef[NodeMessage]] = field(factory=list[ActorRef[NodeMessage]])
    farewells: Farewells = field(factory=Farewells)

    @handles(TryGenerate)
    def ask(self, _try: TryGenerate) -> None:
        """After some work."""
        busy_wait(int(100 * self.unit))
        self.root.tell_nowait(ShouldGenerate(self.context.ref, self.height))

    @handles(Generate)
    def generate(self, grant: Generate) -> None:
        """Has children, and lets them try."""
        self.parent.tell_nowait(UpdateGrant(self.number % CHILDREN))
        me: ActorRef[UpdateGrant | Ended] = self.context.ref
        for index in range(CHILDREN):
            number, is_urgent = grant.first_number + index, index == grant.urgent
            spec = role(Node, me, self.root, self.height + 1, number, grant.computation, self.unit, is_urgent)
            self.children.append(self.context.spawn_nowait(spec))
        for child in self.children:
            child.tell_nowait(TRY_GENERATE)

    @handles(UpdateGrant)
    def note(self, _grant: UpdateGrant) -> None:
        """A child has children."""
        self.grants_heard += 1

    @handles(Traverse)
    def traverse(self, traverse: Traverse) -> None:
        """Works."""
        self.traversed += 1
        busy_wait(int(self.computation * self.unit))
        for child in self.children:
            child.tell_nowait(traverse)

    @handles(Terminate)
    def terminate(self, terminate: Terminate) -> None:
        """Has its children end first."""
        for child in self.children:
            child.tell_nowait(terminate)
        if not self.children:
            self.end()

    @handles(Ended)
    def hear(self, ended: Ended) -> None:
        """One child less."""
        self.farewells.hear(ended)
        if self.farewells.children == CHILDREN:
            self.end()

    def end(self) -> None:
        """Says so, and ends."""
        below = self.farewells
        self.parent.tell_nowait(Ended(below.nodes + 1, below.traversed + self.traversed, below.grants_heard + self.grants_heard))
        self.context.stop_self()


@define(eq=False)
class Root(Actor[Start | ShouldGenerate | UpdateGrant | Ended]):
    """The root of the tree, which grants children."""

    parameters: Parameters
    size: int = 1
    height: int = 1
    open_questions: int = 0
    grants: int = 0
    grants_heard: int = 0
    is_complete: bool = False
    farewells: Farewells = field(factory=Farewells)
    random: JavaRandom = field(factory=lambda: JavaRandom(2))
    children: list[ActorRef[NodeMessage]] = field(factory=list[ActorRef[NodeMessage]])
    result: Reply[Result] = field(init=False)

    @handles(Start)
    def start(self, start: Start) -> Reply[Result]:
        """Its own children need no grant."""
        self.result = self.context.defer(start)
        self.height += 1
        computation = self.next_normal()
        me: ActorRef[ShouldGenerate | UpdateGrant | Ended] = self.context.ref
        for index in range(CHILDREN):
            spec = role(Node, me, me, self.height, self.size + index, computation, self.parameters.unit, False)
            self.children.append(self.context.spawn_nowait(spec))
        self.size += CHILDREN
        self.open_questions = CHILDREN
        for child in self.children:
            child.tell_nowait(TRY_GENERATE)
        return self.result

    def next_normal(self) -> int:
        """How much a node works: normally distributed, and positive."""
        while True:
            drawn = round(self.random.next_gaussian() * self.parameters.computation_deviation + self.parameters.computation_mean)
            if drawn > 0:
                return drawn

    @handles(ShouldGenerate)
    def decide(self, question: ShouldGenerate) -> None:
        """Heads: ten children, as long as there is room for them."""
        self.open_questions -= 1
        self.height = max(self.height, question.height)
        if not self.is_complete and self.size + CHILDREN <= self.parameters.nodes:
            if self.random.next_boolean():
                computation = self.next_normal()
                is_urgent = self.random.next_int(100) <= self.parameters.urgent_percent
                urgent = self.random.next_int(CHILDREN) if is_urgent else None
                question.node.tell_nowait(Generate(self.size, computation, urgent))
                self.size += CHILDREN
                self.open_questions += CHILDREN
                self.grants += 1
                self.height = max(self.height, question.height + 1)
        else:
            self.complete()
        if self.open_questions == 0:  # the tree has died out, or nobody can ask any more
            self.complete()

    def complete(self) -> None:
        """Has the tree work once, and then end."""
        if not self.is_complete:
            self.is_complete = True
            for child in self.children:
                child.tell_nowait(TRAVERSE)
            for child in self.children:
                child.tell_nowait(TERMINATE)

    @handles(UpdateGrant)
    def note(self, _grant: UpdateGrant) -> None:
        """A child has children."""
        self.grants_heard += 1

    @handles(Ended)
    def count(self, ended: Ended) -> None:
        """One child less."""
        below = self.farewells
        below.hear(ended)
        if below.children == CHILDREN:
            heard = below.grants_heard + self.grants_heard
            self.result.send(Result(self.size, self.height, self.grants, heard, below.traversed, below.nodes))


async def play(system: System, parameters: Parameters) -> Result:
    """One tree."""
    root = await system.spawn(role(Root, parameters, mailbox=parameters.nodes + 2 * CHILDREN + 1))
    return await root.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """The tree is as large as it says and no larger than allowed; all of it has worked once and has ended."""
    if result.size > parameters.nodes:
        raise WrongResult(f"{result.size} nodes, and {parameters.nodes} are allowed")
    same("the size", result.size, 1 + CHILDREN * (1 + result.grants))
    same("the number of nodes that worked", result.traversed, result.size - 1)
    same("the number of nodes that ended", result.ended, result.size - 1)
    same("the number of grants that parents heard of", result.grants_heard, result.grants)
    if not 2 <= result.height <= 2 + result.grants:
        raise WrongResult(f"a height of {result.height} with {result.grants} grants")


PROGRAM = Program(
    "uct",
    19,
    Sizes(
        default=Parameters(200_000, 500, 100, 50, 40_000),
        here=Parameters(20_000, 500, 100, 50, 0.1),
        small=Parameters(200, 500, 100, 50, 0.01),
    ),
    play,
    check,
)
