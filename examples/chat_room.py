"""
A chat over real sockets: an actor for each connection, one for the room, and three clients in the same program.

A connection's background task reads the socket and passes lines on to the room; its handler writes what the room says. When a
client hangs up, or makes its connection crash, that actor ends, and the room, which watches it, says goodbye: no other
connection notices. The room never waits for a client: who does not read loses the oldest lines, and they are counted.
"""

import logging
from typing import Never

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, Exit, Fifo, Terminated, actor, handles, open_system

LINE_BYTES_MAX = 1_000


@frozen
class Line:
    """To a connection: show this."""

    text: str


@frozen
class Join:
    """To the room: I am here, and this is where I hear you."""

    name: str
    connection: ActorRef[Line]


@frozen
class Say:
    """To the room: tell everybody."""

    text: str
    connection: ActorRef[Line]


@define(eq=False)
class Room(Actor[Join | Say]):
    """Who is here, and what is said."""

    _names: dict[ActorRef[Line], str] = field(factory=dict[ActorRef[Line], str], init=False)

    @handles(Join)
    def join(self, command: Join) -> None:
        """From now on it hears what others say, and they will hear of its end, however that comes."""
        self._names[command.connection] = command.name
        self.context.watch(command.connection)
        self._tell_all(f"* {command.name} is here")

    @handles(Say)
    def say(self, command: Say) -> None:
        """To everybody, the speaker included."""
        self._tell_all(f"<{self._names[command.connection]}> {command.text}")

    @handles(Terminated)
    def leave(self, terminated: Terminated) -> None:
        """Comes once for each connection, behind what it had still said."""
        self._tell_all(f"* {self._names.pop(terminated.ref)} has left ({terminated.reason})")

    def _tell_all(self, text: str) -> None:
        for connection in self._names:
            connection.tell_nowait(Line(text))


@define(eq=False)
class Connection(Actor[Line]):
    """One client. Started as temporary: with its socket gone there is nothing to restart it for."""

    stream: trio.SocketStream
    room: ActorRef[Join | Say]

    def on_start(self) -> None:
        """Reading is a task beside the handlers: it waits for the client, and nobody waits for it."""
        self.context.start_soon(self._read)

    async def _read(self) -> None:
        joined, rest = False, b""
        async for chunk in self.stream:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                text = line.decode()  # what is no text is a crash, of this connection only
                await self.room.tell(Say(text, self.context.ref) if joined else Join(text, self.context.ref))
                joined = True
            if len(rest) > LINE_BYTES_MAX:
                raise ValueError(f"a line of more than {LINE_BYTES_MAX} bytes")
        self.context.stop_self()

    @handles(Line)
    async def show(self, line: Line) -> None:
        """Waits for the network, as long as that takes."""
        await self.stream.send_all(line.text.encode() + b"\n")

    async def on_stop(self, _reason: Exit, /) -> None:
        """However it ends, the socket is closed."""
        await self.stream.aclose()


@define(eq=False)
class Door(Actor[Never]):
    """Lets clients in, each as a child of its own. Nobody sends it anything."""

    listener: trio.SocketListener
    room: ActorRef[Join | Say]

    def on_start(self) -> None:
        """Opens."""
        self.context.start_soon(self._let_in)

    async def _let_in(self) -> None:
        while True:
            stream = await self.listener.accept()
            mailbox = Fifo(100, on_full="drop_oldest")
            await self.context.spawn(actor(Connection, stream, self.room, mailbox=mailbox, restart="temporary"))


async def say(client: trio.SocketStream, line: str) -> None:
    """What a client does, in plain trio."""
    await client.send_all(line.encode() + b"\n")


async def hear(client: trio.SocketStream, last: str) -> str:
    """All lines up to one that ends with *last*."""
    heard = ""
    while not heard.endswith(f"{last}\n"):
        chunk = await client.receive_some()
        assert chunk, "the chat was closed"
        heard += chunk.decode()
    return heard


async def main() -> None:
    """What Ann hears."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crash is meant to be: without its traceback
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    ann, bob, carla = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(3)]
    async with listener, ann, bob, carla:
        async with open_system() as system:
            room = await system.spawn(actor(Room, name="room"))
            await system.spawn(actor(Door, listener, room, name="door"))
            for client, name in ((ann, "Ann"), (bob, "Bob"), (carla, "Carla")):
                await say(client, name)
                print(await hear(ann, f"{name} is here"), end="")
            await say(bob, "good morning!")
            print(await hear(ann, "morning!"), end="")
            await say(ann, "good morning, Bob")
            print(await hear(ann, ", Bob"), end="")
            await bob.send_all(b"\xff\xfe\n")
            print(await hear(ann, "byte)"), end="")
            await say(carla, "what was that?")
            print(await hear(ann, "that?"), end="")
            await hear(carla, "that?")
            await carla.aclose()
            print(await hear(ann, "(normal)"), end="")
        print(f"The chat is closed, and Ann's socket with it: {await ann.receive_some()!r}")


if __name__ == "__main__":
    trio.run(main)
