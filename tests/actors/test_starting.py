"""Starting: the order, what a start that fails leaves, and starts that are cancelled or that nobody waits for."""

from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorGone,
    ActorRef,
    ActorRestarted,
    ActorSpec,
    ActorStarted,
    ActorStopped,
    AskStopped,
    Deadlock,
    Exit,
    NameTaken,
    Request,
    RestartLimitReached,
    StartFailed,
    Supervision,
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
class Ping(Request[str]):
    pass


@define(eq=False)
class Member(Actor[Ping]):
    """Writes down how it starts and stops; fails when it has no more starts left."""

    name: str
    journal: list[str]
    fails: list[bool]
    slow: float = 0.0

    async def on_start(self) -> None:
        self.journal.append(f"{self.name} starts")
        if self.slow:
            await trio.sleep(self.slow)
        if self.fails and self.fails.pop(0):
            raise Broken(self.name)
        self.journal.append(f"{self.name} has started")

    def on_stop(self, reason: Exit) -> None:
        self.journal.append(f"{self.name} stops")

    @handles(Ping)
    def ping(self, query: Ping) -> str:
        return self.name


def member(
    name: str, journal: list[str], *fails: bool, slow: float = 0.0, restart: Restart = "permanent", stop_timeout: float = 5.0
) -> ActorSpec[Ping]:
    return actor(Member, name, journal, list(fails), slow, name=name, restart=restart, stop_timeout=stop_timeout)


async def test_children_start_left_to_right_each_after_the_one_before_has_started(autojump_clock: MockClock) -> None:
    """A child may rely on those to its left, and a supervisor has started when its last child has."""
    journal: list[str] = []
    inner = supervisor("inner", [member("b", journal, slow=1.0), member("c", journal, slow=1.0)])
    async with open_system(supervisor("top", [member("a", journal, slow=1.0), inner, member("d", journal)])):
        assert journal == [f"{name} {what}" for name in "abcd" for what in ("starts", "has started")]
        assert trio.current_time() == 3


async def test_a_system_opens_when_every_child_has_started(autojump_clock: MockClock) -> None:
    """The block's body can ask any actor of the tree at once."""
    specs = [member(name, [], slow=2.0) for name in "ab"]
    async with open_system(supervisor("top", specs)) as system:
        assert trio.current_time() == 4
        assert [await system.ref(spec).ask(Ping()) for spec in specs] == ["a", "b"]


async def test_a_first_start_that_fails_tears_down_what_had_started_and_says_why(autojump_clock: MockClock) -> None:
    """Right to left; `StartFailed` comes from the cause, through every supervisor above."""
    journal: list[str] = []
    inner = supervisor("inner", [member("b", journal), member("c", journal, True), member("d", journal)])
    with trio.fail_after(1), pytest.raises(StartFailed, match="/user/top did not start") as caught:
        async with open_system(supervisor("top", [member("a", journal), inner, member("e", journal)])):
            raise AssertionError("the block was entered")
    causes: list[BaseException] = []
    cause: BaseException | None = caught.value
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__
    assert repr(causes[-1]) == "Broken('c')"
    assert all(isinstance(cause, StartFailed) for cause in causes[:-1])
    assert journal == ["a starts", "a has started", "b starts", "b has started", "c starts", "b stops", "a stops"]


async def test_a_constructor_that_raises_is_a_start_that_fails(autojump_clock: MockClock) -> None:
    """As an on_start that raises is."""

    def make() -> Member:
        raise Broken("no such file")

    async with open_system() as system:
        with pytest.raises(StartFailed, match="/user/broken did not start: Broken: no such file") as caught:
            await system.spawn(actor(make, name="broken"))
        assert isinstance(caught.value.__cause__, Broken)


@pytest.mark.parametrize("when", ["at first", "at a restart"])
async def test_a_constructor_that_raises_what_is_no_exception_ends_the_system(when: str, autojump_clock: MockClock) -> None:
    """SystemExit is no failure that supervision may take: the tree is stopped in order, and it comes out of the block."""
    made: list[int] = []
    journal: list[str] = []

    def make() -> Member:
        made.append(1)
        if when == "at first" or len(made) > 1:
            raise SystemExit(3)
        return Member("a", journal, [])

    async def run(root: ActorSpec[Any]) -> None:
        async with open_system(root) as system:
            await system.restart(system.ref(spec))
            await trio.sleep(10)

    left, spec = member("left", journal), actor(make, name="a")
    with trio.fail_after(2), pytest.raises(SystemExit):
        await run(supervisor("top", [left, spec]))
    assert journal[-1] == "left stops"


