"""
Two things that happen to a tree at once: a restart and a stop, a restart and another one, a start and the restart of its parent.
Each was met by the torture test first, and is told here as the story that it was.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from attrs import define, evolve, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorGone,
    ActorRef,
    ActorSpec,
    AskStopped,
    Backoff,
    Exit,
    MailboxFull,
    Request,
    StartFailed,
    Supervision,
    System,
    Terminated,
    actor,
    handles,
    open_system,
    router,
    supervisor,
)

Check = Callable[[System], None]


class Boom(Exception):
    """What these actors fail with in their handlers."""


class NoStart(Exception):
    """What they fail with in on_start."""


@frozen
class Fail:
    """Makes the actor fail."""


@frozen
class Name(Request[str]):
    """Answered with the actor's path."""


@frozen
class Slow(Request[str]):
    """Answered after a second."""


@define(eq=False)
class Member(Actor[Fail | Name | Slow]):
    """One of a group. Its hooks take the seconds they are given, and its starts fail as often as the plan says."""

    said: list[str]
    start: float = 0.0
    stop: float = 0.0
    plan: list[bool] | None = None

    async def on_start(self) -> None:
        await self.context.sleep(self.start)
        if self.plan and self.plan.pop(0):
            raise NoStart("start")
        self.said.append(f"up {self.name}")

    async def on_restart(self, cause: BaseException) -> None:
        await self.context.sleep(self.stop)
        self.said.append(f"restarts {self.name}")

    async def on_stop(self, reason: Exit) -> None:
        await self.context.sleep(self.stop)
        self.said.append(f"down {self.name}")

    @property
    def name(self) -> str:
        return self.context.path.rsplit("/", 1)[-1]

    @handles(Fail)
    def fail(self, _: Fail) -> None:
        raise Boom("told to")

    @handles(Name)
    def tell_name(self, _: Name) -> str:
        return self.context.path

    @handles(Slow)
    async def slow(self, _: Slow) -> str:
        await self.context.sleep(1)
        return self.context.path


@define(eq=False)
class Watcher(Actor[Terminated]):
    """Notes whose death it hears of."""

    whom: tuple[ActorRef[Fail | Name | Slow], ...]
    said: list[str]

    def on_start(self) -> None:
        for ref in self.whom:
            self.context.watch(ref)

    @handles(Terminated)
    def terminated(self, terminated: Terminated) -> None:
        self.said.append(f"dead {terminated.ref.path} {terminated.reason.kind}")


def states(system: System) -> dict[str, str]:
    return {node.path: node.state for node in system.tree()}


# A restart and another restart


async def test_a_failure_while_its_group_goes_down_for_another_one_brings_all_of_both_back(
    autojump_clock: MockClock, check_invariants: Check
) -> None:
    """
    rest_for_one: the first child fails, and the last is being taken down for it; then the middle one fails. The second restart
    concerns fewer children than the first, and all of the first come back with it.
    """
    said: list[str] = []
    a, b, c = (actor(Member, said, 0.0, 1.0, name=name) for name in "abc")
    with trio.fail_after(100):
        async with open_system(supervisor("top", [a, b, c], strategy="rest_for_one")) as system:
            said.clear()
            await system.ref(a).tell(Fail())
            await trio.sleep(0.5)
            await system.ref(b).tell(Fail())
            await trio.sleep(10)
            check_invariants(system)
            for spec in (a, b, c):
                assert await system.ref(spec).ask(Name()) == system.ref(spec).path
            assert said[-3:] == ["up a", "up b", "up c"]


