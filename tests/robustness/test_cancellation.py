"""
Cancellation at any moment leaves nothing half done.

Every operation that waits is run again and again, and cancelled after the 0th, 1st, 2nd, ... step that any task of trio makes since it
began, until it is over before the cancellation comes. So every interleaving with the rest of the runtime is met: before the request,
while it waits, and in the gap between the answer and the one who waits for it. It is done from outside; in a handler that the
runtime holds without a task and in one pinned to a worker, both killed with their actor; and in a handler by a scope of its own.
After each the system must work, its accounts add up, nobody wait, and nothing of the operation be left, unless it was done.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorRef,
    ActorSpec,
    Context,
    Exit,
    Reply,
    Request,
    ServiceKey,
    System,
    actor,
    handles,
    open_system,
    supervisor,
)

Check = Callable[[System], None]

STEPS_MAX = 400


@frozen
class Note:
    """Taken by a handler that takes its time."""

    number: int


@frozen
class Quick(Request[int]):
    """Answered in place where possible."""


@frozen
class Slow(Request[int]):
    """Answered after several waits of both kinds."""


@frozen
class Later(Request[int]):
    """Answered by a timer's message, long after its handler has ended."""


@frozen
class Answer:
    """The timer's message."""

    reply: Reply[int]


@frozen
class Fact:
    """Published."""

    number: int


@define(eq=False)
class Sink(Actor[Note | Quick | Slow | Later | Answer]):
    """Takes everything, slowly, and keeps what it took."""

    taken: list[object]

    async def on_start(self) -> None:
        await self.pause()

    async def on_stop(self, reason: Exit) -> None:
        await self.pause()

    async def on_restart(self, cause: BaseException) -> None:
        await self.pause()

    async def pause(self) -> None:
        await self.context.sleep(0.1)
        await trio.sleep(0.1)

    @handles(Note)
    async def note(self, message: Note) -> None:
        self.taken.append(message.number)
        await self.pause()

    @handles(Quick)
    def quick(self, _: Quick) -> int:
        self.taken.append("quick")
        return 1

    @handles(Slow)
    async def slow(self, _: Slow) -> int:
        self.taken.append("slow")
        await self.pause()
        return 2

    @handles(Later)
    def later(self, command: Later) -> Reply[int]:
        self.taken.append("later")
        reply: Reply[int] = self.context.defer(command)
        self.context.after(0.2, Answer(reply))
        return reply

    @handles(Answer)
    def answer(self, answer: Answer) -> None:
        answer.reply.send(3)


@define
class Stage:
    """What one attempt takes place on."""

    system: System
    sink: ActorRef[Note | Quick | Slow | Later | Answer]
    sink_spec: ActorSpec[Any]
    taken: list[object]
    facts: list[object] = field(factory=list[object])
    result: object = None
    context: Context = field(init=False)
    """Of the actor in whose handler it is done."""

    @property
    def paths(self) -> set[str]:
        return {path for path in self.system.statistics().actors if path.startswith("/user/")} - {"/user/doer"}


Operation = Callable[[Stage], Awaitable[object]]


async def nothing(stage: Stage) -> None:
    """Nothing has to be there."""


@frozen
class Case:
    """One operation, what has to be there before it, and what must hold after it was done or cancelled."""

    operate: Operation
    verify: Callable[[Stage, bool], Awaitable[None]]
    prepare: Callable[[Stage], Awaitable[None]] = nothing
    mailbox: int = 100


# The operations


async def tell(stage: Stage) -> None:
    await stage.sink.tell(Note(7))


async def heard_iff_told(stage: Stage, done: bool) -> None:
    await trio.sleep(5)
    assert stage.taken.count(7) == done


async def fill(stage: Stage) -> None:
    """One in hand, and no room."""
    stage.sink.tell_nowait(Note(100))
    await trio.testing.wait_all_tasks_blocked()
    for number in range(stage.sink_spec.mailbox.capacity):
        stage.sink.tell_nowait(Note(101 + number))


async def heard_iff_told_and_the_others_too(stage: Stage, done: bool) -> None:
    await trio.sleep(5)
    assert stage.taken == [100, 101, 102, *([7] if done else [])]


async def tell_many(stage: Stage) -> None:
    """So many that some of them let others run first."""
    for number in range(1000, 1200):
        await stage.sink.tell(Note(number))
        stage.facts.append(number)


