"""Stopping: what still runs, what still is handled, what becomes of the rest, and how long it may take."""

import math
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
    ActorSpec,
    ActorStopped,
    AskStopped,
    Backoff,
    DeadLetter,
    Exit,
    Request,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import Restart


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Increment(Request[int]):
    pass


@frozen
class Crash:
    pass


@frozen(eq=False)
class Do(Request[None]):
    """Has the handler run the function."""

    what: "Callable[[Worker], Awaitable[object]]"


@define(eq=False)
class Worker(Actor[Increment | Crash | Do]):
    journal: list[str]
    total: int = 0

    def on_start(self) -> None:
        self.journal.append("start")

    def on_restart(self, cause: BaseException) -> None:
        self.journal.append("restart")

    def on_stop(self, reason: Exit) -> Awaitable[None] | None:
        self.journal.append(f"stop: {reason}")
        return None

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    @handles(Do)
    async def do(self, command: Do) -> None:
        try:
            await command.what(self)
        except trio.Cancelled:
            self.journal.append("handler cancelled")
            raise
        self.journal.append("handler done")


Spec = ActorSpec[Increment | Crash | Do]
Ref = ActorRef[Increment | Crash | Do]


def worker(journal: list[str], *, name: str = "worker", restart: Restart = "permanent", stop_timeout: float = 5.0) -> Spec:
    return actor(Worker, journal, name=name, restart=restart, stop_timeout=stop_timeout)


def sleeping(seconds: float, *, held: bool = False) -> Do:
    """Keeps the handler for so long: on trio, or held by the runtime."""

    async def what(worker: Worker) -> None:
        sleep = worker.context.sleep if held else trio.sleep
        await sleep(seconds)

    return Do(what)


async def started(ref: Ref, command: Do) -> None:
    """Returns when the handler of *command* runs and waits."""
    await ref.tell(command)
    await wait_all_tasks_blocked()


# What still runs


@pytest.mark.parametrize("held", [False, True])
async def test_stop_lets_the_running_handler_finish_and_handles_nothing_more(held: bool, autojump_clock: MockClock) -> None:
    """Its asker gets the reply. What is queued behind it is a dead letter: stopped; its asker gets AskStopped."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(spec) as system, trio.open_nursery() as nursery, system.subscribe(DeadLetter) as letters:
        ref = system.ref(spec)
        nursery.start_soon(ref.ask, sleeping(3, held=held))
        await wait_all_tasks_blocked()
        ref.tell_nowait(Crash())

        async def ask() -> None:
            with pytest.raises(AskStopped):
                await ref.ask(Increment())
            journal.append("asker told")

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        with trio.fail_after(4):
            await system.stop(ref)
        assert trio.current_time() == 3
        await wait_all_tasks_blocked()
        assert journal == ["start", "handler done", "stop: shutdown", "asker told"]
        assert [await anext(letters) for _ in range(2)] == [DeadLetter(message, ref, "stopped") for message in (Crash(), Increment())]


async def test_what_arrives_after_a_stop_was_asked_is_a_dead_letter(autojump_clock: MockClock) -> None:
    """Even while the last handler still runs; told without an error, asked with AskStopped at once."""
    spec = worker([])
    async with open_system(spec) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        await started(ref, sleeping(3))
        nursery.start_soon(system.stop, ref)
        await wait_all_tasks_blocked()
        await ref.tell(Increment())
        ref.tell_nowait(Increment())
        with pytest.raises(AskStopped):
            await ref.ask(Increment())
        assert trio.current_time() == 0
        assert system.statistics().dead_letters == 3


async def test_senders_that_wait_for_room_go_on_when_the_actor_is_stopped(autojump_clock: MockClock) -> None:
    """Their messages are dead letters."""
    spec = actor(Worker, list[str](), mailbox=1)
    async with open_system(spec) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        await started(ref, sleeping(3))
        await ref.tell(Increment())
        nursery.start_soon(ref.tell, Increment())
        await wait_all_tasks_blocked()
        nursery.start_soon(system.stop, ref)
        await wait_all_tasks_blocked()
        assert system.statistics().dead_letters == 1


async def test_a_drain_handles_what_is_queued_first(autojump_clock: MockClock) -> None:
    """In order, and nothing that comes later."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(spec) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        await started(ref, sleeping(1))
        answers: list[int] = []

        async def ask() -> None:
            answers.append(await ref.ask(Increment()))

        for _ in range(3):
            nursery.start_soon(ask)
        await ref.tell(sleeping(1))
        await wait_all_tasks_blocked()
        nursery.start_soon(ref.tell, Increment())
        await wait_all_tasks_blocked()

        async def stop() -> None:
            await system.stop(ref, drain=True)
            journal.append("returned")

        nursery.start_soon(stop)
        await wait_all_tasks_blocked()
        with pytest.raises(AskStopped):
            await ref.ask(Increment())
        await trio.sleep(3)
        assert sorted(answers) == [1, 2, 3]
        assert journal == ["start", "handler done", "handler done", "stop: shutdown", "returned"]
        counts = system.statistics()
        assert (counts.handled, counts.dead_letters) == (6, 1)


