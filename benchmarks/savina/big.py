"""
07 Big: everybody pings everybody. Each actor sends a ping to one chosen at random, and the next when the pong is back.

An actor has one ping on its way at a time, so there is never more in a mailbox than one ping of each and the one pong, beside
the neighbours at the start and the exit at the end. An actor that has all its pongs goes on answering until the sink says
that all are done.
"""

from collections.abc import Sequence

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many pings each of how many actors sends."""

    pings: int
    actors: int


@frozen
class Result:
    """How many pings were sent, and how many pongs came from another than the one that was pinged."""

    pings: int
    wrong_pongs: int


@frozen
class Start(Request[Result]):
    """Begin."""


@frozen
class Neighbours:
    """Everybody, by number."""

    refs: "Sequence[ActorRef[Neighbours | Ping | Pong | Exit]]"


@frozen
class Ping:
    """From that number."""

    sender: int


@frozen
class Pong:
    """From that number."""

    sender: int


@frozen
class Exit:
    """All are done."""


@frozen
class Done:
    """One has all its pongs."""

    pings: int
    wrong_pongs: int


EXIT = Exit()
NOBODY = -1


@define(eq=False)
class Peer(Actor[Neighbours | Ping | Pong | Exit]):
    """One of them."""

    number: int
    parameters: Parameters
    sink: ActorRef[Done]
    pings: int = 0
    wrong_pongs: int = 0
    expected: int = NOBODY
    neighbours: Sequence[ActorRef[Neighbours | Ping | Pong | Exit]] = ()
    random: PseudoRandom = field(init=False)
    my_ping: Ping = field(init=False)
    my_pong: Pong = field(init=False)

    def on_start(self) -> None:
        """Its random numbers are its own."""
        self.random = PseudoRandom(self.number)
        self.my_ping = Ping(self.number)
        self.my_pong = Pong(self.number)

    @handles(Neighbours)
    def meet(self, neighbours: Neighbours) -> None:
        """Knows everybody."""
        self.neighbours = neighbours.refs

    @handles(Ping)
    def answer(self, ping: Ping) -> None:
        """A pong for a ping."""
        self.neighbours[ping.sender].tell_nowait(self.my_pong)

    @handles(Pong)
    def go_on(self, pong: Pong) -> None:
        """The next ping, if there is one."""
        self.wrong_pongs += pong.sender != self.expected
        if self.pings == self.parameters.pings:
            self.sink.tell_nowait(Done(self.pings, self.wrong_pongs))
        else:
            self.expected = self.random.next_int(self.parameters.actors)
            self.neighbours[self.expected].tell_nowait(self.my_ping)
            self.pings += 1

    @handles(Exit)
    def exit(self, _exit: Exit) -> None:
        """The end."""
        self.context.stop_self()


@define(eq=False)
class Sink(Actor[Start | Done]):
    """Knows when all are done."""

    parameters: Parameters
    done: int = 0
    pings: int = 0
    wrong_pongs: int = 0
    peers: list[ActorRef[Neighbours | Ping | Pong | Exit]] = field(factory=list[ActorRef[Neighbours | Ping | Pong | Exit]])
    result: Reply[Result] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Result]:
        """Creates them, introduces them to each other, and lets them begin with a pong from nobody."""
        self.result = self.context.defer(start)
        actors = self.parameters.actors
        for number in range(actors):
            self.peers.append(await self.context.spawn(role(Peer, number, self.parameters, self.context.ref, mailbox=actors + 3)))
        for peer in self.peers:
            peer.tell_nowait(Neighbours(self.peers))
        for peer in self.peers:
            peer.tell_nowait(Pong(NOBODY))
        return self.result

    @handles(Done)
    def count(self, done: Done) -> None:
        """One less."""
        self.done += 1
        self.pings += done.pings
        self.wrong_pongs += done.wrong_pongs
        if self.done == self.parameters.actors:
            for peer in self.peers:
                peer.tell_nowait(EXIT)
            self.result.send(Result(self.pings, self.wrong_pongs))


async def play(system: System, parameters: Parameters) -> Result:
    """One crowd."""
    sink = await system.spawn(role(Sink, parameters, mailbox=parameters.actors + 1))
    return await sink.ask(Start())


def check(parameters: Parameters, result: Result) -> None:
    """Every ping was answered by whom it was sent to."""
    same("the number of pings", result.pings, parameters.pings * parameters.actors)
    same("the number of wrong pongs", result.wrong_pongs, 0)


PROGRAM = Program(
    "big",
    7,
    Sizes(default=Parameters(20_000, 120), here=Parameters(1_000, 120), small=Parameters(20, 20)),
    play,
    check,
    messages=lambda parameters: 1 + parameters.actors * (2 * parameters.pings + 4),
    actors=lambda parameters: parameters.actors + 1,
)
