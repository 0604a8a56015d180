"""
01 Ping-pong: two actors send one message to and fro.

As in the suite, Ping sends itself a message between a pong and the next ping, so a round is three messages. There is never more than
one message on its way, so plain handlers and `tell_nowait` do.
"""

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many pings."""

    pings: int


@frozen
class Start(Request[int]):
    """Play; the reply is how many pongs came."""


@frozen
class Next:
    """Ping's word to itself."""


@frozen
class SendPing:
    """The ball on its way there."""

    sender: "ActorRef[SendPong]"


@frozen
class SendPong:
    """The ball on its way back."""


@frozen
class Stop:
    """That was all."""


NEXT, SEND_PONG, STOP = Next(), SendPong(), Stop()


@define(eq=False)
class Pong(Actor[SendPing | Stop]):
    """Sends each ball back."""

    @handles(SendPing)
    def send_back(self, ping: SendPing) -> None:
        """One round."""
        ping.sender.tell_nowait(SEND_PONG)

    @handles(Stop)
    def stop(self, _stop: Stop) -> None:
        """It is over."""
        self.context.stop_self()


@define(eq=False)
class Ping(Actor[Start | Next | SendPong]):
    """Sends so many balls."""

    left: int
    pongs: int = 0
    pong: ActorRef[SendPing | Stop] = field(init=False)
    me: ActorRef[Next | SendPong] = field(init=False)
    ball: SendPing = field(init=False)
    result: Reply[int] = field(init=False)

    async def on_start(self) -> None:
        """Finds a partner."""
        self.me = self.context.ref
        self.ball = SendPing(self.me)
        self.pong = await self.context.spawn(role(Pong))

    @handles(Start)
    def start(self, start: Start) -> Reply[int]:
        """The first ball."""
        self.result = self.context.defer(start)
        self.next(NEXT)
        return self.result

    @handles(Next)
    def next(self, _next: Next) -> None:
        """One more ball."""
        self.pong.tell_nowait(self.ball)
        self.left -= 1

    @handles(SendPong)
    def take_back(self, _pong: SendPong) -> None:
        """The ball is back: again, or the end."""
        self.pongs += 1
        if self.left > 0:
            self.me.tell_nowait(NEXT)
        else:
            self.pong.tell_nowait(STOP)
            self.result.send(self.pongs)


async def play(system: System, parameters: Parameters) -> int:
    """One match."""
    ping = await system.spawn(role(Ping, parameters.pings))
    return await ping.ask(Start())


def check(parameters: Parameters, pongs: int) -> None:
    """Every ping came back."""
    same("the number of pongs", pongs, parameters.pings)


PROGRAM = Program(
    "pingpong",
    1,
    Sizes(default=Parameters(40_000), here=Parameters(40_000), small=Parameters(200)),
    play,
    check,
    messages=lambda parameters: 3 * parameters.pings + 1,
    actors=lambda _: 2,
)
