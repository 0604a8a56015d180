"""Telling: order, exactly once or not at all, waiting fairly for room, and what a dead actor does with messages."""

import pickle
from collections.abc import Awaitable, Callable

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, Context, DeadLetter, MailboxFull, Request, Terminated, actor, handles, open_system


@frozen
class Hold:
    """Keeps the handler until the event is set."""

    until: trio.Event


@frozen
class Count(Request[int]):
    """How many messages were recorded so far."""


@define(eq=False)
class Recorder(Actor[str | Hold | Count]):
    """Writes down what it is told, then does *next* before it takes the next message."""

    seen: list[str]
    next: Callable[[Context], Awaitable[None]] | None = None

    @handles(str)
    async def record(self, text: str) -> None:
        self.seen.append(text)
        if self.next is not None:
            await self.next(self.context)

    @handles(Hold)
    async def hold(self, command: Hold) -> None:
        await command.until.wait()

    @handles(Count)
    def count(self, query: Count) -> int:
        return len(self.seen)


async def held_by(ref: ActorRef[Hold]) -> trio.Event:
    """Has the actor wait in its handler until the event is set; its mailbox is empty then."""
    release = trio.Event()
    await ref.tell(Hold(release))
    await wait_all_tasks_blocked()
    return release


async def test_messages_from_one_sender_arrive_in_order(autojump_clock: MockClock) -> None:
    """However one sender sends (tell, tell_nowait, ask), with room or waiting for it, its messages are handled in the order sent."""
    seen: list[str] = []

    async def send(ref: ActorRef[str | Count], sender: str) -> None:
        for number in range(100):
            if number % 3:
                await ref.tell(f"{sender}{number}")
                continue
            try:
                ref.tell_nowait(f"{sender}{number}")
            except MailboxFull:
                await ref.tell(f"{sender}{number}")
            if number % 10 == 0:
                await ref.ask(Count())
                assert f"{sender}{number}" in seen  # the ask came behind it

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, mailbox=3))
            async with trio.open_nursery() as nursery:
                for sender in "abcd":
                    nursery.start_soon(send, ref, sender)
    for sender in "abcd":
        assert [text for text in seen if text[0] == sender] == [f"{sender}{number}" for number in range(100)]


async def test_messages_of_an_actor_arrive_in_order_and_before_its_terminated(autojump_clock: MockClock) -> None:
    """An actor that tells from its handlers, waiting for room or not, is a sender like any other; the news of its death comes last."""
    seen: list[str] = []

    @define(eq=False)
    class Talker(Actor[str]):
        to: ActorRef[str]

        @handles(str)
        async def talk(self, text: str) -> None:
            for number in range(50):
                await self.to.tell(f"{text}{number}")
            await trio.lowlevel.checkpoint()
            for number in range(50, 100):
                await self.to.tell(f"{text}{number}")
            self.context.stop_self()

    @define(eq=False)
    class Listener(Actor[str]):
        @handles(str)
        async def listen(self, text: str) -> None:
            seen.append(text)
            if text.startswith("a9"):
                await self.context.sleep(0.1)

        async def on_start(self) -> None:
            for name in "ab":
                talker = await self.context.spawn(actor(Talker, self.context.ref, name=name, restart="temporary"))
                self.context.watch(talker)
                await talker.tell(name)

        def on_terminated(self, terminated: Terminated) -> None:
            seen.append(f"{terminated.ref.path[-1]} is dead")

    with trio.fail_after(5):
        async with open_system() as system:
            await system.spawn(actor(Listener, mailbox=2))
            await trio.sleep(4)
    for name in "ab":
        assert [text for text in seen if text[0] == name] == [*(f"{name}{number}" for number in range(100)), f"{name} is dead"]


async def test_a_tell_enqueues_once_or_raises_and_enqueues_nothing(autojump_clock: MockClock) -> None:
    """Of tells that are cancelled at any moment, exactly those that returned are handled, each once."""
    seen: list[str] = []
    returned: list[str] = []

    async def send(ref: ActorRef[str], number: int) -> None:
        with trio.move_on_after(number % 7):
            await ref.tell(str(number))
            returned.append(str(number))

    async def rest(context: Context) -> None:
        await context.sleep(0.5)

    with trio.fail_after(60):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, rest, mailbox=2))
            async with trio.open_nursery() as nursery:
                for number in range(40):
                    nursery.start_soon(send, ref, number)
            assert await ref.ask(Count(), timeout=60) == len(returned)
    assert 0 < len(returned) < 40
    assert sorted(seen) == sorted(returned)


