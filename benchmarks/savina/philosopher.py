"""
11 Dining philosophers: an arbitrator has the forks; whoever is denied them asks again at once.

A philosopher has at most two messages on their way to the arbitrator: that it is done, and that it is hungry again or leaves. How often
one is denied depends on who is faster; how often it eats does not.
"""

from collections.abc import Sequence

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role, same


@frozen
class Parameters:
    """How many philosophers, and how often each eats."""

    philosophers: int
    meals: int


@frozen
class Result:
    """How often each has eaten, how often they were denied in all, and how many forks are free at the end."""

    meals: Sequence[int]
    denials: int
    free_forks: int


@frozen
class Start(Request[Result]):
    """Dinner is served."""


@frozen
class Think:
    """A philosopher's word to itself: hungry again."""


@frozen
class Eat:
    """Both forks are yours."""


@frozen
class Denied:
    """One of the forks is in use."""


@frozen
class Hungry:
    """May I have my forks?"""

    number: int
    philosopher: ActorRef[Eat | Denied]


@frozen
class Done:
    """My forks are free."""

    number: int


@frozen
class Leave:
    """A philosopher has eaten enough."""

    number: int
    meals: int
    denials: int


THINK, EAT, DENIED = Think(), Eat(), Denied()


@define(eq=False)
class Philosopher(Actor[Think | Eat | Denied]):
    """Eats so many times."""

    number: int
    meals: int
    arbitrator: ActorRef[Hungry | Done | Leave]
    eaten: int = 0
    denials: int = 0
    me: ActorRef[Think | Eat | Denied] = field(init=False)
    hungry: Hungry = field(init=False)

    def on_start(self) -> None:
        """Prepares its question."""
        self.me = self.context.ref
        self.hungry = Hungry(self.number, self.me)

    @handles(Think)
    def think(self, _think: Think) -> None:
        """It is hungry."""
        self.arbitrator.tell_nowait(self.hungry)

    @handles(Denied)
    def try_again(self, _denied: Denied) -> None:
        """At once, as in the suite."""
        self.denials += 1
        self.arbitrator.tell_nowait(self.hungry)

    @handles(Eat)
    def eat(self, _eat: Eat) -> None:
        """Eats, and gives the forks back."""
        self.eaten += 1
        self.arbitrator.tell_nowait(Done(self.number))
        if self.eaten < self.meals:
            self.me.tell_nowait(THINK)
        else:
            self.arbitrator.tell_nowait(Leave(self.number, self.eaten, self.denials))
            self.context.stop_self()


@define(eq=False)
class Arbitrator(Actor[Start | Hungry | Done | Leave]):
    """Has the forks."""

    parameters: Parameters
    denials: int = 0
    left: int = 0
    in_use: list[bool] = field(factory=list[bool])
    meals: list[int] = field(factory=list[int])
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """Lays the table."""
        self.result = self.context.defer(start)
        seats = self.parameters.philosophers
        self.in_use = [False] * seats
        self.meals = [0] * seats
        guests = [await self.context.spawn(role(Philosopher, seat, self.parameters.meals, self.context.ref)) for seat in range(seats)]
        for guest in guests:
            guest.tell_nowait(THINK)
        return self.result

    @handles(Hungry)
    def decide(self, hungry: Hungry) -> None:
        """Both forks or none."""
        left, right = hungry.number, (hungry.number + 1) % self.parameters.philosophers
        if self.in_use[left] or self.in_use[right]:
            hungry.philosopher.tell_nowait(DENIED)
        else:
            self.in_use[left] = self.in_use[right] = True
            hungry.philosopher.tell_nowait(EAT)

    @handles(Done)
    def take_back(self, done: Done) -> None:
        """Both forks are free again."""
        left, right = done.number, (done.number + 1) % self.parameters.philosophers
        assert self.in_use[left]
        assert self.in_use[right]
        self.in_use[left] = self.in_use[right] = False

    @handles(Leave)
    def see_off(self, leave: Leave) -> None:
        """One guest less."""
        self.left += 1
        self.meals[leave.number] += leave.meals
        self.denials += leave.denials
        if self.left == self.parameters.philosophers:
            self.result.send(Result(tuple(self.meals), self.denials, self.in_use.count(False)))


async def play(system: System, parameters: Parameters) -> Result:
    """One dinner."""
    arbitrator = await system.spawn(role(Arbitrator, parameters, mailbox=3 * parameters.philosophers + 1))
    return await arbitrator.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """Everybody has eaten, and the forks are back."""
    same("the meals", list(result.meals), [parameters.meals] * parameters.philosophers)
    same("the number of free forks", result.free_forks, parameters.philosophers)
    if result.denials < 0:
        raise WrongResult(f"{result.denials} denials")


PROGRAM = Program(
    "philosopher",
    11,
    Sizes(default=Parameters(20, 10_000), here=Parameters(20, 10_000), small=Parameters(5, 40)),
    play,
    check,
    actors=lambda parameters: parameters.philosophers + 1,
)
