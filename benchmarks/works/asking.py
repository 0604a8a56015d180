"""
Asking: an idle actor with a plain handler, an async one from a handler, an async one from outside.

Each ask is awaited before its asker sends the next one, so this is how long a question takes, but for the row with many askers.
"""

from time import perf_counter

import trio
from attrs import define

from trouper import Actor, ActorRef, Request, actor, handles, open_system

from .counting import HOW_MANY, QUESTION, AsyncCounter, HowMany, Note, PlainCounter, Question
from .work import Work

ASKERS = 200


async def ask_plain(questions: int) -> tuple[int, float]:
    """From outside, one after another, of an idle actor with a plain handler."""
    answer = 0
    async with open_system() as system:
        ref = await system.spawn(actor(PlainCounter))
        began = perf_counter()
        for _ in range(questions):
            answer = await ref.ask(QUESTION)
        seconds = perf_counter() - began
    assert answer == questions, (answer, questions)
    return questions, seconds


class Start(Request[int]):
    """Ask so many questions."""

    def __init__(self, questions: int) -> None:
        self.questions = questions


@define(eq=False)
class Asker(Actor[Start]):
    """Asks another actor, from a handler."""

    target: ActorRef[Note | Question | HowMany]

    @handles(Start)
    async def start(self, start: Start) -> int:
        """Returns the last answer."""
        answer = 0
        target = self.target
        for _ in range(start.questions):
            answer = await target.ask(QUESTION)
        return answer


async def ask_from_handler(questions: int) -> tuple[int, float]:
    """From a handler, one after another, of an actor with an async handler."""
    async with open_system() as system:
        target = await system.spawn(actor(AsyncCounter))
        asker = await system.spawn(actor(Asker, target))
        began = perf_counter()
        answer = await asker.ask(Start(questions))
        seconds = perf_counter() - began
    assert answer == questions, (answer, questions)
    return questions, seconds


async def ask_from_outside(questions: int) -> tuple[int, float]:
    """From outside, one after another, of an actor with an async handler."""
    answer = 0
    async with open_system() as system:
        ref = await system.spawn(actor(AsyncCounter))
        began = perf_counter()
        for _ in range(questions):
            answer = await ref.ask(QUESTION)
        seconds = perf_counter() - began
    assert answer == questions, (answer, questions)
    return questions, seconds


async def ask_in_parallel(questions: int) -> tuple[int, float]:
    """From outside, by many tasks, of one actor with an async handler."""
    each = max(1, questions // ASKERS)

    async def ask_each(ref: ActorRef[Question]) -> None:
        for _ in range(each):
            await ref.ask(QUESTION)

    async with open_system() as system:
        ref = await system.spawn(actor(AsyncCounter))
        began = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(ASKERS):
                nursery.start_soon(ask_each, ref)
        seconds = perf_counter() - began
        handled = await ref.ask(HOW_MANY)
    assert handled == each * ASKERS, (handled, each)
    return handled, seconds


WORKS = (
    Work("ask_def", "ask an idle actor, def handler", "asks", ask_plain, 300_000),
    Work("ask_handler_async", "ask from a handler, async handler", "asks", ask_from_handler, 50_000),
    Work("ask_outside_async", "ask from outside, async handler", "asks", ask_from_outside, 20_000),
    Work("ask_outside_async_200", "the same, 200 askers in parallel", "asks", ask_in_parallel, 40_000),
)