async def heard_as_many_as_told(stage: Stage, done: bool) -> None:
    await trio.sleep(100)
    assert stage.taken == stage.facts


def asking(message: Quick | Slow | Later) -> Operation:
    async def ask(stage: Stage) -> None:
        stage.result = await stage.sink.ask(message, timeout=math.inf)

    return ask


async def answered_iff_done(stage: Stage, done: bool) -> None:
    await trio.sleep(5)
    assert (stage.result is not None) == done
    statistics = stage.system.statistics()
    assert statistics.waiting == 0
    assert statistics.dead_letters == 0


async def ask_in_a_nursery(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.sink.ask, Slow())
        nursery.start_soon(stage.sink.ask, Quick())
        nursery.start_soon(stage.sink.tell, Note(8))


async def nothing_waits(stage: Stage, done: bool) -> None:
    await trio.sleep(5)
    assert stage.system.statistics().waiting == 0


TREE = supervisor("tree", [actor(Sink, list[object](), name="left"), actor(Sink, list[object](), name="right")])
TREE_PATHS = {"/user/tree", "/user/tree/left", "/user/tree/right"}


async def spawn(stage: Stage) -> None:
    await stage.system.spawn(TREE)


async def there_iff_spawned(stage: Stage, done: bool) -> None:
    """Also at once, not only in the end; and the name is free again."""
    assert stage.paths == {"/user/sink"} | (TREE_PATHS if done else set())
    if not done:
        await stage.system.spawn(TREE)
        assert stage.paths == {"/user/sink"} | TREE_PATHS


def stopping(*, drain: bool) -> Operation:
    async def stop(stage: Stage) -> None:
        await stage.system.stop(stage.sink, drain=drain)

    return stop


async def dead_at_once_or_soon(stage: Stage, done: bool) -> None:
    """A stop that was asked goes on without the one who asked; only its waiting is cancelled."""
    if not done:
        await trio.sleep(5)
    assert stage.paths == set()


async def stop_a_tree(stage: Stage) -> None:
    tree = await stage.system.spawn(TREE)
    await stage.system.stop(tree)


async def no_tree(stage: Stage, done: bool) -> None:
    await trio.sleep(20)
    assert stage.paths == {"/user/sink"}


async def restart(stage: Stage) -> None:
    await stage.system.restart(stage.sink)


async def up_again(stage: Stage, done: bool) -> None:
    if not done:
        await trio.sleep(5)
    assert await stage.sink.ask(Quick()) == 1


async def stop_and_start(stage: Stage) -> None:
    await stage.system.stop(stage.sink)
    await stage.system.start(stage.sink_spec)


async def up_iff_started(stage: Stage, done: bool) -> None:
    """The child is up, or down with its place still there."""
    if not done:
        await trio.sleep(5)
        assert stage.paths == set()
        await stage.system.start(stage.sink_spec)
    assert await stage.system.ref(stage.sink_spec).ask(Quick()) == 1


async def listen(stage: Stage) -> None:
    async with stage.system.subscribe(Fact) as facts:
        stage.system.publish(Fact(1))
        stage.facts.append(await anext(facts))
        with trio.move_on_after(0.1):
            await anext(facts)
        stage.system.publish(Fact(2))
        stage.facts.append(await anext(facts))


async def nobody_listens(stage: Stage, done: bool) -> None:
    assert not stage.system._stream.wants(Fact)  # pyright: ignore[reportPrivateUsage]
    assert stage.facts == [Fact(1), Fact(2)][: len(stage.facts)]


SERVICE = ServiceKey[Note]("service")


async def look_up(stage: Stage) -> None:
    async def appear() -> None:
        await trio.sleep(0.1)
        stage.system.registry.register("sink", stage.sink)
        await trio.sleep(0.1)
        stage.system.registry.register(SERVICE, stage.sink)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(appear)
        assert await stage.system.registry.wait_for("sink") == stage.sink
        assert await stage.system.registry.wait_for(SERVICE) == (stage.sink,)


async def nobody_looks(stage: Stage, done: bool) -> None:
    assert not stage.system.registry._registrations._waiters  # pyright: ignore[reportPrivateUsage]


async def raise_a_child(stage: Stage) -> None:
    child = await stage.context.spawn(TREE)
    await stage.context.sleep(0.1)
    await stage.context.stop(child)


