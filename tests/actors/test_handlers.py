"""Handlers: one message at a time, whatever a handler waits for; all of trio in it; and nothing leaks into another actor."""

import math
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, AskFailed, AskTimeout, HandlerCutOff, Request, actor, handles, open_system

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Broken(Exception):
    """What the actors of these tests fail with."""


@frozen
class Do(Request[Any]):
    """Has the actor do this in its handler. The reply is what it returns."""

    what: Callable[["Doer"], Awaitable[Any]]


@frozen
class Ping(Request[str]):
    """Answered by a plain handler."""


@define(eq=False)
class Doer(Actor[Do | Ping]):
    """Does what it is told, and notices when two handlers run at once."""

    inside: int = 0

    @handles(Do)
    async def do(self, command: Do) -> Any:
        self.inside += 1
        assert self.inside == 1
        try:
            return await command.what(self)
        finally:
            self.inside -= 1

    @handles(Ping)
    def ping(self, query: Ping) -> str:
        assert self.inside == 0
        return "pong"


# What a handler may wait for


async def nothing(doer: Doer) -> str:
    return "nothing"


async def a_checkpoint(doer: Doer) -> str:
    await trio.lowlevel.checkpoint()
    return "a checkpoint"


async def many_checkpoints(doer: Doer) -> str:
    for _ in range(100):
        await trio.lowlevel.checkpoint()
    return "many checkpoints"


async def trio_sleep(doer: Doer) -> str:
    await trio.sleep(0.5)
    return "trio.sleep"


async def context_sleep(doer: Doer) -> str:
    await doer.context.sleep(0.5)
    return "context.sleep"


async def another_actor(doer: Doer) -> str:
    assert doer.context.parent is not None
    child = await doer.context.spawn(actor(Doer))
    return "another actor: " + str(await child.ask(Do(trio_sleep)))


async def a_nursery(doer: Doer) -> str:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(trio.sleep, 0.1)
    await doer.context.sleep(0.1)
    return "a nursery"


async def a_cancel_scope(doer: Doer) -> str:
    with trio.move_on_after(0.5) as scope:
        await doer.context.sleep(math.inf)
    assert scope.cancelled_caught
    with trio.move_on_after(0.5) as scope:
        await trio.sleep_forever()
    assert scope.cancelled_caught
    await doer.context.sleep(0.1)
    return "a cancel scope"


async def an_event(doer: Doer) -> str:
    event = trio.Event()
    doer.context.start_soon(set_later, event)
    await event.wait()
    return "an event"


async def set_later(event: trio.Event) -> None:
    await trio.sleep(0.3)
    event.set()


async def a_lock_over_an_ask(doer: Doer) -> str:
    lock = trio.Lock()
    child = await doer.context.spawn(actor(Doer))
    async with lock:
        await child.ask(Do(trio_sleep))
    return "a lock"


WAITS = [
    nothing,
    a_checkpoint,
    many_checkpoints,
    trio_sleep,
    context_sleep,
    another_actor,
    a_nursery,
    a_cancel_scope,
    an_event,
    a_lock_over_an_ask,
]


@pytest.mark.parametrize("wait", WAITS)
async def test_one_message_at_a_time_and_a_handler_that_waits_is_not_re_entered(
    autojump_clock: MockClock, wait: Callable[[Doer], Awaitable[str]]
) -> None:
    """Whatever a handler waits for, the next message is handled when it has ended, asked or told, from outside or by an actor."""
    replies: list[Any] = []

    async def ask(message: Do | Ping) -> None:
        replies.append(await ref.ask(message, timeout=100))

    async def ask_from_inside(doer: Doer) -> None:
        await ask(Do(wait))
        await ask(Ping())

    with trio.fail_after(100):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Doer))
            others = [await system.spawn(actor(Doer)) for _ in range(3)]
            for _ in range(3):
                await ref.tell(Do(wait))
                nursery.start_soon(ask, Do(wait))
                nursery.start_soon(ask, Ping())
            for other in others:
                nursery.start_soon(other.ask, Do(ask_from_inside), 100)
    assert replies.count("pong") == 6
    assert len(replies) == 12
    assert system.statistics().failed == 0


