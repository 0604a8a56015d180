"""
What the engine is built for: idle actors cost no task, suspended ones a bounded number, nothing starves, and a handler may do
whatever a task of trio may.
"""

from __future__ import annotations

import contextvars
import logging
import math
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorRef,
    Reply,
    Request,
    SlowHandler,
    System,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.actors.dispatcher import PARKED_MAX

Check = Callable[[System], None]


@frozen
class Hit:
    """Counted by a plain handler."""


@frozen
class Count(Request[int]):
    """How many hits there were, from a plain handler."""


@frozen
class Rest:
    """Waited for on trio."""

    seconds: float


@frozen
class Run(Request[Any]):
    """Has an async handler run a function of the actor."""

    call: Callable[[Any], Any]


@frozen
class Pass:
    """Passed on to the other one, for ever."""

    other: ActorRef[Any]


@define(eq=False)
class Worker(Actor[Hit | Count | Rest | Run | Pass]):
    """Does what these tests need."""

    hits: int = 0
    rested: int = 0

    @handles(Hit)
    def hit(self, _: Hit) -> None:
        self.hits += 1

    @handles(Count)
    def count(self, _: Count) -> int:
        return self.hits

    @handles(Rest)
    async def rest(self, message: Rest) -> None:
        await trio.sleep(message.seconds)
        self.rested += 1

    @handles(Run)
    async def run(self, command: Run) -> Any:
        return await command.call(self)

    @handles(Pass)
    async def play(self, message: Pass) -> None:
        self.hits += 1
        await message.other.tell(Pass(self.context.ref))


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


# What actors cost


async def test_an_idle_actor_owns_no_task(autojump_clock: MockClock) -> None:
    """Ten thousand actors that have each handled a message need not one task of trio more than none."""
    with trio.fail_after(1000):
        async with open_system() as system:
            before = tasks()
            refs = [await system.spawn(actor(Worker, restart="temporary")) for _ in range(10_000)]
            for ref in refs:
                await ref.tell(Hit())
            assert await refs[-1].ask(Count()) == 1
            assert await refs[0].ask(Count()) == 1
            await trio.testing.wait_all_tasks_blocked()
            assert tasks() <= before + 1  # the worker that had something to do, and waits for more


async def test_workers_are_as_many_as_suspended_handlers_and_few_when_nobody_waits(autojump_clock: MockClock) -> None:
    """A task a handler that waits on trio; when they have ended, at most sixty-four workers are kept."""
    with trio.fail_after(1000):
        async with open_system() as system:
            before = tasks()
            refs = [await system.spawn(actor(Worker)) for _ in range(300)]
            for ref in refs:
                await ref.tell(Rest(1.0))
            await trio.testing.wait_all_tasks_blocked()
            assert 300 <= tasks() - before <= 301
            await trio.sleep(2)
            assert tasks() - before <= PARKED_MAX
            assert system.statistics().waiting == 0


async def test_a_handler_that_the_runtime_holds_owns_no_task(autojump_clock: MockClock) -> None:
    """Handlers that wait for a reply, for room, or in context.sleep cost no task, and do not count towards max_suspended."""

    async def ask_never(worker: Worker) -> None:
        await worker.context.sleep(1)
        await silent.ask(Never(), timeout=10)

    with trio.fail_after(1000):
        async with open_system(max_suspended=1) as system:
            silent = await system.spawn(actor(Silent))
            before = tasks()
            refs = [await system.spawn(actor(Worker)) for _ in range(500)]
            for ref in refs:
                await ref.tell(Run(ask_never))
            await trio.sleep(0.5)
            assert tasks() - before <= 1
            assert sum(node.state == "waiting" for node in system.tree()) == 500
            await trio.sleep(1)
            assert tasks() - before <= 1
            assert sum(node.state == "waiting" for node in system.tree()) == 500


@frozen
class Never(Request[int]):
    """Deferred, and never answered."""


