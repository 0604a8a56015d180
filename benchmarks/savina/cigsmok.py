"""
13 Cigarette smokers: an arbiter lays out the resources for one smoker at a time, chosen at random.

As in the suite, a smoker says that it has started before it smokes, and the resources are taken at once; so the arbiter has one round
on its way, and a smoker at most one to come and the exit. Smoking is a loop that does nothing.
"""

from collections.abc import Sequence

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .barber import busy_wait
from .frame import Program, Sizes, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many rounds, how many smokers."""

    rounds: int
    smokers: int


@frozen
class Start(Request[Sequence[int]]):
    """Begin; the reply is how often each smoker has smoked."""


@frozen
class StartSmoking:
    """Everything that you lack is on the table; smoking takes so many turns of an empty loop."""

    turns: int


@frozen
class StartedSmoking:
    """The table is empty again."""


@frozen
class Exit(Request[int]):
    """The end; the reply is how often this smoker has smoked."""


STARTED = StartedSmoking()


@define(eq=False)
class Smoker(Actor[StartSmoking | Exit]):
    """Smokes when it is told to."""

    arbiter: ActorRef[StartedSmoking]
    smoked: int = 0

    @handles(StartSmoking)
    def smoke(self, start: StartSmoking) -> None:
        """Takes the resources, says so, and smokes."""
        self.arbiter.tell_nowait(STARTED)
        self.smoked += 1
        busy_wait(start.turns)

    @handles(Exit)
    def exit(self, _exit: Exit) -> int:
        """The end."""
        self.context.stop_self()
        return self.smoked


@define(eq=False)
class Arbiter(Actor[Start | StartedSmoking]):
    """Chooses who smokes."""

    parameters: Parameters
    rounds: int = 0
    smokers: list[ActorRef[StartSmoking | Exit]] = field(factory=list[ActorRef[StartSmoking | Exit]])
    random: PseudoRandom = field(init=False)
    result: Reply[Sequence[int]] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Sequence[int]]:
        """Creates the smokers, and chooses the first."""
        self.result = self.context.defer(start)
        self.random = PseudoRandom(self.parameters.rounds * self.parameters.smokers)
        spec = role(Smoker, self.context.ref)
        for _ in range(self.parameters.smokers):
            self.smokers.append(await self.context.spawn(spec))
        self.choose()
        return self.result

    def choose(self) -> None:
        """Lays out what a random smoker lacks."""
        chosen = self.smokers[self.random.next_long() % self.parameters.smokers]
        chosen.tell_nowait(StartSmoking(self.random.next_int(1000) + 10))

    @handles(StartedSmoking)
    async def go_on(self, _started: StartedSmoking) -> None:
        """The next round, or the end."""
        self.rounds += 1
        if self.rounds < self.parameters.rounds:
            self.choose()
        else:
            self.result.send([await smoker.ask(Exit()) for smoker in self.smokers])


async def play(system: System, parameters: Parameters) -> Sequence[int]:
    """So many rounds."""
    arbiter = await system.spawn(role(Arbiter, parameters))
    return await arbiter.ask(Start())


def check(parameters: Parameters, smoked: Sequence[int]) -> None:
    """The choice, drawn once more without actors."""
    random = PseudoRandom(parameters.rounds * parameters.smokers)
    expected = [0] * parameters.smokers
    for _ in range(parameters.rounds):
        expected[random.next_long() % parameters.smokers] += 1
        random.next_long()
    same("how often each has smoked", list(smoked), expected)


PROGRAM = Program(
    "cigsmok",
    13,
    Sizes(default=Parameters(1_000, 200), here=Parameters(20_000, 200), small=Parameters(50, 8)),
    play,
    check,
    messages=lambda parameters: 2 * parameters.rounds + parameters.smokers + 1,
    actors=lambda parameters: parameters.smokers + 1,
)
