"""The block of a system: when it is entered, how it ends, what comes out of it, and how long its end may take."""

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Never

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    ActorSpec,
    AskStopped,
    Exit,
    Request,
    RestartLimitReached,
    System,
    actor,
    handles,
    open_system,
    supervisor,
)


class Broken(Exception):
    """What the actors of this file fail with."""


class Mistake(Exception):
    """What the body of a block raises."""


@frozen(eq=False)
class Do(Request[object]):
    """Has the handler run the function."""

    what: "Callable[[Worker], Awaitable[object]]"


@define(eq=False)
class Worker(Actor[Do]):
    name: str
    journal: list[str]

    def on_start(self) -> None:
        self.journal.append(f"+{self.name}")

    def on_stop(self, reason: Exit) -> None:
        self.journal.append(f"-{self.name} {reason}")

    @handles(Do)
    async def do(self, message: Do) -> object:
        return await message.what(self)


def worker(name: str, journal: list[str], **options: Any) -> ActorSpec[Do]:
    """An actor that notes its start and its end."""
    return actor(Worker, name, journal, name=name, **options)


async def fail(_self: Worker) -> None:
    raise Broken


def sleep(seconds: float) -> Callable[[Worker], Awaitable[object]]:
    """A handler that waits on trio."""

    async def handler(_self: Worker) -> None:
        await trio.sleep(seconds)

    return handler


def a_tree(journal: list[str]) -> tuple[ActorSpec[Do], ActorSpec[Do], ActorSpec[Any]]:
    """Two workers on two levels, and their root."""
    first, second = worker("first", journal), worker("second", journal)
    return first, second, supervisor("top", [first, supervisor("below", [second])])


async def leave_by_its_end(_scope: trio.CancelScope) -> None:
    pass


async def leave_by_an_exception(_scope: trio.CancelScope) -> None:
    raise Mistake


async def leave_by_cancellation(scope: trio.CancelScope) -> None:
    scope.cancel()
    await trio.sleep_forever()


@pytest.mark.parametrize("leave", [leave_by_its_end, leave_by_an_exception, leave_by_cancellation])
async def test_leaving_the_block_stops_the_tree_in_order_and_returns_when_all_is_down(
    leave: Callable[[trio.CancelScope], Awaitable[None]], autojump_clock: MockClock
) -> None:
    """
    However the block is left, children end before their parent and right to left, and a stop that takes time is waited for:
    when the block is over, no actor is left and no task.
    """
    journal: list[str] = []
    first, second, top = a_tree(journal)
    seen: list[tuple[System, ActorRef[Do], float]] = []

    async def opened(scope: trio.CancelScope) -> None:
        async with open_system(top) as system:
            assert journal == ["+first", "+second"]
            busy = system.ref(second)
            await busy.tell(Do(sleep(2)))
            await system.ref(first).tell(Do(sleep(1)))
            await wait_all_tasks_blocked()
            seen.append((system, busy, trio.current_time()))
            await leave(scope)

    with trio.fail_after(10):
        tasks = trio.lowlevel.current_statistics().tasks_living
        expected: AbstractContextManager[object] = pytest.raises(Mistake) if leave is leave_by_an_exception else nullcontext()
        with expected, trio.CancelScope() as scope:
            await opened(scope)
        [(system, busy, began)] = seen
        assert trio.current_time() == began + 2
        assert journal == ["+first", "+second", "-second shutdown", "-first shutdown"]
        assert [node.path for node in system.tree()] == ["/"]
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        with pytest.raises(AskStopped):
            await busy.ask(Do(fail))


async def test_what_is_queued_when_the_block_is_left_is_a_dead_letter(autojump_clock: MockClock) -> None:
    """The handler that runs ends; what waits behind it is not handled, and not lost silently."""
    journal: list[str] = []
    first = worker("first", journal)
    with trio.fail_after(10):
        async with open_system(first) as system:
            for _ in range(3):
                await system.ref(first).tell(Do(sleep(1)))
            await wait_all_tasks_blocked()
        counts = system.statistics()
    assert (counts.accepted, counts.handled, counts.dead_letters) == (3, 1, 2)