async def test_a_stop_without_drain_ends_a_drain(autojump_clock: MockClock) -> None:
    """The running handler ends, the rest of the queue is dead letters."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(spec) as system, trio.open_nursery() as nursery:
        ref = system.ref(spec)
        for _ in range(3):
            await ref.tell(sleeping(1))
        await wait_all_tasks_blocked()
        nursery.start_soon(system.stop, ref, True)
        await trio.sleep(1.5)
        await system.stop(ref)
        assert trio.current_time() == 2
        assert journal == ["start", "handler done", "handler done", "stop: shutdown"]
        assert system.statistics().dead_letters == 1


async def test_a_failure_ends_a_drain_and_makes_the_exit_failed(autojump_clock: MockClock) -> None:
    """Nothing restarts after a stop was asked: the failure is published, costs no budget, and what is left is dead letters."""
    journal: list[str] = []
    spec = worker(journal)
    top = supervisor("top", [spec], max_restarts=0)
    async with open_system(top) as system, system.subscribe(ActorFailed) as failures:
        ref = system.ref(spec)
        for message in (Increment(), Crash(), Increment()):
            ref.tell_nowait(message)
        with trio.fail_after(1):
            await system.stop(ref, drain=True)
            failed = await anext(failures)
        assert (failed.path, failed.directive) == (str(ref), "stop")
        assert journal == ["start", "stop: failed: Broken"]
        counts = system.statistics()
        assert (counts.failed, counts.dead_letters) == (1, 1)
        await system.start(spec)


async def test_background_tasks_end_before_children_and_children_before_on_stop(autojump_clock: MockClock) -> None:
    """The order of a stop: handler, background tasks, children, on_stop."""
    journal: list[str] = []

    class Parent(Actor[Increment]):
        async def on_start(self) -> None:
            await self.context.spawn(worker(journal, name="child"))
            self.context.start_soon(self.work)

        async def work(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                journal.append("task ended")

        def on_stop(self, reason: Exit) -> None:
            journal.append("parent stops")

        @handles(Increment)
        async def increment(self, command: Increment) -> int:
            await trio.sleep(1)
            journal.append("handler done")
            return 1

    spec = actor(Parent)
    async with open_system(spec) as system:
        await system.ref(spec).tell(Increment())
        await wait_all_tasks_blocked()
        await system.stop(system.ref(spec))
        assert journal == ["start", "handler done", "task ended", "stop: shutdown", "parent stops"]


async def test_a_drained_parent_drains_its_children(autojump_clock: MockClock) -> None:
    """What is queued anywhere below it is handled."""
    journal: list[str] = []
    children = [worker(journal, name=name) for name in "ab"]
    top = supervisor("top", children)
    async with open_system(top) as system:
        for spec in children:
            for _ in range(2):
                system.ref(spec).tell_nowait(sleeping(1))
        with trio.fail_after(5):
            await system.stop(system.ref(top), drain=True)
        assert system.statistics().handled == 4
        assert system.statistics().dead_letters == 0


async def test_children_stop_right_to_left_dynamic_ones_first_and_together(autojump_clock: MockClock) -> None:
    """Static ones one after the other, each with its own time; dynamic ones in parallel before them."""
    stops: list[tuple[str, float]] = []

    @define(eq=False)
    class Slow(Actor[str]):
        name: str

        async def on_stop(self, reason: Exit) -> None:
            await trio.sleep(1)
            stops.append((self.name, trio.current_time()))

        @handles(str)
        def hear(self, message: str) -> None: ...

    top = supervisor("top", [actor(Slow, "a"), actor(Slow, "b")])
    async with open_system(top) as system:
        for name in ("x", "y"):
            await system.spawn(actor(Slow, name), under=system.ref(top))
    assert sorted(stops[:2]) == [("x", 1), ("y", 1)]
    assert stops[2:] == [("b", 2), ("a", 3)]


# How long it may take


@pytest.mark.parametrize("held", [False, True])
async def test_after_the_stop_timeout_the_handler_is_cancelled(held: bool, autojump_clock: MockClock) -> None:
    """The exit is killed; the rest of the queue, also of a drain, is dead letters; the message in hand counts as failed."""
    journal: list[str] = []
    spec = worker(journal, stop_timeout=2.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped, trio.open_nursery() as nursery:
        ref = system.ref(spec)

        async def ask() -> None:
            with pytest.raises(AskStopped):
                await ref.ask(sleeping(1e6, held=held), timeout=math.inf)

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        ref.tell_nowait(Increment())
        with trio.fail_after(3):
            await system.stop(ref, drain=True)
            assert (await anext(stopped)).reason == Exit("killed")
        assert trio.current_time() == 2
        assert journal == ["start", "handler cancelled", "stop: killed"]
        counts = system.statistics()
        assert (counts.failed, counts.dead_letters) == (1, 1)


async def test_a_handler_that_ends_exactly_in_time_is_not_killed(autojump_clock: MockClock) -> None:
    """A moment before the stop timeout is in time."""
    journal: list[str] = []
    spec = worker(journal, stop_timeout=2.0)
    async with open_system(spec) as system:
        await started(system.ref(spec), sleeping(1.999))
        await system.stop(system.ref(spec))
        assert journal == ["start", "handler done", "stop: shutdown"]


async def test_one_stop_timeout_covers_the_handler_the_drain_and_on_stop(autojump_clock: MockClock) -> None:
    """What the handler has used up is not there for on_stop: with no time left it runs in a cancelled scope."""
    journal: list[str] = []

    class Slow(Worker):
        async def on_stop(self, reason: Exit) -> None:
            journal.append(f"stop: {reason}")
            try:
                await trio.sleep(2)
            except trio.Cancelled:
                journal.append("on_stop cancelled")
                raise

    spec = actor(Slow, journal, stop_timeout=3.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped:
        ref = system.ref(spec)
        await started(ref, sleeping(1))
        await ref.tell(sleeping(1))
        with trio.fail_after(4):
            await system.stop(ref, drain=True)
            assert (await anext(stopped)).reason == Exit("killed")
        assert trio.current_time() == 3
        assert journal == ["start", "handler done", "handler done", "stop: shutdown", "on_stop cancelled"]


async def test_with_no_time_left_on_stop_runs_in_a_cancelled_scope(autojump_clock: MockClock) -> None:
    """It runs, up to its first checkpoint; a plain one runs to its end."""
    journal: list[str] = []

    class Slow(Worker):
        async def on_stop(self, reason: Exit) -> None:
            journal.append(f"stop: {reason}")
            await trio.lowlevel.checkpoint()
            journal.append("never")

    spec = actor(Slow, journal, stop_timeout=1.0)
    async with open_system(spec) as system:
        await started(system.ref(spec), sleeping(100))
        with trio.fail_after(2):
            await system.stop(system.ref(spec))
        assert journal == ["start", "handler cancelled", "stop: killed"]


async def test_the_stop_timeout_pauses_while_the_children_stop(autojump_clock: MockClock) -> None:
    """Their time is their own: a parent of 1 s is not killed because its child takes 10 s, and has its own second for on_stop."""
    journal: list[str] = []

    class Parent(Actor[str]):
        async def on_start(self) -> None:
            child = await self.context.spawn(worker([], name="child", stop_timeout=20.0))
            await child.tell(sleeping(10))

        async def on_stop(self, reason: Exit) -> None:
            await trio.sleep(0.9)
            journal.append(f"stop: {reason}")

        @handles(str)
        def hear(self, message: str) -> None: ...

    spec = actor(Parent, stop_timeout=1.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped:
        await wait_all_tasks_blocked()
        with trio.fail_after(12):
            await system.stop(system.ref(spec))
        assert trio.current_time() == 10.9
        assert journal == ["stop: shutdown"]
        assert [(await anext(stopped)).reason for _ in range(2)] == [Exit("shutdown")] * 2


async def test_a_handler_that_shields_itself_is_waited_for(autojump_clock: MockClock) -> None:
    """Trio cannot abandon a task: the exit is killed, but only when the handler has ended."""
    journal: list[str] = []

    async def shielded(worker: Worker) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)

    spec = worker(journal, stop_timeout=1.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped:
        await started(system.ref(spec), Do(shielded))
        with trio.fail_after(11):
            await system.stop(system.ref(spec))
        assert trio.current_time() == 10
        assert (await anext(stopped)).reason.kind == "killed"
        assert journal[-1] == "stop: killed"


async def test_a_background_task_that_shields_itself_is_waited_for(autojump_clock: MockClock) -> None:
    """As a handler is; only then do the children stop and on_stop runs."""
    journal: list[str] = []

    async def task() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
        journal.append("task ended")

    async def begin(worker: Worker) -> None:
        worker.context.start_soon(task)

    spec = worker(journal, stop_timeout=1.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped:
        await system.ref(spec).ask(Do(begin))
        await wait_all_tasks_blocked()
        with trio.fail_after(11):
            await system.stop(system.ref(spec))
        assert journal == ["start", "handler done", "task ended", "stop: killed"]
        assert (await anext(stopped)).reason == Exit("killed")


async def test_a_stop_timeout_of_zero_cancels_at_once_and_of_infinity_never(autojump_clock: MockClock) -> None:
    """Both ends of the range."""
    for stop_timeout, ends_at in ((0.0, 0.0), (math.inf, 1e5)):
        before = trio.current_time()
        spec = worker([], stop_timeout=stop_timeout)
        async with open_system(shutdown_timeout=math.inf) as system:
            ref = await system.spawn(spec)
            await started(ref, sleeping(1e5))
            await system.stop(ref)
            assert trio.current_time() - before == ends_at


async def test_a_failure_of_a_handler_that_is_cut_off_is_kept_as_the_cause(autojump_clock: MockClock) -> None:
    """What it raises while it is cancelled is published, and stands in the killed exit."""
    error = Broken()

    async def breaks(worker: Worker) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    spec = worker([], stop_timeout=1.0)
    async with open_system(spec) as system, system.subscribe(ActorStopped) as stopped, system.subscribe(ActorFailed) as failures:
        ref = system.ref(spec)
        await started(ref, Do(breaks))
        with trio.fail_after(2):
            await system.stop(ref)
            assert await anext(failures) == ActorFailed(str(ref), error, "stop")
            assert await anext(stopped) == ActorStopped(str(ref), Exit("killed", error))


# Who stops whom, and when


async def test_stop_is_idempotent(autojump_clock: MockClock) -> None:
    """Of the dead it returns at once; on_stop ran once."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(spec) as system:
        for _ in range(3):
            with trio.fail_after(1):
                await system.stop(system.ref(spec))
        assert journal == ["start", "stop: shutdown"]


