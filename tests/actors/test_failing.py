"""Failing: what an exception does to the actor, to its asker, and to the handler that happens to run."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRef,
    ActorRestarted,
    AskFailed,
    AskStopped,
    Context,
    HandlerCutOff,
    Reply,
    Request,
    RestartLimitReached,
    Supervision,
    actor,
    handles,
    open_system,
    supervisor,
)


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Increment(Request[int]):
    pass


@frozen(eq=False)
class Crash(Request[int]):
    error: Exception


@frozen(eq=False)
class Wait(Request[None]):
    """Has the handler do something that takes long."""

    long: Callable[[Context], Awaitable[object]] | None = None


@frozen(eq=False)
class Later(Request[None]):
    """Has the reply deferred, and kept in the list."""

    replies: list[Reply[None]]


@frozen(eq=False)
class FailBeside:
    """Starts a background task that fails with the error once the event is set."""

    error: Exception
    when: trio.Event


@define(eq=False)
class Counter(Actor[Increment | Crash | Wait | Later | FailBeside]):
    journal: list[str]
    total: int = 0

    def on_start(self) -> None:
        self.journal.append("start")

    def on_restart(self, cause: BaseException) -> None:
        self.journal.append(f"restart after {cause!r}")

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    async def crash(self, command: Crash) -> int:
        raise command.error

    @handles(Wait)
    async def wait(self, command: Wait) -> None:
        try:
            if command.long is None:
                await trio.sleep_forever()
            else:
                await command.long(self.context)
        finally:
            self.journal.append("handler ended")

    @handles(Later)
    def later(self, command: Later) -> Reply[None]:
        reply = self.context.defer(command)
        command.replies.append(reply)
        return reply

    @handles(FailBeside)
    def fail_beside(self, command: FailBeside) -> None:
        async def fail() -> None:
            await command.when.wait()
            raise command.error

        self.context.start_soon(fail)


@pytest.mark.parametrize("way", ["told", "told without waiting", "asked"])
async def test_raising_in_a_handler_fails_the_actor_told_or_asked_alike(way: str, autojump_clock: MockClock) -> None:
    """However the message came, its exception fails the actor: it is published, the actor restarts, and its state is new."""
    error = Broken()
    spec = actor(Counter, list[str]())
    async with open_system(supervisor("top", [spec])) as system, system.subscribe(ActorFailed) as failures:
        ref = system.ref(spec)
        assert await ref.ask(Increment()) == 1
        if way == "told":
            await ref.tell(Crash(error))
        elif way == "told without waiting":
            ref.tell_nowait(Crash(error))
        else:
            with pytest.raises(AskFailed):
                await ref.ask(Crash(error))
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 1
            assert await anext(failures) == ActorFailed(str(ref), error, "restart")


async def test_the_asker_gets_the_handler_s_exception_as_the_cause(autojump_clock: MockClock) -> None:
    """`AskFailed` names the actor and the message, and its `__cause__` is the exception itself."""
    error = Broken("no such account")
    spec = actor(Counter, list[str](), name="counter")
    async with open_system(supervisor("top", [spec])) as system:
        with pytest.raises(AskFailed, match=r"/user/top/counter .* Crash: Broken: no such account") as caught:
            await system.ref(spec).ask(Crash(error))
        assert caught.value.__cause__ is error


async def test_a_failing_handler_counts_its_message_as_failed(autojump_clock: MockClock) -> None:
    """It is accepted and failed: neither handled nor a dead letter."""
    spec = actor(Counter, list[str]())
    async with open_system(supervisor("top", [spec])) as system:
        system.ref(spec).tell_nowait(Crash(Broken()))
        await wait_all_tasks_blocked()
        counts = system.statistics().actors[str(system.ref(spec))]
        assert (counts.accepted, counts.failed, counts.handled, counts.dead_letters) == (1, 1, 0, 0)


async def test_askers_of_deferred_replies_are_told_at_once_that_the_actor_failed(autojump_clock: MockClock) -> None:
    """Nobody waits for a reply that a dead instance owed; a reply that comes all the same is dropped."""
    error = Broken()
    replies: list[Reply[None]] = []
    spec = actor(Counter, list[str]())
    async with open_system(supervisor("top", [spec])) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)

        async def ask() -> None:
            with pytest.raises(AskFailed) as caught, trio.fail_after(1):
                await ref.ask(Later(replies))
            assert caught.value.__cause__ is error

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        await ref.tell(Crash(error))
        await wait_all_tasks_blocked()
        replies[0].send(None)


# Failures from outside of the turn


async def sleep_in_trio(context: Context) -> None:
    await trio.sleep_forever()


async def sleep_in_the_runtime(context: Context) -> None:
    await context.sleep(1e6)


async def sleep_in_a_nursery(context: Context) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await context.sleep(1e6)


@pytest.mark.parametrize("long", [sleep_in_trio, sleep_in_the_runtime, sleep_in_a_nursery])
async def test_a_failing_background_task_cancels_the_running_handler_at_once(
    long: Callable[[Context], Awaitable[object]], autojump_clock: MockClock
) -> None:
    """The handler is not waited for: its message counts as failed, and its asker gets the task's exception as the cause."""
    error = Broken()
    journal: list[str] = []
    when = trio.Event()
    spec = actor(Counter, journal)
    async with open_system(supervisor("top", [spec])) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        await ref.tell(FailBeside(error, when))

        async def ask() -> None:
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Wait(long))
            assert caught.value.__cause__ is error
            journal.append("asker told")

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        when.set()
        before = trio.current_time()
        with trio.fail_after(4):
            assert await ref.ask(Increment()) == 1
        assert trio.current_time() == before
        counts = system.statistics().actors[str(ref)]
        assert (counts.failed, counts.waiting) == (1, 0)
        await wait_all_tasks_blocked()
        assert sorted(journal) == sorted(["start", "handler ended", f"restart after {error!r}", "start", "asker told"])


