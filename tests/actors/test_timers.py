"""Timers: at their time, at a fixed rate, and never after they were cancelled, replaced, or the instance that set them ended."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, MailboxFull, Request, Timer, TimersFull, actor, handles, open_system, supervisor


class Broken(Exception):
    """What the actors of these tests fail with."""


@frozen
class Do:
    """Has the actor do this in its handler."""

    what: Callable[["Clockwork"], object]


@frozen
class Sleep:
    """Keeps the handler busy for so many seconds."""

    seconds: float


@frozen
class Ping(Request[None]):
    """Behind everything that is queued."""


@define(eq=False)
class Clockwork(Actor[Do | Sleep | Ping | str]):
    """Writes down when which text came, in seconds since *began*."""

    began: float
    seen: list[tuple[float, str]]
    timers: list[Timer] = field(factory=list[Timer])

    @handles(Do)
    def do(self, command: Do) -> None:
        timer = command.what(self)
        if isinstance(timer, Timer):
            self.timers.append(timer)

    @handles(Sleep)
    async def sleep(self, command: Sleep) -> None:
        await self.context.sleep(command.seconds)

    @handles(Ping)
    async def ping(self, query: Ping) -> None:
        pass

    @handles(str)
    def note(self, text: str) -> None:
        self.seen.append((round(self.context.now() - self.began, 6), text))


def after(seconds: float, text: str) -> Do:
    """Starts a timer that fires once."""
    return Do(lambda self: self.context.after(seconds, text))


async def test_a_timer_fires_once_at_its_time(autojump_clock: MockClock) -> None:
    """`after` sends the message in so many seconds; zero is as soon as may be; infinity is never."""
    seen: list[tuple[float, str]] = []
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen))
            for seconds in (3.0, 1.0, 2, 0, math.inf, 0.5):
                await ref.tell(after(seconds, f"after {seconds}"))
            await trio.sleep(50)
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.waiting) == (11, 11, 0)
    assert seen == [(0.0, "after 0"), (0.5, "after 0.5"), (1.0, "after 1.0"), (2.0, "after 2"), (3.0, "after 3.0")]


async def test_a_repeated_timer_keeps_its_rate(autojump_clock: MockClock) -> None:
    """`every` fires at a fixed rate: a late message does not delay those after it, and no more than one of them waits."""
    seen: list[tuple[float, str]] = []
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen))
            await ref.tell(Do(lambda self: self.context.every(1.0, "tick")))
            await trio.sleep(2.1)
            await ref.tell(Sleep(4.3))  # until 6.4: the ticks at 3 to 6 become one
            await trio.sleep(6)
    assert seen == [(float(time), "tick") for time in (1, 2)] + [(6.4, "tick")] + [(float(time), "tick") for time in (7, 8)]


async def test_a_cancelled_timer_is_never_handled_even_if_its_message_was_queued(autojump_clock: MockClock) -> None:
    """Cancelled before or after it fired, from a handler or from a queued one: no message of it is handled; it counts as withdrawn."""
    seen: list[tuple[float, str]] = []

    def cancel(self: Clockwork) -> None:
        timers[-1].cancel()
        timers[-1].cancel()  # idempotent

    timers: list[Timer] = []
    with trio.fail_after(200):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen, timers))
            for start in (
                Do(lambda self: self.context.after(2.0, "never")),
                Do(lambda self: self.context.every(2.0, "never")),
            ):
                await ref.tell(start)
                await trio.sleep(1)
                await ref.tell(Do(cancel))  # before it fired
                await trio.sleep(10)
                await ref.tell(start)
                await wait_all_tasks_blocked()
                ref.tell_nowait(Sleep(5.0))
                ref.tell_nowait(Do(cancel))  # handled before the message that is queued meanwhile
                await trio.sleep(20)
                ref.tell_nowait(start)
                ref.tell_nowait(Sleep(5.0))
                await trio.sleep(3)  # the message is queued now, with nothing before it
                assert system.statistics().actors[ref.path].waiting == 2
                timers[-1].cancel()
                assert not timers[-1].is_active
                assert system.statistics().actors[ref.path].waiting == 1
                await trio.sleep(20)
            counts = system.statistics().actors[ref.path]
            assert counts.accepted == counts.handled + counts.withdrawn
            assert counts.withdrawn == 4
    assert seen == []


async def test_a_re_keyed_timer_is_never_handled_even_if_its_message_was_queued(autojump_clock: MockClock) -> None:
    """A timer with the key of another one replaces it, be it waiting, queued, of the other kind, or with other seconds."""
    seen: list[tuple[float, str]] = []
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen))
            ref.tell_nowait(Do(lambda self: self.context.after(1.0, "old", key="a")))
            ref.tell_nowait(Do(lambda self: self.context.after(2.0, "replaced", key="a")))
            ref.tell_nowait(Do(lambda self: self.context.every(1.0, "other key", key="b")))
            ref.tell_nowait(Sleep(5.0))
            ref.tell_nowait(Do(lambda self: self.context.after(2.5, "new", key="a")))
            ref.tell_nowait(Do(lambda self: self.context.after(1.5, "instead of the other", key="b")))
            await trio.sleep(20)
            counts = system.statistics().actors[ref.path]
            assert counts.withdrawn == 2
    assert seen == [(6.5, "instead of the other"), (7.5, "new")]


async def test_timers_without_a_key_do_not_replace_each_other(autojump_clock: MockClock) -> None:
    """Each has a key of its own then."""
    seen: list[tuple[float, str]] = []
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen))
            for _ in range(3):
                await ref.tell(Do(lambda self: self.context.after(1.0, "same")))
            await trio.sleep(2)
    assert seen == [(1.0, "same")] * 3


async def test_a_key_is_free_again_when_its_timer_has_fired(autojump_clock: MockClock) -> None:
    """The handler of a timer's message may start the next one with the same key, and cancelling the old one does nothing to it."""
    seen: list[tuple[float, str]] = []

    @define(eq=False)
    class Retrying(Actor[str]):
        began: float
        timer: Timer | None = field(default=None, init=False)

        def on_start(self) -> None:
            self.timer = self.context.after(1.0, "1", key="retry")

        @handles(str)
        def retry(self, number: str) -> None:
            seen.append((self.context.now() - self.began, number))
            old = self.timer
            assert old is not None
            assert not old.is_active
            if number < "3":
                self.timer = self.context.after(1.0, str(int(number) + 1), key="retry")
                old.cancel()
                assert self.timer.is_active

    with trio.fail_after(10):
        async with open_system() as system:
            await system.spawn(actor(Retrying, trio.current_time()))
            await trio.sleep(9)
    assert seen == [(1.0, "1"), (2.0, "2"), (3.0, "3")]