async def test_a_failed_first_start_leaves_nothing(autojump_clock: MockClock) -> None:
    """No name, no node in the tree, no fact, no budget spent: it can be tried again at once, as often as one likes."""
    top = supervisor("top", max_restarts=0)
    async with open_system(top) as system, system.subscribe(ActorStarted) as started, system.subscribe(ActorStopped) as stopped:
        before = [node.path for node in system.tree()]
        spec = member("late", [], True, True, True, False)
        for _ in range(3):
            with pytest.raises(StartFailed):
                await system.spawn(spec, under=system.ref(top))
            assert [node.path for node in system.tree()] == before
            with pytest.raises(LookupError):
                system.ref(spec)
        ref = await system.spawn(spec, under=system.ref(top))
        assert await ref.ask(Ping()) == "late"
        await system.stop(ref)
        assert await anext(started) == ActorStarted("/user/top/late")
        assert await anext(stopped) == ActorStopped("/user/top/late", Exit("shutdown"))


async def test_a_living_name_is_refused(autojump_clock: MockClock) -> None:
    """`NameTaken` names the path; the living one is not disturbed, and once it is dead the name is free."""
    top = supervisor("top", [member("a", [])])
    async with open_system(top) as system:
        with pytest.raises(NameTaken, match="/user/top/a"):
            await system.spawn(member("a", []), under=system.ref(top))
        ref = await system.spawn(member("b", []), under=system.ref(top))
        with pytest.raises(NameTaken, match="/user/top/b"):
            await system.spawn(member("b", []), under=system.ref(top))
        assert await ref.ask(Ping()) == "b"
        await system.stop(ref)
        again = await system.spawn(member("b", []), under=system.ref(top))
        assert again != ref
        assert again.address.path == ref.address.path


async def test_a_name_is_taken_while_its_owner_starts(autojump_clock: MockClock) -> None:
    """Of two who spawn under one name, the second is refused at once."""
    async with open_system() as system, trio.open_nursery() as nursery:
        nursery.start_soon(system.spawn, member("a", [], slow=1.0))
        await wait_all_tasks_blocked()
        with pytest.raises(NameTaken):
            await system.spawn(member("a", []))


async def test_numbers_in_automatic_names_are_never_reused(autojump_clock: MockClock) -> None:
    """`Member-1`, then `Member-2`, also when the first is dead."""
    async with open_system() as system:
        spec = actor(Member, "x", list[str](), list[bool]())
        first = await system.spawn(spec)
        await system.stop(first)
        second = await system.spawn(spec)
        assert [str(first), str(second)] == ["/user/Member-1", "/user/Member-2"]


async def test_a_spawn_that_is_cancelled_leaves_no_child(autojump_clock: MockClock) -> None:
    """The on_start under way is cancelled, the name is free, and the cancellation comes out."""
    journal: list[str] = []
    async with open_system() as system:
        with trio.move_on_after(1) as scope:
            await system.spawn(member("a", journal, slow=60.0))
        assert scope.cancelled_caught
        assert trio.current_time() == 1
        assert journal == ["a starts"]
        await system.spawn(member("a", journal))


@frozen(eq=False)
class Spawn(Request[ActorRef[Any]]):
    spec: ActorSpec[Any]
    wait: bool = True


@define(eq=False)
class Parent(Actor[Spawn | Ping]):
    journal: list[str]

    @handles(Spawn)
    async def spawn(self, command: Spawn) -> ActorRef[Any]:
        if command.wait:
            return await self.context.spawn(command.spec)
        ref = self.context.spawn_nowait(command.spec)
        self.context.watch(ref)
        return ref

    def on_terminated(self, terminated: Terminated) -> None:
        self.journal.append(f"{terminated.ref} {terminated.reason}")

    @handles(Ping)
    async def ping(self, query: Ping) -> str:
        return "parent"


async def test_a_handler_that_is_cut_off_while_it_spawns_leaves_no_child(autojump_clock: MockClock) -> None:
    """The child that was starting for it is taken down with it."""
    parent = actor(Parent, list[str](), name="parent", stop_timeout=1.0)
    async with open_system(parent) as system:
        ref = system.ref(parent)
        await ref.tell(Spawn(member("child", [], slow=60.0)))
        await wait_all_tasks_blocked()
        with trio.fail_after(2):
            await system.stop(ref)