async def test_a_failing_background_task_cancels_a_handler_that_is_held_in_an_ask(autojump_clock: MockClock) -> None:
    """What the handler waits for makes no difference; the ask that it made is taken back."""
    error = Broken()
    when = trio.Event()
    other = actor(Counter, list[str](), name="other")
    spec = actor(Counter, list[str](), name="counter")
    async with open_system(supervisor("top", [other, spec])) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        await ref.tell(FailBeside(error, when))
        await system.ref(other).tell(Wait(lambda context: context.sleep(1)))

        async def ask_on(context: Context) -> None:
            await system.ref(other).ask(Increment())

        async def ask() -> None:
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Wait(ask_on))
            assert caught.value.__cause__ is error

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        when.set()
        with trio.fail_after(0.5):
            assert await ref.ask(Increment()) == 1
        await trio.sleep(2)
        counts = system.statistics().actors[str(system.ref(other))]
        assert (counts.handled, counts.withdrawn) == (1, 1)


async def test_a_failing_background_task_fails_an_idle_actor(autojump_clock: MockClock) -> None:
    """There is no handler to be cancelled; the actor fails all the same."""
    error = Broken()
    journal: list[str] = []
    when = trio.Event()
    spec = actor(Counter, journal)
    async with open_system(supervisor("top", [spec])) as system, system.subscribe(ActorFailed) as failures:
        await system.ref(spec).tell(FailBeside(error, when))
        await wait_all_tasks_blocked()
        when.set()
        with trio.fail_after(1):
            assert await anext(failures) == ActorFailed(str(system.ref(spec)), error, "restart")
        await wait_all_tasks_blocked()
        assert journal == ["start", f"restart after {error!r}", "start"]


async def test_background_tasks_that_fail_together_fail_the_actor_once(autojump_clock: MockClock) -> None:
    """The first failure is decided; what the others raise is published, and costs no further restart."""
    when = trio.Event()
    spec = actor(Counter, list[str]())
    top = supervisor("top", [spec], max_restarts=1)
    async with open_system(top) as system, system.subscribe(ActorFailed) as failures, system.subscribe(ActorRestarted) as restarts:
        ref = system.ref(spec)
        errors = [Broken(str(number)) for number in range(3)]
        for error in errors:
            await ref.tell(FailBeside(error, when))
        await wait_all_tasks_blocked()
        when.set()
        with trio.fail_after(1):
            seen = [await anext(failures) for _ in errors]
            assert await anext(restarts) == ActorRestarted(str(ref), 1)
        assert {failure.cause for failure in seen} == set(errors)
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 1


