"""Automatic shutdown: a supervisor that ends when its significant children have."""

from typing import Literal

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorSpec,
    ActorStopped,
    Exit,
    Request,
    Supervision,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import AutoShutdown, Restart


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
    starts: list[str]
    name: str
    leaves_at_once: bool = False

    def on_start(self) -> None:
        self.starts.append(self.name)
        if self.leaves_at_once:
            self.context.stop_self()

    @handles(Ping)
    def ping(self, query: Ping) -> None: ...

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    @handles(Leave)
    def leave(self, command: Leave) -> None:
        self.context.stop_self()


def worker(
    name: str, starts: list[str], *, significant: bool = True, restart: Restart = "temporary", leaves_at_once: bool = False
) -> ActorSpec[Ping | Crash | Leave]:
    return actor(Worker, starts, name, leaves_at_once, name=name, restart=restart, significant=significant)


@pytest.mark.parametrize(
    ("auto_shutdown", "ends_after"),
    [("never", None), ("any_significant", 1), ("all_significant", 2)],
)
@pytest.mark.parametrize("how", ["leaves", "fails"])
async def test_the_end_of_significant_children_ends_their_supervisor(
    auto_shutdown: AutoShutdown, ends_after: int | None, how: Literal["leaves", "fails"], autojump_clock: MockClock
) -> None:
    """Of any, or of the last; by itself, normally or failed. It stops the others in order and ends with a shutdown."""
    specs = [worker(name, []) for name in "ab"] + [worker("c", [], significant=False)]
    top = supervisor("top", specs, auto_shutdown=auto_shutdown, restart="temporary")
    async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorStopped) as stopped:
        refs = [system.ref(spec) for spec in specs]
        ended: list[str] = []
        await refs[2].tell(Leave())
        for number, ref in enumerate(refs[:2], 1):
            await ref.tell(Leave() if how == "leaves" else Crash())
            await wait_all_tasks_blocked()
            ended = [node.path for node in system.tree() if node.path == "/user/all/top"]
            if number == ends_after:
                assert ended == []
                break
            assert ended == ["/user/all/top"]
        if ends_after is not None:
            facts = [await anext(stopped) for _ in range(4)]
            assert facts[0] == ActorStopped("/user/all/top/c", Exit("normal"))
            assert facts[-1] == ActorStopped("/user/all/top", Exit("shutdown"))


async def test_a_significant_child_that_is_restarted_has_not_ended(autojump_clock: MockClock) -> None:
    """A transient one that fails comes back; only its normal end counts."""
    starts: list[str] = []
    spec = worker("a", starts, restart="transient")
    top = supervisor("top", [spec], auto_shutdown="any_significant", restart="temporary")
    async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorStopped) as stopped:
        await system.ref(spec).tell(Crash())
        await system.ref(spec).ask(Ping())
        assert starts == ["a", "a"]
        await system.ref(spec).tell(Leave())
        with trio.fail_after(1):
            assert [(await anext(stopped)).path for _ in range(2)] == ["/user/all/top/a", "/user/all/top"]


async def test_a_significant_child_stopped_by_hand_ends_nobody(autojump_clock: MockClock) -> None:
    """Only an end by itself counts, as in OTP."""
    specs = [worker("a", []), worker("b", [])]
    top = supervisor("top", specs, auto_shutdown="any_significant")
    async with open_system(supervisor("all", [top])) as system:
        await system.stop(system.ref(specs[0]))
        await wait_all_tasks_blocked()
        await system.ref(specs[1]).ask(Ping())


async def test_a_significant_temporary_child_that_goes_with_its_group_ends_nobody(autojump_clock: MockClock) -> None:
    """It was stopped for the sake of others, not by itself."""
    temporary, failing = worker("temporary", []), worker("failing", [], significant=False, restart="permanent")
    top = supervisor("top", [temporary, failing], auto_shutdown="any_significant", strategy="one_for_all")
    async with open_system(supervisor("all", [top])) as system:
        await system.ref(failing).tell(Crash())
        with trio.fail_after(1):
            await system.ref(failing).ask(Ping())


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_the_supervisor_s_own_restart_type_decides_what_follows(restart: Restart, autojump_clock: MockClock) -> None:
    """Its end is a shutdown by itself: a permanent one is started again with all its children, which its own supervisor counts."""
    starts: list[str] = []
    spec = worker("a", starts, restart="transient")
    top = supervisor("top", [spec], auto_shutdown="all_significant", restart=restart)
    async with open_system(supervisor("all", [top])) as system:
        ref = system.ref(spec)
        await ref.tell(Leave())
        await wait_all_tasks_blocked()
        assert starts == (["a", "a"] if restart == "permanent" else ["a"])
        if restart == "permanent":
            await system.ref(spec).ask(Ping())


async def test_a_significant_supervisor_passes_it_on(autojump_clock: MockClock) -> None:
    """A tree ends from below, level by level, and the block of open_system stays open."""
    spec = worker("a", [])
    middle = supervisor("middle", [spec], auto_shutdown="any_significant", restart="transient", significant=True)
    top = supervisor("top", [middle], auto_shutdown="any_significant", restart="transient")
    async with open_system(top) as system, system.subscribe(ActorStopped) as stopped:
        await system.ref(spec).tell(Leave())
        with trio.fail_after(1):
            ends = [await anext(stopped) for _ in range(3)]
        assert ends == [
            ActorStopped("/user/top/middle/a", Exit("normal")),
            ActorStopped("/user/top/middle", Exit("shutdown")),
            ActorStopped("/user/top", Exit("shutdown")),
        ]
        await system.spawn(worker("b", []))


async def test_an_actor_with_children_of_its_own_is_shut_down_by_them_once_its_handler_has_ended(autojump_clock: MockClock) -> None:
    """Automatic shutdown is for any parent: `actor(..., supervision=Supervision(auto_shutdown=...))`."""
    journal: list[str] = []

    class Parent(Actor[Ping]):
        def on_stop(self, reason: Exit) -> None:
            journal.append(f"stop {reason}")

        @handles(Ping)
        async def ping(self, query: Ping) -> None:
            child = await self.context.spawn(worker("child", []))
            await child.tell(Leave())
            await trio.sleep(1)
            journal.append("handler done")

    spec = actor(Parent, supervision=Supervision(auto_shutdown="any_significant"), restart="temporary")
    async with open_system(spec) as system:
        await system.ref(spec).ask(Ping())
        await wait_all_tasks_blocked()
        assert journal == ["handler done", "stop shutdown"]


async def test_a_significant_child_that_ends_while_its_supervisor_starts_ends_it_when_it_has_started(autojump_clock: MockClock) -> None:
    """The end is not lost, and the start is not torn: as in OTP, what happens during a start is decided after it."""
    starts: list[str] = []

    class Slow(Actor[Ping]):
        async def on_start(self) -> None:
            await trio.sleep(1)
            starts.append("slow")

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

    top = supervisor("top", [worker("a", starts, leaves_at_once=True), actor(Slow)], auto_shutdown="any_significant", restart="temporary")
    async with open_system(supervisor("all", [top])) as system:
        await wait_all_tasks_blocked()
        assert starts == ["a", "slow"]
        assert "/user/all/top" not in {node.path for node in system.tree()}
