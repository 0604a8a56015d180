"""Children: any actor may have them, under its own policy, as many as it likes, and whatever it is doing itself."""

from collections.abc import Awaitable

import trio
from attrs import define, evolve, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRef,
    ActorSpec,
    ActorStopped,
    AskStopped,
    Backoff,
    Exit,
    Request,
    RestartLimitReached,
    Supervision,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)

MANY = 100_000
QUITE_MANY = 20_000  # fewer, since each of these has a watch, a message, a handler and a death


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Increment(Request[int]):
    pass


@frozen
class Crash:
    pass


@define(eq=False)
class Child(Actor[Increment | Crash]):
    journal: list[str]
    total: int = 0

    def on_start(self) -> Awaitable[None] | None:
        self.journal.append(f"start {self.context.path}")
        return None

    def on_stop(self, reason: Exit) -> None:
        self.journal.append(f"stop {self.context.path}")

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken


@frozen(eq=False)
class Spawn(Request[ActorRef[Increment | Crash]]):
    spec: ActorSpec[Increment | Crash]


@frozen
class Sleep(Request[None]):
    seconds: float


@define(eq=False)
class Parent(Actor[Spawn | Sleep | Crash]):
    journal: list[str]

    @handles(Spawn)
    async def spawn(self, command: Spawn) -> ActorRef[Increment | Crash]:
        return await self.context.spawn(command.spec)

    @handles(Sleep)
    async def sleep(self, command: Sleep) -> None:
        await trio.sleep(command.seconds)
        self.journal.append("slept")

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    def on_stop(self, reason: Exit) -> None:
        self.journal.append("stop parent")


def child(journal: list[str], name: str = "child") -> ActorSpec[Increment | Crash]:
    return actor(Child, journal, name=name)


def parent(journal: list[str], supervision: Supervision | None = None) -> ActorSpec[Spawn | Sleep | Crash]:
    return actor(Parent, journal, name="parent", supervision=supervision)


async def test_any_actor_may_have_children_and_knows_them(autojump_clock: MockClock) -> None:
    """They live below it: `context.children` lists them in start order, and `context.parent` is the way back."""
    seen: list[object] = []

    class Curious(Child):
        def on_start(self) -> None:
            seen.append(self.context.parent)

    class Counting(Parent):
        def on_stop(self, reason: Exit) -> None:
            seen.append(self.context.children)

        @handles(Sleep)
        async def sleep(self, command: Sleep) -> None:
            seen.append(self.context.children)

    spec = actor(Counting, list[str](), name="parent")
    async with open_system(spec) as system:
        ref = system.ref(spec)
        children = [await ref.ask(Spawn(actor(Curious, list[str](), name=name))) for name in ("z", "a")]
        assert [str(child) for child in children] == ["/user/parent/z", "/user/parent/a"]
        await ref.ask(Sleep(0))
    assert seen == [ref, ref, tuple(children), ()]


async def test_a_child_that_fails_is_restarted_under_its_parent_s_default_policy(autojump_clock: MockClock) -> None:
    """Three restarts in 5 s, one for one, as a supervisor has; then the parent fails."""
    journal: list[str] = []
    spec = parent(journal)
    async with open_system(supervisor("top", [spec])) as system, system.subscribe(ActorFailed) as failures:
        ref = await system.ref(spec).ask(Spawn(child(journal)))
        for _ in range(3):
            await ref.tell(Crash())
            assert await ref.ask(Increment()) == 1
        await ref.tell(Crash())
        with trio.fail_after(1):
            facts = [await anext(failures) for _ in range(5)]
        assert [fact.path for fact in facts] == ["/user/top/parent/child"] * 4 + ["/user/top/parent"]
        assert isinstance(facts[-1].cause, RestartLimitReached)


async def test_a_parent_supervises_its_children_by_its_own_policy(autojump_clock: MockClock) -> None:
    """`actor(..., supervision=Supervision(...))`: strategy, budget, back-off and directives are those of the parent's spec."""
    journal: list[str] = []
    spec = parent(journal, Supervision(strategy="one_for_all", backoff=Backoff(first=2.0, jitter=0)))
    async with open_system(spec) as system:
        one, two = [await system.ref(spec).ask(Spawn(child(journal, name))) for name in ("one", "two")]
        for ref in (one, two):
            await ref.ask(Increment())
        await one.tell(Crash())
        await wait_all_tasks_blocked()
        assert await two.ask(Increment()) == 1
        assert trio.current_time() == 2


async def test_a_busy_parent_delays_no_decision_about_its_children(autojump_clock: MockClock) -> None:
    """A failure is decided from the parent's data, not in its turn: the child is up again while the parent's handler runs on."""
    journal: list[str] = []
    spec = parent(journal)
    async with open_system(spec) as system, trio.open_nursery() as nursery:
        ref = await system.ref(spec).ask(Spawn(child(journal)))
        nursery.start_soon(system.ref(spec).ask, Sleep(4))
        await wait_all_tasks_blocked()
        await ref.ask(Increment())
        await ref.tell(Crash())
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 1
        assert "slept" not in journal


