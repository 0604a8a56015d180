"""Back-off: how long a child that fails stays down, on a running system."""

from itertools import pairwise

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock

from trouper import Actor, ActorRestarted, ActorSpec, Backoff, Request, RestartLimitReached, actor, handles, open_system, supervisor


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Ping(Request[None]):
    pass


@frozen
class Crash:
    pass


@frozen
class Leave:
    """Has the actor stop itself."""


@define(eq=False)
class Worker(Actor[Ping | Crash | Leave]):
    """Writes down when it starts, and fails to start if the list says so."""

    starts: list[float]
    fails: list[bool]

    def on_start(self) -> None:
        self.starts.append(trio.current_time())
        if self.fails and self.fails.pop(0):
            raise Broken

    @handles(Ping)
    def ping(self, query: Ping) -> None: ...

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    @handles(Leave)
    def leave(self, command: Leave) -> None:
        self.context.stop_self()


def worker(starts: list[float], *fails: bool, name: str = "worker") -> ActorSpec[Ping | Crash | Leave]:
    return actor(Worker, starts, list(fails), name=name)


def delays(starts: list[float]) -> list[float]:
    """The seconds between the starts, which are those of back-off if it crashes as soon as it is up."""
    return [round(after - before, 6) for before, after in pairwise(starts)]


async def test_each_failure_makes_the_wait_longer_up_to_the_cap(autojump_clock: MockClock) -> None:
    """min(first * factor ** n, cap): 1, 3, 9, 10, 10 seconds."""
    starts: list[float] = []
    spec = worker(starts)
    backoff = Backoff(first=1.0, factor=3.0, cap=10.0, jitter=0, reset_after=1e6)
    async with open_system(supervisor("top", [spec], backoff=backoff, max_restarts=100)) as system:
        for _ in range(5):
            await system.ref(spec).tell(Crash())
            await system.ref(spec).ask(Ping(), timeout=60)
    assert delays(starts) == [1, 3, 9, 10, 10]


async def test_the_jitter_lengthens_the_wait_by_a_part_of_it(autojump_clock: MockClock) -> None:
    """Up to `jitter` times the delay, drawn anew each time, so that many do not come back together; never shorter."""
    starts: list[float] = []
    spec = worker(starts)
    backoff = Backoff(first=10.0, factor=1.0, cap=10.0, jitter=0.5)
    async with open_system(supervisor("top", [spec], backoff=backoff, max_restarts=100)) as system:
        for _ in range(20):
            await system.ref(spec).tell(Crash())
            await system.ref(spec).ask(Ping(), timeout=60)
    waits = delays(starts)
    assert all(10 <= wait <= 15 for wait in waits)
    assert len(set(waits)) > 10


@pytest.mark.parametrize(("quiet", "expected"), [(9.0, [1, 2, 4]), (10.0, [1, 1, 1])])
@pytest.mark.parametrize("reset_after", [10.0, None])
async def test_quiet_time_brings_the_wait_back_to_the_first(
    quiet: float, expected: list[float], reset_after: float | None, autojump_clock: MockClock
) -> None:
    """`reset_after` seconds of running without a failure, the boundary included; None means the supervisor's `within`."""
    starts: list[float] = []
    spec = worker(starts)
    backoff = Backoff(first=1.0, factor=2.0, jitter=0, reset_after=reset_after)
    async with open_system(supervisor("top", [spec], backoff=backoff, max_restarts=100, within=10.0)) as system:
        for _ in range(3):
            await trio.sleep(quiet)
            await system.ref(spec).tell(Crash())
            await system.ref(spec).ask(Ping(), timeout=60)
    assert [delay - quiet for delay in delays(starts)] == expected


async def test_the_wait_itself_is_no_quiet_time(autojump_clock: MockClock) -> None:
    """A delay longer than `reset_after` does not reset itself."""
    starts: list[float] = []
    spec = worker(starts)
    backoff = Backoff(first=4.0, factor=2.0, jitter=0, reset_after=2.0)
    async with open_system(supervisor("top", [spec], backoff=backoff, max_restarts=100)) as system:
        for _ in range(3):
            await system.ref(spec).tell(Crash())
            await system.ref(spec).ask(Ping(), timeout=60)
    assert delays(starts) == [4, 8, 16]