async def test_a_timer_may_be_cancelled_by_its_own_message(autojump_clock: MockClock) -> None:
    """A repeated timer ends there."""
    seen: list[int] = []

    @define(eq=False)
    class Counting(Actor[str]):
        timer: Timer | None = field(default=None, init=False)

        def on_start(self) -> None:
            self.timer = self.context.every(1.0, "tick")

        @handles(str)
        def tick(self, text: str) -> None:
            seen.append(len(seen))
            if len(seen) == 3:
                assert self.timer is not None
                assert self.timer.is_active
                self.timer.cancel()
                assert not self.timer.is_active

    with trio.fail_after(20):
        async with open_system() as system:
            await system.spawn(actor(Counting))
            await trio.sleep(10)
    assert seen == [0, 1, 2]


async def test_a_restart_ends_the_timers(autojump_clock: MockClock) -> None:
    """The new instance gets no message of the old one's timers, not even one that was queued; it starts its own."""
    seen: list[tuple[float, str]] = []

    @define(eq=False)
    class Restarting(Actor[str | Sleep]):
        began: float

        def on_start(self) -> None:
            starts.append(None)
            self.context.after(3.0, f"once {len(starts)}")
            self.context.every(1.0, f"tick {len(starts)}", key="tick")

        @handles(str)
        def note(self, text: str) -> None:
            seen.append((round(self.context.now() - self.began, 6), text))

        @handles(Sleep)
        async def sleep(self, command: Sleep) -> None:
            await self.context.sleep(command.seconds)
            raise Broken

    starts: list[None] = []
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Restarting, trio.current_time()))
            await trio.sleep(1.5)
            await ref.tell(Sleep(2.0))  # until 3.5: a tick and the other message are queued then
            await trio.sleep(5.25)
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.failed, counts.withdrawn) == (8, 5, 1, 2)
    assert seen == [(1.0, "tick 1"), (4.5, "tick 2"), (5.5, "tick 2"), (6.5, "once 2"), (6.5, "tick 2")]


async def test_a_stop_ends_the_timers(autojump_clock: MockClock) -> None:
    """Nothing of them is left: what was queued is withdrawn and no dead letter, though messages are."""
    seen: list[tuple[float, str]] = []
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen))
            await ref.tell(Do(lambda self: self.context.every(1.0, "tick")))
            await ref.tell(Do(lambda self: self.context.after(2.0, "once")))
            await ref.tell(Sleep(5.0))
            await trio.sleep(3)
            ref.tell_nowait("told")
            await system.stop(ref)
            await trio.sleep(20)
            statistics = system.statistics()
            assert (statistics.dead_letters, statistics.withdrawn) == (1, 2)
    assert seen == []