@define(eq=False)
class Silent(Actor[Never]):
    """Keeps its replies."""

    replies: list[Reply[int]] = field(factory=list[Reply[int]])

    @handles(Never)
    def never(self, command: Never) -> Reply[int]:
        self.replies.append(self.context.defer(command))
        return self.replies[-1]


# The limit of suspended handlers


async def test_at_the_limit_no_further_async_handler_starts_until_one_ends(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, check_invariants: Check, check_statistics: Check
) -> None:
    """
    With max_suspended handlers waiting on trio, those of other actors start one by one as they end; plain handlers go on; it is
    said once in the log, with what to do.
    """
    caplog.set_level(logging.WARNING, "trouper")
    with trio.fail_after(1000):
        async with open_system(max_suspended=3) as system:
            refs = [await system.spawn(actor(Worker)) for _ in range(12)]
            begin = trio.current_time()
            for ref in refs:
                await ref.tell(Rest(1.0))
                await ref.tell(Hit())
            for seconds, waiting, blocked in ((0.5, 3, 9), (1.5, 3, 6), (2.5, 3, 3), (3.5, 3, 0), (4.5, 0, 0)):
                await trio.sleep_until(begin + seconds)
                states = [node.state for node in system.tree()]
                assert (states.count("waiting"), states.count("blocked")) == (waiting, blocked)
                check_invariants(system)
                check_statistics(system)
                other = await system.spawn(actor(Worker))
                await other.tell(Hit())
                assert await other.ask(Count()) == 1
            assert [await ref.ask(Count()) for ref in refs] == [1] * 12
            said = [record.getMessage() for record in caplog.records if "max_suspended" in record.getMessage()]
            assert len(said) == 1
            assert said[0].startswith("3 handlers wait on trio")


async def test_blocked_handlers_that_end_without_waiting_leave_their_place_to_the_next(
    autojump_clock: MockClock, check_invariants: Check
) -> None:
    """A place that became free is given on until nobody is blocked, also when those who get it do not need it."""

    async def at_once(worker: Worker) -> int:
        worker.hits += 1
        return worker.hits

    with trio.fail_after(100):
        async with open_system(max_suspended=1) as system:
            first = await system.spawn(actor(Worker))
            await first.tell(Rest(1.0))
            refs = [await system.spawn(actor(Worker)) for _ in range(50)]
            await trio.sleep(0.1)
            async with trio.open_nursery() as nursery:
                for ref in refs:
                    nursery.start_soon(ref.ask, Run(at_once))
                await trio.sleep(0.1)
                check_invariants(system)
                assert [node.state for node in system.tree()].count("blocked") == 50
            assert [await ref.ask(Count()) for ref in refs] == [1] * 50


async def test_a_handler_that_a_suspended_handler_awaits_starts_beyond_the_limit(autojump_clock: MockClock) -> None:
    """Else the two would wait for each other for ever: the one for a reply, the other for a place."""

    async def ask_it(worker: Worker) -> Any:
        await trio.sleep(0.1)  # it has parked: it holds a place from now on
        return await target.ask(Run(answer))

    async def answer(worker: Worker) -> int:
        await trio.sleep(0.1)
        return 42

    async def tell_it(worker: Worker) -> None:
        await trio.sleep(0.1)
        for _ in range(5):
            await small.tell(Rest(0.1))

    with trio.fail_after(100):
        async with open_system(max_suspended=1) as system:
            asker, target = await system.spawn(actor(Worker)), await system.spawn(actor(Worker))
            small = await system.spawn(actor(Worker, mailbox=1))
            assert await asker.ask(Run(ask_it)) == 42
            await asker.ask(Run(tell_it))


# Nobody starves