async def test_a_restart_that_fails_makes_the_wait_longer_too(autojump_clock: MockClock) -> None:
    """An attempt to start is a failure like any other."""
    starts: list[float] = []
    spec = worker(starts, False, True, True, False)
    async with open_system(supervisor("top", [spec], backoff=Backoff(first=1.0, jitter=0, reset_after=0.5), max_restarts=100)) as system:
        await system.ref(spec).tell(Crash())
        await system.ref(spec).ask(Ping(), timeout=60)
    assert delays(starts) == [1, 2, 4]


async def test_each_child_has_a_wait_of_its_own(autojump_clock: MockClock) -> None:
    """One that keeps failing does not slow down the first restart of another, nor hold it up."""
    one_starts: list[float] = []
    two_starts: list[float] = []
    one, two = worker(one_starts, name="one"), worker(two_starts, name="two")
    async with open_system(supervisor("top", [one, two], backoff=Backoff(first=1.0, jitter=0), max_restarts=100)) as system:
        for _ in range(3):
            await system.ref(one).tell(Crash())
            await system.ref(one).ask(Ping(), timeout=60)
        await system.ref(one).tell(Crash())
        await system.ref(two).tell(Crash())
        with trio.fail_after(1.5):
            await system.ref(two).ask(Ping())
    assert delays(one_starts) == [1, 2, 4]
    assert delays(two_starts) == [8]


async def test_a_group_waits_once_all_down_then_comes_up(autojump_clock: MockClock) -> None:
    """The back-off of the failed one is the group's: between the last stop and the first start."""
    starts: list[float] = []
    one, two = worker(starts, name="one"), worker(starts, name="two")
    backoff = Backoff(first=2.0, jitter=0)
    async with open_system(supervisor("top", [one, two], strategy="one_for_all", backoff=backoff)) as system:
        await system.ref(two).tell(Crash())
        await trio.sleep(1)
        assert {node.state for node in system.tree() if node.path.startswith("/user/top/")} == {"restarting"}
        await system.ref(one).ask(Ping())
    assert starts == [0, 0, 2, 2]


async def test_the_wait_applies_to_a_permanent_child_that_leaves(autojump_clock: MockClock) -> None:
    """It is restarted as after a failure: at the same cost and after the same wait."""
    starts: list[float] = []
    spec = worker(starts)
    async with open_system(supervisor("top", [spec], backoff=Backoff(first=1.0, jitter=0))) as system:
        await system.ref(spec).tell(Leave())
        await system.ref(spec).ask(Ping())
    assert starts == [0, 1]


async def test_the_first_wait_may_be_nothing(autojump_clock: MockClock) -> None:
    """first=0 restarts at once, for ever."""
    starts: list[float] = []
    spec = worker(starts)
    async with open_system(supervisor("top", [spec], backoff=Backoff(first=0), max_restarts=100)) as system:
        for _ in range(50):
            await system.ref(spec).tell(Crash())
            await system.ref(spec).ask(Ping())
    assert starts == [0] * 51


async def test_a_long_wait_takes_its_failures_out_of_the_window(autojump_clock: MockClock) -> None:
    """The budget counts restarts when they are decided; those that are far enough apart never spend it."""
    starts: list[float] = []
    spec = worker(starts)
    backoff = Backoff(first=6.0, factor=1.0, jitter=0)
    async with (
        open_system(supervisor("top", [spec], backoff=backoff, max_restarts=1, within=5.0)) as system,
        system.subscribe(ActorRestarted) as restarts,
    ):
        for number in range(1, 6):
            await system.ref(spec).tell(Crash())
            assert await anext(restarts) == ActorRestarted("/user/top/worker", number)


async def test_who_spends_the_budget_gives_up_without_another_wait(autojump_clock: MockClock) -> None:
    """The decision to give up is made at the failure."""
    spec = worker([])
    with pytest.RaisesGroup(RestartLimitReached):
        async with open_system(supervisor("top", [spec], backoff=Backoff(first=1.0, jitter=0), max_restarts=1, within=60.0)) as system:
            await system.ref(spec).tell(Crash())
            await system.ref(spec).ask(Ping())
            await system.ref(spec).tell(Crash())
            await trio.sleep(60)
    assert trio.current_time() == 1
