"""Restarting: what a crash costs and what it leaves, which exits are followed by a restart, and restarts by hand or that fail."""

from collections.abc import Awaitable, Callable
from typing import Literal, Never

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorGone,
    ActorRef,
    ActorRestarted,
    AskStopped,
    Backoff,
    Exit,
    Request,
    RestartLimitReached,
    StartFailed,
    System,
    Terminated,
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


@frozen
class Crash:
    pass


@frozen
class Leave:
    """Has the actor stop itself."""


@frozen
class Hang:
    """Keeps the handler for ever."""


@define(eq=False)
class Counter(Actor[Increment | Crash | Leave | Hang]):
    total: int = 0

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    @handles(Leave)
    def leave(self, command: Leave) -> None:
        self.context.stop_self()

    @handles(Hang)
    async def hang(self, command: Hang) -> None:
        await trio.sleep_forever()


async def test_a_crash_loses_one_message_and_the_state_but_not_the_ref_or_the_queue(autojump_clock: MockClock) -> None:
    """
    The failing message is not retried; those queued behind it reach the new instance in order; the ref, the address and the
    mailbox stay; the new instance starts from the constructor arguments in its spec.
    """
    counter = actor(Counter, 10, name="counter")
    async with open_system(supervisor("top", [counter], max_restarts=1)) as system:
        ref = system.ref(counter)
        address = ref.address
        assert await ref.ask(Increment()) == 11
        ref.tell_nowait(Crash())
        ref.tell_nowait(Increment())
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 12
        assert system.ref(counter) == ref
        assert system.ref(counter).address == address
        counts = system.statistics().actors["/user/top/counter"]
        assert (counts.accepted, counts.failed, counts.handled) == (4, 1, 3)


async def test_messages_behind_a_crash_reach_the_new_instance_in_order(autojump_clock: MockClock) -> None:
    """All that were queued, and those that come while it restarts, in the order in which they were sent."""
    instances: list[list[int]] = []

    class Recorder(Actor[int]):
        async def on_start(self) -> None:
            self.seen = list[int]()
            instances.append(self.seen)
            if len(instances) > 1:
                await trio.sleep(1)

        @handles(int)
        async def record(self, number: int) -> None:
            if number == 0:
                raise Broken
            self.seen.append(number)

    spec = actor(Recorder)
    async with open_system(supervisor("top", [spec])) as system:
        ref = system.ref(spec)
        for number in (1, 0, 2, 3):
            ref.tell_nowait(number)
        await trio.sleep(0.5)
        for number in (4, 5):
            ref.tell_nowait(number)
        await trio.sleep(1)
        assert instances == [[1], [2, 3, 4, 5]]


@pytest.mark.parametrize("pause", ["it starts", "it backs off"])
async def test_messages_that_arrive_while_an_actor_restarts_wait_in_its_mailbox(pause: str, autojump_clock: MockClock) -> None:
    """Nobody who sends meanwhile notices anything but the delay, neither during a slow on_start nor during back-off."""
    starts: list[float] = []

    class Slow(Counter):
        async def on_start(self) -> None:
            starts.append(trio.current_time())
            if len(starts) > 1 and pause == "it starts":
                await trio.sleep(2)

    spec = actor(Slow)
    backoff = Backoff(first=2.0, jitter=0) if pause == "it backs off" else None
    async with open_system(supervisor("top", [spec], backoff=backoff)) as system:
        ref = system.ref(spec)
        ref.tell_nowait(Crash())
        await trio.sleep(1)
        ref.tell_nowait(Increment())
        with trio.fail_after(1.5):
            assert await ref.ask(Increment()) == 2
        assert trio.current_time() == 2
        assert system.statistics().dead_letters == 0


# Who is restarted after which exit


async def leave(system: System, ref: ActorRef[Leave]) -> None:
    await ref.tell(Leave())


async def crash(system: System, ref: ActorRef[Crash]) -> None:
    await ref.tell(Crash())


async def be_stopped(system: System, ref: ActorRef[Hang]) -> None:
    await system.stop(ref)


async def be_killed(system: System, ref: ActorRef[Hang]) -> None:
    await ref.tell(Hang())
    await wait_all_tasks_blocked()
    await system.stop(ref)


RestartType = Literal["permanent", "transient", "temporary"]
Exits = Callable[[System, ActorRef[Leave | Crash | Hang]], Awaitable[None]]