async def test_a_child_that_ends_instead_of_starting_again_does_not_hold_up_its_group(autojump_clock: MockClock) -> None:
    """one_for_all: a member whose new start fails, and whose directive then is "stop", ends; those after it come up."""
    said: list[str] = []
    a, b, c = (actor(Member, said, 0.1, 0.0, [False, True] if name == "b" else None, name=name) for name in "abc")
    with trio.fail_after(100):
        async with open_system(supervisor("top", [a, b, c], strategy="one_for_all", directives={NoStart: "stop"})) as system:
            said.clear()
            await system.ref(a).tell(Fail())
            await trio.sleep(1)
            assert said == ["restarts c", "restarts b", "restarts a", "up a", "up c"]
            assert [path for path, state in states(system).items() if path.startswith("/user/top/") and state == "idle"] == [
                "/user/top/a",
                "/user/top/c",
            ]


async def test_a_member_that_is_restarted_by_hand_just_then_is_restarted_with_its_group_once(autojump_clock: MockClock) -> None:
    """Two restarts wait for the same child to go down: it comes up once, and both go on."""
    said: list[str] = []
    a, b = actor(Member, said, name="a"), actor(Member, said, 0.0, 1.0, name="b")
    with trio.fail_after(100):
        async with open_system(supervisor("top", [a, b], strategy="one_for_all")) as system:
            said.clear()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.restart, system.ref(b))
                await trio.sleep(0.5)
                await system.ref(a).tell(Fail())
            await trio.sleep(1)
            assert sorted(said) == ["restarts a", "restarts b", "up a", "up b"]
            assert await system.ref(a).ask(Name()) == "/user/top/a"
            assert await system.ref(b).ask(Name()) == "/user/top/b"


async def test_a_restart_by_hand_that_is_overtaken_by_a_stop_says_so(autojump_clock: MockClock) -> None:
    """Who waits for a restart hears that it will not come: the parent, or the actor itself, is stopped meanwhile."""
    said: list[str] = []
    a = actor(Member, said, 0.0, 1.0, name="a")
    with trio.fail_after(100):
        for whom in ("/user/top", "/user/top/a"):
            failed: list[str] = []
            async with open_system(supervisor("top", [a])) as system, trio.open_nursery() as nursery:

                async def restart(system: System = system, failed: list[str] = failed) -> None:
                    with pytest.raises(StartFailed, match="stopped before it had started"):
                        await system.restart(system.ref(a))
                    failed.append("said")

                ref = system.ref(a)
                nursery.start_soon(restart)
                await trio.sleep(0.5)
                assert states(system)["/user/top/a"] == "restarting"
                await system.stop(ref if whom == "/user/top/a" else await parent_of(system))
                await trio.testing.wait_all_tasks_blocked()
                assert failed == ["said"]
                assert "/user/top/a" not in states(system)


async def parent_of(system: System) -> ActorRef[object]:
    """The ref of the root, asked of the runtime's own guardian."""
    guardian = system._runtime.guardian  # pyright: ignore[reportPrivateUsage]
    assert guardian is not None
    return guardian.context.children[0]


# A restart and a stop


async def test_what_waits_for_its_parents_restart_ends_with_the_parent(autojump_clock: MockClock, check_statistics: Check) -> None:
    """
    A parent takes its time over its restart, and its children are down already. Then it is stopped: they die, their watchers
    hear of it, what was queued in them is dead letters, and who asked is told.
    """
    said: list[str] = []
    child = actor(Member, said, name="child")

    @define(eq=False)
    class Parent(Actor[Name]):
        @handles(Name)
        def tell_name(self, _: Name) -> str:
            return self.context.path

        async def on_restart(self, cause: BaseException) -> None:
            await self.context.sleep(2)

    parent = evolve(actor(Parent, name="parent"), children=[child])
    with trio.fail_after(100):
        async with open_system(supervisor("top", [parent])) as system:
            ref = system.ref(child)
            watcher = await system.spawn(actor(Watcher, (ref,), said))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(restart_in_vain, system, system.ref(parent))
                await trio.sleep(1)
                assert states(system)["/user/top/parent/child"] == "restarting"
                nursery.start_soon(ask_in_vain, ref)
                await trio.sleep(0.1)
                said.clear()
                await system.stop(system.ref(parent))
            await trio.sleep(1)
            assert said == ["dead /user/top/parent/child shutdown"]
            assert not [path for path in states(system) if "parent" in path]
            check_statistics(system)
            assert system.statistics().dead_letters == 1
            assert watcher.path in states(system)


