"""Strategies: who is restarted with a failed child, and in which order."""

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    ActorSpec,
    AskStopped,
    Backoff,
    Exit,
    Request,
    RestartLimitReached,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import Restart, Strategy


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Increment(Request[int]):
    pass


@frozen
class Crash:
    pass


@frozen
class Leave:
    """Has the actor stop itself."""


@define(eq=False)
class Member(Actor[Increment | Crash | Leave]):
    """Writes down what happens to it, and takes its time for it."""

    name: str
    journal: list[str]
    slow: float = 0.0
    total: int = 0

    async def on_start(self) -> None:
        self.journal.append(f"{self.name} starts")
        if self.slow:
            await self.context.sleep(self.slow)
            self.journal.append(f"{self.name} has started")

    async def on_restart(self, cause: BaseException) -> None:
        self.journal.append(f"{self.name} restarts after {cause}")
        if self.slow:
            await self.context.sleep(self.slow)
            self.journal.append(f"{self.name} is down")

    def on_stop(self, reason: Exit) -> None:
        self.journal.append(f"{self.name} stops: {reason.kind}")

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken(f"{self.name} broke")

    @handles(Leave)
    def leave(self, command: Leave) -> None:
        self.context.stop_self()


Spec = ActorSpec[Increment | Crash | Leave]


def member(name: str, journal: list[str], restart: Restart = "permanent", slow: float = 0.0) -> Spec:
    return actor(Member, name, journal, slow, name=name, restart=restart)


@pytest.mark.parametrize(
    ("strategy", "restarted"),
    [("one_for_one", "b"), ("one_for_all", "abc"), ("rest_for_one", "bc")],
)
async def test_the_strategy_says_who_is_restarted_with_a_failed_child(
    strategy: Strategy, restarted: str, autojump_clock: MockClock
) -> None:
    """Only it, all, or it and those started after it: these have new instances, the others keep their state."""
    journal: list[str] = []
    specs = [member(name, journal) for name in "abc"]
    async with open_system(supervisor("top", specs, strategy=strategy)) as system:
        refs = [system.ref(spec) for spec in specs]
        for ref in refs:
            await ref.ask(Increment())
        refs[1].tell_nowait(Crash())
        await wait_all_tasks_blocked()
        assert [await ref.ask(Increment()) for ref in refs] == [1 if name in restarted else 2 for name in "abc"]
        assert [system.ref(spec) for spec in specs] == refs


async def test_a_group_goes_down_right_to_left_and_up_left_to_right_one_after_the_other(autojump_clock: MockClock) -> None:
    """Each is down before the one before it is taken down, and has started before the next one starts."""
    journal: list[str] = []
    specs = [member(name, journal, slow=1.0) for name in "abc"]
    async with open_system(supervisor("top", specs, strategy="one_for_all")) as system:
        journal.clear()
        system.ref(specs[1]).tell_nowait(Crash())
        await trio.sleep(7)
        assert journal == [
            *("c restarts after b broke", "c is down", "b restarts after b broke", "b is down", "a restarts after b broke", "a is down"),
            *("a starts", "a has started", "b starts", "b has started", "c starts", "c has started"),
        ]
        journal.clear()
    assert journal == ["c stops: shutdown", "b stops: shutdown", "a stops: shutdown"]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_a_collateral_restart_keeps_ref_and_mailbox_and_is_no_death(strategy: Strategy, autojump_clock: MockClock) -> None:
    """The sibling gets the failed one's exception in on_restart; what waits for it is handled; nobody hears of a death."""
    journal: list[str] = []
    heard: list[Terminated] = []

    class Watcher(Actor[str]):
        def on_start(self) -> None:
            self.context.watch(system.ref(sibling))

        def on_terminated(self, terminated: Terminated) -> None:
            heard.append(terminated)

        @handles(str)
        def hear(self, message: str) -> None: ...

    failing, sibling = member("failing", journal), member("sibling", journal)
    async with open_system(supervisor("top", [failing, sibling], strategy=strategy)) as system:
        await system.spawn(actor(Watcher))
        ref = system.ref(sibling)
        address = ref.address
        await ref.ask(Increment())
        system.ref(failing).tell_nowait(Crash())
        ref.tell_nowait(Increment())
        ref.tell_nowait(Increment())
        await wait_all_tasks_blocked()
        total = await ref.ask(Increment())
        assert total == 3
        assert ref.address == address
        assert heard == []
        assert journal == [
            *("failing starts", "sibling starts", "sibling restarts after failing broke", "failing restarts after failing broke"),
            *("failing starts", "sibling starts"),
        ]
        assert system.statistics().dead_letters == 0


