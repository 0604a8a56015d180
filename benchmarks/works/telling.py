"""
Telling: from code outside of actors, with and without waiting, and from a handler.

What is told from outside waits for the checkpoint that lets the actor run, so the messages go out in bursts that fit the
mailbox; what is told from a handler is handled when that handler has used up its slice. Nothing waits for room.
"""

from functools import partial
from time import perf_counter

from attrs import define

from trouper import Actor, ActorRef, Request, actor, handles, open_system

from .counting import HOW_MANY, NOTE, AsyncCounter, Counter, HowMany, Note, PlainCounter, Question
from .work import Work

BURST = 10_000
"""Messages that are sent before the sender asks for the count. The mailbox takes them all, and the question."""


async def tell_nowait(factory: type[Counter], messages: int) -> tuple[int, float]:
    """`tell_nowait` from outside."""
    counter = actor(factory, mailbox=BURST + 1)
    sent = handled = 0
    async with open_system() as system:
        ref = await system.spawn(counter)
        began = perf_counter()
        while sent < messages:
            burst = min(BURST, messages - sent)
            for _ in range(burst):
                ref.tell_nowait(NOTE)
            sent += burst
            handled = await ref.ask(HOW_MANY)
        seconds = perf_counter() - began
    assert handled == messages, (handled, messages)
    return messages, seconds


async def tell(factory: type[Counter], messages: int) -> tuple[int, float]:
    """`await tell` from outside, with the checkpoints that it makes."""
    counter = actor(factory, mailbox=BURST + 1)
    sent = handled = 0
    async with open_system() as system:
        ref = await system.spawn(counter)
        began = perf_counter()
        while sent < messages:
            burst = min(BURST, messages - sent)
            for _ in range(burst):
                await ref.tell(NOTE)
            sent += burst
            handled = await ref.ask(HOW_MANY)
        seconds = perf_counter() - began
    assert handled == messages, (handled, messages)
    return messages, seconds


class Start(Request[int]):
    """Send so many messages."""

    def __init__(self, messages: int) -> None:
        self.messages = messages


@define(eq=False)
class Teller(Actor[Start]):
    """Tells another actor, from a handler."""

    target: ActorRef[Note | Question | HowMany]

    @handles(Start)
    async def start(self, start: Start) -> int:
        """Sends the messages in bursts, and returns how many the target has handled."""
        sent = handled = 0
        target = self.target
        while sent < start.messages:
            burst = min(BURST, start.messages - sent)
            for _ in range(burst):
                await target.tell(NOTE)
            sent += burst
            handled = await target.ask(HOW_MANY)
        return handled


async def tell_from_handler(factory: type[Counter], messages: int) -> tuple[int, float]:
    """`await tell` from a handler."""
    async with open_system() as system:
        target = await system.spawn(actor(factory, mailbox=BURST + 1))
        teller = await system.spawn(actor(Teller, target))
        began = perf_counter()
        handled = await teller.ask(Start(messages))
        seconds = perf_counter() - began
    assert handled == messages, (handled, messages)
    return messages, seconds


WORKS = (
    Work("tell_nowait_def", "tell_nowait from outside, def handler", "messages", partial(tell_nowait, PlainCounter), 400_000),
    Work("tell_nowait_async", "tell_nowait from outside, async handler", "messages", partial(tell_nowait, AsyncCounter), 400_000),
    Work("tell_def", "await tell from outside, def handler", "messages", partial(tell, PlainCounter), 400_000),
    Work("tell_async", "await tell from outside, async handler", "messages", partial(tell, AsyncCounter), 400_000),
    Work("tell_handler_def", "await tell from a handler, def handler", "messages", partial(tell_from_handler, PlainCounter), 400_000),
    Work("tell_handler_async", "await tell from a handler, async handler", "messages", partial(tell_from_handler, AsyncCounter), 400_000),
)
