"""The stash of a running actor: messages are set aside and come back, once, in order, whatever happens meanwhile."""

from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    AskFailed,
    AskStopped,
    AskTimeout,
    Counts,
    DeadLetter,
    MailboxFull,
    Priority,
    Request,
    StashFull,
    System,
    actor,
    handles,
    open_system,
)


class Broken(Exception):
    """What the actors of these tests fail with."""


@frozen
class Open:
    """From now on work is done; what was set aside comes back."""


@frozen
class Close:
    """From now on work is set aside."""


@frozen
class Work:
    name: str


@frozen
class AskedWork(Request[str]):
    """Handled by a plain handler, so it may be asked in place."""

    name: str


@frozen
class SlowWork(Request[str]):
    """Takes a second, before or after it is set aside."""

    name: str
    sleeps_first: bool = True


@frozen
class Fail:
    """Fails the actor."""


@define(eq=False)
class Workshop(Actor[Open | Close | Work | AskedWork | SlowWork | Fail]):
    """Does work when it is open, else sets it aside."""

    done: list[str]
    is_open: bool = False

    @handles(Open)
    def open(self, command: Open) -> None:
        self.is_open = True
        self.context.unstash_all()

    @handles(Close)
    def close(self, command: Close) -> None:
        self.is_open = False

    @handles(Work)
    def work(self, command: Work) -> None:
        if self.is_open:
            self.done.append(command.name)
        else:
            self.context.stash()

    @handles(AskedWork)
    def asked_work(self, query: AskedWork) -> str:
        if not self.is_open:
            self.context.stash()
            return "not a reply"
        self.done.append(query.name)
        return f"did {query.name}"

    @handles(SlowWork)
    async def slow_work(self, query: SlowWork) -> str:
        if not self.is_open:
            if query.sleeps_first:
                await trio.sleep(1)
            self.context.stash()
            if not query.sleeps_first:
                await trio.sleep(1)
            return "not a reply"
        self.done.append(query.name)
        return f"did {query.name}"

    @handles(Fail)
    def fail(self, command: Fail) -> None:
        raise Broken


Tasks = Open | Close | Work | AskedWork | SlowWork | Fail


def counts_of(system: System, ref: ActorRef[Any]) -> Counts:
    """The actor's accounts, which add up."""
    counts = system.statistics().actors[ref.path]
    assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting
    return counts


async def test_set_aside_messages_come_back_in_front_of_the_mailbox_in_their_order(autojump_clock: MockClock) -> None:
    """What was stashed is handled before what is queued; told and asked alike; an asker gets the reply of the second time."""
    done: list[str] = []
    replies: list[str] = []

    async def ask(message: AskedWork | SlowWork) -> None:
        replies.append(await ref.ask(message))

    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Workshop, done))
            await ref.tell(Work("1"))
            for message in (AskedWork("2"), SlowWork("3"), AskedWork("4"), SlowWork("5", sleeps_first=False)):
                nursery.start_soon(ask, message)
                await wait_all_tasks_blocked()
            await trio.sleep(2.5)
            assert done == []
            assert (counts_of(system, ref).waiting, counts_of(system, ref).handled) == (5, 0)
            ref.tell_nowait(Open())
            ref.tell_nowait(Work("6"))
            await wait_all_tasks_blocked()
            assert counts_of(system, ref).accepted == 7  # coming back is no second acceptance
            assert counts_of(system, ref).handled == 7
    assert done == ["1", "2", "3", "4", "5", "6"]
    assert sorted(replies) == ["did 2", "did 3", "did 4", "did 5"]


async def test_a_message_may_be_set_aside_again_and_again(autojump_clock: MockClock) -> None:
    """Once for each time that it is handled."""

    @define(eq=False)
    class Undecided(Actor[Work | Open]):
        times: list[int]

        @handles(Work)
        def work(self, command: Work) -> None:
            self.times[0] += 1
            if self.times[0] < 5:
                self.context.stash()
                self.context.ref.tell_nowait(Open())

        @handles(Open)
        def open(self, command: Open) -> None:
            self.context.unstash_all()

    times = [0]
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Undecided, times))
            await ref.tell(Work("1"))
            await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.handled, counts.waiting) == (5, 5, 0)
    assert times == [5]