async def test_a_collateral_restart_lets_the_sibling_s_handler_finish(autojump_clock: MockClock) -> None:
    """Within its stop timeout; its asker gets the reply."""

    class Slow(Actor[Increment]):
        @handles(Increment)
        async def increment(self, command: Increment) -> int:
            await trio.sleep(2)
            return 42

    failing, slow = member("failing", []), actor(Slow)
    async with open_system(supervisor("top", [failing, slow], strategy="one_for_all")) as system, trio.open_nursery() as nursery:
        answers: list[int] = []

        async def ask() -> None:
            answers.append(await system.ref(slow).ask(Increment()))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        system.ref(failing).tell_nowait(Crash())
        with trio.fail_after(3):
            assert await system.ref(failing).ask(Increment()) == 1
        await wait_all_tasks_blocked()
        assert answers == [42]


async def test_a_group_counts_once(autojump_clock: MockClock) -> None:
    """However many are restarted, one failure costs one restart of the budget."""
    specs = [member(name, []) for name in "abc"]
    with pytest.RaisesGroup(RestartLimitReached):
        async with open_system(supervisor("top", specs, strategy="one_for_all", max_restarts=2)) as system:
            for _ in range(2):
                system.ref(specs[0]).tell_nowait(Crash())
                assert await system.ref(specs[2]).ask(Increment()) >= 1
                await wait_all_tasks_blocked()
            assert await system.ref(specs[0]).ask(Increment()) == 1
            system.ref(specs[0]).tell_nowait(Crash())
            await trio.sleep(1)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_a_temporary_sibling_is_stopped_with_its_group_and_not_started_again(strategy: Strategy, autojump_clock: MockClock) -> None:
    """OTP's rule: a temporary child is never restarted, not even for the sake of others. It is told of a shutdown."""
    journal: list[str] = []
    failing, temporary, last = member("failing", journal), member("temporary", journal, "temporary"), member("last", journal)
    async with open_system(supervisor("top", [failing, temporary, last], strategy=strategy)) as system:
        ref = system.ref(temporary)
        journal.clear()
        for _ in range(2):
            system.ref(failing).tell_nowait(Crash())
            await wait_all_tasks_blocked()
        assert journal == [
            *("last restarts after failing broke", "temporary stops: shutdown", "failing restarts after failing broke"),
            *("failing starts", "last starts", "last restarts after failing broke", "failing restarts after failing broke"),
            *("failing starts", "last starts"),
        ]
        with pytest.raises(AskStopped):
            await ref.ask(Increment())


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_a_temporary_child_that_fails_takes_nobody_with_it(strategy: Strategy, autojump_clock: MockClock) -> None:
    """It is not restarted, so there is no restart for others to take part in."""
    journal: list[str] = []
    specs = [member("first", journal), member("temporary", journal, "temporary"), member("last", journal)]
    async with open_system(supervisor("top", specs, strategy=strategy, max_restarts=0)) as system:
        journal.clear()
        system.ref(specs[1]).tell_nowait(Crash())
        await wait_all_tasks_blocked()
        assert journal == ["temporary stops: failed"]


@pytest.mark.parametrize("restart", ["transient", "temporary"])
async def test_a_normal_exit_that_is_not_restarted_takes_nobody_with_it(restart: Restart, autojump_clock: MockClock) -> None:
    """The group is restarted with a child that is restarted, and with no other."""
    journal: list[str] = []
    specs = [member("a", journal), member("b", journal, restart)]
    async with open_system(supervisor("top", specs, strategy="one_for_all")) as system:
        journal.clear()
        system.ref(specs[1]).tell_nowait(Leave())
        await wait_all_tasks_blocked()
        assert journal == ["b stops: normal"]