async def test_a_child_whose_on_start_asks_the_parent_that_awaits_its_spawn_gets_deadlock_at_once(autojump_clock: MockClock) -> None:
    """Hooks are turns, and awaiting a spawn is an edge of the chain; the child does not start, and the parent hears why."""

    class Child(Actor[Ping]):
        async def on_start(self) -> None:
            assert self.context.parent is not None
            await self.context.parent.ask(Ping())

        @handles(Ping)
        def ping(self, query: Ping) -> str:
            return "child"

    heard: list[BaseException | None] = []

    class Wary(Parent):
        @handles(Spawn)
        async def spawn(self, command: Spawn) -> ActorRef[Any]:
            try:
                return await self.context.spawn(command.spec)
            except StartFailed as error:
                heard.append(error.__cause__)
                return self.context.ref

    parent = actor(Wary, list[str](), name="parent")
    async with open_system(parent) as system:
        with trio.fail_after(1):
            await system.ref(parent).ask(Spawn(actor(Child, name="child")))
        (error,) = heard
        assert isinstance(error, Deadlock)
        assert error.circle == ("/user/parent/child", "/user/parent", "/user/parent/child")


async def test_spawn_nowait_returns_a_ref_that_takes_messages_before_the_child_has_started(autojump_clock: MockClock) -> None:
    """They wait in its mailbox."""
    parent = actor(Parent, list[str]())
    async with open_system(parent) as system:
        child = await system.ref(parent).ask(Spawn(member("child", [], slow=1.0), wait=False))
        assert trio.current_time() == 0
        with trio.fail_after(2):
            assert await child.ask(Ping()) == "child"
        assert trio.current_time() == 1


async def test_a_failed_first_start_of_spawn_nowait_is_a_failure_of_the_child(autojump_clock: MockClock) -> None:
    """It is published and retried within the budget, its mailbox kept; nobody else is told."""
    journal: list[str] = []
    parent = actor(Parent, journal)
    async with open_system(parent) as system, system.subscribe(ActorFailed) as failures:
        child = await system.ref(parent).ask(Spawn(member("child", journal, True, True, False), wait=False))
        with trio.fail_after(1):
            assert await child.ask(Ping()) == "child"
            assert [repr((await anext(failures)).cause) for _ in range(2)] == ["Broken('child')"] * 2
        assert journal == ["child starts", "child starts", "child starts", "child has started"]


async def test_a_failed_first_start_of_spawn_nowait_spends_the_parent_s_budget(autojump_clock: MockClock) -> None:
    """The parent fails when it is spent, as for any failure of a child."""
    parent = actor(Parent, list[str](), supervision=Supervision(max_restarts=1))
    async with (
        open_system(supervisor("top", [parent])) as system,
        system.subscribe(ActorRestarted) as restarts,
        system.subscribe(ActorFailed) as failures,
    ):
        await system.ref(parent).ask(Spawn(member("child", [], True, True), wait=False))
        with trio.fail_after(1):
            assert (await anext(restarts)).path == str(system.ref(parent))
            causes = [(await anext(failures)).cause for _ in range(3)]
        assert isinstance(causes[-1], RestartLimitReached)


async def test_a_temporary_child_of_spawn_nowait_that_does_not_start_ends_like_any_other(autojump_clock: MockClock) -> None:
    """Its watchers hear of a failed exit, and what was sent to it is a dead letter."""
    journal: list[str] = []
    parent = actor(Parent, journal)
    async with open_system(parent) as system, trio.open_nursery() as nursery:
        child = await system.ref(parent).ask(Spawn(member("child", journal, True, slow=1.0, restart="temporary"), wait=False))

        async def ask() -> None:
            with pytest.raises(AskStopped):
                await child.ask(Ping())

        nursery.start_soon(ask)
        await trio.sleep(2)
        assert journal == ["child starts", f"{child} failed: Broken: child"]
        assert system.statistics().dead_letters == 1


async def test_a_stop_while_an_actor_starts_waits_for_its_on_start_and_ends_it(autojump_clock: MockClock) -> None:
    """It has started, is stopped at once, and never takes a message; its starter hears that it did not start."""
    journal: list[str] = []
    spec = member("a", journal, slow=2.0)
    async with open_system() as system, trio.open_nursery() as nursery:

        async def spawn() -> None:
            with pytest.raises(StartFailed, match=r"/user/a did not start: .*stopped before it had started"):
                await system.spawn(spec)

        nursery.start_soon(spawn)
        await wait_all_tasks_blocked()
        with trio.fail_after(3):
            await system.stop(system.ref(spec))
        assert trio.current_time() == 2
        assert journal == ["a starts", "a has started", "a stops"]


async def test_a_stop_while_an_actor_starts_cancels_its_on_start_when_the_time_is_over(autojump_clock: MockClock) -> None:
    """The stop timeout bounds that wait; what had not started has no on_stop."""
    journal: list[str] = []
    spec = member("a", journal, slow=60.0, stop_timeout=2.0)
    async with open_system() as system, trio.open_nursery() as nursery, system.subscribe(ActorStopped) as stopped:

        async def spawn() -> None:
            with pytest.raises(StartFailed):
                await system.spawn(spec)

        nursery.start_soon(spawn)
        await wait_all_tasks_blocked()
        with trio.fail_after(3):
            await system.stop(system.ref(spec))
            assert (await anext(stopped)).reason.kind == "killed"
        assert trio.current_time() == 2
        assert journal == ["a starts"]