async def test_endless_messages_between_two_actors_let_trio_and_threads_run() -> None:
    """
    While two actors pass messages on for ever, a task of trio gets its turns, a thread ends, a third actor answers, and the
    block closes.
    """
    with trio.fail_after(20):
        async with open_system() as system:
            one, two, three = [await system.spawn(actor(Worker, stop_timeout=0.0)) for _ in range(3)]
            await one.tell(Pass(two))
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            assert await trio.to_thread.run_sync(sum, range(1000)) == 499_500
            assert await three.ask(Run(in_a_thread)) == 499_500
            await trio.sleep(0.001)
            for _ in range(100):
                await three.tell(Hit())
            assert await three.ask(Count()) == 100
            assert await one.ask(Count()) > 20


async def in_a_thread(worker: Worker) -> int:
    return await worker.context.run_sync(sum, range(1000))


async def test_endless_asks_and_tells_from_outside_are_checkpoints_once_a_slice() -> None:
    """Code outside that never waits otherwise is cancelled in time, and others run meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with open_system() as system:
        ref = await system.spawn(actor(Worker))
        for call in (lambda: ref.ask(Count()), lambda: ref.tell(Hit())):
            turns = 0
            async with trio.open_nursery() as nursery:
                nursery.start_soon(others)
                with trio.move_on_after(0.05) as scope:
                    while True:
                        await call()
                nursery.cancel_scope.cancel()
            assert scope.cancelled_caught
            assert turns > 3


async def test_an_endless_loop_of_asks_in_a_handler_lets_trio_run() -> None:
    """Inside a handler the calls let the dispatcher run others, and trio too."""

    async def ask_for_ever(worker: Worker) -> None:
        while True:
            await other.ask(Count())

    with trio.fail_after(20):
        async with open_system() as system:
            other = await system.spawn(actor(Worker))
            busy = await system.spawn(actor(Worker, stop_timeout=0.0))
            third = await system.spawn(actor(Worker))
            await busy.tell(Run(ask_for_ever))
            for _ in range(50):
                await trio.lowlevel.checkpoint()
            assert await third.ask(Run(in_a_thread)) == 499_500
            assert await third.ask(Count()) == 0


async def test_an_actor_with_ten_thousand_messages_does_not_keep_the_others_waiting(autojump_clock: MockClock) -> None:
    """A turn is at most 64 messages: an actor that is told something in the middle of it has its turn long before the end."""
    order: list[str] = []

    @define(eq=False)
    class Long(Actor[Hit]):
        left: int = 10_000

        @handles(Hit)
        def hit(self, _: Hit) -> None:
            self.left -= 1
            if self.left == 5000:
                short.tell_nowait(Hit())
            if not self.left:
                order.append("long")

    @define(eq=False)
    class Short(Actor[Hit]):
        @handles(Hit)
        def hit(self, _: Hit) -> None:
            order.append("short")

    with trio.fail_after(100):
        async with open_system() as system:
            short = await system.spawn(actor(Short))
            long = await system.spawn(actor(Long, mailbox=10_000))
            for _ in range(10_000):
                await long.tell(Hit())
            await trio.testing.wait_all_tasks_blocked()
            assert order == ["short", "long"]


# Slow handlers


@pytest.mark.parametrize("seconds", [1.5])
async def test_a_handler_that_took_too_long_is_logged_and_published(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    """An async one by the runtime's clock, a plain one by the wall clock; with path, message and seconds; not those in time."""
    caplog.set_level(logging.WARNING, "trouper")
    with trio.fail_after(100):
        async with open_system(slow_handler=1.0) as system, system.subscribe(SlowHandler) as slow:
            worker = await system.spawn(actor(Worker, name="worker"))
            await worker.tell(Rest(0.9))
            await worker.tell(Rest(seconds))
            fact = await anext(slow)
            assert (fact.path, fact.message_type) == ("/user/worker", "Rest")
            assert seconds <= fact.seconds < seconds + 0.1
            assert [record.getMessage() for record in caplog.records] == [f"slow handler: /user/worker took {seconds:.3f} s for Rest"]