async def test_while_one_waits_the_others_work(autojump_clock: MockClock) -> None:
    """A hundred actors that sleep a second each sleep a second together."""
    with trio.fail_after(1.5):
        async with open_system() as system, trio.open_nursery() as nursery:
            for number in range(100):
                ref = await system.spawn(actor(Doer))
                nursery.start_soon(ref.ask, Do(trio_sleep if number % 2 else context_sleep))
            idle = await system.spawn(actor(Doer))
            assert await idle.ask(Ping()) == "pong"


async def test_blocking_work_runs_in_a_thread() -> None:
    """`context.run_sync` returns what the function returned, or raises what it raised; other actors work meanwhile."""
    in_thread = threading.Event()
    release = threading.Event()

    def block(text: str) -> tuple[str, int]:
        in_thread.set()
        assert release.wait(10)
        return text, threading.get_ident()

    def fail() -> None:
        raise Broken

    async def run(doer: Doer) -> tuple[str, int]:
        return await doer.context.run_sync(block, "done")

    async def run_and_fail(doer: Doer) -> str:
        with pytest.raises(Broken):
            await doer.context.run_sync(fail)
        return "failed"

    replies: list[Any] = []

    async def ask() -> None:
        replies.append(await ref.ask(Do(run)))

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer))
            other = await system.spawn(actor(Doer))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await trio.to_thread.run_sync(in_thread.wait)
                assert await other.ask(Ping()) == "pong"
                release.set()
            assert await ref.ask(Do(run_and_fail)) == "failed"
            assert await ref.ask(Ping()) == "pong"
    assert replies[0][0] == "done"
    assert replies[0][1] != threading.get_ident()


async def test_a_thread_may_send_through_trio() -> None:
    """`trio.from_thread` in the function of `run_sync` runs in the system: telling and asking others work."""

    async def run(doer: Doer) -> str:
        def ask() -> str:
            trio.from_thread.run_sync(other.tell_nowait, Ping())
            return trio.from_thread.run(other.ask, Ping())

        return await doer.context.run_sync(ask)

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer))
            other = await system.spawn(actor(Doer))
            assert await ref.ask(Do(run)) == "pong"
            assert system.statistics().actors[other.path].handled == 2


async def test_tasks_in_a_handlers_nursery_are_part_of_the_handler(autojump_clock: MockClock) -> None:
    """They may ask, each for itself; the handler ends when they have; their exception is the handler's, in a group."""

    async def gather(doer: Doer) -> list[str]:
        replies: list[str] = []

        async def ask(ref: ActorRef[Do | Ping]) -> None:
            replies.append(str(await ref.ask(Do(trio_sleep))))
            await ref.tell(Ping())
            replies.append(await ref.ask(Ping()))

        async with trio.open_nursery() as nursery:
            for ref in others:
                nursery.start_soon(ask, ref)
        return replies

    async def fail(doer: Doer) -> None:
        async def ask(ref: ActorRef[Do]) -> None:
            await ref.ask(Do(raise_broken))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, others[0])
            nursery.start_soon(trio.sleep_forever)

    with trio.fail_after(2):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer))
            others = [await system.spawn(actor(Doer)) for _ in range(3)]
            assert sorted(await ref.ask(Do(gather))) == ["pong"] * 3 + ["trio.sleep"] * 3
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Do(fail))
            group: Any = caught.value.__cause__
            (failure,) = group.exceptions
            assert isinstance(failure, AskFailed)
            assert isinstance(failure.__cause__, Broken)


async def raise_broken(doer: Doer) -> None:
    raise Broken


async def test_a_handler_may_give_up_what_it_waits_for(autojump_clock: MockClock) -> None:
    """Cancelled by its own scope, an ask is withdrawn and a sleep ends; the handler goes on, and so does the actor."""

    async def give_up(doer: Doer) -> str:
        for _ in range(3):
            with trio.move_on_after(1) as scope:
                await busy.ask(Do(trio_sleep))
            assert scope.cancelled_caught
        try:
            await busy.ask(Ping(), timeout=1.0)
        except AskTimeout:
            return "gave up"
        return "never"

    async def sleep_long(doer: Doer) -> None:
        await doer.context.sleep(10)

    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer))
            busy = await system.spawn(actor(Doer))
            await busy.tell(Do(sleep_long))
            assert await ref.ask(Do(give_up)) == "gave up"
            await trio.sleep(7)
            counts = system.statistics().actors[busy.path]
            assert (counts.accepted, counts.handled, counts.withdrawn) == (5, 1, 4)