async def test_all_who_stop_an_actor_at_once_return_when_it_is_dead(autojump_clock: MockClock) -> None:
    """And it stops once."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(spec) as system:
        await started(system.ref(spec), sleeping(2))

        async def stop(drain: bool) -> None:
            await system.stop(system.ref(spec), drain)
            journal.append("returned")

        with trio.fail_after(3):
            async with trio.open_nursery() as nursery:
                for drain in (False, True, False):
                    nursery.start_soon(stop, drain)
        assert journal == ["start", "handler done", "stop: shutdown", "returned", "returned", "returned"]


async def test_a_stop_whose_wait_is_cancelled_goes_on_by_itself(autojump_clock: MockClock) -> None:
    """Asked is asked."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(spec) as system:
        await started(system.ref(spec), sleeping(2))
        with trio.move_on_after(1) as scope:
            await system.stop(system.ref(spec))
        assert scope.cancelled_caught
        await trio.sleep(2)
        assert journal == ["start", "handler done", "stop: shutdown"]


@pytest.mark.parametrize("phase", ["backs off", "restarts", "is taken down for a restart"])
async def test_a_stop_ends_an_actor_that_restarts(phase: str, autojump_clock: MockClock) -> None:
    """In back-off at once; in its on_start, or while its old instance goes down, when that is over. It does not come back."""
    starts: list[float] = []

    class Slow(Actor[Crash]):
        async def on_start(self) -> None:
            starts.append(trio.current_time())
            if len(starts) > 1:
                await trio.sleep(2)

        async def on_restart(self, cause: BaseException) -> None:
            if phase == "is taken down for a restart":
                await trio.sleep(2)

        @handles(Crash)
        def crash(self, command: Crash) -> None:
            raise Broken

    spec = actor(Slow)
    backoff = Backoff(first=60.0, cap=60.0, jitter=0) if phase == "backs off" else None
    async with open_system(supervisor("top", [spec], backoff=backoff)) as system, system.subscribe(ActorStopped) as stopped:
        ref = system.ref(spec)
        await ref.tell(Crash())
        await trio.sleep(1)
        await ref.tell(Crash())
        with trio.fail_after(2):
            await system.stop(ref)
        assert trio.current_time() == (1 if phase == "backs off" else 2)
        await trio.sleep(100)
        assert len(starts) == (2 if phase == "restarts" else 1)
        assert await anext(stopped) == ActorStopped(str(ref), Exit("shutdown"))
        assert system.statistics().dead_letters == 1