@pytest.mark.parametrize(
    ("restart", "exits", "lives_on"),
    [
        ("permanent", leave, True),
        ("permanent", crash, True),
        ("permanent", be_stopped, False),
        ("permanent", be_killed, False),
        ("transient", leave, False),
        ("transient", crash, True),
        ("transient", be_stopped, False),
        ("transient", be_killed, False),
        ("temporary", leave, False),
        ("temporary", crash, False),
        ("temporary", be_stopped, False),
        ("temporary", be_killed, False),
    ],
)
async def test_the_restart_type_and_the_exit_decide_whether_an_actor_lives_on(
    restart: RestartType, exits: Exits, lives_on: bool, autojump_clock: MockClock
) -> None:
    """
    OTP's grid on running actors: what ends by itself or by failing is restarted by its type; what was stopped by hand is not,
    even if it had to be killed. Who lives on has a new instance behind its old ref; of who does not, its watchers hear.
    """
    kinds: dict[Exits, str] = {leave: "normal", crash: "failed", be_stopped: "shutdown", be_killed: "killed"}
    heard: list[Terminated] = []

    class Watcher(Actor[Never]):
        def on_start(self) -> None:
            self.context.watch(system.ref(spec))

        def on_terminated(self, terminated: Terminated) -> None:
            heard.append(terminated)

    spec = actor(Counter, 10, restart=restart, stop_timeout=1.0)
    async with open_system(supervisor("top", [spec])) as system:
        ref = system.ref(spec)
        await system.spawn(actor(Watcher))
        await ref.ask(Increment())
        with trio.fail_after(2):
            await exits(system, ref)
            await wait_all_tasks_blocked()
        if lives_on:
            assert await ref.ask(Increment()) == 11
            assert heard == []
        else:
            with pytest.raises(AskStopped):
                await ref.ask(Increment())
            assert [(terminated.ref, terminated.reason.kind) for terminated in heard] == [(ref, kinds[exits])]


async def test_a_normal_exit_of_a_permanent_actor_counts_like_a_crash(autojump_clock: MockClock) -> None:
    """One that leaves again and again spends the budget of its supervisor."""
    spec = actor(Counter)
    with pytest.RaisesGroup(pytest.RaisesExc(RestartLimitReached, match="max_restarts=2")):
        async with open_system(supervisor("top", [spec], max_restarts=2)) as system:
            ref = system.ref(spec)
            for _ in range(2):
                await ref.tell(Leave())
            assert await ref.ask(Increment()) == 1
            await ref.tell(Leave())
            await trio.sleep(1)


async def test_a_restart_is_announced_with_its_number(autojump_clock: MockClock) -> None:
    """`ActorRestarted` counts an actor's restarts from 1, and so does the tree."""
    spec = actor(Counter, name="counter")
    async with open_system(supervisor("top", [spec])) as system, system.subscribe(ActorRestarted) as restarts:
        for number in (1, 2, 3):
            await system.ref(spec).tell(Crash())
            with trio.fail_after(1):
                assert await anext(restarts) == ActorRestarted("/user/top/counter", number)
        assert [node.restarts for node in system.tree() if node.path == "/user/top/counter"] == [3]


async def test_a_request_to_leave_does_not_outlive_the_instance_that_made_it(autojump_clock: MockClock) -> None:
    """A handler that asks to stop and then fails has failed: the new instance has not asked for anything."""
    starts: list[int] = []

    class Torn(Actor[Crash | Increment]):
        def on_start(self) -> None:
            starts.append(1)

        @handles(Crash)
        def crash(self, command: Crash) -> None:
            self.context.stop_self()
            raise Broken

        @handles(Increment)
        def increment(self, command: Increment) -> int:
            return len(starts)

    spec = actor(Torn, restart="transient")
    async with open_system(supervisor("top", [spec])) as system:
        await system.ref(spec).tell(Crash())
        with trio.fail_after(1):
            assert await system.ref(spec).ask(Increment()) == 2


# Restarts that fail


@define(eq=False)
class Reluctant(Counter):
    """Fails to start whenever the list says so, one entry a start."""

    fails: list[bool] = field(factory=list[bool])
    slow: float = 0.0

    async def on_start(self) -> None:
        if self.slow:
            await trio.sleep(self.slow)
        if self.fails and self.fails.pop(0):
            raise Broken("does not start")


