"""Background tasks: they belong to one instance of an actor, run beside its handlers, and end with it."""

import contextlib
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorFailed, ActorGone, ActorRef, Exit, Request, Terminated, actor, handles, open_system, supervisor

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Broken(Exception):
    """What the tasks of these tests fail with."""


@frozen
class Start:
    """Starts a background task, with arguments."""

    what: Callable[..., Awaitable[object]]
    arguments: tuple[Any, ...] = ()


@frozen
class Ping(Request[str]):
    pass


@frozen
class Fail:
    """Fails the actor."""


@frozen
class Hold:
    """Keeps the handler until the event is set."""

    until: trio.Event


@define(eq=False)
class Host(Actor[Start | Ping | Fail | Hold]):
    """Starts background tasks, and writes down its hooks."""

    seen: list[str]

    @handles(Start)
    def start(self, command: Start) -> None:
        self.context.start_soon(command.what, self, *command.arguments)

    @handles(Ping)
    def ping(self, query: Ping) -> str:
        return "pong"

    @handles(Fail)
    def fail(self, command: Fail) -> None:
        raise Broken

    @handles(Hold)
    async def hold(self, command: Hold) -> None:
        try:
            await command.until.wait()
        finally:
            self.seen.append("the handler has ended")

    def on_stop(self, reason: Exit) -> None:
        self.seen.append(f"on_stop {reason.kind}")

    def on_restart(self, cause: BaseException) -> None:
        self.seen.append(f"on_restart {cause!r}")


async def until_cancelled(host: Host, *arguments: object) -> None:
    """Writes down that it was cancelled."""
    try:
        await trio.sleep_forever()
    finally:
        host.seen.append("cancelled")


async def test_it_runs_beside_the_handlers(autojump_clock: MockClock) -> None:
    """The actor handles messages meanwhile; the task gets its arguments, may use the context and tell and ask its own actor."""
    got: list[object] = []

    async def work(host: Host, *arguments: object) -> None:
        got.extend(arguments)
        await trio.sleep(1)
        got.append(await host.context.ref.ask(Ping()))
        await host.context.sleep(1)
        child = await host.context.spawn(actor(Host, list[str]()))
        got.append(child.path)

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Host, list[str]()))
            await ref.tell(Start(work, (1, "two")))
            assert await ref.ask(Ping()) == "pong"
            await wait_all_tasks_blocked()
            assert got == [1, "two"]
            await trio.sleep(3)
    assert got == [1, "two", "pong", "/user/Host-1/Host-1"]


async def test_a_stop_cancels_it_before_on_stop_runs(autojump_clock: MockClock) -> None:
    """Its cleanup has ended when `on_stop` begins, and when the stop returns; however long it takes."""
    seen: list[str] = []

    async def slow_to_end(host: Host) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            host.seen.append("cleaned up")

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Host, seen))
            await ref.tell(Start(until_cancelled))
            await ref.tell(Start(slow_to_end))
            await wait_all_tasks_blocked()
            await system.stop(ref)
            assert seen == ["cancelled", "cleaned up", "on_stop shutdown"]