async def stop_the_own_ref(worker: Worker) -> None:
    await worker.context.stop(worker.context.ref)


async def stop_self(worker: Worker) -> None:
    worker.context.stop_self()


LEAVING = pytest.mark.parametrize("leave", [stop_self, stop_the_own_ref])


@LEAVING
async def test_stop_self_is_a_normal_exit_once_the_handler_has_ended(
    leave: Callable[[Worker], Awaitable[object]], autojump_clock: MockClock
) -> None:
    """The handler goes on to its end, and its asker gets the reply; of what is queued nothing more is handled."""
    journal: list[str] = []

    async def leave_then_work(worker: Worker) -> None:
        await leave(worker)
        await trio.sleep(1)

    spec = worker(journal, restart="temporary")
    async with open_system(spec) as system, trio.open_nursery() as nursery, system.subscribe(ActorStopped) as stopped:
        ref = system.ref(spec)
        nursery.start_soon(ref.ask, Do(leave_then_work))
        await wait_all_tasks_blocked()
        await ref.tell(Increment())
        with trio.fail_after(2):
            assert await anext(stopped) == ActorStopped(str(ref), Exit("normal"))
        assert journal == ["start", "handler done", "stop: normal"]
        assert system.statistics().dead_letters == 1


@LEAVING
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_a_permanent_actor_that_stops_itself_comes_back(
    leave: Callable[[Worker], Awaitable[object]], restart: Restart, autojump_clock: MockClock
) -> None:
    """
    Then ref and mailbox stay, what arrives waits, nobody hears of a death, and the old instance gets on_stop(normal), not
    on_restart. A transient or temporary one is dead.
    """
    journal: list[str] = []
    heard: list[Terminated] = []

    class Watcher(Actor[str]):
        def on_start(self) -> None:
            self.context.watch(system.ref(spec))

        def on_terminated(self, terminated: Terminated) -> None:
            heard.append(terminated)

        @handles(str)
        def hear(self, message: str) -> None: ...

    spec = worker(journal, restart=restart)
    async with open_system(supervisor("top", [spec])) as system, system.subscribe(ActorRestarted) as restarts:
        await system.spawn(actor(Watcher))
        ref = system.ref(spec)
        for message in (Increment(), Do(leave), Increment()):
            ref.tell_nowait(message)
        await wait_all_tasks_blocked()
        if restart == "permanent":
            assert await anext(restarts) == ActorRestarted(str(ref), 1)
            assert await ref.ask(Increment()) == 2
            assert heard == []
            assert journal == ["start", "handler done", "stop: normal", "start"]
        else:
            assert heard == [Terminated(ref, Exit("normal"))]
            assert journal == ["start", "handler done", "stop: normal"]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_an_actor_that_stops_itself_with_a_drain_leaves_nothing_unhandled(restart: Restart, autojump_clock: MockClock) -> None:
    """It handles what is queued and then ends normally; a permanent one leaves it to its next instance."""
    journal: list[str] = []

    async def drain(worker: Worker) -> None:
        await worker.context.stop(worker.context.ref, drain=True)

    spec = worker(journal, restart=restart)
    async with open_system(supervisor("top", [spec])) as system:
        for command in (Do(drain), sleeping(1), sleeping(1)):
            system.ref(spec).tell_nowait(command)
        await trio.sleep(3)
        done = "handler done"
        comes_back = [done, "stop: normal", "start", done, done]
        assert journal == ["start", *(comes_back if restart == "permanent" else [done, done, done, "stop: normal"])]
        assert system.statistics().dead_letters == 0


