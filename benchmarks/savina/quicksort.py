"""
24 Quicksort: an actor for every part of the list, which sorts a short one itself, and has two others sort the smaller and the larger.

A list in a message belongs to its recipient: the sender does not touch it again.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many values, below how much, from how many on a list is split, and where the random numbers begin."""

    values: int
    limit: int
    threshold: int
    seed: int


@frozen
class Start(Request[list[int]]):
    """Begin; the reply is the sorted list."""


@frozen
class Sort:
    """To a sorter: this list."""

    values: list[int]


@frozen
class Sorted:
    """A part, sorted, and whether it is the smaller one."""

    values: list[int]
    is_left: bool


def split(values: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Those smaller than the one in the middle, those equal to it, and those larger."""
    pivot = values[len(values) // 2]
    smaller = [value for value in values if value < pivot]
    equal = [value for value in values if value == pivot]
    return smaller, equal, [value for value in values if value > pivot]


def quicksort(values: list[int]) -> list[int]:
    """The suite's sequential part: the same, without actors."""
    if len(values) < 2:
        return values
    smaller, equal, larger = split(values)
    return [*quicksort(smaller), *equal, *quicksort(larger)]


@define(eq=False)
class Sorter(Actor[Sort | Sorted]):
    """Sorts one list."""

    threshold: int
    parent: ActorRef[Sorted]
    is_left: bool
    open_parts: int = 2
    left: list[int] = field(factory=list[int])
    equal: list[int] = field(factory=list[int])
    right: list[int] = field(factory=list[int])

    @handles(Sort)
    def sort(self, sort: Sort) -> None:
        """By itself, or by two others."""
        if len(sort.values) < self.threshold:
            self.end(quicksort(sort.values))
            return
        smaller, self.equal, larger = split(sort.values)
        me: ActorRef[Sorted] = self.context.ref
        self.context.spawn_nowait(role(Sorter, self.threshold, me, True)).tell_nowait(Sort(smaller))
        self.context.spawn_nowait(role(Sorter, self.threshold, me, False)).tell_nowait(Sort(larger))

    @handles(Sorted)
    def take(self, part: Sorted) -> None:
        """One part; with the second it is all."""
        if part.is_left:
            self.left = part.values
        else:
            self.right = part.values
        self.open_parts -= 1
        if self.open_parts == 0:
            self.end(self.left + self.equal + self.right)

    def end(self, values: list[int]) -> None:
        """Says so, and ends; its children have ended."""
        self.parent.tell_nowait(Sorted(values, self.is_left))
        self.context.stop_self()


@define(eq=False)
class Driver(Actor[Start | Sorted]):
    """Has the first list."""

    parameters: Parameters
    result: Reply[list[int]] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[list[int]]:
        """All values."""
        self.result = self.context.defer(start)
        sorter = await self.context.spawn(role(Sorter, self.parameters.threshold, self.context.ref, True))
        await sorter.tell(Sort(values_of(self.parameters)))
        return self.result

    @handles(Sorted)
    def end(self, result: Sorted) -> None:
        """It is sorted."""
        self.result.send(result.values)


def values_of(parameters: Parameters) -> list[int]:
    """What is to be sorted."""
    random = PseudoRandom(parameters.seed)
    return [random.next_long() % parameters.limit for _ in range(parameters.values)]


async def play(system: System, parameters: Parameters) -> list[int]:
    """One list."""
    driver = await system.spawn(role(Driver, parameters))
    return await driver.ask(Start())


def check(parameters: Parameters, values: list[int]) -> None:
    """Python's own sort says the same; for the suite's parameters, the sum is the suite's."""
    same("the sorted list", values, sorted(values_of(parameters)))
    if parameters == PROGRAM.sizes.default:
        same("the sum of the values", sum(values), 32768134304)


PROGRAM = Program(
    "quicksort",
    24,
    Sizes(
        default=Parameters(1_000_000, 2**60, 2_048, 1_024),
        here=Parameters(200_000, 2**60, 2_048, 1_024),
        small=Parameters(600, 2**60, 16, 1_024),
    ),
    play,
    check,
)
