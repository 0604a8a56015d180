"""Trees: how deep they may be, and what the restart of a supervisor keeps of what is below it."""

import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, ActorSpec, AskStopped, Exit, Request, actor, handles, open_system, supervisor


@frozen
class Add(Request[int]):
    """Adds one, and answers with the sum since the last start."""


@frozen
class Crash:
    pass


@frozen
class Spawn(Request[ActorRef[Add | Crash]]):
    """Spawns a counter as a child."""


@define(eq=False)
class Counter(Actor[Add | Crash | Spawn]):
    name: str
    journal: list[str]
    total: int = 0

    def on_start(self) -> None:
        self.journal.append(f"start {self.name}")

    def on_restart(self, cause: BaseException) -> None:
        self.journal.append(f"restart {self.name}")

    def on_stop(self, reason: Exit) -> None:
        self.journal.append(f"stop {self.name}")

    @handles(Add)
    def add(self, command: Add) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise ValueError(self.name)

    @handles(Spawn)
    async def spawn(self, command: Spawn) -> ActorRef[Add | Crash]:
        return await self.context.spawn(actor(Counter, "dynamic", self.journal, restart="temporary"))


def counter(name: str, journal: list[str]) -> ActorSpec[Add | Crash | Spawn]:
    return actor(Counter, name, journal, name=name)


async def test_a_tree_of_500_levels_starts_restarts_and_stops(autojump_clock: MockClock) -> None:
    """The depth of a tree is not the depth of a stack: neither starting, nor restarting, nor stopping it recurses."""
    journal: list[str] = []
    leaf = counter("leaf", journal)
    spec = supervisor("bottom", [leaf])
    for level in range(500):
        spec = supervisor(f"level-{level}", [spec])
    with trio.fail_after(60):
        async with open_system(spec) as system:
            ref = system.ref(leaf)
            assert await ref.ask(Add()) == 1
            assert len(str(system.tree()).splitlines()) > 500
            await system.restart(system.ref(spec))
            assert await ref.ask(Add()) == 1
    assert journal == ["start leaf", "restart leaf", "start leaf", "stop leaf"]


async def test_a_tree_of_500_levels_can_be_stopped_while_it_starts(autojump_clock: MockClock) -> None:
    """The stop reaches the actor at the bottom that is in its on_start, however deep that is."""

    class Slow(Actor[str]):
        async def on_start(self) -> None:
            await trio.sleep_forever()

        @handles(str)
        def hear(self, message: str) -> None: ...

    spec = supervisor("bottom", [actor(Slow, stop_timeout=1.0)])
    for level in range(500):
        spec = supervisor(f"level-{level}", [spec])
    with trio.fail_after(60):
        async with open_system() as system:
            with trio.move_on_after(1):
                await system.spawn(spec)
            assert all("level" not in node.path for node in system.tree())


async def test_a_restarted_supervisor_keeps_its_static_children_s_refs_and_mailboxes(autojump_clock: MockClock) -> None:
    """The children of its spec get new instances behind their refs; what waited in their mailboxes reaches these."""
    journal: list[str] = []
    first, second = counter("first", journal), counter("second", journal)
    inner = supervisor("inner", [first, second], max_restarts=0)
    async with open_system(supervisor("outer", [inner])) as system:
        one, two = system.ref(first), system.ref(second)
        assert await two.ask(Add()) == 1
        with trio.fail_after(1):
            two.tell_nowait(Crash())
            two.tell_nowait(Add())
            assert await two.ask(Add()) == 2
            assert await one.ask(Add()) == 1
        assert system.ref(first) == one
        assert system.ref(second) == two
    assert journal == [
        *("start first", "start second", "restart second", "restart first", "start first", "start second"),
        *("stop second", "stop first"),
    ]


async def test_a_group_that_restarts_while_its_supervisor_starts_leaves_those_alone_that_it_has_not_reached(
    autojump_clock: MockClock,
) -> None:
    """They are the supervisor's to start, in their turn: each child starts once, left to right."""
    journal: list[str] = []

    @define(eq=False)
    class Slow(Actor[Add]):
        name: str
        fails_in: list[float]

        async def on_start(self) -> None:
            journal.append(f"start {self.name}")
            if self.fails_in:
                self.context.start_soon(self.fail, self.fails_in.pop())
            else:
                await trio.sleep(10 if self.name == "c" else 1)
            journal.append(f"{self.name} is up")

        async def fail(self, seconds: float) -> None:
            await trio.sleep(seconds)
            raise ValueError(self.name)

        @handles(Add)
        def add(self, command: Add) -> int:
            return 0

    nothing: list[float] = []
    fails_in: list[float] = []
    specs = [actor(Slow, name, delays, name=name) for name, delays in zip("abcd", (fails_in, nothing, nothing, nothing), strict=True)]
    inner = supervisor("inner", specs, strategy="one_for_all")
    async with open_system(supervisor("outer", [inner])) as system:
        journal.clear()
        fails_in.append(1.5)  # then b is up and c starts
        with trio.fail_after(20):
            await system.restart(system.ref(inner))
            for spec in specs:
                await system.ref(spec).ask(Add(), timeout=20)
        assert {name: journal.count(f"{name} is up") for name in "abcd"} == {"a": 2, "b": 2, "c": 1, "d": 1}
        assert journal.index("start d") > journal.index("c is up") > journal.index("b is up")


async def test_a_static_child_that_was_stopped_comes_back_with_its_supervisor(autojump_clock: MockClock) -> None:
    """It kept its place: the supervisor's next start starts it too, as a new incarnation."""
    journal: list[str] = []
    stopped, failing = counter("stopped", journal), counter("failing", journal)
    inner = supervisor("inner", [stopped, failing], max_restarts=0)
    async with open_system(supervisor("outer", [inner])) as system:
        old = system.ref(stopped)
        await system.stop(old)
        system.ref(failing).tell_nowait(Crash())
        with trio.fail_after(1):
            assert await system.ref(failing).ask(Add()) == 1
            assert await system.ref(stopped).ask(Add()) == 1
        assert system.ref(stopped) != old


async def test_a_restarted_supervisor_s_dynamic_children_die(autojump_clock: MockClock) -> None:
    """They are nobody's to start again: their refs lead nowhere."""
    journal: list[str] = []
    inner = supervisor("inner", [counter("static", journal)], max_restarts=0)
    async with open_system(supervisor("outer", [inner])) as system:
        dynamic = await system.spawn(counter("dynamic", journal), under=system.ref(inner))
        journal.clear()
        dynamic.tell_nowait(Crash())
        await wait_all_tasks_blocked()
        assert journal == ["stop dynamic", "restart static", "start static"]
        try:
            await dynamic.ask(Add())
        except AskStopped:
            return
        raise AssertionError("it lives")
