"""
12 Sleeping barber: a factory sends customers to a waiting room with so many seats, and those that find it full again.

A customer is in one place at a time, so the room never holds more messages than there are customers, beside its own and the barber's word
to call the next; the same bound holds for the factory. The pauses of the suite are loops that do nothing, and so they are here.
"""

from collections import deque

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many haircuts, how many seats, and how long customers stay away and haircuts last at most (turns of an empty loop)."""

    haircuts: int
    seats: int
    arrival_pause: int
    haircut_pause: int


@frozen
class Result:
    """How many customers have their hair cut, how many haircuts the barber did, and how often a customer came."""

    done: int
    haircuts: int
    attempts: int


def busy_wait(turns: int) -> int:
    """The suite's way to let time pass."""
    passed = 0
    for _ in range(turns):
        passed += 1
    return passed


@frozen
class Start(Request[Result]):
    """Open."""


@frozen
class Full:
    """To a customer: no seat is free."""


@frozen
class Wait:
    """To a customer: take a seat. To the barber: nobody is waiting."""


@frozen
class Begin:
    """To a customer: it is your turn."""


@frozen
class Done:
    """To a customer: your hair is cut."""


@frozen
class Returned:
    """A customer found the room full."""

    customer: ActorRef[Full | Wait | Begin | Done]


@frozen
class Served:
    """A customer leaves with its hair cut."""


@frozen
class Enter:
    """A customer comes in."""

    customer: ActorRef[Full | Wait | Begin | Done]


@frozen
class Next:
    """To the room: the barber is free."""


@frozen
class Close(Request[int]):
    """To the room, and by it to the barber: end. The reply is how many haircuts there were."""


FULL, WAIT, BEGIN, DONE, SERVED, NEXT = Full(), Wait(), Begin(), Done(), Served(), Next()


@define(eq=False)
class Customer(Actor[Full | Wait | Begin | Done]):
    """Comes until its hair is cut."""

    factory: ActorRef[Returned | Served]

    @handles(Full)
    def come_again(self, _full: Full) -> None:
        """Goes back, to be sent once more."""
        self.factory.tell_nowait(Returned(self.context.ref))

    @handles(Wait)
    def wait(self, _wait: Wait) -> None:
        """Sits."""

    @handles(Begin)
    def begin(self, _begin: Begin) -> None:
        """Sits in another chair."""

    @handles(Done)
    def leave(self, _done: Done) -> None:
        """Goes home."""
        self.factory.tell_nowait(SERVED)
        self.context.stop_self()


@define(eq=False)
class Barber(Actor[Enter | Wait | Close]):
    """Cuts hair, and sleeps when nobody is there."""

    pause: int
    room: ActorRef[Next]
    haircuts: int = 0
    random: PseudoRandom = field(factory=PseudoRandom)

    @handles(Enter)
    def cut(self, enter: Enter) -> None:
        """One haircut."""
        enter.customer.tell_nowait(BEGIN)
        busy_wait(self.random.next_int(self.pause) + 10)
        self.haircuts += 1
        enter.customer.tell_nowait(DONE)
        self.room.tell_nowait(NEXT)

    @handles(Wait)
    def sleep(self, _wait: Wait) -> None:
        """Nobody is there."""

    @handles(Close)
    def close(self, _close: Close) -> int:
        """The end of the day."""
        self.context.stop_self()
        return self.haircuts


@define(eq=False)
class Room(Actor[Enter | Next | Close]):
    """Has the seats, and knows whether the barber sleeps."""

    parameters: Parameters
    is_asleep: bool = True
    waiting: deque[ActorRef[Full | Wait | Begin | Done]] = field(factory=deque[ActorRef[Full | Wait | Begin | Done]])
    barber: ActorRef[Enter | Wait | Close] = field(init=False)
    me: ActorRef[Next] = field(init=False)

    async def on_start(self) -> None:
        """Employs the barber."""
        self.me = self.context.ref
        self.barber = await self.context.spawn(role(Barber, self.parameters.haircut_pause, self.me))

    @handles(Enter)
    def enter(self, enter: Enter) -> None:
        """A seat, or none."""
        if len(self.waiting) == self.parameters.seats:
            enter.customer.tell_nowait(FULL)
            return
        self.waiting.append(enter.customer)
        if self.is_asleep:
            self.is_asleep = False
            self.me.tell_nowait(NEXT)
        else:
            enter.customer.tell_nowait(WAIT)

    @handles(Next)
    def next(self, _next: Next) -> None:
        """The next customer, or sleep."""
        if self.waiting:
            self.barber.tell_nowait(Enter(self.waiting.popleft()))
        else:
            self.barber.tell_nowait(WAIT)
            self.is_asleep = True

    @handles(Close)
    async def close(self, close: Close) -> int:
        """The end of the day."""
        return await self.barber.ask(close)


@define(eq=False)
class Factory(Actor[Start | Returned | Served]):
    """Makes customers, and sends them."""

    parameters: Parameters
    attempts: int = 0
    served: int = 0
    random: PseudoRandom = field(factory=PseudoRandom)
    room: ActorRef[Enter | Close] = field(init=False)
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """All customers, with pauses between."""
        self.result = self.context.defer(start)
        self.room = await self.context.spawn(role(Room, self.parameters, mailbox=self.parameters.haircuts + 3))
        spec = role(Customer, self.context.ref)
        for _ in range(self.parameters.haircuts):
            await self.send(await self.context.spawn(spec))
            busy_wait(self.random.next_int(self.parameters.arrival_pause) + 10)
        return self.result

    async def send(self, customer: ActorRef[Full | Wait | Begin | Done]) -> None:
        """A customer tries its luck."""
        self.attempts += 1
        await self.room.tell(Enter(customer))

    @handles(Returned)
    async def send_again(self, returned: Returned) -> None:
        """The room was full."""
        await self.send(returned.customer)

    @handles(Served)
    async def count(self, _served: Served) -> None:
        """One customer less."""
        self.served += 1
        if self.served == self.parameters.haircuts:
            self.result.send(Result(self.served, await self.room.ask(Close()), self.attempts))


async def play(system: System, parameters: Parameters) -> Result:
    """One day."""
    factory = await system.spawn(role(Factory, parameters, mailbox=parameters.haircuts + 1))
    return await factory.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """Everybody's hair is cut once."""
    same("the number of customers served", result.done, parameters.haircuts)
    same("the number of haircuts", result.haircuts, parameters.haircuts)
    if result.attempts < parameters.haircuts:
        raise WrongResult(f"{parameters.haircuts} customers came only {result.attempts} times")


PROGRAM = Program(
    "barber",
    12,
    Sizes(
        default=Parameters(5_000, 1_000, 1_000, 1_000),
        here=Parameters(5_000, 1_000, 1_000, 1_000),
        small=Parameters(60, 3, 20, 200),
    ),
    play,
    check,
    actors=lambda parameters: parameters.haircuts + 3,
)