async def all_of_the_child_or_nothing(stage: Stage, done: bool) -> None:
    await trio.sleep(5)
    tree = {path.replace("/user", "/user/doer") for path in TREE_PATHS}
    assert stage.paths - {"/user/sink"} in ((set(),) if done else (set(), tree))
    assert not [alarm for alarm in stage.system._runtime.alarms._heap if alarm.call is not None]  # pyright: ignore[reportPrivateUsage]


CASES: dict[str, Case] = {
    "tell": Case(tell, heard_iff_told),
    "tell that waits for room": Case(tell, heard_iff_told_and_the_others_too, fill, mailbox=2),
    "many tells": Case(tell_many, heard_as_many_as_told, mailbox=1000),
    "ask in place": Case(asking(Quick()), answered_iff_done),
    "ask of an async handler": Case(asking(Slow()), answered_iff_done),
    "ask that waits in the mailbox": Case(asking(Quick()), answered_iff_done, fill, mailbox=3),
    "ask that waits for room": Case(asking(Slow()), answered_iff_done, fill, mailbox=1),
    "ask with a deferred reply": Case(asking(Later()), answered_iff_done),
    "asks in a nursery": Case(ask_in_a_nursery, nothing_waits),
    "spawn": Case(spawn, there_iff_spawned),
    "stop": Case(stopping(drain=False), dead_at_once_or_soon, fill, mailbox=2),
    "stop with drain": Case(stopping(drain=True), dead_at_once_or_soon, fill, mailbox=2),
    "stop of a tree": Case(stop_a_tree, no_tree),
    "restart": Case(restart, up_again),
    "stop and start": Case(stop_and_start, up_iff_started),
    "subscription": Case(listen, nobody_listens),
    "wait_for": Case(look_up, nobody_looks),
    "child of the actor": Case(raise_a_child, all_of_the_child_or_nothing),
}


# From where they are cancelled


@frozen
class Do(Request[None]):
    """Has the actor carry out an operation in its handler."""

    call: Callable[[], Awaitable[object]]
    stage: Stage


@define(eq=False)
class Doer(Actor[Do]):
    """Its handlers do what they are sent: at once, so that the runtime may hold them, or after they have parked."""

    parks: bool

    @handles(Do)
    async def do(self, command: Do) -> None:
        if self.parks:
            await trio.sleep(0.01)
        command.stage.context = self.context
        await command.call()


Cancel = Callable[[], None]


class Steps(trio.abc.Instrument):
    """Counts the steps of all tasks, and cancels behind one of them."""

    def __init__(self, left: int, cancel: Cancel) -> None:
        self.left = left
        self.cancel = cancel

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.cancel()


@contextmanager
def cancelled_after(steps: int, cancel: Cancel) -> Generator[Steps, None, None]:
    """Calls *cancel* behind the step of that number, counted from here; 0: at once."""
    instrument = Steps(steps, cancel)
    if not steps:
        cancel()
    trio.lowlevel.add_instrument(instrument)
    try:
        yield instrument
    finally:
        trio.lowlevel.remove_instrument(instrument)


async def from_outside(stage: Stage, call: Callable[[], Awaitable[object]], steps: int) -> bool:
    with trio.CancelScope() as scope, cancelled_after(steps, scope.cancel) as instrument:
        await call()
    return instrument.left > 0


async def by_its_own_scope(stage: Stage, call: Callable[[], Awaitable[object]], steps: int) -> bool:
    in_time = False

    async def in_scope() -> None:
        nonlocal in_time
        in_time = await from_outside(stage, call, steps)

    doer = await stage.system.spawn(actor(Doer, False, name="doer"))
    await doer.ask(Do(in_scope, stage), timeout=math.inf)
    return in_time