async def test_a_parent_that_fails_takes_its_dynamic_children_down(autojump_clock: MockClock) -> None:
    """Before its new instance starts, which knows nothing of them; their names are free for it."""
    journal: list[str] = []
    spec = parent(journal)
    async with open_system(supervisor("top", [spec])) as system:
        ref = system.ref(spec)
        old = await ref.ask(Spawn(child(journal)))
        await ref.tell(Crash())
        new = await ref.ask(Spawn(child(journal)))
        assert new != old
        assert new.address.path == old.address.path
        try:
            await old.ask(Increment())
        except AskStopped:
            assert journal == ["start /user/top/parent/child", "stop /user/top/parent/child", "start /user/top/parent/child"]
            return
        raise AssertionError("the old child lives")


async def test_children_are_down_before_their_parent_stops(autojump_clock: MockClock) -> None:
    """Level by level, from the leaves."""
    journal: list[str] = []

    class Nesting(Child):
        async def on_start(self) -> None:
            await self.context.spawn(child(journal, "grandchild"))

    spec = parent(journal)
    async with open_system(spec) as system:
        await system.ref(spec).ask(Spawn(actor(Nesting, journal, name="child")))
        journal.clear()
    assert journal == ["stop /user/parent/child/grandchild", "stop /user/parent/child", "stop parent"]


async def test_one_spec_starts_many_children_without_a_name_and_one_with_it(autojump_clock: MockClock) -> None:
    """Numbers tell them apart; `attrs.evolve` gives a variant its own name."""
    journal: list[str] = []
    spec = actor(Child, journal)
    boss = parent(journal)
    async with open_system(boss) as system:
        ref = system.ref(boss)
        paths = [str(await ref.ask(Spawn(spec))) for _ in range(3)]
        paths.append(str(await ref.ask(Spawn(evolve(spec, name="special")))))
    assert paths == ["/user/parent/Child-1", "/user/parent/Child-2", "/user/parent/Child-3", "/user/parent/special"]


async def test_system_ref_of_a_dynamic_spec_finds_the_one_that_runs(autojump_clock: MockClock) -> None:
    """The one; of several it names the paths, of none it says so."""
    spec = actor(Child, list[str]())
    async with open_system() as system:
        errors: list[str] = []
        for _ in range(3):
            try:
                ref = system.ref(spec)
                assert str(ref) == "/user/Child-1"
            except (LookupError, ValueError) as error:
                errors.append(f"{type(error).__name__}: {error}")
            await system.spawn(spec)
        assert errors[0].startswith("LookupError: No actor runs from the spec 'Child'")
        assert errors[1].startswith("ValueError: 2 actors run from this spec: /user/Child-1, /user/Child-2")


@frozen
class SpawnMany(Request[None]):
    how_many: int
    watched: bool = False


@define(eq=False)
class Idle(Actor[str]):
    """The smallest actor: no hook, no field."""

    @handles(str)
    def leave(self, message: str) -> None:
        self.context.stop_self()


@define(eq=False)
class Crowd(Actor[SpawnMany | str]):
    """Spawns many children of one spec, and has them all leave when it is told to."""

    ended: int = 0

    @handles(SpawnMany)
    async def spawn_many(self, command: SpawnMany) -> None:
        spec = actor(Idle, restart="temporary")
        for _ in range(command.how_many):
            ref = await self.context.spawn(spec)
            if command.watched:
                self.context.watch(ref)

    @handles(str)
    async def all_leave(self, message: str) -> None:
        for ref in self.context.children:
            await ref.tell(message)

    def on_terminated(self, terminated: Terminated) -> None:
        self.ended += 1
        if self.ended == QUITE_MANY:
            self.context.stop_self()


async def test_100_000_dynamic_children_of_one_spec_start_and_stop() -> None:
    """A child costs no more where there are many; on the real clock, as it is about work and not about waiting."""
    spec = actor(Crowd, name="crowd")
    async with open_system(spec, shutdown_timeout=60.0) as system:
        await system.ref(spec).ask(SpawnMany(MANY), timeout=60.0)
        assert len(system.statistics().actors) > MANY
    assert system.statistics().actors == {}


async def test_20_000_dynamic_children_end_by_themselves() -> None:
    """Each end is heard of, and costs no look at the others; automatic shutdown does not change that."""
    spec = actor(Crowd, name="crowd", restart="temporary", supervision=Supervision(auto_shutdown="all_significant"))
    async with (
        open_system(supervisor("top", [spec]), shutdown_timeout=60.0) as system,
        system.subscribe(ActorStopped, where=lambda fact: fact.path == "/user/top/crowd") as stopped,
    ):
        ref = system.ref(spec)
        await ref.ask(SpawnMany(QUITE_MANY, watched=True), timeout=60.0)
        await ref.tell("leave")
        with trio.fail_after(60):
            assert (await anext(stopped)).reason == Exit("normal")
