"""
Users' code that does what nobody expects: exceptions that cannot be printed, results and yields of the wrong kind, what is raised
where only the runtime is around. The actor fails, or the system ends with what was raised; nobody waits for ever.
"""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import Callable, Generator
from typing import Any, Never

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorStopped,
    AskFailed,
    Exit,
    Priority,
    Request,
    Unhandled,
    actor,
    handles,
    open_system,
)


@frozen
class Count(Request[int]):
    """Answered with 1 by an actor that is well."""


@frozen
class Do(Request[object]):
    """Has an async handler call a function, and wait for what it returned if that can be waited for."""

    call: Callable[[Any], object]


@frozen
class DoNow(Request[object]):
    """The same in a plain handler."""

    call: Callable[[Any], object]


@define(eq=False)
class Obedient(Actor[Count | Do | DoNow]):
    """Does it."""

    @handles(Count)
    def count(self, _: Count) -> int:
        return 1

    @handles(Do)
    async def do(self, command: Do) -> object:
        result: Any = command.call(self)
        return await result if hasattr(result, "__await__") else result

    @handles(DoNow)
    def do_now(self, command: DoNow) -> object:
        return command.call(self)


class Unprintable(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@types.coroutine
def garbage() -> Generator[object, object, None]:
    yield 42


async def yields_garbage() -> None:
    await garbage()


async def of_another_framework() -> None:
    await asyncio.sleep(1)


async def raises_a_used_cancelled() -> None:
    """Raises the Cancelled of a scope that is over: trio's, but nobody's any more."""
    used: list[BaseException] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as cancelled:
            used.append(cancelled)
            raise
    raise used[0]


def raises(error: BaseException) -> Callable[[Any], object]:
    def call(_: object) -> object:
        raise error

    return call


def for_ever(actor: object) -> object:
    return for_ever(actor)


WRONG: list[tuple[Callable[[Any], object], str]] = [
    (raises(Unprintable()), r"Unprintable: <its str\(\) failed>"),
    (raises(StopIteration(3)), "StopIteration"),
    (raises(StopAsyncIteration()), "StopAsyncIteration"),
    (raises(MemoryError()), "MemoryError"),
    (raises(trio.BrokenResourceError()), "BrokenResourceError"),
    (for_ever, "RecursionError"),
    (lambda _: raises_a_used_cancelled(), "cancelled before it ended"),
    (lambda _: yields_garbage(), "TypeError"),
    (lambda _: of_another_framework(), "no running event loop"),
]


@pytest.mark.parametrize(("call", "says"), WRONG)
@pytest.mark.parametrize("kind", [Do, DoNow])
async def test_whatever_a_handler_does_wrong_is_the_failure_of_its_actor(
    autojump_clock: MockClock, call: Callable[[Any], object], says: str, kind: type[Do | DoNow]
) -> None:
    """It is restarted, its asker is told in words, and everything goes on."""
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Obedient))
            for _ in range(2):
                with pytest.raises(AskFailed, match=says):
                    await ref.ask(kind(call))
                assert await ref.ask(Count()) == 1
            assert system.tree().children[1].children[0].restarts == 2


async def test_a_plain_handler_that_returns_a_coroutine_is_waited_for(autojump_clock: MockClock) -> None:
    """A decorator may hide that a handler is async: what it returns is the reply all the same, asked in place or not."""

    async def reply() -> int:
        await trio.sleep(1)
        return 7

    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Obedient))
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(ref.ask, DoNow(lambda _: reply()))
                assert await ref.ask(DoNow(lambda _: reply())) == 7


@define(eq=False)
class Strict(Actor[Count | Do]):
    """Asked in place it goes on in a coroutine, but fails before that has begun."""

    begun: list[str]

    def on_start(self) -> None:
        self.context.subscribe(Do, on_full="fail", capacity=1)

    @handles(Count)
    def count(self, _: Count) -> Any:
        for _number in range(2):
            self.context.publish(Do(repr))
        return self.go_on()

    async def go_on(self) -> int:
        self.begun.append("begun")
        return 1

    @handles(Do)
    def ignore(self, _: Do) -> None: ...


async def test_a_coroutine_that_is_cut_off_before_it_begins_leaves_nothing(
    autojump_clock: MockClock, recwarn: pytest.WarningsRecorder
) -> None:
    """The asker hears of the failure, and Python does not complain of a coroutine that nobody awaited."""
    begun: list[str] = []
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Strict, begun))
            with pytest.raises(AskFailed, match="SubscriptionFull"):
                await ref.ask(Count())
            await trio.sleep(1)
            statistics = system.statistics()
            assert statistics.actors[ref.path].failed == 1
            assert statistics.waiting == 0
    gc.collect()
    assert not begun
    assert not recwarn.list