async def test_a_plain_handler_that_blocks_everybody_is_reported_too(caplog: pytest.LogCaptureFixture) -> None:
    """A slice that overran is looked at: the handler that did it is named."""
    caplog.set_level(logging.WARNING, "trouper")

    @define(eq=False)
    class Blocks(Actor[Hit]):
        @handles(Hit)
        def hit(self, _: Hit) -> None:
            threading.Event().wait(0.02)

    with trio.fail_after(20):
        async with open_system(slow_handler=0.01) as system, system.subscribe(SlowHandler) as slow:
            blocks = await system.spawn(actor(Blocks, name="blocks"))
            await blocks.tell(Hit())
            fact = await anext(slow)
            assert (fact.path, fact.message_type) == ("/user/blocks", "Hit")
            assert fact.seconds >= 0.02


# What a handler may do


async def test_a_handler_may_use_whatever_trio_has(autojump_clock: MockClock) -> None:
    """Nested nurseries, scopes, timeouts, shields, async generators, memory channels, events, and asks in the middle of it all."""

    async def numbers(worker: Worker) -> AsyncGenerator[int, None]:
        try:
            for number in range(100):
                await trio.sleep(0.01)
                yield number + await other.ask(Count())
        finally:
            worker.rested += 1

    async def everything(worker: Worker) -> list[Any]:
        seen: list[Any] = []
        with trio.move_on_after(0.5) as scope:
            async with trio.open_nursery() as nursery:
                async with trio.open_nursery() as inner:
                    inner.start_soon(other.ask, Run(nap))
                    inner.start_soon(trio.sleep, 0.1)
                send, receive = trio.open_memory_channel[int](0)
                nursery.start_soon(send.send, 7)
                seen.append(await receive.receive())
                nursery.start_soon(trio.sleep_forever)
        seen.append(scope.cancelled_caught)
        async with aclosing(numbers(worker)) as generator:
            async for number in generator:
                seen.append(number)
                if number == 3:
                    break
        with trio.CancelScope(shield=True), pytest.raises(trio.TooSlowError), trio.fail_after(0.1):
            await other.ask(Run(nap_long))
        seen.append(await other.ask(Run(nap)))
        return seen

    async def closed(worker: Worker) -> int:
        return worker.rested

    async def nap(worker: Worker) -> str:
        await trio.sleep(0.2)
        return "rested"

    async def nap_long(worker: Worker) -> None:
        await trio.sleep(0.5)

    with trio.fail_after(100):
        async with open_system() as system:
            worker, other = await system.spawn(actor(Worker)), await system.spawn(actor(Worker))
            assert await worker.ask(Run(everything)) == [7, True, 0, 1, 2, 3, "rested"]
            assert await worker.ask(Run(closed)) == 1


async def test_a_lock_of_trio_may_be_held_across_an_ask(autojump_clock: MockClock) -> None:
    """`async with lock` holds a task, so the handler stays on it; two actors that share the lock take turns."""
    lock = trio.Lock()
    inside: list[str] = []

    async def in_turn(worker: Worker) -> None:
        async with lock:
            inside.append(worker.context.path)
            assert await other.ask(Run(nap)) == 1
            await trio.sleep(0.1)
            assert await other.ask(Count()) == 0
            inside.append(worker.context.path)

    async def nap(worker: Worker) -> int:
        await worker.context.sleep(0.1)
        return 1

    with trio.fail_after(100):
        async with open_system() as system:
            other = await system.spawn(actor(Worker))
            workers = [await system.spawn(actor(Worker)) for _ in range(3)]
            async with trio.open_nursery() as nursery:
                for worker in workers:
                    nursery.start_soon(worker.ask, Run(in_turn))
            assert inside[::2] == inside[1::2]
            assert sorted(inside[::2]) == [worker.path for worker in workers]