async def restart_in_vain(system: System, ref: ActorRef[Name]) -> None:
    with pytest.raises(StartFailed):
        await system.restart(ref)


async def ask_in_vain(ref: ActorRef[Fail | Name | Slow]) -> None:
    with pytest.raises(AskStopped):
        await ref.ask(Name())


async def test_a_child_that_fails_while_its_parent_is_taken_down_is_not_restarted(autojump_clock: MockClock) -> None:
    """Nothing restarts under an actor that stops or restarts: the child is taken down when its turn comes."""
    said: list[str] = []
    a, b = actor(Member, said, name="a"), actor(Member, said, 0.0, 1.0, name="b")
    with trio.fail_after(100):
        async with open_system(supervisor("top", [supervisor("mid", [a, b])])) as system:
            failing = system.ref(a)
            said.clear()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.restart, await child_of(system, "mid"))
                await trio.sleep(0.5)
                assert states(system)["/user/top/mid"] == "restarting"
                with pytest.raises(ActorGone):
                    await system.restart(failing)
                await failing.tell(Fail())
                await trio.sleep(0.1)
                assert said == []
            assert said == ["restarts b", "restarts a", "up a", "up b"]
            assert await failing.ask(Name()) == "/user/top/mid/a"


async def child_of(system: System, name: str) -> ActorRef[object]:
    top = await parent_of(system)
    return next(ref for ref in top._cell.context.children if ref.path.endswith(name))  # pyright: ignore[reportPrivateUsage]


# A start and what happens meanwhile


async def test_a_child_that_fails_to_start_again_with_its_parent_keeps_its_ref_and_its_mailbox(autojump_clock: MockClock) -> None:
    """The parent's restart is tried again, and the child is started in each attempt; what was sent to it meanwhile is handled."""
    said: list[str] = []
    child = actor(Member, said, 0.1, 0.0, [False, True, True, False], name="child")
    with trio.fail_after(100):
        async with open_system(supervisor("top", [supervisor("mid", [child])], max_restarts=5)) as system:
            ref = system.ref(child)
            watcher = await system.spawn(actor(Watcher, (ref,), said))
            said.clear()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(answer_into, said, ref)
                nursery.start_soon(restart_that_fails_first, system, await child_of(system, "mid"))
                await trio.sleep(0.15)
                nursery.start_soon(answer_into, said, ref)
            assert said == ["/user/top/mid/child", "restarts child", "up child", "/user/top/mid/child"]
            assert system.ref(child) == ref
            assert watcher.path in states(system)


async def answer_into(said: list[str], ref: ActorRef[Fail | Name | Slow]) -> None:
    said.append(await ref.ask(Name()))


async def restart_that_fails_first(system: System, ref: ActorRef[object]) -> None:
    with pytest.raises(StartFailed):
        await system.restart(ref)


async def test_a_spawn_whose_start_fails_leaves_nothing_also_when_its_group_restarts_just_then(
    autojump_clock: MockClock, check_invariants: Check
) -> None:
    """A child that is being started for somebody is left to that one: a restart of its group neither takes it down nor starts it again."""
    said: list[str] = []
    member = actor(Member, said, name="member")
    new = actor(Member, said, 1.0, 0.0, [True, False], name="new")
    good = actor(Member, said, 1.0, 0.0, name="good")
    with trio.fail_after(100):
        async with open_system(supervisor("top", [member], strategy="one_for_all")) as system:
            top = await parent_of(system)
            said.clear()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(spawn_in_vain, system, new, top)
                nursery.start_soon(spawn_well, system, good, top)
                await trio.sleep(0.5)
                await system.ref(member).tell(Fail())
            assert said == ["restarts member", "up member", "up good"]
            assert sorted(states(system)) == [
                "/",
                "/system",
                "/system/events",
                "/user",
                "/user/top",
                "/user/top/good",
                "/user/top/member",
            ]
            check_invariants(system)
            await system.spawn(new, under=top)


