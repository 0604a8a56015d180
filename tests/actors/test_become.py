"""Becoming something else: another function takes the messages, from the next one on, until the actor goes back or restarts."""

from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, Request, Terminated, Unhandled, actor, handles, open_system


class Broken(Exception):
    """What the actors of these tests fail with."""


@frozen
class Greet(Request[str]):
    name: str


@frozen
class Become:
    """Becomes this language for the next messages."""

    language: str


@frozen
class Unbecome:
    """Goes one language back."""


@frozen
class Fail:
    """Fails the actor."""


@define(eq=False)
class Polyglot(Actor[Greet | Become | Unbecome | Fail]):
    """Greets in the language that it has become; the control messages work in each."""

    @handles(Greet)
    def greet(self, query: Greet) -> str:
        return f"hello {query.name}"

    @handles(Become)
    def become(self, command: Become) -> None:
        self.context.become(self.french if command.language == "french" else self.slow_german)

    @handles(Unbecome)
    def unbecome(self, command: Unbecome) -> None:
        self.context.unbecome()

    @handles(Fail)
    def fail(self, command: Fail) -> None:
        raise Broken

    def french(self, message: Greet | Become | Unbecome | Fail) -> Any:
        return f"bonjour {message.name}" if isinstance(message, Greet) else self.receive(message)

    async def slow_german(self, message: Greet | Become | Unbecome | Fail) -> Any:
        await trio.sleep(1)
        return f"guten Tag {message.name}" if isinstance(message, Greet) else self.receive(message)


async def test_another_function_takes_the_messages_from_the_next_one_on(autojump_clock: MockClock) -> None:
    """A plain one or an async one; what is queued already counts as next; `unbecome` goes back one step at a time."""
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Polyglot))
            assert await ref.ask(Greet("a")) == "hello a"
            for control, greeting in (
                (Become("french"), "bonjour"),
                (Become("german"), "guten Tag"),
                (Become("french"), "bonjour"),
                (Unbecome(), "guten Tag"),
                (Unbecome(), "bonjour"),
                (Unbecome(), "hello"),
                (Unbecome(), "hello"),
            ):
                ref.tell_nowait(control)
                assert await ref.ask(Greet("b")) == f"{greeting} b"  # queued behind it
                assert await ref.ask(Greet("c")) == f"{greeting} c"


async def test_a_restart_forgets_what_the_actor_became(autojump_clock: MockClock) -> None:
    """The new instance handles messages as its class says."""
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Polyglot))
            await ref.tell(Become("french"))
            await ref.tell(Become("french"))
            assert await ref.ask(Greet("a")) == "bonjour a"
            ref.tell_nowait(Fail())
            assert await ref.ask(Greet("a")) == "hello a"
            ref.tell_nowait(Unbecome())
            assert await ref.ask(Greet("a")) == "hello a"


async def test_the_rest_of_a_handler_that_becomes_is_not_affected(autojump_clock: MockClock) -> None:
    """The message in hand is handled to its end by the function that took it, even over a wait."""

    @define(eq=False)
    class Turning(Actor[Greet]):
        @handles(Greet)
        async def first(self, query: Greet) -> str:
            self.context.become(self.second)
            await trio.sleep(1)
            return "first"

        def second(self, query: Greet) -> str:
            self.context.unbecome()
            return "second"

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Turning))
            assert [await ref.ask(Greet("")) for _ in range(4)] == ["first", "second", "first", "second"]


async def test_an_actor_may_become_in_on_start_and_in_the_background(autojump_clock: MockClock) -> None:
    """Wherever its code runs, it counts from the next message on."""

    @define(eq=False)
    class Early(Actor[Greet]):
        def on_start(self) -> None:
            self.context.become(self.second)
            self.context.start_soon(self.later)

        @handles(Greet)
        def first(self, query: Greet) -> str:
            return "first"

        def second(self, query: Greet) -> str:
            return "second"

        async def later(self) -> None:
            await trio.sleep(1)
            self.context.unbecome()

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Early))
            assert await ref.ask(Greet("")) == "second"
            await trio.sleep(2)
            assert await ref.ask(Greet("")) == "first"


async def test_what_it_became_takes_the_messages_of_the_union_only(autojump_clock: MockClock) -> None:
    """A message outside of the union is unhandled as ever, and the news of a death goes where the class says."""
    seen: list[object] = []

    @define(eq=False)
    class Watcher(Actor[Greet]):
        whom: ActorRef[Any]

        def on_start(self) -> None:
            self.context.watch(self.whom)
            self.context.become(self.other)

        @handles(Greet)
        def greet(self, query: Greet) -> str:
            return "first"

        @handles(Terminated)
        def terminated(self, notice: Terminated) -> None:
            seen.append(notice.ref)

        def other(self, message: Greet) -> str:
            seen.append(message)
            return "other"

    outside: Any = Fail()
    with trio.fail_after(5):
        async with open_system() as system:
            whom = await system.spawn(actor(Polyglot))
            ref: ActorRef[Any] = await system.spawn(actor(Watcher, whom))
            with pytest.raises(Unhandled):
                await ref.ask(outside)
            await system.stop(whom)
            assert await ref.ask(Greet("a")) == "other"
            assert next(node.restarts for node in system.tree() if node.path == ref.path) == 0
    assert seen == [whom, Greet("a")]


async def test_a_function_that_fails_fails_the_actor(autojump_clock: MockClock) -> None:
    """It is a handler like any other."""

    @define(eq=False)
    class Turning(Actor[Greet]):
        def on_start(self) -> None:
            self.context.become(self.second if not starts else self.third)
            starts.append(None)

        @handles(Greet)
        def first(self, query: Greet) -> str:
            return "first"

        def second(self, query: Greet) -> str:
            raise Broken

        def third(self, query: Greet) -> str:
            return "third"

    starts: list[None] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Turning))
            await ref.tell(Greet(""))
            await wait_all_tasks_blocked()
            assert await ref.ask(Greet("")) == "third"
            assert system.statistics().actors[ref.path].failed == 1


async def test_become_takes_a_function(autojump_clock: MockClock) -> None:
    """Anything else is a TypeError at the call."""
    wrong: Any = "french"

    @define(eq=False)
    class Turning(Actor[Greet]):
        @handles(Greet)
        def first(self, query: Greet) -> str:
            with pytest.raises(TypeError, match="become\\(\\) takes a function of one message, not 'french'"):
                self.context.become(wrong)
            return "first"

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Turning))
            assert await ref.ask(Greet("")) == "first"
            assert await ref.ask(Greet("")) == "first"


async def test_becoming_without_end_is_refused(autojump_clock: MockClock) -> None:
    """A thousand behaviours may be piled up; the next `become` says so."""

    @define(eq=False)
    class Piling(Actor[Greet]):
        times: int = 0

        @handles(Greet)
        def first(self, query: Greet) -> str:
            for _ in range(1000):
                self.context.become(self.first)
            with pytest.raises(ValueError, match="has become 1000 things without unbecoming one"):
                self.context.become(self.first)
            for _ in range(1000):
                self.context.unbecome()
            return "first"

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Piling))
            assert await ref.ask(Greet("")) == "first"
            assert await ref.ask(Greet("")) == "first"