async def test_what_hangs_in_a_handler_is_seen_from_its_task(autojump_clock: MockClock) -> None:
    """`Task.iter_await_frames` of the worker shows the handler and what it awaits: a stack dump of a stuck program is of use."""

    async def hang_here(worker: Worker) -> None:
        await deeper()

    async def deeper() -> None:
        await trio.sleep(1)

    def names() -> set[str]:
        found: set[str] = set()
        pending = [trio.lowlevel.current_root_task()]
        while pending:
            task = pending.pop()
            if task is not None:
                found |= {frame.f_code.co_name for frame, _ in task.iter_await_frames()}
                for nursery in task.child_nurseries:
                    pending.extend(nursery.child_tasks)
        return found

    with trio.fail_after(100):
        async with open_system() as system:
            worker = await system.spawn(actor(Worker))
            await worker.tell(Run(hang_here))
            await trio.testing.wait_all_tasks_blocked()
            assert {"run", "hang_here", "deeper", "sleep"} <= names()


VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


async def test_contextvars_of_a_handler_reach_its_own_tasks_and_nobody_else() -> None:
    """What an actor sets it finds again, also in its nurseries and threads; other actors and the code outside do not see it."""

    async def set_it(worker: Worker) -> None:
        VAR.set(worker.context.path)
        await other.ask(Run(look))

    async def look(worker: Worker) -> list[str]:
        seen = [VAR.get()]
        await worker.context.sleep(0)
        seen.append(VAR.get())
        await trio.lowlevel.checkpoint()
        seen.append(VAR.get())

        async def nested() -> None:
            seen.append(VAR.get())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(nested)
        seen.append(await trio.to_thread.run_sync(VAR.get))
        return seen

    VAR.set("outside")
    with trio.fail_after(20):
        async with open_system() as system:
            one, other = await system.spawn(actor(Worker)), await system.spawn(actor(Worker))
            await one.ask(Run(set_it))
            assert set(await one.ask(Run(look))) == {one.path}
            assert set(await other.ask(Run(look))) == {"outside"}
            assert VAR.get() == "outside"


# Interrupts


async def test_what_touches_mailboxes_is_protected_from_ctrl_c_and_what_users_write_is_not(autojump_clock: MockClock) -> None:
    """KeyboardInterrupt hits handlers, hooks, filters, background tasks and what they call, never the runtime in between."""
    seen: dict[str, bool] = {}

    def note(where: str) -> None:
        seen[where] = trio.lowlevel.currently_ki_protected()

    class Protected(Actor[Hit | Rest | Run]):
        async def on_start(self) -> None:
            note("on_start")
            await self.context.sleep(0.1)
            note("on_start, held")
            self.context.subscribe(Hit, where=self.wants)
            self.context.start_soon(self.beside)

        def wants(self, _: Hit) -> bool:
            note("where")
            return True

        async def beside(self) -> None:
            note("background")

        def on_stop(self, reason: object) -> None:
            note("on_stop")

        @handles(Hit)
        def hit(self, _: Hit) -> None:
            note("def handler")

        @handles(Rest)
        async def rest(self, message: Rest) -> None:
            note("async handler")
            await self.context.sleep(0.1)
            note("async handler, held")
            await trio.sleep(0.1)
            note("async handler, parked")

        @handles(Run)
        async def run(self, command: Run) -> Any:
            return command.call(self)

    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Protected))
            await ref.tell(Rest(0))
            await ref.ask(Run(lambda _: note("asked")))
            system.publish(Hit())
            await ref.ask(Run(lambda _: None))
    assert seen == dict.fromkeys(
        (
            "on_start", "on_start, held", "background", "where", "on_stop", "def handler", "async handler", "async handler, held",
            "async handler, parked", "asked",
        ),
        False,
    )  # fmt: skip


# Two systems