async def test_a_restart_cancels_it(autojump_clock: MockClock) -> None:
    """It belongs to the instance that failed: it has ended before the new one starts."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Host, seen))
            await ref.tell(Start(until_cancelled))
            await wait_all_tasks_blocked()
            await ref.tell(Fail())
            assert await ref.ask(Ping()) == "pong"
            assert seen == ["cancelled", "on_restart Broken()"]


@pytest.mark.parametrize("is_busy", [False, True])
async def test_its_exception_is_the_failure_of_its_actor(autojump_clock: MockClock, is_busy: bool) -> None:
    """Decided by the supervisor like any other; a handler that runs is cancelled at once, and its message counts as failed."""
    seen: list[str] = []

    async def break_down(host: Host) -> None:
        await trio.sleep(1)
        raise Broken

    with trio.fail_after(5):
        async with open_system() as system, system.subscribe(ActorFailed) as failures:
            ref = await system.spawn(actor(Host, seen))
            await ref.tell(Start(break_down))
            if is_busy:
                await ref.tell(Hold(trio.Event()))
            await trio.sleep(0.5)
            assert await ref.ask(Ping(), timeout=1.0) == "pong"
            failure = await failures.__anext__()
            assert (failure.path, failure.directive) == (ref.path, "restart")
            assert isinstance(failure.cause, Broken)
            counts = system.statistics().actors[ref.path]
            assert (counts.failed, counts.handled) == (is_busy, 2)
    assert seen == [*(["the handler has ended"] if is_busy else []), "on_restart Broken()", "on_stop shutdown"]


async def test_a_failure_in_the_background_follows_the_directives(autojump_clock: MockClock) -> None:
    """With "resume" the instance and its other tasks go on; with "stop" it ends."""

    async def break_down(host: Host) -> None:
        raise Broken

    with trio.fail_after(5):
        for directive, expected in (("resume", []), ("stop", ["cancelled", "on_stop failed"])):
            seen: list[str] = []
            spec = actor(Host, seen)
            directives = {Broken: "resume"} if directive == "resume" else {Broken: "stop"}
            async with open_system(supervisor("top", [spec], directives=directives)) as system:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
                await system.ref(spec).tell(Start(until_cancelled))
                await wait_all_tasks_blocked()
                await system.ref(spec).tell(Start(break_down))
                await wait_all_tasks_blocked()
                assert seen == expected


async def test_a_failure_while_it_is_cancelled_is_published_and_changes_no_restart(autojump_clock: MockClock) -> None:
    """A task that raises in its cleanup makes a stop a failed one; it is never restarted for it."""
    ends: list[Exit] = []

    async def fail_at_the_end(host: Host) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Broken

    @define(eq=False)
    class Watcher(Actor[Ping]):
        whom: ActorRef[Any]

        def on_start(self) -> None:
            self.context.watch(self.whom)

        @handles(Ping)
        def ping(self, query: Ping) -> str:
            return "pong"

        def on_terminated(self, terminated: Terminated) -> None:
            ends.append(terminated.reason)

    with trio.fail_after(5):
        async with open_system() as system, system.subscribe(ActorFailed) as failures:
            ref = await system.spawn(actor(Host, list[str]()))
            await system.spawn(actor(Watcher, ref))
            await ref.tell(Start(fail_at_the_end))
            await wait_all_tasks_blocked()
            await system.stop(ref)
            failure = await failures.__anext__()
            assert (failure.path, failure.directive) == (ref.path, "stop")
    assert [end.kind for end in ends] == ["failed"]


async def test_it_starts_from_the_contextvars_of_the_system(autojump_clock: MockClock) -> None:
    """What a handler set does not reach it, nor what it sets the handler."""
    got: list[str] = []

    @define(eq=False)
    class Naming(Actor[str]):
        @handles(str)
        async def name(self, text: str) -> None:
            WHO.set(text)
            self.context.start_soon(self.background)
            await trio.sleep(1)
            got.append(WHO.get())

        async def background(self) -> None:
            got.append(WHO.get())
            WHO.set("background")

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Naming))
            await ref.tell("handler")
            await trio.sleep(2)
    assert got == ["nobody", "handler"]


async def test_no_task_starts_in_an_actor_that_stops(autojump_clock: MockClock) -> None:
    """In `on_stop` it is too late: ActorGone."""
    raised: list[str] = []

    @define(eq=False)
    class Late(Actor[Ping]):
        @handles(Ping)
        def ping(self, query: Ping) -> str:
            return "pong"

        def on_stop(self, reason: Exit) -> None:
            for start in (self.start_task, self.start_timer):
                with contextlib.suppress(ActorGone):
                    start()
                    continue
                raised.append(start.__name__)

        def start_task(self) -> None:
            self.context.start_soon(trio.sleep, 1)

        def start_timer(self) -> None:
            self.context.after(1.0, Ping())

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Late))
            await system.stop(ref)
    assert raised == ["start_task", "start_timer"]