@pytest.mark.parametrize("is_asked", [False, True])
async def test_a_message_is_set_aside_once(autojump_clock: MockClock, is_asked: bool) -> None:
    """A second `stash` in the same handler raises LookupError, also when the actor was asked in place; so does `defer`."""

    @define(eq=False)
    class Eager(Actor[AskedWork]):
        times: int = 0

        @handles(AskedWork)
        def work(self, query: AskedWork) -> str:
            self.times += 1
            if self.times > 1:
                return "done"
            self.context.stash()
            with pytest.raises(LookupError, match="no message in hand to stash"):
                self.context.stash()
            with pytest.raises(LookupError):
                self.context.defer(query)
            self.context.unstash_all()
            return "not a reply"

    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Eager))
            if is_asked:
                assert await ref.ask(AskedWork("1")) == "done"
            else:
                await ref.tell(AskedWork("1"))
                await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.handled, counts.waiting, counts.failed) == (1, 1, 0, 0)


async def test_without_a_message_in_hand_there_is_nothing_to_stash(autojump_clock: MockClock) -> None:
    """In hooks and background tasks `stash` raises LookupError."""
    raised: list[str] = []

    @define(eq=False)
    class Confused(Actor[Work]):
        async def on_start(self) -> None:
            self.attempt("on_start")

        def on_stop(self, reason: object) -> None:
            self.attempt("on_stop")

        @handles(Work)
        async def work(self, command: Work) -> None:
            self.context.start_soon(self.background)
            await trio.sleep(1)

        async def background(self) -> None:
            self.attempt("background")

        def attempt(self, where: str) -> None:
            try:
                self.context.stash()
            except LookupError:
                raised.append(where)

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Confused))
            await ref.tell(Work("1"))
            await trio.sleep(2)
            assert counts_of(system, ref).handled == 1
    assert raised == ["on_start", "background", "on_stop"]


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_beyond_its_limit_the_stash_is_full(autojump_clock: MockClock, limit: int) -> None:
    """One more raises StashFull, which fails the handler like any exception: that message fails, those set aside come back."""
    done: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Workshop, done, stash=limit))
            for number in range(limit):
                await ref.tell(Work(str(number)))
            with pytest.raises(AskFailed) as caught:
                await ref.ask(AskedWork("one too many"))
            error = caught.value.__cause__
            assert isinstance(error, StashFull)
            assert (error.path, error.limit, error.message_type) == (ref.path, limit, "AskedWork")
            await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.failed, counts.waiting) == (1, limit)
            await ref.tell(Open())
            await wait_all_tasks_blocked()
    assert done == [str(number) for number in range(limit)]


async def test_a_full_stash_may_be_survived(autojump_clock: MockClock) -> None:
    """A handler that catches StashFull still has its message, and answers it."""

    @define(eq=False)
    class Polite(Actor[AskedWork]):
        @handles(AskedWork)
        def work(self, query: AskedWork) -> str:
            try:
                self.context.stash()
            except StashFull:
                return "no, thanks"
            return ""

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Polite, stash=1))
            await ref.tell(AskedWork("kept"))
            assert await ref.ask(AskedWork("refused")) == "no, thanks"
            assert (counts_of(system, ref).handled, counts_of(system, ref).waiting) == (1, 1)


@pytest.mark.parametrize("how", ["timeout", "cancelled"])
async def test_a_stashed_ask_that_is_given_up_is_withdrawn(autojump_clock: MockClock, how: str) -> None:
    """It leaves the stash at once, makes room in it, and is not handled when the others come back."""
    done: list[str] = []
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Workshop, done, stash=2))
            await ref.tell(Work("1"))
            for message in (AskedWork("in place"), SlowWork("queued")):
                if how == "timeout":
                    with pytest.raises(AskTimeout):
                        await ref.ask(message, timeout=2.0)
                else:
                    with trio.move_on_after(2):
                        await ref.ask(message)
            assert (counts_of(system, ref).withdrawn, counts_of(system, ref).waiting) == (2, 1)
            await ref.tell(Work("2"))
            await ref.tell(Open())
            await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.handled, counts.failed, counts.waiting) == (3, 0, 0)
    assert done == ["1", "2"]


