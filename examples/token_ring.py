"""
A ring of 1,000 actors that choose a leader among themselves; the leader then sends a token round.

Each knows its neighbour and nobody else. The election is Chang and Roberts' (1979): everybody sends its number to its
neighbour; a node passes larger numbers on and drops smaller ones; who sees its own number again has won. An idle actor owns
no task and no thread, so a ring of this size is a few milliseconds of work and well under a megabyte.
"""

from random import Random

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles, open_system

NODES = 1_000
ROUNDS = 50


@frozen
class Meet:
    """To a node: this is your neighbour."""

    neighbour: ActorRef["Candidate | Token"]


@frozen
class Elect:
    """To a node: take part in an election."""


@frozen
class Candidate:
    """Round the ring: this number wants to lead."""

    number: int


@frozen
class Token:
    """Round the ring: it has come so far."""

    hops: int


@frozen
class LeaderElected:
    """A fact: a number has been all round."""

    path: str
    number: int


@frozen
class TokenReturned:
    """A fact: the token has been round as often as it should."""

    hops: int


@define(eq=False)
class Node(Actor[Meet | Elect | Candidate | Token]):
    """
    One place in the ring.

    It tells its neighbour without waiting. Handlers that wait for room in each other's mailboxes all round a ring would wait
    for ever (and be told so, with `Deadlock`); here a mailbox has room for the number of every node.
    """

    number: int
    _neighbour: ActorRef[Candidate | Token] = field(init=False)

    @handles(Meet)
    def meet(self, command: Meet) -> None:
        """The only other one that it ever hears of."""
        self._neighbour = command.neighbour

    @handles(Elect)
    def stand(self, _command: Elect) -> None:
        """Everybody is a candidate."""
        self._neighbour.tell_nowait(Candidate(self.number))

    @handles(Candidate)
    def consider(self, candidate: Candidate) -> None:
        """Smaller numbers end here."""
        if candidate.number > self.number:
            self._neighbour.tell_nowait(candidate)
        elif candidate.number == self.number:
            self.context.publish(LeaderElected(self.context.path, self.number))
            self._neighbour.tell_nowait(Token(1))

    @handles(Token)
    def pass_on(self, token: Token) -> None:
        """Ends with who started it, since a round has as many hops as there are nodes."""
        if token.hops == NODES * ROUNDS:
            self.context.publish(TokenReturned(token.hops))
        else:
            self._neighbour.tell_nowait(Token(token.hops + 1))


async def main() -> None:
    """Builds the ring, and watches it from outside."""
    numbers = list(range(1, NODES + 1))
    Random(1979).shuffle(numbers)
    async with (
        open_system() as system,
        system.subscribe(LeaderElected) as elected,
        system.subscribe(TokenReturned) as returned,
    ):
        nodes = [await system.spawn(actor(Node, number, name=f"node-{number}", mailbox=NODES)) for number in numbers]
        for node, neighbour in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
            await node.tell(Meet(neighbour))
        print(f"{len(nodes):,} nodes in a ring, each of which knows one other")

        for node in nodes:
            await node.tell(Elect())
        leader = await anext(elected)
        print(f"{leader.path} was elected: {leader.number:,} is the largest number")

        token = await anext(returned)
        print(f"the token came home after {token.hops:,} hops, {ROUNDS} times round")

        votes = system.statistics().handled - 2 * NODES - token.hops - 2  # less Meet, Elect, Token, and two facts
        print(f"the election took {votes:,} messages, {votes / NODES:.1f} a node, and not {NODES:,}: small numbers end early")


if __name__ == "__main__":
    trio.run(main)