async def test_a_restart_that_fails_is_retried_and_counts(autojump_clock: MockClock) -> None:
    """Two attempts that fail and one that does not cost three of the budget; the mailbox outlives them all."""
    spec = actor(Reluctant, 0, [False, True, True, False])
    async with open_system(supervisor("top", [spec], max_restarts=3)) as system, system.subscribe(ActorFailed) as failures:
        ref = system.ref(spec)
        ref.tell_nowait(Crash())
        ref.tell_nowait(Increment())
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 2
            causes = [repr((await anext(failures)).cause) for _ in range(3)]
        assert causes == ["Broken()", "Broken('does not start')", "Broken('does not start')"]


async def test_a_restart_that_fails_too_often_spends_the_budget(autojump_clock: MockClock) -> None:
    """With one attempt more than it allows the supervisor gives up."""
    spec = actor(Reluctant, 0, [False, True, True, False])
    with pytest.RaisesGroup(RestartLimitReached):
        async with open_system(supervisor("top", [spec], max_restarts=2)) as system:
            await system.ref(spec).tell(Crash())
            await trio.sleep(1)


class MadeOnce:
    """A factory that makes one actor and fails from then on."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Counter:
        self.made += 1
        if self.made > 1:
            raise Broken("cannot be made")
        return Counter()


@pytest.mark.parametrize("slow", [False, True])
async def test_a_restart_that_is_retried_for_ever_stays_responsive_to_stop(slow: bool, autojump_clock: MockClock) -> None:
    """Without a back-off and with a budget that is as good as endless, others run between the attempts, and a stop ends them."""
    factory = MadeOnce()
    spec = actor(Reluctant, 0, [False] + [True] * 10_000, 0.001) if slow else actor(factory)
    other = actor(Counter)
    async with open_system(supervisor("top", [spec, other], max_restarts=10**9)) as system:
        ref = system.ref(spec)
        ref.tell_nowait(Crash())
        with trio.fail_after(1):
            for _ in range(100):
                await trio.lowlevel.checkpoint()
                await system.ref(other).ask(Increment())
            waiting = system.ref(spec)
            waiting.tell_nowait(Increment())
            await system.stop(ref)
            with pytest.raises(AskStopped):
                await ref.ask(Increment())


async def test_a_restart_that_fails_in_a_nested_start_is_retried_with_all_its_children(autojump_clock: MockClock) -> None:
    """A supervisor whose child does not start again has failed to start; its own supervisor tries again."""
    reluctant = actor(Reluctant, 0, [False, True, False])
    first = actor(Counter, name="first")
    inner = supervisor("inner", [first, reluctant], max_restarts=0)
    async with open_system(supervisor("top", [inner])) as system:
        ref = system.ref(first)
        ref.tell_nowait(Increment())
        ref.tell_nowait(Crash())
        ref.tell_nowait(Increment())
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 2
            assert await system.ref(reluctant).ask(Increment()) == 1


# By hand


async def test_a_restart_by_hand_costs_no_budget(autojump_clock: MockClock) -> None:
    """It makes a new instance behind the old ref, as often as one likes, and returns when that is up."""
    spec = actor(Counter)
    async with open_system(supervisor("top", [spec], max_restarts=0)) as system:
        ref = system.ref(spec)
        for _ in range(5):
            assert await ref.ask(Increment()) == 1
            with trio.fail_after(1):
                await system.restart(ref)


async def test_a_restart_by_hand_lets_the_running_handler_finish(autojump_clock: MockClock) -> None:
    """Within the stop timeout; what is queued behind it reaches the new instance."""
    journal: list[str] = []

    class Slow(Actor[Increment]):
        def on_restart(self, cause: BaseException) -> None:
            journal.append("restart")

        @handles(Increment)
        async def increment(self, command: Increment) -> int:
            await trio.sleep(2)
            journal.append("done")
            return 1

    spec = actor(Slow, stop_timeout=3.0)
    async with open_system(supervisor("top", [spec])) as system:
        ref = system.ref(spec)
        for _ in range(2):
            ref.tell_nowait(Increment())
        await wait_all_tasks_blocked()
        with trio.fail_after(2.5):
            await system.restart(ref)
        await trio.sleep(2.5)
        assert journal == ["done", "restart", "done"]


async def test_a_restart_by_hand_cuts_off_a_handler_that_takes_too_long(autojump_clock: MockClock) -> None:
    """The stop timeout bounds the wait for the running handler; the actor restarts all the same, and has not died."""
    spec = actor(Counter, stop_timeout=3.0)
    async with open_system(supervisor("top", [spec])) as system:
        ref = system.ref(spec)
        ref.tell_nowait(Hang())
        ref.tell_nowait(Increment())
        await wait_all_tasks_blocked()
        with trio.fail_after(3.5):
            await system.restart(ref)
        assert trio.current_time() == 3
        assert await ref.ask(Increment()) == 2


async def test_a_restart_by_hand_of_what_does_not_run_is_refused(autojump_clock: MockClock) -> None:
    """A dead actor is started, not restarted; one that backs off is on its way already."""
    dead = actor(Counter)
    backing_off = actor(Counter)
    async with open_system(supervisor("top", [dead, backing_off], backoff=Backoff(first=2.0, jitter=0))) as system:
        await system.stop(system.ref(dead))
        with pytest.raises(ActorGone):
            await system.restart(system.ref(dead))
        await system.ref(backing_off).tell(Crash())
        await trio.sleep(1)
        with pytest.raises(ActorGone):
            await system.restart(system.ref(backing_off))


async def test_a_restart_by_hand_that_fails_is_said_and_then_retried(autojump_clock: MockClock) -> None:
    """Who asked for it gets `StartFailed`, and the supervisor goes on as after any failure, at the cost of its budget."""
    spec = actor(Reluctant, 0, [False, True, False])
    async with open_system(supervisor("top", [spec], max_restarts=1)) as system:
        ref = system.ref(spec)
        with pytest.raises(StartFailed, match="does not start") as caught:
            await system.restart(ref)
        assert isinstance(caught.value.__cause__, Broken)
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 1


@pytest.mark.parametrize("stopped", ["itself", "its supervisor"])
async def test_a_restart_by_hand_that_a_stop_overtakes_is_said(stopped: str, autojump_clock: MockClock) -> None:
    """Nobody waits for ever for a new instance that does not come."""
    spec = actor(Counter, stop_timeout=2.0)
    top = supervisor("top", [spec])
    async with open_system(top) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        ref.tell_nowait(Hang())
        await wait_all_tasks_blocked()

        async def restart() -> None:
            with pytest.raises(StartFailed, match="stopped"), trio.fail_after(4):
                await system.restart(ref)

        nursery.start_soon(restart)
        await wait_all_tasks_blocked()
        await system.stop(ref if stopped == "itself" else system.ref(top))


async def test_a_restart_by_hand_that_a_group_restart_overtakes_ends_with_it(autojump_clock: MockClock) -> None:
    """While it waits for its handler, a sibling fails and all are restarted: it is restarted once, and its waiter goes on."""
    journal: list[str] = []

    class Slow(Counter):
        def on_start(self) -> None:
            journal.append("start")

    slow = actor(Slow, stop_timeout=2.0, name="slow")
    sibling = actor(Counter, name="sibling")
    async with open_system(supervisor("top", [slow, sibling], strategy="one_for_all")) as system, trio.open_nursery() as nursery:
        ref = system.ref(slow)
        ref.tell_nowait(Hang())
        await wait_all_tasks_blocked()
        nursery.start_soon(system.restart, ref)
        await wait_all_tasks_blocked()
        system.ref(sibling).tell_nowait(Crash())
        with trio.fail_after(3):
            assert await system.ref(sibling).ask(Increment()) == 1
            assert await ref.ask(Increment()) == 1
        assert journal == ["start", "start"]


async def test_the_same_exit_is_told_to_all_who_hear_of_it(autojump_clock: MockClock) -> None:
    """A failed exit carries the very exception."""
    error = Broken()

    class Failing(Actor[str]):
        @handles(str)
        def fail(self, message: str) -> None:
            raise error

    heard: list[Exit] = []

    class Watcher(Actor[Never]):
        def on_start(self) -> None:
            self.context.watch(system.ref(spec))

        def on_terminated(self, terminated: Terminated) -> None:
            heard.append(terminated.reason)

    spec = actor(Failing, restart="temporary")
    async with open_system(supervisor("top", [spec])) as system:
        await system.spawn(actor(Watcher))
        await system.ref(spec).tell("fail")
        await wait_all_tasks_blocked()
        assert heard == [Exit("failed", error)]
