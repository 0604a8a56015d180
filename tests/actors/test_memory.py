"""What is left of the dead: nothing that only the garbage collector could free."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import Actor, ActorRef, Reply, Request, actor, handles, open_system
from trouper.actors.alarms import ASKED_MAX
from trouper.actors.cell import Cell
from trouper.actors.dispatcher import POOLED_MAX


@frozen
class Leave:
    """Ends the actor."""


@define(eq=False)
class Guest(Actor[Leave]):
    """Has a child, and leaves when told."""

    async def on_start(self) -> None:
        if self.context.path.count("/") < 3:
            await self.context.spawn(actor(Guest, restart="temporary"))

    @handles(Leave)
    def leave(self, _message: Leave) -> None:
        self.context.stop_self()


async def test_the_memory_of_the_dead_is_free_without_the_garbage_collector(autojump_clock: MockClock) -> None:
    """A cell refers to much that refers back to it; all of that is cut at the death, or a million dead would cost a collection each."""
    with trio.fail_after(10):
        async with open_system() as system:
            gc.collect()
            gc.disable()
            try:
                before = sum(type(found) is Cell for found in gc.get_objects())
                for _ in range(50):
                    await (await system.spawn(actor(Guest, restart="temporary"))).tell(Leave())
                await trio.sleep(1)
                assert system.tree().children[-1].children == ()
                left = sum(type(found) is Cell for found in gc.get_objects()) - before
            finally:
                gc.enable()
    assert left <= 2  # the worker's frame still names the last that ran


@define(eq=False, weakref_slot=True)
class Changing(Actor[Leave]):
    """Becomes something else at the first message, and is that at the next."""

    @handles(Leave)
    def leave(self, _message: Leave) -> None:
        self.context.become(self.ignore)

    def ignore(self, _message: Leave) -> None:
        """Nothing happens."""


async def test_a_ref_to_the_dead_does_not_keep_what_it_had_become(autojump_clock: MockClock) -> None:
    """Refs are kept for ever by whoever likes; the instance that a behaviour is a method of is gone with its actor all the same."""
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Changing, restart="temporary"))
            instance = weakref.ref(ref._cell.instance)  # pyright: ignore[reportPrivateUsage]
            for _ in range(3):
                await ref.tell(Leave())
            await trio.sleep(1)
            await system.stop(ref)
            gc.collect()
            assert instance() is None


@frozen
class Wait(Request[int]):
    """Answered when all have asked."""


@define(eq=False)
class Gate(Actor[Wait | Leave]):
    """Lets all who wait go on at once."""

    waiting: list[Reply[int]] = field(factory=list[Reply[int]], init=False)

    @handles(Wait)
    def keep(self, command: Wait) -> Reply[int]:
        reply: Reply[int] = self.context.defer(command)
        self.waiting.append(reply)
        return reply

    @handles(Leave)
    def open(self, _message: Leave) -> None:
        for reply in self.waiting:
            reply.send(1)


@define(eq=False)
class Waiting(Actor[Leave]):
    """Waits at the gate."""

    gate: ActorRef[Any]

    @handles(Leave)
    async def leave(self, _message: Leave) -> None:
        await self.gate.ask(Wait())


async def test_of_many_handlers_that_waited_at_once_few_drivers_are_kept(autojump_clock: MockClock) -> None:
    """A driver is kept for the next handler that waits, but not one for each that ever waited."""
    with trio.fail_after(100):
        async with open_system(slice=0.0) as system:
            gate = await system.spawn(actor(Gate, mailbox=10_000))
            for _ in range(2 * POOLED_MAX):
                await (await system.spawn(actor(Waiting, gate, mailbox=1))).tell(Leave())
            await trio.sleep(1)
            await gate.tell(Leave())
            await trio.sleep(1)
            runtime = system._runtime  # pyright: ignore[reportPrivateUsage]
            assert {node.state for node in system.tree()} == {"idle"}
            assert 0 < len(runtime.drivers) <= POOLED_MAX + 1


@define(eq=False, weakref_slot=True)
class Answer:
    """A reply of which one sees whether it is still there."""


@frozen
class Question(Request[Answer]):
    """Answered by a handler that may wait."""


@define(eq=False)
class Oracle(Actor[Question]):
    """Answers."""

    @handles(Question)
    async def answer(self, _question: Question) -> Answer:
        return Answer()


@define(eq=False)
class Pilgrim(Actor[Leave]):
    """Asks many questions in one turn, keeps no answer, and notes how many questions the alarms hold."""

    oracle: ActorRef[Question]
    asked: list[int]
    answers: list[weakref.ref[Answer]]

    @handles(Leave)
    async def ask(self, _message: Leave) -> None:
        for _ in range(1000):
            self.answers.append(weakref.ref(await self.oracle.ask(Question())))
            self.asked.append(len(self.context._cell.dispatcher.alarms.asked))  # pyright: ignore[reportPrivateUsage]


async def test_of_asks_that_were_answered_nothing_is_kept(autojump_clock: MockClock) -> None:
    """Neither in a slice that lasts for ever, beyond a few, nor with an actor that asked and is idle."""
    asked: list[int] = []
    answers: list[weakref.ref[Answer]] = []
    with trio.fail_after(100):
        async with open_system(slice=1000.0) as system:
            oracle = await system.spawn(actor(Oracle))
            await (await system.spawn(actor(Pilgrim, oracle, asked, answers))).tell(Leave())
            await trio.sleep(1)
            gc.collect()
            assert len(asked) == 1000
            assert max(asked) <= ASKED_MAX
            assert not any(answer() for answer in answers)