async def test_an_ask_that_is_given_up_after_it_came_back_is_withdrawn(autojump_clock: MockClock) -> None:
    """Back in the mailbox it waits like any other, and is skipped when its turn comes."""
    done: list[str] = []

    @define(eq=False)
    class Slow(Actor[Work | AskedWork | Open]):
        is_open: bool = False

        @handles(Work)
        async def work(self, command: Work) -> None:
            if self.is_open:
                await trio.sleep(2)
                done.append(command.name)
            else:
                self.context.stash()

        @handles(AskedWork)
        def asked_work(self, query: AskedWork) -> str:
            if self.is_open:
                done.append(query.name)
            else:
                self.context.stash()
            return "done"

        @handles(Open)
        def open(self, command: Open) -> None:
            self.is_open = True
            self.context.unstash_all()

    with trio.fail_after(10):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Slow))
            await ref.tell(Work("1"))

            async def give_up() -> None:
                with pytest.raises(AskTimeout):
                    await ref.ask(AskedWork("given up"), timeout=1.0)

            nursery.start_soon(give_up)
            await wait_all_tasks_blocked()
            await ref.tell(Work("2"))
            await ref.tell(Open())
            await trio.sleep(1.5)
            assert (counts_of(system, ref).withdrawn, counts_of(system, ref).waiting) == (1, 2)
            await trio.sleep(5)
            counts = counts_of(system, ref)
            assert (counts.handled, counts.withdrawn, counts.waiting) == (3, 1, 0)
    assert done == ["1", "2"]


async def test_a_handler_that_fails_after_stashing_loses_its_message(autojump_clock: MockClock) -> None:
    """The failing message is not retried, so it is not kept; the asker is told; those set aside before come back."""

    @define(eq=False)
    class Hasty(Actor[Work | AskedWork]):
        done: list[str]
        comes_back: bool

        @handles(Work)
        def work(self, command: Work) -> None:
            self.done.append(command.name)
            if len(self.done) == 1:
                self.context.stash()

        @handles(AskedWork)
        async def asked_work(self, query: AskedWork) -> str:
            self.done.append(query.name)
            self.context.stash()
            if self.comes_back:
                self.context.unstash_all()
            await self.context.sleep(1)
            raise Broken

    for comes_back in (False, True):
        done: list[str] = []
        with trio.fail_after(5):
            async with open_system() as system:
                ref = await system.spawn(actor(Hasty, done, comes_back))
                await ref.tell(Work("first"))
                with pytest.raises(AskFailed) as caught:
                    await ref.ask(AskedWork("fails"))
                assert isinstance(caught.value.__cause__, Broken)
                await wait_all_tasks_blocked()
                counts = counts_of(system, ref)
                assert (counts.accepted, counts.handled, counts.failed, counts.waiting) == (2, 1, 1, 0)
        assert done == ["first", "fails", "first"]


async def test_an_ask_that_is_given_up_in_the_stash_and_whose_handler_then_fails_counts_once(autojump_clock: MockClock) -> None:
    """It was withdrawn before its handler failed."""

    @define(eq=False)
    class Hasty(Actor[AskedWork]):
        @handles(AskedWork)
        async def asked_work(self, query: AskedWork) -> str:
            self.context.stash()
            await self.context.sleep(2)
            raise Broken

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Hasty))
            with pytest.raises(AskTimeout):
                await ref.ask(AskedWork("1"), timeout=1.0)
            assert (counts_of(system, ref).withdrawn, counts_of(system, ref).waiting) == (1, 0)
            await trio.sleep(2)
            counts = counts_of(system, ref)
            assert counts.accepted == 1
            assert next(node.restarts for node in system.tree() if node.path == ref.path) == 1