@pytest.mark.parametrize("which", ["the parent", "the grandparent", "the system"])
@pytest.mark.parametrize("where", ["handler", "task"])
async def test_stopping_an_ancestor_only_asks_and_returns_at_once(which: str, where: str, autojump_clock: MockClock) -> None:
    """The handler goes on to its end, and is stopped with the others: waiting for that would be waiting for itself."""
    journal: list[str] = []
    spec = worker(journal)
    inner = supervisor("inner", [spec])
    outer = supervisor("outer", [inner])

    async def stop(worker: Worker) -> None:
        if which == "the system":
            await system.stop()
        else:
            await worker.context.stop(system.ref(inner if which == "the parent" else outer))
        journal.append("asked")

    async def stop_in_task(worker: Worker) -> None:
        worker.context.start_soon(stop, worker)

    async with open_system(outer) as system, system.subscribe(ActorStopped) as stopped:
        with trio.fail_after(1):
            await system.ref(spec).tell(Do(stop if where == "handler" else stop_in_task))
            while (await anext(stopped)).path != ("/user/outer/inner" if which == "the parent" else "/user/outer"):
                pass
        assert sorted(journal[1:]) == ["asked", "handler done", "stop: shutdown"]


async def test_an_actor_may_stop_its_child_and_wait_for_it(autojump_clock: MockClock) -> None:
    """The child's last handler ends first."""
    journal: list[str] = []

    async def have_a_child_and_stop_it(parent: Worker) -> None:
        child = await parent.context.spawn(worker(journal, name="child"))
        await child.tell(sleeping(2))
        await parent.context.stop(child, drain=True)
        assert parent.context.children == ()

    spec = worker([])
    async with open_system(spec) as system:
        await system.ref(spec).ask(Do(have_a_child_and_stop_it))
        assert trio.current_time() == 2
        assert journal == ["start", "handler done", "stop: shutdown"]


