"""What is left of the dead: nothing that only the garbage collector could free."""

from __future__ import annotations

import gc

import trio
from attrs import define, frozen
from trio.testing import MockClock

from trouper import Actor, actor, handles, open_system
from trouper.actors.cell import Cell


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
