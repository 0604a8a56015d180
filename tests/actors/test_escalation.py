"""Escalation: the restart window, a supervisor that gives up, and how far up that goes."""

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRef,
    ActorSpec,
    ActorStopped,
    AskStopped,
    Request,
    RestartLimitReached,
    StartFailed,
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


@frozen(eq=False)
class Crash:
    error: Exception


@define(eq=False)
class Counter(Actor[Increment | Crash]):
    total: int = 0

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise command.error


def counter(name: str = "counter", restart: Restart = "permanent") -> ActorSpec[Increment | Crash]:
    return actor(Counter, name=name, restart=restart)


async def crash_at(ref: ActorRef[Crash], *times: float) -> None:
    """Has the actor fail at each of the times, in seconds since the run began."""
    for number, when in enumerate(times):
        await trio.sleep_until(when)
        await ref.tell(Crash(Broken(str(number))))
        await wait_all_tasks_blocked()


@pytest.mark.parametrize(
    ("times", "gives_up"),
    [
        ((0.0, 1.0, 2.0, 3.0), True),
        ((0.0, 1.0, 2.0, 5.0), True),  # the boundary belongs to the window
        ((0.0, 1.0, 2.0, 5.001), False),
        ((0.0, 1.0, 2.0, 5.001, 6.001, 7.001), False),  # it slides: what is older is forgotten
        ((0.0, 1.0, 2.0, 5.001, 6.0), True),
    ],
)
async def test_more_than_max_restarts_within_the_window_and_the_supervisor_gives_up(
    times: tuple[float, ...], gives_up: bool, autojump_clock: MockClock
) -> None:
    """Three within 5 s are restarted, the fourth is one too many; a restart exactly 5 s old still counts."""
    spec = counter()
    top = supervisor("top", [spec], max_restarts=3, within=5.0, restart="temporary")
    async with open_system(supervisor("all", [top])) as system:
        ref = system.ref(spec)
        await crash_at(ref, *times)
        alive = "/user/all/top" in {node.path for node in system.tree()}
        assert alive is not gives_up


async def test_the_children_of_a_supervisor_share_one_budget(autojump_clock: MockClock) -> None:
    """Whoever fails, it counts together."""
    specs = [counter(name) for name in "abc"]
    with pytest.RaisesGroup(RestartLimitReached):
        async with open_system(supervisor("top", specs, max_restarts=2)) as system:
            for spec in specs:
                await system.ref(spec).tell(Crash(Broken()))
                await wait_all_tasks_blocked()


async def test_no_restart_is_allowed_where_max_restarts_is_zero(autojump_clock: MockClock) -> None:
    """The first failure is one too many."""
    spec = counter()
    with pytest.RaisesGroup(RestartLimitReached):
        async with open_system(supervisor("top", [spec], max_restarts=0)) as system:
            await system.ref(spec).tell(Crash(Broken()))
            await trio.sleep_forever()


async def test_giving_up_names_the_causes_and_comes_from_the_last(autojump_clock: MockClock) -> None:
    """`RestartLimitReached` has the path, the numbers and the exceptions, oldest first; the last is its `__cause__`."""
    spec = counter()
    top = supervisor("top", [spec], max_restarts=2, within=7.0, restart="temporary")
    async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorStopped) as stopped:
        await crash_at(system.ref(spec), 1.0, 2.0, 3.0)
        with trio.fail_after(1):
            ends = [await anext(stopped), await anext(stopped)]
        error = ends[1].reason.cause
        assert isinstance(error, RestartLimitReached)
        assert (error.path, error.max_restarts, error.within) == ("/user/all/top", 2, 7.0)
        assert [str(cause) for cause in error.causes] == ["0", "1", "2"]
        assert error.__cause__ is error.causes[-1]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_giving_up_is_a_failure_that_the_next_supervisor_decides(restart: Restart, autojump_clock: MockClock) -> None:
    """Permanent and transient supervisors are restarted by theirs (OTP's shutdown reason silently loses a transient one)."""
    first, second = counter("first"), counter("second")
    inner = supervisor("inner", [first, second], max_restarts=0, restart=restart)
    async with open_system(supervisor("outer", [inner])) as system, system.subscribe(ActorFailed) as failures:
        one, two = system.ref(first), system.ref(second)
        await one.ask(Increment())
        await two.tell(Crash(Broken()))
        await wait_all_tasks_blocked()
        if restart == "temporary":
            for ref in (one, two):
                with pytest.raises(AskStopped):
                    await ref.ask(Increment())
        else:
            assert [await ref.ask(Increment()) for ref in (one, two)] == [1, 1]
        facts = [await anext(failures) for _ in range(2)]
        assert [fact.path for fact in facts] == ["/user/outer/inner/second", "/user/outer/inner"]
        assert isinstance(facts[1].cause, RestartLimitReached)
        assert facts[1].directive == ("stop" if restart == "temporary" else "restart")