async def test_a_stop_cancels_the_handler_that_takes_too_long_and_nothing_else(autojump_clock: MockClock) -> None:
    """Wherever it waits: on trio, held by the runtime, or in a nursery. Its cleanup runs; the handlers of others go on."""
    cleaned: list[str] = []

    def forever(wait: Callable[[Doer], Awaitable[Any]]) -> Do:
        async def what(doer: Doer) -> None:
            try:
                await wait(doer)
            finally:
                cleaned.append(doer.context.path)

        return Do(what)

    async def on_trio(doer: Doer) -> None:
        await trio.sleep_forever()

    async def held(doer: Doer) -> None:
        await doer.context.sleep(math.inf)

    async def asking(doer: Doer) -> None:
        await slow.ask(Do(on_trio), timeout=math.inf)

    async def in_a_nursery(doer: Doer) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(doer.context.sleep, math.inf)

    with trio.fail_after(100):
        async with open_system() as system, trio.open_nursery() as nursery:
            survivor = await system.spawn(actor(Doer))
            slow = await system.spawn(actor(Doer, stop_timeout=0.0))
            nursery.start_soon(survivor.ask, Do(context_sleep))
            for wait in (on_trio, held, asking, in_a_nursery):
                ref = await system.spawn(actor(Doer, stop_timeout=0.1))
                await ref.tell(forever(wait))
                await wait_all_tasks_blocked()
                await system.stop(ref)
                assert cleaned.pop() == ref.path
            assert await survivor.ask(Ping()) == "pong"


async def test_a_handler_that_catches_its_cancellation_is_cancelled_again(autojump_clock: MockClock) -> None:
    """As in trio, a cancelled scope stays cancelled: each further wait raises."""
    times: list[str] = []

    async def stubborn(doer: Doer) -> None:
        for _ in range(3):
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                times.append("cancelled")

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer, stop_timeout=0.1))
            await ref.tell(Do(stubborn))
            await wait_all_tasks_blocked()
            await system.stop(ref)
    assert times == ["cancelled"] * 3


async def test_a_failure_from_outside_is_the_cause_of_the_cut(autojump_clock: MockClock) -> None:
    """HandlerCutOff stands for the cancellation; what failed the actor comes out as the asker's cause."""

    async def wait(doer: Doer) -> None:
        doer.context.start_soon(fail_soon)
        await doer.context.sleep(math.inf)

    async def fail_soon() -> None:
        await trio.sleep(1)
        raise Broken

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer))
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Do(wait), timeout=math.inf)
            assert isinstance(caught.value.__cause__, Broken)
            assert not isinstance(caught.value.__cause__, HandlerCutOff)
            assert await ref.ask(Ping()) == "pong"


async def test_a_failure_that_a_handler_brings_about_itself_cuts_it_at_its_next_wait(autojump_clock: MockClock) -> None:
    """Its own filter raises for what it publishes: what it would wait for next is cancelled at once."""

    @frozen
    class Happened:
        pass

    @define(eq=False)
    class Picky(Actor[Do | Happened]):
        def on_start(self) -> None:
            self.context.subscribe(Happened, where=self.fails)

        def fails(self, fact: Happened) -> bool:
            raise Broken

        @handles(Happened)
        def happened(self, fact: Happened) -> None: ...

        @handles(Do)
        async def do(self, command: Do) -> Any:
            self.context.publish(Happened())
            return await command.what(Doer())

    async def wait_on_trio(doer: Doer) -> None:
        await trio.sleep_forever()

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Picky))
            other = await system.spawn(actor(Doer))

            async def wait_held(doer: Doer) -> None:
                await other.ask(Do(trio_sleep), timeout=math.inf)

            for wait in (wait_on_trio, wait_held):
                with pytest.raises(AskFailed) as caught:
                    await ref.ask(Do(wait), timeout=math.inf)
                assert isinstance(caught.value.__cause__, Broken)


