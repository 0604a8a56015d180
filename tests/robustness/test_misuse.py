"""What a newcomer does by mistake, and is told at once instead of waiting for ever."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, frozen
from trio.testing import MockClock

from trouper import Actor, ServiceKey, WrongThread, actor, handles, open_system


@frozen
class Greet:
    """A message, and a fact."""


@define(eq=False)
class Host(Actor[Greet]):
    """Counts greetings."""

    greetings: list[Greet]

    @handles(Greet)
    def greet(self, message: Greet) -> None:
        self.greetings.append(message)


async def test_telling_from_another_thread_is_refused_before_anything_is_changed() -> None:
    """An idle system is not woken from outside of its thread; `trio.from_thread` is the way, and the error says so."""
    greetings: list[Greet] = []
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Host, greetings))
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(WrongThread, match=r"trio\.from_thread\.run_sync"):
                await trio.to_thread.run_sync(ref.tell_nowait, Greet())
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.waiting) == (0, 0)
            await trio.to_thread.run_sync(trio.from_thread.run_sync, ref.tell_nowait, Greet())
            await trio.testing.wait_all_tasks_blocked()
    assert greetings == [Greet()]


async def test_waiting_for_what_is_no_name_is_refused(autojump_clock: MockClock) -> None:
    """Else it would wait for ever: nobody can register it."""
    async with open_system() as system:
        registry: Any = system.registry
        for wrong, error in ((3, TypeError), ("", ValueError), ("a/b", ValueError)):
            with pytest.raises(error), trio.fail_after(1):
                await registry.wait_for(wrong)
        with pytest.raises(TypeError):
            registry.lookup(ServiceKey[Greet]("k"))
        with pytest.raises(TypeError, match="lookup"):
            registry.find("k")


async def test_waiting_for_a_registration_ends_with_the_system(autojump_clock: MockClock) -> None:
    """Those that wait when it ends, and those that come after."""
    ends: list[str] = []

    async with trio.open_nursery() as nursery:
        async with open_system() as system:
            registry = system.registry

            async def look_for(name: str) -> None:
                try:
                    await registry.wait_for(name)
                except LookupError as error:
                    ends.append(str(error))

            nursery.start_soon(look_for, "nobody")
            await trio.sleep(1)
        with trio.fail_after(1):
            await look_for("nobody at all")
    end = "any more: the system has ended."
    assert ends == [f"Nobody will be registered as 'nobody' {end}", f"Nobody will be registered as 'nobody at all' {end}"]


async def test_facts_are_iterated_inside_their_block_and_entered_once(autojump_clock: MockClock) -> None:
    """Outside nothing is subscribed, so the iteration would wait for ever."""
    async with open_system() as system:
        facts = system.subscribe(Greet)
        with trio.fail_after(1), pytest.raises(RuntimeError, match="async with"):
            await facts.__anext__()
        async with facts:
            with pytest.raises(RuntimeError, match="once"):
                async with facts:
                    pass