async def test_a_tell_that_is_cancelled_while_it_waits_enqueues_nothing(autojump_clock: MockClock) -> None:
    """The cancelled sender is forgotten: the one behind it is let in instead, and nothing is counted."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, mailbox=1))
            release = await held_by(ref)
            await ref.tell("first")
            async with trio.open_nursery() as nursery:
                scope = trio.CancelScope()

                async def give_up() -> None:
                    with scope:
                        await ref.tell("given up")

                nursery.start_soon(give_up)
                await wait_all_tasks_blocked()
                nursery.start_soon(ref.tell, "second")
                await wait_all_tasks_blocked()
                scope.cancel()
                await wait_all_tasks_blocked()
                assert scope.cancelled_caught
                assert system.statistics().actors[ref.path].accepted == 2  # hold and first
                release.set()
            await ref.ask(Count())
    assert seen == ["first", "second"]


async def test_a_tell_that_would_wait_looks_for_cancellation_first(autojump_clock: MockClock) -> None:
    """In a cancelled scope a tell without room raises and enqueues nothing; one with room completes, as a _nowait call does."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, mailbox=1))
            release = await held_by(ref)
            with trio.CancelScope() as scope:
                scope.cancel()
                await ref.tell("with room")
                await ref.tell("without room")
            assert scope.cancelled_caught
            release.set()
            assert await ref.ask(Count()) == 1
    assert seen == ["with room"]


async def test_a_tell_that_was_let_in_returns_even_if_it_is_cancelled_in_that_moment(autojump_clock: MockClock) -> None:
    """Between being let in and going on, a cancellation comes too late: the tell returns, and the message is handled once."""
    seen: list[str] = []
    scope = trio.CancelScope()
    returned = False

    @define(eq=False)
    class Canceller(Actor[str]):
        @handles(str)
        def cancel(self, text: str) -> None:
            scope.cancel()

    with trio.fail_after(10):
        async with open_system() as system:
            canceller = await system.spawn(actor(Canceller))

            async def have_it_cancelled(context: Context) -> None:
                canceller.tell_nowait("now")  # runs next, before the sender does
                await context.sleep(1)

            ref = await system.spawn(actor(Recorder, seen, have_it_cancelled, mailbox=1))
            release = await held_by(ref)
            await ref.tell("first")
            async with trio.open_nursery() as nursery:

                async def send() -> None:
                    nonlocal returned
                    with scope:
                        await ref.tell("second")
                        returned = True

                nursery.start_soon(send)
                await wait_all_tasks_blocked()
                release.set()
            assert scope.cancel_called
            assert returned
            await ref.ask(Count())
    assert seen == ["first", "second"]


async def test_a_tell_that_was_let_in_returns_even_if_its_handler_is_cut_off_in_that_moment(autojump_clock: MockClock) -> None:
    """The stop timeout of the sender is over in the moment in which room is made: what was let in was told, and is handled once."""
    seen: list[str] = []
    told: list[str] = []

    @define(eq=False)
    class Sender(Actor[str]):
        to: ActorRef[str]

        @handles(str)
        async def send(self, text: str) -> None:
            await self.to.tell(text)
            told.append(text)

    async def sleep_twice(context: Context) -> None:
        await context.sleep(0.5)
        await context.sleep(0.5)  # until 1.0, and asked for after the stop

    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, sleep_twice, mailbox=1))
            sender = await system.spawn(actor(Sender, ref, stop_timeout=0.75))
            await ref.tell("first")
            await wait_all_tasks_blocked()
            await ref.tell("second")
            await sender.tell("third")
            await trio.sleep(0.25)
            await system.stop(sender)  # its time is over at 1.0
            await ref.ask(Count())
    assert seen == ["first", "second", "third"]
    assert told == ["third"]


