"""Dead letters: facts with message, recipient and reason, logged sparsely, and never about themselves."""

import logging
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, DeadLetter, Fifo, Request, actor, handles, open_system


@frozen
class Note(Request[str]):
    text: str


@frozen
class Keep:
    """Is set aside."""


@define(eq=False)
class Clerk(Actor[str | Note | Keep | float]):
    """Takes a second for a number."""

    @handles(str)
    def note(self, text: str) -> None: ...

    @handles(Note)
    def noted(self, query: Note) -> str:
        return query.text

    @handles(Keep)
    def keep(self, command: Keep) -> None:
        self.context.stash()

    @handles(float)
    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


async def test_each_dead_letter_is_a_fact_with_its_reason(autojump_clock: MockClock) -> None:
    """stopped, overflow, unhandled, stash: each way to lose a message, told or asked, is published with message and recipient."""
    letters: list[DeadLetter] = []

    @define(eq=False)
    class Listener(Actor[DeadLetter]):
        def on_start(self) -> None:
            self.context.subscribe(DeadLetter)

        @handles(DeadLetter)
        def note(self, letter: DeadLetter) -> None:
            letters.append(letter)

    with trio.fail_after(5):
        async with open_system() as system:
            await system.spawn(actor(Listener))
            ref = await system.spawn(actor(Clerk, mailbox=Fifo(1, on_full="drop_newest")))
            ref.tell_nowait(b"bytes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            await wait_all_tasks_blocked()
            ref.tell_nowait(Keep())
            await wait_all_tasks_blocked()
            ref.tell_nowait(1.0)
            await wait_all_tasks_blocked()
            ref.tell_nowait("queued")
            ref.tell_nowait("too much")
            await system.stop(ref)
            ref.tell_nowait("late")
            await wait_all_tasks_blocked()
            assert system.statistics().dead_letters == 5
    assert sorted((str(letter.message), letter.reason) for letter in letters) == [
        ("Keep()", "stash"),
        ("b'bytes'", "unhandled"),
        ("late", "stopped"),
        ("queued", "stopped"),
        ("too much", "overflow"),
    ]
    assert all(letter.recipient == ref for letter in letters)


async def test_ten_are_logged_then_a_summary_a_minute(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """By the logger ``trouper``, as warnings: the first ten one by one, those after them in one line a minute if there were any."""
    with trio.fail_after(1000):
        async with open_system() as system:
            ref = await system.spawn(actor(Clerk))
            await system.stop(ref)
            for number in range(10):
                ref.tell_nowait(str(number))
            assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
                ("trouper", "WARNING", f"dead letter: str for {ref.path} (stopped)")
            ] * 10
            caplog.clear()
            for number in range(25):
                ref.tell_nowait(str(number))
            await trio.sleep(59)
            assert caplog.messages == []
            await trio.sleep(2)
            assert caplog.messages == ["dead letters: 25 more (25 stopped)"]
            await trio.sleep(300)
            assert len(caplog.records) == 1
            ref.tell_nowait("again")
            ref.tell_nowait("again")
            await trio.sleep(61)
            assert caplog.messages[1:] == ["dead letters: 2 more (2 stopped)"]
            assert all(record.levelno == logging.WARNING for record in caplog.records)


async def test_what_was_not_summed_up_is_when_the_system_ends(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """No dead letter goes unsaid; the summary counts by reason."""
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Clerk, mailbox=Fifo(1, on_full="drop_newest")))
            await ref.tell(1.0)
            await wait_all_tasks_blocked()
            ref.tell_nowait("queued")
            for number in range(13):
                ref.tell_nowait(str(number))
            await system.stop(ref)
            caplog.clear()
    assert caplog.messages == ["dead letters: 4 more (3 overflow, 1 stopped)"]


async def test_a_dead_letter_about_a_dead_letter_is_counted_and_not_published(autojump_clock: MockClock) -> None:
    """What is lost about a loss makes no further fact: it would go on for ever."""
    letters: list[DeadLetter] = []

    @define(eq=False)
    class Listener(Actor[DeadLetter]):
        def on_start(self) -> None:
            self.context.subscribe(DeadLetter)

        @handles(DeadLetter)
        async def note(self, letter: DeadLetter) -> None:
            letters.append(letter)

    with trio.fail_after(5):
        async with open_system() as system:
            await system.spawn(actor(Listener))
            dead = await system.spawn(actor(Listener))
            await system.stop(dead)
            dead.tell_nowait(DeadLetter("message", dead, "stopped"))
            await wait_all_tasks_blocked()
            assert letters == []
            assert system.statistics().dead_letters == 1


async def test_an_ask_that_was_given_up_is_no_dead_letter(autojump_clock: MockClock) -> None:
    """Nobody waits for it any more: it is withdrawn, also when its actor stops with it in the queue."""
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Clerk))
            await ref.tell(2.0)
            await wait_all_tasks_blocked()
            with trio.move_on_after(1):
                await ref.ask(Note("given up"))
            await system.stop(ref)
            statistics = system.statistics()
            assert (statistics.dead_letters, statistics.withdrawn) == (0, 1)


async def test_a_message_whose_class_is_not_hashable_is_unhandled_and_harms_nobody() -> None:
    """No table can hold such a class: told, it is a dead letter; asked, the asker gets the TypeError. The actor goes on."""

    class Unhashable(type):
        def __eq__(cls, other: object) -> bool:
            return cls is other

        __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    class Odd(metaclass=Unhashable):
        pass

    odd: Any = Odd()
    with trio.fail_after(10):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            clerk: ActorRef[Any] = await system.spawn(actor(Clerk))
            await clerk.tell(odd)
            assert await clerk.ask(Note("on")) == "on"
            letter = await anext(letters)
            assert (letter.message, letter.reason) == (odd, "unhandled")
            with pytest.raises(TypeError, match="unhashable"):
                await clerk.ask(odd)
            assert await clerk.ask(Note("and on")) == "and on"