async def test_a_restart_ends_the_background_tasks_of_the_old_instance(autojump_clock: MockClock) -> None:
    """They belong to the instance: cancelled before the new one starts."""
    journal: list[str] = []

    class Worker(Actor[str]):
        def on_start(self) -> None:
            journal.append("start")
            self.context.start_soon(self.work)

        async def work(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                journal.append("task ended")

        @handles(str)
        def hear(self, message: str) -> None:
            raise Broken

    spec = actor(Worker)
    async with open_system(supervisor("top", [spec])) as system:
        await wait_all_tasks_blocked()
        system.ref(spec).tell_nowait("fail")
        await wait_all_tasks_blocked()
        assert journal == ["start", "task ended", "start"]


@frozen
class Fact:
    number: int


@define(eq=False)
class Listener(Actor[Fact | Wait | Increment]):
    seen: list[int]

    def on_start(self) -> None:
        self.context.subscribe(Fact, where=self.wanted)

    def wanted(self, fact: Fact) -> bool:
        if fact.number < 0:
            raise Broken(str(fact.number))
        return True

    @handles(Fact)
    def hear(self, fact: Fact) -> None:
        self.seen.append(fact.number)

    @handles(Wait)
    async def wait(self, command: Wait) -> None:
        await trio.sleep_forever()

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        return 0


async def test_a_where_that_raises_cancels_the_subscriber_s_running_handler(autojump_clock: MockClock) -> None:
    """The publisher notices nothing; the subscriber fails at once, and goes on with its subscription."""
    seen: list[int] = []
    spec = actor(Listener, seen)
    async with open_system(supervisor("top", [spec])) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)

        async def ask() -> None:
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Wait())
            assert isinstance(caught.value.__cause__, Broken)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        system.publish(Fact(-1))
        with trio.fail_after(1):
            await ref.ask(Increment())
        system.publish(Fact(1))
        await wait_all_tasks_blocked()
        assert seen == [1]


@define(eq=False)
class Parent(Actor[Wait | Increment]):
    """Has a child that fails when it is told to."""

    children: list[ActorRef[Crash]]

    async def on_start(self) -> None:
        self.children.append(await self.context.spawn(actor(Counter, list[str]())))

    @handles(Wait)
    async def wait(self, command: Wait) -> None:
        await trio.sleep_forever()

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        return 0


async def test_children_that_give_up_cancel_the_parent_s_running_handler(autojump_clock: MockClock) -> None:
    """A parent whose children spent its budget fails with `RestartLimitReached`, whatever it does at that moment."""
    error = Broken()
    children: list[ActorRef[Crash]] = []
    spec = actor(Parent, children, supervision=Supervision(max_restarts=0))
    async with open_system(supervisor("top", [spec])) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)

        async def ask() -> None:
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Wait())
            cause = caught.value.__cause__
            assert isinstance(cause, RestartLimitReached)
            assert cause.causes == (error,)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        children[0].tell_nowait(Crash(error))
        with trio.fail_after(1):
            await ref.ask(Increment())


async def test_an_outside_failure_while_an_actor_stops_makes_its_exit_failed(autojump_clock: MockClock) -> None:
    """A stop that was asked goes on; it ends the running handler early, restarts nothing, and is not lost."""
    error = Broken()
    journal: list[str] = []
    when = trio.Event()
    spec = actor(Counter, journal)
    async with open_system(supervisor("top", [spec])) as system, trio.open_nursery() as nursery, system.subscribe(ActorFailed) as failures:
        ref = system.ref(spec)
        await ref.tell(FailBeside(error, when))

        async def ask() -> None:
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Wait())
            assert caught.value.__cause__ is error

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        nursery.start_soon(system.stop, ref)
        await wait_all_tasks_blocked()
        when.set()
        with trio.fail_after(1):
            assert await anext(failures) == ActorFailed(str(ref), error, "stop")
            with pytest.raises(AskStopped):
                await ref.ask(Increment())
        assert journal == ["start", "handler ended"]


async def test_a_handler_that_swallows_its_cancellation_still_ends_by_itself(autojump_clock: MockClock) -> None:
    """A failure from outside waits for a handler that goes on regardless, and counts it as what it did: it returned."""
    error = Broken()
    when = trio.Event()
    spec = actor(Counter, list[str]())

    async def stubborn(context: Context) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(2)

    async with open_system(supervisor("top", [spec])) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        await ref.tell(FailBeside(error, when))
        nursery.start_soon(ref.ask, Wait(stubborn))
        await wait_all_tasks_blocked()
        when.set()
        with trio.fail_after(3):
            assert await ref.ask(Increment()) == 1
        assert trio.current_time() == 2
        assert system.statistics().actors[str(ref)].failed == 0


def test_a_cut_off_handler_says_whose_it_was() -> None:
    """`HandlerCutOff` stands where trio's Cancelled, which has no text, would be of no use."""
    assert "/user/a" in str(HandlerCutOff("/user/a"))
