"""
A message's cost as actors grow in number: told by one sender, from outside, to one actor after another or in random order.

Beside it stands what the machine itself charges for so many objects: the bare loop with as many receivers, in random order, without any
runtime. Each actor has had two messages before the clock runs, so that what an actor gets once is there.
"""

import random
from collections import deque
from time import process_time

import trio
from attrs import Factory, define
from works.counting import NOTE, Note

from trouper import Actor, ActorRef, actor, handles, open_system, supervisor

from .curve import Curve, Multiples, multiples_of_bare

MESSAGES_MIN = 100_000
"""Messages in one measurement, or one for each actor if those are more."""

IN_TURN = "told one after another"
AT_RANDOM = "told in random order"
BARE_AT_RANDOM = "no runtime: bare loop over as many objects, random order"


@define(eq=False)
class Tally:
    """How many messages are still to come, of all actors together."""

    left: int = 0
    over: trio.Event = Factory(trio.Event)

    def expect(self, messages: int) -> None:
        """So many are sent from now on."""
        self.left = messages
        self.over = trio.Event()


@define(eq=False)
class Member(Actor[Note]):
    """Takes each of its messages off the tally."""

    tally: Tally

    @handles(Note)
    def take(self, _note: Note) -> None:
        """Handles a message."""
        self.tally.left -= 1
        if not self.tally.left:
            self.tally.over.set()


@define(eq=False)
class Receiver:
    """What is called if there is no runtime."""

    handled: int = 0

    def take(self, _note: Note) -> None:
        """Handles a message."""
        self.handled += 1


async def tell_each(refs: list[ActorRef[Note]], tally: Tally) -> tuple[int, float]:
    """Tells all of *refs*, until all have handled it."""
    tally.expect(len(refs))
    began = process_time()
    for ref in refs:
        await ref.tell(NOTE)
    await tally.over.wait()
    return len(refs), process_time() - began


async def call_each(receivers: list[Receiver]) -> tuple[int, float]:
    """The bare loop over *receivers*."""
    queue: deque[Note] = deque()
    began = process_time()
    for receiver in receivers:
        queue.append(NOTE)
        receiver.take(queue.popleft())
    return len(receivers), process_time() - began


async def bare_at_random(objects: int, shuffled: list[int], times: int) -> list[float]:
    """The bare loop over so many receivers."""
    receivers = [Receiver() for _ in range(objects)]
    called = [receivers[number % objects] for number in shuffled]
    return await multiples_of_bare(lambda: call_each(called), times)


async def measure(actors: int, times: int) -> Multiples:
    """The point for so many actors."""
    messages = max(MESSAGES_MIN, actors)
    tally = Tally()
    member = actor(Member, tally)
    crowd = supervisor("crowd")
    shuffled = random.Random(1).sample(range(messages), messages)
    bare = await bare_at_random(actors, shuffled, times)
    async with open_system(crowd) as system:
        under = system.ref(crowd)
        refs = [await system.spawn(member, under=under) for _ in range(actors)]
        for _ in range(2):
            await tell_each(refs, tally)
        in_turn = [refs[number % actors] for number in range(messages)]
        first = await multiples_of_bare(lambda: tell_each(in_turn, tally), times)
        at_random = [in_turn[number] for number in shuffled]
        return {IN_TURN: first, AT_RANDOM: await multiples_of_bare(lambda: tell_each(at_random, tally), times), BARE_AT_RANDOM: bare}


CURVE = Curve(
    "actors",
    "A message, as there are more actors",
    "actors alive",
    "a message",
    {"": (IN_TURN, AT_RANDOM, BARE_AT_RANDOM)},
    (10, 100, 1_000, 10_000, 100_000, 1_000_000),
    measure,
)