# Contextvars


async def test_contextvars_of_a_handler_never_reach_another_actor(autojump_clock: MockClock) -> None:
    """Neither those it tells, asks (in place too) or spawns, nor the sender; and what the opener of the system set is seen by all."""
    seen: list[tuple[str, str]] = []

    @define(eq=False)
    class Naming(Actor[str | Ping]):
        to: ActorRef[str | Ping] | None

        def on_start(self) -> None:
            seen.append((self.context.path, WHO.get()))

        @handles(str)
        async def note(self, text: str) -> None:
            seen.append((self.context.path, WHO.get()))
            WHO.set(text)
            if self.to is not None:
                await self.to.tell(text + "!")
                seen.append((self.context.path, await self.to.ask(Ping())))
                await self.context.spawn(actor(Naming, None, name="child"))
            seen.append((self.context.path, WHO.get()))

        @handles(Ping)
        def ping(self, query: Ping) -> str:
            return WHO.get()

    with trio.fail_after(5):
        WHO.set("the opener")
        async with open_system() as system:
            WHO.set("somebody later")
            last = await system.spawn(actor(Naming, None, name="last"))
            first = await system.spawn(actor(Naming, last, name="first"))
            await first.tell("x")
            await wait_all_tasks_blocked()
            assert await first.ask(Ping()) == "x"
            assert await last.ask(Ping()) == "x!"
            assert WHO.get() == "somebody later"
    assert seen == [
        ("/user/last", "the opener"),
        ("/user/first", "the opener"),
        ("/user/first", "the opener"),
        ("/user/last", "the opener"),
        ("/user/last", "x!"),
        ("/user/first", "x!"),
        ("/user/first/child", "the opener"),
        ("/user/first", "x"),
    ]


async def test_contextvars_of_a_handler_outlast_its_waits(autojump_clock: MockClock) -> None:
    """Whoever resumes it, a handler finds what it set before, also in its nurseries and threads; so does the next message."""

    def setting(text: str) -> Do:
        async def what(doer: Doer) -> None:
            WHO.set(text)
            for wait in (trio_sleep, context_sleep, another_actor, a_cancel_scope, a_nursery):
                await wait(doer)
                assert WHO.get() == text
            async with trio.open_nursery() as nursery:
                nursery.start_soon(check, text)

        return Do(what)

    async def check(text: str) -> None:
        await trio.sleep(0.1)
        assert WHO.get() == text

    async def get(doer: Doer) -> str:
        return WHO.get()

    with trio.fail_after(100):
        async with open_system() as system:
            refs = [await system.spawn(actor(Doer)) for _ in range(10)]
            async with trio.open_nursery() as nursery:
                for number, ref in enumerate(refs):
                    nursery.start_soon(ref.ask, setting(str(number)))
            for number, ref in enumerate(refs):
                assert await ref.ask(Do(get)) == str(number)


async def test_contextvars_reach_the_threads_of_a_handler() -> None:
    """As with trio: the function of `run_sync` sees the handler's contextvars, and its changes stay with it."""

    def get_and_set() -> str:
        seen = WHO.get()
        WHO.set("the thread")
        return seen

    async def run(doer: Doer) -> tuple[str, str]:
        WHO.set("the handler")
        return await doer.context.run_sync(get_and_set), WHO.get()

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Doer))
            assert await ref.ask(Do(run)) == ("the handler", "the handler")


async def test_a_contextvar_whose_value_cannot_be_compared_is_kept_from_the_first_turn(autojump_clock: MockClock) -> None:
    """The runtime looks whether a first turn has left anything; a value that refuses to say so has been left."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("not comparable")

        __hash__ = object.__hash__

    thing: ContextVar[Odd] = ContextVar("thing")
    thing.set(Odd())
    own = Odd()

    async def put(_doer: Doer) -> None:
        thing.set(own)

    async def get(_doer: Doer) -> Odd:
        return thing.get()

    with trio.fail_after(10):
        async with open_system() as system:
            doer = await system.spawn(actor(Doer))
            await doer.tell(Do(put))
            assert await doer.ask(Do(get)) is own
