"""An actor with very many children takes nobody's time: what is done to all of them is done in pieces."""

import trio
from attrs import define
from trio.testing import MockClock

from trouper import Actor, actor, handles, open_system, supervisor


class Greet:
    """A message."""


@define(eq=False)
class Child(Actor[Greet]):
    """Is one of many."""

    @handles(Greet)
    def greet(self, message: Greet) -> None:
        """Handles a message."""


async def test_the_end_of_many_children_lets_others_run(autojump_clock: MockClock) -> None:
    """While a supervisor with a thousand dynamic children stops, trio's other tasks have many turns, and all children end."""
    crowd = supervisor("crowd")
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    with trio.fail_after(10):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(crowd)
            for _ in range(1000):
                await system.spawn(actor(Child), under=ref)
            nursery.start_soon(take_turns)
            await trio.lowlevel.checkpoint()
            before = turns
            await system.stop(ref)
            nursery.cancel_scope.cancel()
            assert turns - before >= 1000 // 64
            assert [node.path for node in system.tree() if node.path.startswith("/user/")] == []


async def test_a_loop_of_spawns_lets_others_run() -> None:
    """Spawning is an async call: a task that spawns without end does not keep trio's other tasks from running."""
    others = 0

    async def count_turns() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    with trio.fail_after(60):
        async with open_system(slice=0.0) as system, trio.open_nursery() as nursery:
            nursery.start_soon(count_turns)
            spec = actor(Child, restart="temporary")
            for _ in range(1000):
                await system.spawn(spec)
            assert others >= 10  # one look every 64 spawns
            nursery.cancel_scope.cancel()