async def test_an_exception_of_the_body_alone_comes_out_as_itself(autojump_clock: MockClock) -> None:
    """No group around it: the tree has not failed."""
    mistake = Mistake()
    with trio.fail_after(10), pytest.raises(Mistake) as raised:
        async with open_system(worker("first", [])):
            raise mistake
    assert raised.value is mistake


async def until_it_fails(ref: ActorRef[Do]) -> None:
    """Spends the budget of one failure."""
    for _ in range(2):
        await ref.tell(Do(fail))
    await trio.sleep_forever()


async def test_when_the_root_gives_up_the_body_is_cancelled_and_the_failure_comes_out_in_a_group(autojump_clock: MockClock) -> None:
    """The group holds `RestartLimitReached` with what the children failed with, and nothing of the cancellation."""
    first = worker("first", [])
    began = trio.current_time()
    with trio.fail_after(10), pytest.raises(ExceptionGroup) as raised:
        async with open_system(supervisor("top", [first], max_restarts=1)) as system:
            await until_it_fails(system.ref(first))
    assert trio.current_time() == began
    [failure] = raised.value.exceptions
    assert isinstance(failure, RestartLimitReached)
    assert failure.path == "/user/top"
    assert [type(cause) for cause in failure.causes] == [Broken, Broken]


async def opened_with_two_failures(first: ActorSpec[Do]) -> None:
    """Its tree fails, and its body too when that cancels it."""
    async with open_system(supervisor("top", [first], max_restarts=1)) as system:
        try:
            await until_it_fails(system.ref(first))
        finally:
            raise Mistake


async def test_when_body_and_tree_fail_both_come_out_in_one_group(autojump_clock: MockClock) -> None:
    """The body is cancelled when the root gives up; what it raises instead stands beside the tree's failure."""
    first = worker("first", [])
    with trio.fail_after(10), pytest.raises(ExceptionGroup) as raised:
        await opened_with_two_failures(first)
    assert [type(error) for error in raised.value.exceptions] == [RestartLimitReached, Mistake]


async def test_a_root_that_ends_normally_leaves_the_block_open(autojump_clock: MockClock) -> None:
    """That the root has done its work is no failure: the body goes on, and may start others."""

    async def leave(self: Worker) -> None:
        self.context.stop_self()

    journal: list[str] = []
    first = worker("first", journal, restart="transient")
    with trio.fail_after(10):
        async with open_system(first) as system:
            await system.ref(first).ask(Do(leave))
            await trio.sleep(1)
            assert journal == ["+first", "-first normal"]
            await system.spawn(worker("second", journal))
    assert journal[2:] == ["+second", "-second shutdown"]


async def test_when_the_time_for_the_shutdown_is_over_every_handler_is_cancelled(autojump_clock: MockClock) -> None:
    """
    One that waits on trio for long, one that the runtime holds in an ask, and one that waits in asks in a nursery of its own: all
    of them have for ever to stop, and are cut off when `shutdown_timeout` is over.
    """
    journal: list[str] = []
    specs = [worker(name, journal, stop_timeout=math.inf) for name in ("sleeps", "asks", "asks-twice")]
    with trio.fail_after(60):
        async with open_system(supervisor("top", specs), shutdown_timeout=7) as system:
            sleeps, asks, asks_twice = map(system.ref, specs)

            async def ask_in_a_nursery(_self: Worker) -> None:
                async with trio.open_nursery() as nursery:
                    for _ in range(2):
                        nursery.start_soon(lambda: sleeps.ask(Do(fail), math.inf))

            await sleeps.tell(Do(sleep(600)))
            await asks.tell(Do(lambda _self: sleeps.ask(Do(fail), math.inf)))
            await asks_twice.tell(Do(ask_in_a_nursery))
            await wait_all_tasks_blocked()
            began = trio.current_time()
        assert trio.current_time() == began + 7
    assert sorted(journal[3:]) == ["-asks killed", "-asks-twice killed", "-sleeps killed"]
    counts = system.statistics()
    assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters


async def test_a_handler_that_shields_itself_is_named_and_waited_for(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """Trio cannot abandon a task: the block is over when the handler is, and the log says for whom it waits."""

    async def shielded(_self: Worker) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(30)

    first = worker("first", [], stop_timeout=math.inf)
    with trio.fail_after(60):
        async with open_system(first, shutdown_timeout=7) as system:
            await system.ref(first).tell(Do(shielded))
            await wait_all_tasks_blocked()
            began = trio.current_time()
        assert trio.current_time() == began + 30
    assert any("/user/first" in record.getMessage() and "shields itself" in record.getMessage() for record in caplog.records)


async def test_two_systems_live_side_by_side(autojump_clock: MockClock) -> None:
    """One spec runs in both, their refs differ, and the end of one leaves the other alone."""
    first = worker("first", [])
    with trio.fail_after(10):
        async with open_system(first) as outer:
            async with open_system(first) as inner:
                assert str(inner.ref(first)) == str(outer.ref(first))
                assert inner.ref(first) != outer.ref(first)
                gone = inner.ref(first)

            async def answer(_self: Worker) -> str:
                return "alive"

            with pytest.raises(AskStopped):
                await gone.ask(Do(answer))
            assert await outer.ref(first).ask(Do(answer)) == "alive"


async def test_a_static_child_is_found_by_its_spec_without_a_look_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ref` and `start` cost the same in a tree of any size; what is found is the latest incarnation, and nothing below a dead parent."""

    def nobody(*_arguments: object) -> Never:
        raise AssertionError("all actors were looked at")

    specs = [worker(f"worker-{number}", []) for number in range(3)]
    team = supervisor("team", specs)
    with trio.fail_after(10):
        async with open_system(team) as system:
            monkeypatch.setattr("trouper.system.system.cells_of", nobody)
            first = system.ref(specs[1])
            assert first.path == "/user/team/worker-1"
            await system.stop(first)
            again = await system.start(specs[1])
            assert (again.path, again == first) == (first.path, False)
            assert system.ref(specs[1]) == again
            monkeypatch.undo()
            await system.stop(system.ref(team))
            with pytest.raises(LookupError, match="worker-1"):
                system.ref(specs[1])
            with pytest.raises(LookupError, match="worker-1"):
                await system.start(specs[1])


async def test_a_spec_with_several_places_is_found_when_only_one_is_left() -> None:
    """While it has several, `ref` and `start` say so with their paths."""
    spec = worker("worker", [])
    teams = [supervisor(f"team-{number}", [spec]) for number in range(2)]
    with trio.fail_after(10):
        async with open_system(supervisor("top", teams)) as system:
            with pytest.raises(ValueError, match=r"/user/top/team-0/worker, /user/top/team-1/worker"):
                system.ref(spec)
            with pytest.raises(ValueError, match="2 places"):
                await system.start(spec)
            await system.stop(system.ref(teams[0]))
            left = system.ref(spec)
            assert left.path == "/user/top/team-1/worker"
            await system.stop(left)
            assert (await system.start(spec)).path == left.path
            await system.stop(system.ref(teams[1]))
            with pytest.raises(LookupError):
                system.ref(spec)


async def test_a_temporary_static_child_that_has_ended_is_found_no_more() -> None:
    """It is never started again, so its spec leads nowhere: neither to its ref nor to a place where it could be started."""
    spec = worker("guest", [], restart="temporary")
    with trio.fail_after(10):
        async with open_system(supervisor("team", [spec])) as system:
            await system.stop(system.ref(spec))
            with pytest.raises(LookupError, match="guest"):
                system.ref(spec)
            with pytest.raises(LookupError, match="guest"):
                await system.start(spec)