async def spawn_in_vain(system: System, spec: ActorSpec[Fail | Name | Slow], under: ActorRef[object]) -> None:
    with pytest.raises(StartFailed, match="NoStart: start"):
        await system.spawn(spec, under=under)


async def spawn_well(system: System, spec: ActorSpec[Fail | Name | Slow], under: ActorRef[object]) -> None:
    assert await (await system.spawn(spec, under=under)).ask(Name()) == "/user/top/good"


async def test_a_spawned_child_without_a_waiter_that_is_stopped_while_it_starts_is_simply_dead(autojump_clock: MockClock) -> None:
    """`spawn_nowait`, then `stop` during its on_start: no failure, no restart, no budget spent."""
    said: list[str] = []

    @define(eq=False)
    class Parent(Actor[Name]):
        @handles(Name)
        async def spawn(self, _: Name) -> str:
            ref = self.context.spawn_nowait(actor(Member, said, 1.0, 0.0, name="child"))
            await self.context.sleep(0.5)
            await self.context.stop(ref)
            return ref.path

    spec = actor(Parent, name="parent", supervision=Supervision(strategy="rest_for_one", max_restarts=0))
    with trio.fail_after(100):
        async with open_system(spec) as system:
            assert await system.ref(spec).ask(Name()) == "/user/parent/child"
            await trio.sleep(5)
            assert states(system)["/user/parent"] == "idle"
            assert "/user/parent/child" not in states(system)


# Who waits at the door of one that restarts


@pytest.mark.parametrize("slice_seconds", [0.0, 10.0])
async def test_a_sender_that_waits_for_room_goes_before_those_who_come_during_the_restart(
    autojump_clock: MockClock, slice_seconds: float, check_invariants: Check
) -> None:
    """The slot that the failing message leaves is the waiting sender's at once, not anybody's who comes while the actor backs off."""
    said: list[str] = []
    spec = actor(Member, said, name="member", mailbox=1)
    top = supervisor("top", [spec], backoff=Backoff(first=1.0, jitter=0.0))
    with trio.fail_after(100):
        async with open_system(top, slice=slice_seconds) as system:
            ref = system.ref(spec)
            await ref.tell(Fail())
            await trio.sleep(10)  # it knows the message now, and its back-off begins anew
            async with trio.open_nursery() as nursery:
                ref.tell_nowait(Fail())
                nursery.start_soon(answer_into, said, ref)
                await trio.sleep(0.5)
                assert states(system)["/user/top/member"] == "restarting"
                check_invariants(system)
                with pytest.raises(MailboxFull):
                    ref.tell_nowait(Fail())
            assert said[-1] == "/user/top/member"


async def test_an_asker_is_told_when_a_router_is_cut_off_before_it_passed_the_ask_on(
    autojump_clock: MockClock, check_statistics: Check
) -> None:
    """A router waits for a routee's room, with the ask in hand, and is stopped: the ask ends, at once and for good."""
    said: list[str] = []
    pool = evolve(router("pool", actor(Member, said, name="member", mailbox=1, stop_timeout=0.0), 1), stop_timeout=0.0)
    with trio.fail_after(100):
        async with open_system(pool) as system:
            ref = system.ref(pool)
            ended: list[str] = []

            async def ask() -> None:
                with pytest.raises(AskStopped):
                    await ref.ask(Slow(), timeout=1000)
                ended.append("told")

            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(ask)
                await trio.sleep(0.1)
                await system.stop(ref)
            assert ended == ["told"] * 4
            check_statistics(system)