async def test_stop_without_a_ref_stops_everybody(autojump_clock: MockClock) -> None:
    """The block goes on without actors."""
    journal: list[str] = []
    spec = worker(journal)
    async with open_system(supervisor("top", [spec])) as system:
        ref = system.ref(spec)
        await system.stop()
        assert journal == ["start", "stop: shutdown"]
        with pytest.raises(AskStopped):
            await ref.ask(Increment())


async def test_nothing_restarts_while_its_parent_stops(autojump_clock: MockClock) -> None:
    """A child that fails while a sibling to its right is being stopped is not started again, and costs no budget."""
    journal: list[str] = []

    class SlowToStop(Actor[str]):
        async def on_stop(self, reason: Exit) -> None:
            await trio.sleep(2)

        @handles(str)
        def hear(self, message: str) -> None: ...

    left = worker(journal, name="left")
    top = supervisor("top", [left, actor(SlowToStop, name="right")], max_restarts=0)
    async with open_system(top) as system, trio.open_nursery() as nursery, system.subscribe(ActorStopped) as stopped:
        nursery.start_soon(system.stop, system.ref(top))
        await trio.sleep(1)
        await system.ref(left).tell(Crash())
        with trio.fail_after(2):
            ends = {(await anext(stopped)).path: None for _ in range(3)}
        assert list(ends) == ["/user/top/left", "/user/top/right", "/user/top"]
        assert journal == ["start", "stop: failed: Broken"]


async def test_a_child_whose_failure_made_its_parent_give_up_ends_as_failed(autojump_clock: MockClock) -> None:
    """Its watchers hear its own exception, not that it was told to stop."""
    journal: list[str] = []
    spec = worker(journal)
    top = supervisor("top", [spec], max_restarts=0, restart="temporary")
    async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorStopped) as stopped:
        await system.ref(spec).tell(Crash())
        with trio.fail_after(1):
            reasons = [(await anext(stopped)).reason for _ in range(2)]
        assert [repr(type(reason.cause).__name__) for reason in reasons] == ["'Broken'", "'RestartLimitReached'"]
        assert [reason.kind for reason in reasons] == ["failed", "failed"]
        assert journal == ["start", "stop: failed: Broken"]
