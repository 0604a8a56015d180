"""
05 Thread ring: one message goes round a ring of actors until it has made so many hops; then a word to end goes round.

The driver watches the ring and replies when all of it has ended. As in the suite, the last of the ring sends one exit too many, to an
actor that has ended: it is a dead letter, and the only one.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, Terminated, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many actors make the ring, and how many hops the message makes."""

    actors: int
    hops: int


@frozen
class Start(Request[int]):
    """Go round; the reply is the number of the actor where the message landed."""


@frozen
class Neighbour:
    """Who comes next in the ring."""

    ref: "ActorRef[Neighbour | Ping | Exit]"


@frozen
class Ping:
    """The message, and how many hops it still has to make."""

    left: int


@frozen
class Exit:
    """The end, and how many it still has to reach."""

    left: int


@frozen
class Landed:
    """The message was here when it had no hop left."""

    number: int


@define(eq=False)
class Link(Actor[Neighbour | Ping | Exit]):
    """One of the ring."""

    number: int
    actors: int
    driver: ActorRef[Landed]
    next: ActorRef[Neighbour | Ping | Exit] = field(init=False)

    @handles(Neighbour)
    def meet(self, neighbour: Neighbour) -> None:
        """Closes the ring."""
        self.next = neighbour.ref

    @handles(Ping)
    def ping(self, ping: Ping) -> None:
        """One hop, or the end."""
        if ping.left > 0:
            self.next.tell_nowait(Ping(ping.left - 1))
        else:
            self.driver.tell_nowait(Landed(self.number))
            self.next.tell_nowait(Exit(self.actors))

    @handles(Exit)
    def exit(self, exit_: Exit) -> None:
        """Passes it on, and ends."""
        if exit_.left > 0:
            self.next.tell_nowait(Exit(exit_.left - 1))
        self.context.stop_self()


@define(eq=False)
class Driver(Actor[Start | Landed]):
    """Builds the ring."""

    parameters: Parameters
    ended: int = 0
    landed: int = -1
    result: Reply[int] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[int]:
        """Builds it, and sends the message."""
        self.result = self.context.defer(start)
        actors = self.parameters.actors
        ring = [await self.context.spawn(role(Link, number, actors, self.context.ref)) for number in range(actors)]
        for number, link in enumerate(ring):
            self.context.watch(link)
            await link.tell(Neighbour(ring[(number + 1) % actors]))
        await ring[0].tell(Ping(self.parameters.hops))
        return self.result

    @handles(Landed)
    def land(self, landed: Landed) -> None:
        """It was the last hop."""
        self.landed = landed.number

    @handles(Terminated)
    def count(self, _terminated: Terminated) -> None:
        """One link less."""
        self.ended += 1
        if self.ended == self.parameters.actors:
            self.result.send(self.landed)


async def play(system: System, parameters: Parameters) -> int:
    """One message."""
    driver = await system.spawn(role(Driver, parameters))
    return await driver.ask(Start())


def check(parameters: Parameters, landed: int) -> None:
    """So many hops from the first lead to that actor."""
    same("where the message landed", landed, parameters.hops % parameters.actors)


PROGRAM = Program(
    "threadring",
    5,
    Sizes(default=Parameters(100, 100_000), here=Parameters(100, 100_000), small=Parameters(10, 1_003)),
    play,
    check,
    # start; per link its neighbour and its death; the pings; where it landed; the exits
    messages=lambda parameters: 1 + 2 * parameters.actors + parameters.hops + 1 + 1 + parameters.actors + 1,
    actors=lambda parameters: parameters.actors + 1,
    leftover="the last exit of the ring goes to an actor that has ended",
)