async def test_a_restarted_supervisor_has_its_whole_budget_again(autojump_clock: MockClock) -> None:
    """As in OTP, where it is a new process."""
    spec = counter()
    inner = supervisor("inner", [spec], max_restarts=1, within=60.0)
    async with open_system(supervisor("outer", [inner], max_restarts=2, within=60.0)) as system, system.subscribe(ActorFailed) as failures:
        await crash_at(system.ref(spec), 1.0, 2.0, 3.0, 4.0, 5.0)
        assert await system.ref(spec).ask(Increment()) == 1
        failed = [(await anext(failures)).path for _ in range(7)]
        assert failed.count("/user/outer/inner") == 2


async def test_failures_go_up_level_by_level_to_the_block(autojump_clock: MockClock) -> None:
    """Each supervisor tries what it may before it gives up: two failures end the inner one, and two such ends the outer one."""
    spec = counter()
    inner = supervisor("inner", [spec], max_restarts=1, within=60.0)
    outer = supervisor("outer", [inner], max_restarts=1, within=60.0)
    crashes = 0
    with pytest.RaisesGroup(RestartLimitReached) as caught:
        async with open_system(outer) as system:
            while True:
                await system.ref(spec).tell(Crash(Broken()))
                crashes += 1
                await wait_all_tasks_blocked()
    assert crashes == 4
    limit: BaseException | None = caught.value.exceptions[0]
    paths: list[str] = []
    while isinstance(limit, RestartLimitReached):
        paths.append(limit.path)
        limit = limit.__cause__
    assert paths == ["/user/outer", "/user/outer/inner"]
    assert isinstance(limit, Broken)


async def test_other_children_of_the_user_guardian_spend_its_own_budget(autojump_clock: MockClock) -> None:
    """What is spawned without a supervisor is restarted by `/user`, three times in 5 s; then the block ends."""
    with pytest.RaisesGroup(pytest.RaisesExc(RestartLimitReached, match="/user gave up")):
        async with open_system() as system:
            ref = await system.spawn(counter())
            for _ in range(3):
                await ref.tell(Crash(Broken()))
                assert await ref.ask(Increment()) == 1
            await ref.tell(Crash(Broken()))
            await trio.sleep_forever()


async def test_a_plain_root_is_restarted_by_the_user_guardian(autojump_clock: MockClock) -> None:
    """Its own failures are not its giving up."""
    spec = counter()
    async with open_system(spec) as system:
        for _ in range(3):
            await system.ref(spec).tell(Crash(Broken()))
            assert await system.ref(spec).ask(Increment()) == 1


async def test_a_child_that_fails_while_its_supervisor_starts_can_make_the_start_fail(autojump_clock: MockClock) -> None:
    """A supervisor whose budget is spent before it has started has not started: its starter hears why, without further delay."""

    class Slow(Actor[Increment]):
        async def on_start(self) -> None:
            await trio.sleep(1000)

        @handles(Increment)
        def increment(self, command: Increment) -> int:
            return 0

    class Hasty(Counter):
        async def on_start(self) -> None:
            self.context.start_soon(self.fail)

        async def fail(self) -> None:
            raise Broken

    top = supervisor("top", [actor(Hasty), actor(Slow, stop_timeout=2.0)], max_restarts=0)
    async with open_system() as system:
        with trio.fail_after(5), pytest.raises(StartFailed) as caught:
            await system.spawn(top)
        assert isinstance(caught.value.__cause__, RestartLimitReached)


async def test_a_spawned_supervisor_that_gives_up_is_no_secret(autojump_clock: MockClock) -> None:
    """It is the failure of a child of `/user`, and published as such."""
    spec = counter()
    async with open_system() as system, system.subscribe(ActorFailed) as failures:
        await system.spawn(supervisor("top", [spec], max_restarts=0))
        await system.ref(spec).tell(Crash(Broken()))
        with trio.fail_after(1):
            assert [(await anext(failures)).path for _ in range(2)] == ["/user/top/counter", "/user/top"]