async def test_two_systems_in_one_run_share_nothing(autojump_clock: MockClock) -> None:
    """They have names, registries, streams and statistics of their own; messages may cross; one that closes leaves the other alone."""
    with trio.fail_after(100):
        async with open_system(name="a") as a:
            async with open_system(name="b") as b:
                in_a, in_b = await a.spawn(actor(Worker, name="worker")), await b.spawn(actor(Worker, name="worker"))
                a.registry.register("it", in_a)
                assert b.registry.lookup("it") is None
                async with a.subscribe(Hit) as facts:
                    b.publish(Hit())
                    a.publish(Hit())
                    assert await anext(facts) == Hit()
                await in_a.ask(Run(lambda worker: in_b.tell(Hit())))
                assert await in_b.ask(Run(lambda worker: in_a.ask(Count()))) == 0
                assert await in_a.ask(Run(lambda worker: in_b.ask(Count()))) == 1
                assert a.statistics().actors["/user/worker"].accepted == 3
            assert await in_a.ask(Count()) == 0
            assert in_a.path == in_b.path
            assert in_a != in_b


def test_two_systems_in_two_threads_run_side_by_side() -> None:
    """Each thread has a trio run and a system of its own, at the same time."""
    totals: list[int] = []
    both = threading.Barrier(2, timeout=10)

    async def main() -> None:
        with trio.fail_after(20):
            async with open_system(supervisor("top", [actor(Worker, name="one"), actor(Worker, name="two")])) as system:
                both.wait()
                one, two = (ref for ref in [await system.spawn(actor(Worker)) for _ in range(2)])
                for _ in range(2000):
                    await one.tell(Hit())
                    await two.ask(Run(lambda worker: one.ask(Count())))
                totals.append(await one.ask(Count()))
                both.wait()

    threads = [threading.Thread(target=trio.run, args=(main,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [2000, 2000]


# Lives and limits


async def test_a_tree_deeper_than_the_stack_starts_runs_and_stops(autojump_clock: MockClock) -> None:
    """Neither starting, nor failing, nor stopping uses a stack that grows with the tree."""
    spec = actor(Worker, name="leaf")
    for level in range(1200):
        spec = supervisor(f"level-{level}", [spec])  # type: ignore[assignment, unused-ignore]
    with trio.fail_after(1000):
        async with open_system(spec) as system:
            assert len(system.statistics().actors) == 1204
            assert len(str(system.tree()).splitlines()) == 1205
        assert system.statistics().actors == {}


async def test_the_mailbox_of_an_idle_actor_is_given_back(autojump_clock: MockClock, check_invariants: Check) -> None:
    """A queue of its own costs more than the rest of an idle actor: it is kept for the next one that gets a message."""
    with trio.fail_after(100):
        async with open_system() as system:
            refs = [await system.spawn(actor(Worker)) for _ in range(100)]
            for ref in refs:
                ref.tell_nowait(Hit())
            await trio.testing.wait_all_tasks_blocked()
            runtime = system._runtime  # pyright: ignore[reportPrivateUsage]
            assert len(runtime.deques) == 100
            check_invariants(system)
            for ref in refs:
                ref.tell_nowait(Hit())
            assert len(runtime.deques) == 0
            await trio.testing.wait_all_tasks_blocked()
            check_invariants(system)


async def test_infinite_times_mean_for_ever_and_leave_no_alarm(autojump_clock: MockClock) -> None:
    """`math.inf` is allowed wherever seconds are, and nothing ticks for it."""
    with trio.fail_after(10_000):
        async with open_system(ask_timeout=math.inf, shutdown_timeout=math.inf, slow_handler=math.inf) as system:
            worker = await system.spawn(actor(Worker, stop_timeout=math.inf))
            await worker.tell(Rest(1000.0))
            assert await worker.ask(Count(), timeout=math.inf) == 0
            sleeper = await system.spawn(actor(Worker, stop_timeout=0.0))
            await sleeper.tell(Run(lambda worker: worker.context.sleep(math.inf)))
            await trio.sleep(1000)
            assert not system._runtime.alarms._heap  # pyright: ignore[reportPrivateUsage]


def test_sigint_is_left_to_trio() -> None:
    """The runtime installs a handler for SIGTERM only, and only while a system is open."""

    async def main() -> tuple[Any, Any]:
        before = signal.getsignal(signal.SIGINT)
        async with open_system():
            return before, signal.getsignal(signal.SIGINT)

    before, during = trio.run(main)
    assert before is during