async def test_waiting_senders_are_let_in_first_come_first_served(autojump_clock: MockClock) -> None:
    """Senders that wait, actors and others, tells and asks alike, are let in in the order in which they began to wait."""
    seen: list[str] = []

    @frozen
    class Say(Request[None]):
        text: str

    @define(eq=False)
    class Hall(Actor[str | Hold | Say]):
        @handles(str)
        def record(self, text: str) -> None:
            seen.append(text)

        @handles(Say)
        def say(self, command: Say) -> None:
            seen.append(command.text)

        @handles(Hold)
        async def hold(self, command: Hold) -> None:
            await command.until.wait()

    @define(eq=False)
    class Talker(Actor[str]):
        to: ActorRef[str]

        @handles(str)
        async def talk(self, text: str) -> None:
            await self.to.tell(text)

    with trio.fail_after(5):
        async with open_system() as system:
            hall = await system.spawn(actor(Hall, mailbox=1))
            release = await held_by(hall)
            await hall.tell("0")
            async with trio.open_nursery() as nursery:
                for number in range(1, 13):
                    if number % 3 == 0:
                        talker = await system.spawn(actor(Talker, hall))
                        await talker.tell(str(number))
                    elif number % 3 == 1:
                        nursery.start_soon(hall.tell, str(number))
                    else:
                        nursery.start_soon(hall.ask, Say(str(number)))
                    await wait_all_tasks_blocked()
                release.set()
    assert seen == [str(number) for number in range(13)]


async def test_tell_nowait_and_a_new_tell_do_not_overtake_a_waiting_sender(autojump_clock: MockClock) -> None:
    """Room that somebody waits for is his: while one waits, tell_nowait is refused, and a newer tell stands behind."""
    seen: list[str] = []

    @define(eq=False)
    class Pushing(Actor[str]):
        to: ActorRef[str]

        @handles(str)
        async def push(self, text: str) -> None:
            for _ in range(5):
                await trio.lowlevel.checkpoint()
                try:
                    self.to.tell_nowait(text)
                except MailboxFull:
                    seen.append("refused")

    async def take_ten_steps(context: Context) -> None:
        for _ in range(10):
            await trio.lowlevel.checkpoint()

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, take_ten_steps, mailbox=1))
            release = await held_by(ref)
            await ref.tell("0")
            pushing = await system.spawn(actor(Pushing, ref))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ref.tell, "1")
                await wait_all_tasks_blocked()
                nursery.start_soon(ref.tell, "2")
                await wait_all_tasks_blocked()
                await pushing.tell("barging")
                release.set()
            await ref.ask(Count())
    assert [text for text in seen if text in "012"] == ["0", "1", "2"]
    assert "refused" in seen
    assert "barging" not in seen[: seen.index("1")]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_waiting_sender_is_not_starved_by_what_the_actor_tells_itself(autojump_clock: MockClock, is_async: bool) -> None:
    """The slot of the message in hand goes to the first who waits, before the handler can take it for a message to itself."""
    seen: list[str] = []

    @define(eq=False)
    class Ticking(Actor[str | Count]):
        @handles(str)
        def tick(self, text: str) -> None:
            self.again(text)

        @handles(Count)
        async def count(self, query: Count) -> int:
            self.again("async tick")
            return 0

        def again(self, text: str) -> None:
            seen.append(text)
            if text.endswith("tick") and len(seen) < 1000:
                try:
                    self.context.ref.tell_nowait(Count() if is_async else text)
                except MailboxFull:
                    seen.append("refused")

    with trio.fail_after(5):
        async with open_system(slice=0.0) as system:
            ref = await system.spawn(actor(Ticking, mailbox=1))
            ref.tell_nowait("tick")
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(ref.tell, str(number))
            await wait_all_tasks_blocked()
    assert len(seen) < 1000
    assert {"0", "1", "2"} < set(seen)


async def test_room_that_a_given_up_ask_leaves_goes_to_the_first_waiting_sender(autojump_clock: MockClock) -> None:
    """The slot of an ask that timed out is free at that moment, also while the actor is busy."""
    seen: list[str] = []
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, mailbox=1))
            release = await held_by(ref)
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    with trio.move_on_after(1):
                        await ref.ask(Count())

                nursery.start_soon(ask)
                await wait_all_tasks_blocked()
                with trio.fail_after(2):
                    await ref.tell("let in")
            counts = system.statistics().actors[ref.path]
            assert (counts.withdrawn, counts.waiting) == (1, 2)
            with pytest.raises(MailboxFull):
                ref.tell_nowait("no room")
            release.set()
            assert await ref.ask(Count()) == 1
    assert seen == ["let in"]