async def test_on_a_restart_the_stash_goes_back_in_front_of_the_mailbox(autojump_clock: MockClock) -> None:
    """The new instance sees what was set aside first, then what was queued, in order; asks stay open."""
    done: list[str] = []
    replies: list[str] = []

    async def ask() -> None:
        replies.append(await ref.ask(AskedWork("2")))

    class Reopening(Workshop):
        def on_start(self) -> None:
            self.is_open = bool(starts)
            starts.append(None)

    starts: list[None] = []
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Reopening, done))
            await ref.tell(Work("1"))
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            await ref.tell(Work("3"))
            await wait_all_tasks_blocked()
            ref.tell_nowait(Fail())
            ref.tell_nowait(Work("4"))
            await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.handled, counts.failed) == (5, 4, 1)
    assert done == ["1", "2", "3", "4"]
    assert replies == ["did 2"]


async def test_on_a_stop_what_is_stashed_is_a_dead_letter(autojump_clock: MockClock) -> None:
    """With the reason "stash"; an asker gets AskStopped."""
    with trio.fail_after(5):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            ref = await system.spawn(actor(Workshop, list[str]()))
            await ref.tell(Work("1"))
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    with pytest.raises(AskStopped):
                        await ref.ask(AskedWork("2"))

                nursery.start_soon(ask)
                await wait_all_tasks_blocked()
                await system.stop(ref, drain=True)
            assert await letters.__anext__() == DeadLetter(Work("1"), ref, "stash")
            assert await letters.__anext__() == DeadLetter(AskedWork("2"), ref, "stash")
            statistics = system.statistics()
            assert statistics.dead_letters == 2


async def test_the_stash_takes_no_slot_of_the_mailbox(autojump_clock: MockClock) -> None:
    """A mailbox of one slot goes on taking messages; when they come back they may exceed it, and new ones wait meanwhile."""
    done: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Workshop, done, mailbox=1))
            for number in range(5):
                await ref.tell(Work(str(number)))
                await wait_all_tasks_blocked()
            release = trio.Event()

            @define(eq=False)
            class Opener(Actor[Open]):
                @handles(Open)
                def open(self, command: Open) -> None:
                    ref.tell_nowait(Open())
                    release.set()

            opener = await system.spawn(actor(Opener))
            await opener.ask(Open())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnknownMemberType]
            await wait_all_tasks_blocked()
            await ref.tell(Work("5"))
            await wait_all_tasks_blocked()
    assert done == ["0", "1", "2", "3", "4", "5"]


async def test_while_unstashed_messages_fill_the_mailbox_new_ones_are_refused(autojump_clock: MockClock) -> None:
    """They hold their slots again, so the mailbox is full until they are handled."""

    @define(eq=False)
    class Slow(Actor[Work | Open]):
        done: list[str]

        @handles(Work)
        async def work(self, command: Work) -> None:
            if command.name in self.done:
                await trio.sleep(1)
            else:
                self.done.append(command.name)
                self.context.stash()

        @handles(Open)
        def open(self, command: Open) -> None:
            self.context.unstash_all()

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Slow, list[str](), mailbox=2))
            for number in range(4):
                await ref.tell(Work(str(number)))
                await wait_all_tasks_blocked()
            await ref.tell(Open())
            await wait_all_tasks_blocked()
            assert counts_of(system, ref).waiting == 4
            with pytest.raises(MailboxFull):
                ref.tell_nowait(Open())
            await trio.sleep(2.5)
            ref.tell_nowait(Open())


async def test_unstashed_messages_come_first_in_a_priority_mailbox(autojump_clock: MockClock) -> None:
    """Before anything more urgent, and in the order in which they were set aside."""
    done: list[str] = []

    def urgency(message: Tasks) -> int:
        return 0 if isinstance(message, Open) else 1 if isinstance(message, Work) and message.name == "urgent" else 2

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Workshop, done, mailbox=Priority(10, key=urgency)))
            for name in ("b", "a"):
                await ref.tell(Work(name))
                await wait_all_tasks_blocked()
            ref.tell_nowait(Work("late"))
            ref.tell_nowait(Work("urgent"))
            ref.tell_nowait(Open())
            await wait_all_tasks_blocked()
    assert done == ["b", "a", "urgent", "late"]