async def test_a_resumed_actor_keeps_its_timers(autojump_clock: MockClock) -> None:
    """They belong to the instance, and that goes on."""
    seen: list[tuple[float, str]] = []

    def fail(self: Clockwork) -> None:
        self.context.after(1.0, "once")
        raise Broken

    spec = actor(Clockwork, trio.current_time(), seen)
    with trio.fail_after(10):
        async with open_system(supervisor("top", [spec], directives={Broken: "resume"})) as system:
            await system.ref(spec).tell(Do(fail))
            await trio.sleep(2)
    assert [text for _, text in seen] == ["once"]


async def test_timer_messages_take_no_slot(autojump_clock: MockClock) -> None:
    """A full mailbox neither loses them nor is kept fuller by them."""
    seen: list[tuple[float, str]] = []
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen, mailbox=1))
            await ref.tell(after(1.0, "timer"))
            await ref.tell(after(1.25, "timer"))
            await ref.tell(Sleep(2.0))
            await wait_all_tasks_blocked()
            ref.tell_nowait("told")
            await trio.sleep(1.5)
            with pytest.raises(MailboxFull):
                ref.tell_nowait("refused")
            await ref.tell("waited")
            await ref.ask(Ping())
            counts = system.statistics().actors[ref.path]
            assert counts.accepted == counts.handled
    assert [text for _, text in seen] == ["told", "timer", "timer", "waited"]


async def test_the_number_of_timers_is_limited(autojump_clock: MockClock) -> None:
    """A thousand; one more raises TimersFull and is not started; those that fired, were cancelled or are replaced make room."""
    seen: list[tuple[float, str]] = []

    def start_many(self: Clockwork) -> None:
        timers = [self.context.after(1.0 + number % 2, "timer", key=number) for number in range(1000)]
        with pytest.raises(TimersFull) as caught:
            self.context.after(1.0, "one too many")
        assert (caught.value.path, caught.value.limit) == (self.context.path, 1000)
        self.context.after(1.0, "replaces", key=0)
        timers[1].cancel()
        self.context.every(1.0, "fits", key="fits")
        with pytest.raises(TimersFull):
            self.context.every(1.0, "one too many")

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), seen))
            await ref.tell(Do(start_many))
            await trio.sleep(1.5)
            await ref.tell(Do(lambda self: [self.context.after(0.25, "again") for _ in range(500)]))
            await trio.sleep(0.4)
            counts = system.statistics().actors[ref.path]
            assert counts.failed == 0
    texts = [text for _, text in seen]
    assert {text: texts.count(text) for text in texts} == {"timer": 499, "replaces": 1, "fits": 1, "again": 500}


@pytest.mark.parametrize(
    ("verb", "seconds", "error"),
    [
        ("after", -1.0, ValueError),
        ("after", math.nan, ValueError),
        ("after", True, TypeError),
        ("after", "1", TypeError),
        ("every", 0.0, ValueError),
        ("every", -1, ValueError),
        ("every", math.nan, ValueError),
        ("every", None, TypeError),
    ],
)
async def test_a_time_that_is_none_is_refused(autojump_clock: MockClock, verb: str, seconds: Any, error: type[Exception]) -> None:
    """It is said at the call, with the value."""
    raised: list[Exception] = []

    def start(self: Clockwork) -> None:
        with pytest.raises(error, match="time") as caught:
            getattr(self.context, verb)(seconds, "never")
        raised.append(caught.value)

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Clockwork, trio.current_time(), list[tuple[float, str]]()))
            await ref.tell(Do(start))
            await ref.ask(Ping())
    assert repr(seconds) in str(raised[0])


async def test_a_timer_message_that_is_set_aside_still_belongs_to_its_timer(autojump_clock: MockClock) -> None:
    """While it is in the stash it is the one that waits, and a timer that is cancelled or replaced takes it along."""
    seen: list[str] = []

    @define(eq=False)
    class Shelf(Actor[str]):
        timer: Timer | None = field(default=None, init=False)

        def on_start(self) -> None:
            self.timer = self.context.every(1.0, "tick", key="tick")
            self.context.after(1.5, "once", key="once")

        @handles(str)
        def note(self, text: str) -> None:
            match text:
                case "tick" | "once":
                    seen.append(f"{text} set aside")
                    self.context.stash()
                case "cancel":
                    assert self.timer is not None
                    self.timer.cancel()
                case "replace":
                    self.context.unstash_all()
                    self.context.after(1.0, "new", key="once")
                case _:
                    seen.append(text)

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Shelf))
            await trio.sleep(3.5)
            assert system.statistics().actors[ref.path].waiting == 2
            await ref.tell("cancel")
            await ref.tell("replace")
            await trio.sleep(3)
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.withdrawn, counts.waiting) == (5, 3, 2, 0)
    assert seen == ["tick set aside", "once set aside", "new"]