def by_killing_the_actor(*, parks: bool) -> Callable[[Stage, Callable[[], Awaitable[object]], int], Awaitable[bool]]:
    async def killed(stage: Stage, call: Callable[[], Awaitable[object]], steps: int) -> bool:
        begun, now, over = trio.Event(), trio.Event(), trio.Event()

        async def and_say_so() -> None:
            begun.set()
            try:
                await call()
            finally:
                over.set()

        async def kill() -> None:
            await now.wait()
            await stage.system.stop(doer)

        doer = await stage.system.spawn(actor(Doer, parks, name="doer", stop_timeout=0.0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill)
            await doer.tell(Do(and_say_so, stage))
            await begun.wait()
            with cancelled_after(steps, now.set) as instrument:
                await over.wait()
            now.set()
        return instrument.left > 0

    return killed


WAYS = {
    "from outside": from_outside,
    "by a scope in a handler": by_its_own_scope,
    "by killing a held handler": by_killing_the_actor(parks=False),
    "by killing a parked handler": by_killing_the_actor(parks=True),
}


@asynccontextmanager
async def staged(case: Case) -> AsyncGenerator[Stage, None]:
    taken: list[object] = []
    spec = actor(Sink, taken, name="sink", mailbox=case.mailbox, stop_timeout=2.0)
    async with open_system(spec, slice=0.0) as system:  # every turn is a slice: trio runs between any two
        stage = Stage(system, system.ref(spec), spec, taken)
        await case.prepare(stage)
        yield stage


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
async def test_an_operation_that_is_cancelled_anywhere_leaves_nothing_half_done(
    autojump_clock: MockClock, name: str, way: str, check_statistics: Check, check_invariants: Check
) -> None:
    """Each operation, cancelled at each step, in each way: it was done or it was not, and the system goes on either way."""
    if name == "child of the actor" and way == "from outside":
        return  # it has no context
    case = CASES[name]
    tasks = trio.lowlevel.current_statistics().tasks_living
    for steps in range(STEPS_MAX):
        done = False

        async def call(case: Case, stage: Stage) -> None:
            nonlocal done
            await case.operate(stage)
            done = True

        with trio.fail_after(1000):
            async with staged(case) as stage:
                in_time = await WAYS[way](stage, partial(call, case, stage), steps)
                check_statistics(stage.system)
                check_invariants(stage.system)
                await case.verify(stage, done)
                check_statistics(stage.system)
                check_invariants(stage.system)
                other = await stage.system.spawn(actor(Sink, list[object](), name="other"))
                assert await other.ask(Slow()) == 2
            assert not stage.system.statistics().waiting
            check_statistics(stage.system)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        if in_time:
            assert done
            return
    pytest.fail(f"{name} was not over in {STEPS_MAX} steps")


# Opening and closing


@define(eq=False)
class Staff(Actor[Note]):
    """Comes and goes in several steps, and says so."""

    said: list[str]

    @handles(Note)
    async def note(self, message: Note) -> None:
        await trio.sleep(0.1)

    async def on_start(self) -> None:
        await self.context.sleep(0.1)
        await trio.sleep(0.1)
        self.said.append(f"up {self.context.path}")

    async def on_stop(self, reason: Exit) -> None:
        await self.context.sleep(0.1)
        await trio.sleep(0.1)
        self.said.append(f"down {self.context.path}")


async def test_a_system_that_is_cancelled_while_it_opens_runs_or_closes_takes_down_all_that_came_up(autojump_clock: MockClock) -> None:
    """
    Whenever the scope around `open_system` is cancelled: every actor that had come up is taken down in the reverse order, with its
    on_stop; none is left, nor any task; and the scope ends as a cancelled scope does.
    """
    tasks = trio.lowlevel.current_statistics().tasks_living
    seen: set[tuple[int, bool]] = set()
    for steps in range(STEPS_MAX):
        said: list[str] = []
        left, right = (actor(Staff, said, name=name) for name in ("left", "right"))
        entered = False
        with trio.fail_after(100), trio.CancelScope() as scope, cancelled_after(steps, scope.cancel) as instrument:
            async with open_system(supervisor("top", [left, supervisor("deep", [right])])) as system:
                entered = True
                await system.ref(left).tell(Note(1))
                await trio.sleep(0.05)
                await system.ref(right).tell(Note(2))
        up = [line.removeprefix("up ") for line in said if line.startswith("up")]
        down = [line.removeprefix("down ") for line in said if line.startswith("down")]
        assert down == up[::-1]
        assert up == ["/user/top/left", "/user/top/deep/right"][: len(up)]
        assert entered <= (len(up) == 2)
        seen.add((len(up), entered))
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        if instrument.left > 0:
            assert entered
            assert seen == {(1, False), (2, False), (2, True)}
            return
    pytest.fail(f"it was not over in {STEPS_MAX} steps")
