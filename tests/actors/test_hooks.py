"""Hooks: when each is called, with what, and what becomes of what it raises."""

from collections.abc import Awaitable
from contextvars import ContextVar

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorGone,
    ActorRef,
    ActorStopped,
    Exit,
    Request,
    StartFailed,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Ping(Request[None]):
    pass


@frozen
class Crash:
    pass


@define(eq=False)
class Hooked(Actor[Ping | Crash]):
    """Has every hook, and fails in those that are named."""

    journal: list[str]
    fails_in: str = ""
    watched: ActorRef[Ping | Crash] | None = None

    def on_start(self) -> Awaitable[None] | None:
        if self.watched is not None:
            self.context.watch(self.watched)
        return self.note("on_start")

    def on_stop(self, reason: Exit) -> Awaitable[None] | None:
        return self.note(f"on_stop {reason}")

    def on_restart(self, cause: BaseException) -> Awaitable[None] | None:
        return self.note(f"on_restart {cause!r}")

    def on_terminated(self, terminated: Terminated) -> Awaitable[None] | None:
        return self.note(f"on_terminated {terminated.reason}")

    def note(self, what: str) -> Awaitable[None] | None:
        self.journal.append(what)
        if self.fails_in and what.startswith(self.fails_in):
            raise Broken(self.fails_in)
        return None

    @handles(Ping)
    def ping(self, query: Ping) -> None:
        self.journal.append("ping")

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken("handler")


class AsyncHooked(Hooked):
    """The same with hooks that wait."""

    async def on_start(self) -> None:
        await trio.sleep(0.1)
        super().on_start()

    async def on_stop(self, reason: Exit) -> None:
        await trio.sleep(0.1)
        super().on_stop(reason)

    async def on_restart(self, cause: BaseException) -> None:
        await self.context.sleep(0.1)
        super().on_restart(cause)

    async def on_terminated(self, terminated: Terminated) -> None:
        await self.context.sleep(0.1)
        super().on_terminated(terminated)


BOTH = pytest.mark.parametrize("hooked", [Hooked, AsyncHooked])


@BOTH
async def test_each_hook_is_called_in_its_place_plain_or_async(hooked: type[Hooked], autojump_clock: MockClock) -> None:
    """on_start before the first message of each instance, on_restart on the old one, on_terminated in the queue, on_stop last."""
    journal: list[str] = []
    other = actor(Hooked, list[str](), restart="temporary")
    async with open_system(supervisor("top", [other])) as system:
        ref = await system.spawn(actor(hooked, journal, "", system.ref(other)))
        await ref.ask(Ping())
        await ref.tell(Crash())
        await ref.ask(Ping())
        await system.stop(system.ref(other))
        await ref.ask(Ping())
        await system.stop(ref)
    assert journal == [
        *("on_start", "ping", "on_restart Broken('handler')", "on_start", "ping"),
        *("on_terminated shutdown", "ping", "on_stop shutdown"),
    ]


@BOTH
async def test_an_on_start_that_raises_is_a_start_that_fails(hooked: type[Hooked], autojump_clock: MockClock) -> None:
    """It leaves nothing, and no other hook is called on what never was an actor."""
    journal: list[str] = []
    async with open_system() as system:
        with pytest.raises(StartFailed) as caught:
            await system.spawn(actor(hooked, journal, "on_start"))
        assert repr(caught.value.__cause__) == "Broken('on_start')"
    assert journal == ["on_start"]


@BOTH
async def test_what_on_stop_raises_is_published_and_changes_nothing(hooked: type[Hooked], autojump_clock: MockClock) -> None:
    """Neither the reason of the exit, nor the order, nor that it ends."""
    journal: list[str] = []
    spec = actor(hooked, journal, "on_stop", name="hooked")
    async with open_system(spec) as system, system.subscribe(ActorFailed) as failures, system.subscribe(ActorStopped) as stopped:
        with trio.fail_after(1):
            await system.stop(system.ref(spec))
            failed, ended = await anext(failures), await anext(stopped)
        assert (failed.path, repr(failed.cause), failed.directive) == ("/user/hooked", "Broken('on_stop')", "stop")
        assert ended == ActorStopped("/user/hooked", Exit("shutdown"))


