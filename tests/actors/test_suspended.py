"""How many handlers may wait on trio at once, and what becomes of those beyond it."""

import math
from collections.abc import Awaitable, Callable

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, Request, actor, handles, open_system


@frozen
class Sleep(Request[None]):
    seconds: float


@frozen
class Count(Request[int]):
    """Answered by a plain handler."""


@frozen(eq=False)
class Do(Request[object]):
    what: "Callable[[], Awaitable[object]]"


@define(eq=False)
class Sleeper(Actor[Sleep | Count | Do]):
    started: list[float] = field(factory=list[float])

    @handles(Sleep)
    async def sleep(self, message: Sleep) -> None:
        self.started.append(trio.current_time())
        await trio.sleep(message.seconds)

    @handles(Count)
    def count(self, message: Count) -> int:
        return len(self.started)

    @handles(Do)
    async def do(self, message: Do) -> object:
        await trio.sleep(1)
        return await message.what()


async def test_at_the_limit_no_further_async_handler_starts_until_one_ends(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Of six handlers that sleep for a second, two sleep at a time: the last pair begins after two seconds. Plain handlers are
    not concerned. The log says once that the limit was reached.
    """
    started: list[float] = []
    with trio.fail_after(20):
        async with open_system(max_suspended=2) as system:
            sleepers = [await system.spawn(actor(Sleeper, started)) for _ in range(6)]
            plain = await system.spawn(actor(Sleeper))
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                for sleeper in sleepers:
                    nursery.start_soon(sleeper.ask, Sleep(1))
                await wait_all_tasks_blocked()
                assert len(started) == 2
                assert {node.state for node in system.tree() if node.path.startswith("/user/")} == {"waiting", "blocked", "idle"}
                assert await plain.ask(Count()) == 0
            assert [at - began for at in started] == [0, 0, 1, 1, 2, 2]
    assert [record.getMessage() for record in caplog.records if "max_suspended" in record.getMessage()] == [caplog.messages[0]]


async def test_an_actor_that_a_waiting_handler_awaits_starts_beyond_the_limit(autojump_clock: MockClock) -> None:
    """The one handler that may wait asks another actor, whose handler waits too: the limit is no deadlock."""
    with trio.fail_after(20):
        async with open_system(max_suspended=1) as system:
            asked = await system.spawn(actor(Sleeper))
            asker = await system.spawn(actor(Sleeper))
            await asker.ask(Do(lambda: asked.ask(Sleep(1))))


async def test_who_is_blocked_already_starts_when_a_waiting_handler_asks_it(autojump_clock: MockClock) -> None:
    """It had a message of its own that could not start; the ask behind it would wait for ever if it did not start now."""
    with trio.fail_after(20):
        async with open_system(max_suspended=1) as system:
            asked: ActorRef[Sleep | Count | Do] = await system.spawn(actor(Sleeper))
            asker = await system.spawn(actor(Sleeper))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asker.ask, Do(lambda: asked.ask(Sleep(1))))
                await wait_all_tasks_blocked()
                await asked.tell(Sleep(1))
                await wait_all_tasks_blocked()
                assert [node.state for node in system.tree() if node.path == asked.path] == ["blocked"]


async def test_a_handler_that_the_runtime_holds_does_not_count(autojump_clock: MockClock) -> None:
    """An actor's own sleep and its asks hold no task: a hundred wait where one may wait on trio."""

    @define(eq=False)
    class Light(Actor[Sleep]):
        @handles(Sleep)
        async def sleep(self, message: Sleep) -> None:
            await self.context.sleep(message.seconds)

    with trio.fail_after(20):
        async with open_system(max_suspended=1) as system:
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon((await system.spawn(actor(Light))).ask, Sleep(1))
            assert trio.current_time() == began + 1


async def test_a_blocked_handler_can_be_stopped(autojump_clock: MockClock) -> None:
    """It has not begun, and never does: its message counts as failed when the time to stop is over."""
    started: list[float] = []
    with trio.fail_after(20):
        async with open_system(max_suspended=1) as system:
            first = await system.spawn(actor(Sleeper))
            await first.tell(Sleep(math.inf))
            await wait_all_tasks_blocked()
            second = await system.spawn(actor(Sleeper, started, name="second", stop_timeout=3))
            await second.tell(Sleep(1))
            await wait_all_tasks_blocked()
            began = trio.current_time()
            await system.stop(second)
            assert trio.current_time() == began + 3
            assert not started
            counts = system.statistics()
            assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting
            await system.stop(first)