async def test_what_breaks_the_runtime_comes_out_of_the_block(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> None:
    """An error that no actor can be blamed for ends the system at once, and is seen: nobody is left waiting for a broken runtime."""

    class Broken(Exception):
        pass

    def breaks(*_arguments: object) -> Never:
        raise Broken

    async def main() -> None:
        async with open_system() as system:
            ref: Any = await system.spawn(actor(Obedient))
            monkeypatch.setattr("trouper.actors.turn.resolve", breaks)
            await ref.tell(b"looked up")
            await trio.sleep_forever()

    with trio.fail_after(100), pytest.RaisesGroup(pytest.RaisesGroup(Broken)):
        await main()


async def test_a_message_that_cannot_be_printed_is_only_unhandled(autojump_clock: MockClock) -> None:
    """Errors name the message's type, and never ask it for its text."""

    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    with trio.fail_after(100):
        async with open_system() as system:
            ref: Any = await system.spawn(actor(Obedient))
            await ref.tell(Silent())
            with pytest.raises(Unhandled, match="Silent"):
                await ref.ask(Silent())
            assert await ref.ask(Count()) == 1


async def test_a_priority_key_that_raises_fails_its_sender_and_nobody_else(autojump_clock: MockClock) -> None:
    """Told, told without waiting, asked, or let in after a wait: the one who sent it gets what the key raised."""

    def urgency(message: object) -> int:
        if isinstance(message, Do):
            raise ValueError("no urgency")
        return 0

    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Obedient, mailbox=Priority(1, key=urgency)))
            command = Do(lambda _: None)
            with pytest.raises(ValueError, match="no urgency"):
                ref.tell_nowait(command)
            with pytest.raises(ValueError, match="no urgency"):
                await ref.tell(command)
            with pytest.raises(ValueError, match="no urgency"):
                await ref.ask(command)
            failed: list[str] = []

            async def wait_and_fail(send: Callable[[Any], Any]) -> None:
                with pytest.raises(ValueError, match="no urgency"):
                    await send(command)
                failed.append("told")

            async with trio.open_nursery() as nursery:
                ref.tell_nowait(Count())
                nursery.start_soon(wait_and_fail, ref.tell)
                nursery.start_soon(wait_and_fail, ref.ask)
                await trio.testing.wait_all_tasks_blocked()
            assert failed == ["told", "told"]
            assert await ref.ask(Count()) == 1
            statistics = system.statistics()
            assert statistics.accepted == statistics.handled


# What is no Exception


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_an_interrupt_stops_the_system_in_order_wherever_users_code_raises_it(
    autojump_clock: MockClock, error: type[BaseException]
) -> None:
    """In a constructor, at the first start and at a restart; in hooks; in filters, also where the runtime itself publishes; in tasks."""
    ends: list[str] = []

    @define(eq=False)
    class Witness(Actor[Count | ActorStopped]):
        where: bool

        def on_start(self) -> None:
            if self.where:
                self.context.subscribe(ActorStopped, where=raises(error()))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        @handles(Count)
        def count(self, _: Count) -> int:
            return 1

        @handles(ActorStopped)
        def stopped(self, _: ActorStopped) -> None: ...

        def on_stop(self, reason: Exit) -> None:
            ends.append("in order")

    made: list[object] = []

    def breaks_at(number: int) -> Callable[[], Obedient]:
        def make() -> Obedient:
            made.append(None)
            if len(made) == number:
                raise error
            return Obedient()

        return make

    async def first_start(system: Any) -> None:
        await system.spawn(actor(breaks_at(1)))

    async def second_start(system: Any) -> None:
        ref = await system.spawn(actor(breaks_at(2)))
        await ref.tell(Do(raises(ValueError())))

    async def a_filter(system: Any) -> None:
        await system.spawn(actor(Witness, True))
        await system.stop(await system.spawn(actor(Obedient)))

    class Hooked(Obedient):
        def on_start(self) -> None:
            raise error

    class LaterHooked(Obedient):
        async def on_start(self) -> None:
            await trio.lowlevel.checkpoint()
            raise error

    async def a_hook(system: Any) -> None:
        await system.spawn(actor(Hooked))

    async def a_hook_that_waits(system: Any) -> None:
        await system.spawn(actor(LaterHooked))

    async def a_task(system: Any) -> None:
        async def task() -> None:
            raise error

        ref = await system.spawn(actor(Obedient))
        await ref.ask(Do(lambda worker: worker.context.start_soon(task)))

    for cause in (first_start, second_start, a_filter, a_hook, a_hook_that_waits, a_task):
        ends.clear()
        made.clear()

        async def main(cause: Callable[[Any], Any] = cause) -> None:
            async with open_system(actor(Witness, False)) as system:
                await cause(system)
                await trio.sleep_forever()

        with trio.fail_after(100), pytest.raises(error):
            await main()
        assert "in order" in ends, cause


async def test_an_asker_whose_handler_is_cut_off_by_a_failure_beside_it_hears_of_that_failure(autojump_clock: MockClock) -> None:
    """A background task fails: the handler is cancelled at once, and the failure itself is the cause that the asker is told."""

    async def fail_beside(worker: Obedient) -> None:
        async def task() -> None:
            await trio.sleep(1)
            raise ValueError("beside")

        worker.context.start_soon(task)
        await trio.sleep_forever()

    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Obedient))
            with pytest.raises(AskFailed, match="beside") as caught:
                await ref.ask(Do(fail_beside))
            assert isinstance(caught.value.__cause__, ValueError)
