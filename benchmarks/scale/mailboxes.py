"""
A message's cost as the mailbox grows: capacity, and how many messages wait in it.

One sender that tells as fast as it may; one that fills the mailbox to the brim, tells once more, and waits until all is handled;
and the handling alone, of a mailbox that is full.
"""

from time import process_time

from works.counting import NOTE, Note

from trouper import ActorRef, actor, open_system

from .actors import Member, Tally
from .curve import Curve, Multiples, multiples_of_bare

MESSAGES_MIN = 50_000

TOLD = "await tell, without a pause"
BRIMMED = "tell_nowait until it is full, and an await tell that waits"
DRAINED = "a full mailbox is handled"


async def measure(capacity: int, times: int) -> Multiples:
    """The point for a mailbox of so many slots."""
    tally = Tally()
    fillings = max(1, MESSAGES_MIN // (capacity * 5)) if capacity < 10 else max(1, MESSAGES_MIN // capacity)

    async def tell(ref: ActorRef[Note]) -> tuple[int, float]:
        tally.expect(MESSAGES_MIN)
        began = process_time()
        for _ in range(MESSAGES_MIN):
            await ref.tell(NOTE)
        await tally.over.wait()
        return MESSAGES_MIN, process_time() - began

    async def brim(ref: ActorRef[Note]) -> tuple[int, float]:
        began = process_time()
        for _ in range(fillings):
            tally.expect(capacity + 1)
            for _ in range(capacity):
                ref.tell_nowait(NOTE)
            await ref.tell(NOTE)
            await tally.over.wait()
        return fillings * (capacity + 1), process_time() - began

    async def drain(ref: ActorRef[Note]) -> tuple[int, float]:
        seconds = 0.0
        for _ in range(fillings):
            tally.expect(capacity)
            for _ in range(capacity):
                ref.tell_nowait(NOTE)
            began = process_time()
            await tally.over.wait()
            seconds += process_time() - began
        return fillings * capacity, seconds

    async with open_system() as system:
        ref = await system.spawn(actor(Member, tally, mailbox=capacity))
        await drain(ref)
        return {
            TOLD: await multiples_of_bare(lambda: tell(ref), times),
            BRIMMED: await multiples_of_bare(lambda: brim(ref), times),
            DRAINED: await multiples_of_bare(lambda: drain(ref), times),
        }


CURVE = Curve(
    "mailboxes",
    "A message, as the mailbox gets longer",
    "capacity of the mailbox = messages in it when it is full",
    "a message",
    {"": (TOLD, BRIMMED, DRAINED)},
    (1, 10, 100, 1_000, 10_000, 100_000),
    measure,
)