@BOTH
async def test_what_on_restart_raises_is_published_and_changes_nothing(hooked: type[Hooked], autojump_clock: MockClock) -> None:
    """The restart goes on, and costs what it costs."""
    journal: list[str] = []
    spec = actor(hooked, journal, "on_restart", name="hooked")
    async with open_system(supervisor("top", [spec], max_restarts=1)) as system, system.subscribe(ActorFailed) as failures:
        await system.ref(spec).tell(Crash())
        with trio.fail_after(1):
            await system.ref(spec).ask(Ping())
            causes = [repr((await anext(failures)).cause) for _ in range(2)]
        assert causes == ["Broken('handler')", "Broken('on_restart')"]
        assert journal == ["on_start", "on_restart Broken('handler')", "on_start", "ping"]


@BOTH
async def test_what_on_terminated_raises_fails_the_actor(hooked: type[Hooked], autojump_clock: MockClock) -> None:
    """It is the handler of a message like any other; the watch is over."""
    journal: list[str] = []
    other = actor(Hooked, list[str](), restart="temporary")
    async with open_system(supervisor("top", [other])) as system:
        await system.spawn(actor(hooked, journal, "on_terminated", system.ref(other), restart="temporary"))
        await system.stop(system.ref(other))
        await trio.sleep(1)
        assert journal == ["on_start", "on_terminated shutdown", "on_stop failed: Broken: on_terminated"]


@pytest.mark.parametrize("kind", ["shutdown", "killed", "failed", "normal"])
async def test_the_same_exit_reaches_on_stop_terminated_and_actor_stopped(kind: str, autojump_clock: MockClock) -> None:
    """However it ended; with the very exception if it failed."""
    told: list[Exit] = []

    @frozen
    class End:
        pass

    class Ending(Actor[End]):
        def on_stop(self, reason: Exit) -> None:
            told.append(reason)

        @handles(End)
        async def end(self, command: End) -> None:
            if kind == "failed":
                raise Broken
            if kind == "normal":
                self.context.stop_self()
            else:
                await trio.sleep(1 if kind == "shutdown" else 1e6)

    class Watcher(Actor[Ping]):
        def on_start(self) -> None:
            self.context.watch(ref)

        def on_terminated(self, terminated: Terminated) -> None:
            told.append(terminated.reason)

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

    spec = actor(Ending, restart="temporary", stop_timeout=2.0)
    async with open_system(supervisor("top", [spec])) as system, system.subscribe(ActorStopped) as stopped:
        ref = system.ref(spec)
        await system.spawn(actor(Watcher))
        await ref.tell(End())
        await wait_all_tasks_blocked()
        with trio.fail_after(3):
            await system.stop(ref)
            told.append((await anext(stopped)).reason)
        await wait_all_tasks_blocked()
        assert [reason.kind for reason in told] == [kind] * 3
        assert told[0] == told[1] == told[2]
        assert isinstance(told[0].cause, Broken) is (kind == "failed")


