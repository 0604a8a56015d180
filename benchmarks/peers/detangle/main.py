"""
The five-node ring on detangle: a task a node, each on a host and with a mailbox of its own, under one random schedule.

Its mailboxes copy what is sent, its network draws latencies; it keeps a record of its decisions and hashes the order of tasks.
"""

import sys
from importlib.metadata import version
from time import process_time

import detangle
from detangle.net import Mailbox

NODES = 5
PORT = 1


async def member(number: int) -> int:
    network = detangle.network()
    box: Mailbox = network.mailbox(PORT)
    neighbour = f"n{(number + 1) % NODES}", PORT
    handled = 0
    while True:
        hops, _ = await box.recv()
        handled += 1
        if hops > -NODES + 1:  # the last round ends everybody
            box.send(neighbour, hops - 1)
        if hops <= 0:
            return handled


async def ring(messages: int) -> int:
    members = [detangle.spawn(member(number), host=f"n{number}") for number in range(NODES)]
    sender: Mailbox = detangle.network().mailbox(PORT + 1, host="n0")
    sender.send(("n0", PORT), messages)
    return sum([await one for one in members])


def main() -> None:
    messages = int(sys.argv[1])
    began = process_time()
    handled = detangle.run(lambda: ring(messages), seed=1, max_steps=100 * messages + 1000)
    seconds = process_time() - began
    assert handled == messages + NODES, handled
    print(handled / seconds, version("detangle"))


if __name__ == "__main__":
    main()
