"""
The five-node ring on simloop: a host a node, datagrams between them, with latencies, under one seed and with the hash of its trace.
"""

import asyncio
import sys
from importlib.metadata import version
from time import process_time
from typing import Any

from simloop import SimLoop

NODES = 5
PORT = 1


class Member(asyncio.DatagramProtocol):
    def __init__(self, neighbour: str, over: "asyncio.Future[None]") -> None:
        self.neighbour = neighbour, PORT
        self.over = over
        self.handled = 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        self.handled += 1
        hops = int(data)
        if hops > 0:
            self.transport.sendto(b"%d" % (hops - 1), self.neighbour)
        else:
            self.over.set_result(None)


async def ring(loop: SimLoop, messages: int) -> int:
    loop.net.set_defaults(latency=(0.0005, 0.0025))
    over = loop.create_future()
    members: list[Member] = []

    async def join(number: int) -> None:
        _, member = await loop.create_datagram_endpoint(lambda: Member(f"n{(number + 1) % NODES}", over), local_addr=(f"n{number}", PORT))
        members.append(member)

    for number in range(NODES):
        await loop.net.host(f"n{number}").create_task(join(number))
    members[0].transport.sendto(b"%d" % (messages - 1), ("n1", PORT))
    await over
    return sum(member.handled for member in members)


def main() -> None:
    messages = int(sys.argv[1])
    began = process_time()
    loop = SimLoop(seed=1)
    try:
        handled = loop.run_until_complete(ring(loop, messages))
        digest = loop.trace_hash()
    finally:
        loop.close()
    seconds = process_time() - began
    assert handled == messages, handled
    assert digest
    print(handled / seconds, version("simloop"))


if __name__ == "__main__":
    main()