async def test_nothing_is_started_under_what_is_dead_or_stops(autojump_clock: MockClock) -> None:
    """`ActorGone` says so at once."""
    top = supervisor("top", [member("a", [], slow=0)])
    hanging = actor(Parent, list[str](), name="hanging")
    async with open_system(supervisor("all", [top, hanging])) as system:
        dead = system.ref(top)
        await system.stop(dead)
        with pytest.raises(ActorGone, match="/user/all/top"):
            await system.spawn(member("b", []), under=dead)


async def test_what_is_no_spec_is_refused(autojump_clock: MockClock) -> None:
    """A class or an instance in the place of a spec is a TypeError that names what is wanted."""
    thing: Any = Member
    async with open_system() as system:
        with pytest.raises(TypeError, match="spec"):
            await system.spawn(thing)
    with pytest.raises(TypeError, match="spec"):
        open_system(thing)


async def test_a_factory_that_gives_out_an_instance_twice_does_not_start(autojump_clock: MockClock) -> None:
    """Each start needs a new instance: a shared one would be two actors with one state."""
    shared = Member("shared", [], [])
    async with open_system() as system:
        await system.spawn(actor(lambda: shared, name="one"))
        with pytest.raises(StartFailed, match="in use"):
            await system.spawn(actor(lambda: shared, name="two"))


# Static children by hand


async def test_a_static_child_stopped_by_hand_is_started_again_as_a_new_incarnation(autojump_clock: MockClock) -> None:
    """`system.start(spec)` returns the new ref, which `system.ref(spec)` finds too; the old one leads nowhere."""
    spec = member("a", [])
    async with open_system(supervisor("top", [spec], max_restarts=0)) as system:
        old = system.ref(spec)
        await system.stop(old)
        await trio.sleep(1)
        with pytest.raises(AskStopped):
            await old.ask(Ping())
        new = await system.start(spec)
        assert system.ref(spec) == new
        assert new != old
        assert new.address.path == old.address.path
        assert await new.ask(Ping()) == "a"
        with pytest.raises(AskStopped):
            await old.ask(Ping())


async def test_a_start_by_hand_that_fails_keeps_the_place(autojump_clock: MockClock) -> None:
    """It costs no budget and can be tried again."""
    spec = member("a", [], False, True, False)
    async with open_system(supervisor("top", [spec], max_restarts=0)) as system:
        await system.stop(system.ref(spec))
        with pytest.raises(StartFailed) as caught:
            await system.start(spec)
        assert isinstance(caught.value.__cause__, Broken)
        assert await (await system.start(spec)).ask(Ping()) == "a"


async def test_a_start_by_hand_is_refused_where_there_is_nothing_to_start(autojump_clock: MockClock) -> None:
    """What runs, what has no place, and what is started at this moment by somebody else."""
    running, dynamic, slow = member("running", []), member("dynamic", []), member("slow", [], slow=1.0)
    async with open_system(supervisor("top", [running, slow])) as system, trio.open_nursery() as nursery:
        with pytest.raises(ValueError, match="/user/top/running runs already"):
            await system.start(running)
        await system.stop(await system.spawn(dynamic))
        with pytest.raises(LookupError, match="dynamic"):
            await system.start(dynamic)
        await system.stop(system.ref(slow))
        nursery.start_soon(system.start, slow)
        await wait_all_tasks_blocked()
        with pytest.raises(ValueError, match="runs already"):
            await system.start(slow)


async def test_a_temporary_static_child_that_has_ended_is_forgotten(autojump_clock: MockClock) -> None:
    """It has no place to come back to: neither `ref` nor `start` knows it."""
    spec = member("a", [], restart="temporary")
    async with open_system(supervisor("top", [spec])) as system:
        await system.stop(system.ref(spec))
        with pytest.raises(LookupError):
            system.ref(spec)
        with pytest.raises(LookupError):
            await system.start(spec)


async def test_a_static_child_that_is_stopped_keeps_its_name(autojump_clock: MockClock) -> None:
    """Its place is its own: no dynamic child may take it, so that it can come back."""
    spec = member("a", [])
    top = supervisor("top", [spec])
    async with open_system(top) as system:
        await system.stop(system.ref(spec))
        with pytest.raises(NameTaken, match="/user/top/a"):
            await system.spawn(member("a", []), under=system.ref(top))
        await system.start(spec)