async def test_a_dead_actor_makes_dead_letters_and_no_errors(autojump_clock: MockClock) -> None:
    """What is told to an actor that is gone becomes a dead letter with its message, its recipient and the reason."""
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, list[str]()))
            await system.stop(ref)
            async with system.subscribe(DeadLetter) as letters:
                await ref.tell("told")
                ref.tell_nowait("told now")
                assert await letters.__anext__() == DeadLetter("told", ref, "stopped")
                assert await letters.__anext__() == DeadLetter("told now", ref, "stopped")
            statistics = system.statistics()
            assert statistics.dead_letters == 2


async def test_a_sender_that_waits_goes_on_when_the_actor_stops(autojump_clock: MockClock) -> None:
    """The message that found no room in time is a dead letter; telling is no error. What comes after the stop is one too."""
    seen: list[str] = []
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen, mailbox=1))
            release = await held_by(ref)
            await ref.tell("queued")
            async with system.subscribe(DeadLetter) as letters, trio.open_nursery() as nursery:
                nursery.start_soon(ref.tell, "waiting")
                await wait_all_tasks_blocked()
                nursery.start_soon(system.stop, ref)
                await wait_all_tasks_blocked()
                assert await letters.__anext__() == DeadLetter("waiting", ref, "stopped")
                await ref.tell("late")
                assert await letters.__anext__() == DeadLetter("late", ref, "stopped")
                release.set()
                assert await letters.__anext__() == DeadLetter("queued", ref, "stopped")
    assert seen == []


@pytest.mark.parametrize("timeout", [None, 1.0])
async def test_a_loop_of_sends_lets_trio_run(autojump_clock: MockClock, timeout: float | None) -> None:
    """Though most calls are no checkpoint, a sender that never waits starves nobody: at least every 64th call looks."""
    for is_told in (True, False):
        ran = False

        async def set_it() -> None:
            nonlocal ran
            ran = True

        async with open_system(slice=0.0) as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Recorder, list[str]()))
            await ref.ask(Count())
            for _ in range(10):
                ran = False
                nursery.start_soon(set_it)
                for _ in range(130):  # two checkpoints, since trio runs what is ready in any order
                    if is_told:
                        await ref.tell("again")
                    else:
                        await ref.ask(Count(), timeout=timeout)
                assert ran


async def test_a_handler_that_only_tells_lets_others_run(autojump_clock: MockClock) -> None:
    """In a handler, telling and asking yield to the other actors after a slice."""
    seen: list[str] = []

    @define(eq=False)
    class Flood(Actor[str]):
        to: ActorRef[str]

        @handles(str)
        async def flood(self, text: str) -> None:
            for _ in range(200):
                await self.to.tell(text)
            seen.append("the flood has ended")

    with trio.fail_after(5):
        async with open_system(slice=0.0) as system:
            ref = await system.spawn(actor(Recorder, seen))
            flood = await system.spawn(actor(Flood, ref))
            await flood.tell("drop")
            await wait_all_tasks_blocked()
            assert await ref.ask(Count()) == 201
    assert seen.index("the flood has ended") > 0


async def test_what_an_actor_tells_itself_comes_after_what_it_has(autojump_clock: MockClock) -> None:
    """A message to oneself stands behind those that wait already, and is handled in a later turn."""
    seen: list[str] = []

    @define(eq=False)
    class Echo(Actor[str]):
        @handles(str)
        async def echo(self, text: str) -> None:
            seen.append(text)
            if text == "first":
                await self.context.ref.tell("to myself")
                self.context.ref.tell_nowait("and again")

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Echo))
            ref.tell_nowait("first")
            ref.tell_nowait("second")
            await wait_all_tasks_blocked()
            assert seen == ["first", "second", "to myself", "and again"]


async def test_a_ref_pickles_to_its_address_and_tells_the_same_actor(autojump_clock: MockClock) -> None:
    """Inside `system.current()` a pickled ref is the ref again: what is told through the copy is handled."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Recorder, seen))
            with system.current():
                copy = pickle.loads(pickle.dumps(ref))
            assert copy == ref
            await copy.tell("hello")
            assert await ref.ask(Count()) == 1
    assert seen == ["hello"]