async def test_a_permanent_child_that_leaves_restarts_its_group(autojump_clock: MockClock) -> None:
    """The one that left is told of its normal exit, the others of a restart."""
    journal: list[str] = []
    specs = [member("a", journal), member("b", journal), member("c", journal)]
    async with open_system(supervisor("top", specs, strategy="one_for_all")) as system:
        journal.clear()
        system.ref(specs[1]).tell_nowait(Leave())
        await wait_all_tasks_blocked()
        why = "/user/top/b stopped by itself and is permanent."
        assert journal == [
            *(f"c restarts after {why}", "b stops: normal", f"a restarts after {why}"),
            *("a starts", "b starts", "c starts"),
        ]


@pytest.mark.parametrize(("strategy", "back"), [("one_for_one", ""), ("rest_for_one", "c"), ("one_for_all", "ac")])
async def test_who_had_ended_comes_back_with_the_next_restart_of_its_group(
    strategy: Strategy, back: str, autojump_clock: MockClock
) -> None:
    """A static child that was stopped by hand keeps its place: it is started again, as a new incarnation, in its order."""
    journal: list[str] = []
    specs = [member(name, journal) for name in "abc"]
    async with open_system(supervisor("top", specs, strategy=strategy)) as system:
        old = {name: system.ref(spec) for name, spec in zip("abc", specs, strict=True)}
        for index in (0, 2):
            await system.stop(system.ref(specs[index]))
        journal.clear()
        system.ref(specs[1]).tell_nowait(Crash())
        await wait_all_tasks_blocked()
        assert [line for line in journal if line.endswith("starts")] == [f"{name} starts" for name in sorted({"b", *back})]
        for name, spec in zip("abc", specs, strict=True):
            if name in back:
                assert system.ref(spec) != old[name]
                assert await system.ref(spec).ask(Increment()) == 1
            elif name != "b":
                with pytest.raises(AskStopped):
                    await system.ref(spec).ask(Increment())


async def test_dynamic_children_take_part_in_the_restart_of_their_group(autojump_clock: MockClock) -> None:
    """They come after the static ones; down they go first, together; their refs stay, as they are restarted and not replaced."""
    journal: list[str] = []
    static = member("static", journal)
    top = supervisor("top", [static], strategy="one_for_all")
    async with open_system(top) as system:
        one = await system.spawn(member("one", journal), under=system.ref(top))
        two = await system.spawn(member("two", journal), under=system.ref(top))
        for ref in (one, two):
            await ref.ask(Increment())
        journal.clear()
        system.ref(static).tell_nowait(Crash())
        await wait_all_tasks_blocked()
        assert journal == [
            *("one restarts after static broke", "two restarts after static broke", "static restarts after static broke"),
            *("static starts", "one starts", "two starts"),
        ]
        assert [await ref.ask(Increment()) for ref in (one, two)] == [1, 1]


async def test_a_second_failure_while_a_group_backs_off_takes_both_together(autojump_clock: MockClock) -> None:
    """A group that waits to come up again, and loses a newcomer meanwhile, comes up once, each child with one new instance."""
    journal: list[str] = []
    first = member("first", journal)
    top = supervisor("top", [first], strategy="one_for_all", backoff=Backoff(first=2.0, jitter=0))
    async with open_system(top) as system:
        system.ref(first).tell_nowait(Crash())
        await trio.sleep(1)
        late: ActorRef[Increment | Crash | Leave] = await system.spawn(member("late", journal), under=system.ref(top))
        journal.clear()
        late.tell_nowait(Crash())
        await trio.sleep(5)
        assert journal == ["late restarts after late broke", "first starts", "late starts"]
        assert await late.ask(Increment()) == 1


async def test_a_member_stopped_by_hand_while_its_group_restarts_does_not_hold_up_the_others(autojump_clock: MockClock) -> None:
    """The group goes on without it."""
    journal: list[str] = []
    specs = [member("a", journal, slow=2.0), member("b", journal), member("c", journal)]
    async with open_system(supervisor("top", specs, strategy="one_for_all")) as system:
        ref = system.ref(specs[2])
        ref.tell_nowait(Crash())
        await trio.sleep(3)
        journal.clear()
        with trio.fail_after(2):
            await system.stop(system.ref(specs[0]))
            assert await ref.ask(Increment()) == 1
        assert journal == ["a has started", "a stops: shutdown", "b starts", "c starts"]
