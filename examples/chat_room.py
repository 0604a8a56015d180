"""
A chat over real sockets: an actor for the room, a child of it for each connection, and three clients in the same program.

A connection's background task reads the socket and passes lines on to the room; its handler writes what the room says. When a
client hangs up, or makes its connection crash, that actor ends, and the room, which watches it, says goodbye: no other
connection notices. The room never waits for a client: who does not read loses the oldest lines, and they are counted.
"""

import logging

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, Exit, Fifo, Terminated, actor, handles, open_system

LINE_BYTES_MAX = 1_000


@frozen
class Say:
    """To the room: tell everybody. What a connection says first is its name."""

    text: str
    connection: ActorRef[str]


@define(eq=False)
class Room(Actor[Say]):
    """Lets clients in, knows who is here, and passes on what is said."""

    listener: trio.SocketListener
    _names: dict[ActorRef[str], str] = field(factory=dict[ActorRef[str], str], init=False)

    def on_start(self) -> None:
        """Opens."""
        self.context.start_soon(self._let_in)

    async def _let_in(self) -> None:
        while True:
            stream = await self.listener.accept()
            mailbox = Fifo(100, on_full="drop_oldest")
            await self.context.spawn(actor(Connection, stream, self.context.ref, mailbox=mailbox, restart="temporary"))

    @handles(Say)
    def say(self, command: Say) -> None:
        """To everybody, the speaker included. Whoever is new will be heard of once more: at its end, however that comes."""
        if command.connection in self._names:
            self._tell_all(f"<{self._names[command.connection]}> {command.text}")
        else:
            self._names[command.connection] = command.text
            self.context.watch(command.connection)
            self._tell_all(f"* {command.text} is here")

    @handles(Terminated)
    def leave(self, terminated: Terminated) -> None:
        """Comes once for each connection, behind what it had still said."""
        self._tell_all(f"* {self._names.pop(terminated.ref)} has left ({terminated.reason})")

    def _tell_all(self, text: str) -> None:
        for connection in self._names:
            connection.tell_nowait(text)


@define(eq=False)
class Connection(Actor[str]):
    """One client. Started as temporary: with its socket gone there is nothing to restart it for."""

    stream: trio.SocketStream
    room: ActorRef[Say]

    def on_start(self) -> None:
        """Reading is a task beside the handlers: it waits for the client, and nobody waits for it."""
        self.context.start_soon(self._read)

    async def _read(self) -> None:
        rest = b""
        async for chunk in self.stream:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                await self.room.tell(Say(line.decode(), self.context.ref))  # no text: a crash, of this connection only
            if len(rest) > LINE_BYTES_MAX:
                raise ValueError(f"a line of more than {LINE_BYTES_MAX} bytes")
        self.context.stop_self()

    @handles(str)
    async def show(self, line: str) -> None:
        """Waits for the network, as long as that takes."""
        await self.stream.send_all(line.encode() + b"\n")

    async def on_stop(self, _reason: Exit, /) -> None:
        """However it ends, the socket is closed."""
        await self.stream.aclose()


async def hear(client: trio.SocketStream) -> str:
    """The next line. A client is plain trio."""
    heard = b""
    while not heard.endswith(b"\n"):
        chunk = await client.receive_some()
        assert chunk, "the chat was closed"
        heard += chunk
    return heard.decode()


async def main() -> None:
    """What Ann hears."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crash is meant to be: without its traceback
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    ann, bob, carla = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(3)]
    async with listener, ann, bob, carla:
        async with open_system(actor(Room, listener, name="room")):
            speakers = (ann, bob, carla, bob, ann, bob, carla)
            lines = (b"Ann", b"Bob", b"Carla", b"good morning!", b"good morning, Bob", b"\xff\xfe", b"what was that?")
            for client, line in zip(speakers, lines, strict=True):
                await client.send_all(line + b"\n")
                print(await hear(ann), end="")
            await carla.send_eof()
            print(await hear(ann), end="")
        print(f"The chat is closed, and Ann's socket with it: {await ann.receive_some()!r}")


if __name__ == "__main__":
    trio.run(main)