async def test_an_on_stop_that_is_cut_off_makes_the_exit_killed(autojump_clock: MockClock) -> None:
    """It was told of a shutdown; the others hear how it really ended."""
    told: list[Exit] = []

    class Slow(Actor[Ping]):
        async def on_stop(self, reason: Exit) -> None:
            told.append(reason)
            await trio.sleep_forever()

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

    spec = actor(Slow, stop_timeout=1.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped:
        with trio.fail_after(2):
            await system.stop(system.ref(spec))
            told.append((await anext(stopped)).reason)
        assert [reason.kind for reason in told] == ["shutdown", "killed"]


async def test_an_on_restart_that_takes_too_long_is_cut_off_and_the_restart_goes_on(autojump_clock: MockClock) -> None:
    """The stop timeout bounds how long an old instance may hold up the new one."""

    class Slow(Actor[Ping | Crash]):
        async def on_restart(self, cause: BaseException) -> None:
            await trio.sleep_forever()

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

        @handles(Crash)
        def crash(self, command: Crash) -> None:
            raise Broken

    spec = actor(Slow, stop_timeout=2.0)
    async with open_system(supervisor("top", [spec])) as system:
        await system.ref(spec).tell(Crash())
        with trio.fail_after(3):
            await system.ref(spec).ask(Ping())
        assert trio.current_time() == 2


async def test_hooks_may_ask_tell_and_start_children(autojump_clock: MockClock) -> None:
    """They are turns of the actor with whatever its handlers have, also the one that runs last."""
    journal: list[str] = []
    other = actor(Hooked, list[str]())

    class Busy(Actor[Ping]):
        async def on_start(self) -> None:
            self.child = await self.context.spawn(actor(Hooked, journal, name="child"))
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(self.child.ask, Ping())

        async def on_stop(self, reason: Exit) -> None:
            await system.ref(other).ask(Ping())
            assert self.context.children == ()
            with pytest.raises(ActorGone, match="spawn"):
                await self.context.spawn(actor(Hooked, journal))
            journal.append("busy stops")

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

    busy = actor(Busy)
    async with open_system(supervisor("top", [other, busy])) as system:
        assert journal == ["on_start", "ping", "ping"]
    assert journal[3:] == ["on_stop shutdown", "busy stops"]


async def test_hooks_and_handlers_share_the_actor_s_contextvars_and_no_others(autojump_clock: MockClock) -> None:
    """What on_start sets, handlers see; what one actor sets, no other does, nor the code that opened the system."""
    var = ContextVar("var", default="unset")
    seen: list[str] = []

    @define(eq=False)
    class Setting(Actor[Ping]):
        value: str

        async def on_start(self) -> None:
            seen.append(var.get())
            var.set(self.value)

        @handles(Ping)
        async def ping(self, query: Ping) -> None:
            await trio.lowlevel.checkpoint()
            seen.append(var.get())

    async with open_system() as system:
        one, two = await system.spawn(actor(Setting, "one")), await system.spawn(actor(Setting, "two"))
        await one.ask(Ping())
        await two.ask(Ping())
    assert seen == ["unset", "unset", "one", "two"]
    assert var.get() == "unset"


async def test_a_hook_that_fails_in_a_nursery_fails_with_its_group(autojump_clock: MockClock) -> None:
    """The group that any nursery makes is the cause, whole."""

    class Nursing(Actor[Ping]):
        async def on_start(self) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.fail)

        async def fail(self) -> None:
            raise Broken("task")

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

    async with open_system() as system:
        with pytest.raises(StartFailed) as caught:
            await system.spawn(actor(Nursing))
        assert isinstance(caught.value.__cause__, ExceptionGroup)


async def test_the_context_of_a_stopped_actor_says_that_it_is_gone(autojump_clock: MockClock) -> None:
    """Whoever kept it, a task or a callback, gets `ActorGone` from every verb."""
    kept: list[Hooked] = []

    class Kept(Hooked):
        def on_start(self) -> None:
            kept.append(self)

    async with open_system() as system:
        ref = await system.spawn(actor(Kept, list[str]()))
        await system.stop(ref)
        (dead,) = kept
        with pytest.raises(ActorGone):
            dead.context.publish(Exit("normal"))
        with pytest.raises(ActorGone):
            dead.context.stop_self()


async def test_an_ask_of_an_actor_in_its_on_stop_is_refused(autojump_clock: MockClock) -> None:
    """It takes nothing more: not even what it tells itself."""
    journal: list[str] = []

    class Talking(Actor[Ping]):
        async def on_stop(self, reason: Exit) -> None:
            self.context.ref.tell_nowait(Ping())
            try:
                await self.context.ref.ask(Ping())
            except Exception as error:  # noqa: BLE001
                journal.append(type(error).__name__)

        @handles(Ping)
        def ping(self, query: Ping) -> None:
            journal.append("ping")

    async with open_system() as system:
        await system.stop(await system.spawn(actor(Talking)))
        assert journal == ["AskStopped"]
        assert system.statistics().dead_letters == 2


async def test_an_ask_that_comes_while_its_target_restarts_keeps_waiting(autojump_clock: MockClock) -> None:
    """An ask that waits in the mailbox of an actor that restarts keeps waiting, within its timeout."""
    journal: list[str] = []
    spec = actor(AsyncHooked, journal)
    async with open_system(supervisor("top", [spec])) as system:
        await system.ref(spec).tell(Crash())
        with trio.fail_after(1):
            await system.ref(spec).ask(Ping())
