"""Deadlock: the call that would close a circle of waiting actors raises at once, and no other call does."""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    AskFailed,
    AskStopped,
    AskTimeout,
    Context,
    Deadlock,
    Exit,
    Reply,
    Request,
    StartFailed,
    System,
    actor,
    handles,
    open_system,
    supervisor,
)

Task = Callable[["Player"], Awaitable[Any]]


@frozen
class Do(Request[str]):
    """Has the actor do this in its handler. The reply is what it returns."""

    task: Task


@frozen
class Ping(Request[str]):
    """Answered by a plain handler."""


@frozen
class Keep(Request[str]):
    """Is deferred, or stashed."""

    how: str = "defer"


@define(eq=False)
class Player(Actor[Do | Ping | Keep]):
    """Does what it is told. Writes down the circles of the Deadlocks that it met, by the names of the actors."""

    circles: list[tuple[str, ...]]
    first: Task | None = None
    last: Task | None = None
    kept: list[Reply[str]] = field(factory=list[Reply[str]], init=False)

    async def on_start(self) -> None:
        if self.first is not None:
            await self.run(self.first)

    async def on_stop(self, reason: Exit) -> None:
        if self.last is not None:
            await self.run(self.last)

    @handles(Do)
    async def do(self, command: Do) -> str:
        return await self.run(command.task)

    @handles(Ping)
    def ping(self, query: Ping) -> str:
        return "pong"

    @handles(Keep)
    def keep(self, query: Keep) -> Any:
        if query.how == "stash":
            self.context.stash()
            return None
        self.kept.append(self.context.defer(query))
        return self.kept[-1]

    async def run(self, task: Task) -> str:
        try:
            return str(await task(self))
        except Exception as error:
            self.circles.extend(circles_in(error))
            raise


Refs = ActorRef[Do | Ping | Keep]


def circles_in(error: Any) -> list[tuple[str, ...]]:
    """The names of the actors in each Deadlock of an exception."""
    if hasattr(error, "exceptions"):
        return [circle for part in error.exceptions for circle in circles_in(part)]
    return [tuple(path.rsplit("/", 1)[1] for path in error.circle)] if isinstance(error, Deadlock) else []


async def players(system: System, names: str, circles: list[tuple[str, ...]], mailbox: int = 1000) -> list[Refs]:
    """One actor a letter, under a parent that forgives many failures."""
    specs = [actor(Player, circles, name=name, mailbox=mailbox) for name in names]
    await system.spawn(supervisor("top", specs, max_restarts=100))
    return [system.ref(spec) for spec in specs]


# Ways to ask


async def plainly(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    return await ref.ask(message)


async def after_a_wait(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    await trio.sleep(0.1)
    return await ref.ask(message)


async def with_a_timeout(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    return await ref.ask(message, timeout=1.0)


async def for_ever(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    return await ref.ask(message, timeout=math.inf)


async def under_a_scope(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    with trio.move_on_after(10):
        return await ref.ask(message)
    return "out of time"


async def from_a_nursery(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    replies: list[str] = []

    async def ask() -> None:
        replies.append(await ref.ask(message))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 0.1)
        nursery.start_soon(ask)
    return replies[0]


async def from_a_thread(player: Player, ref: Refs, message: Do | Ping | Keep) -> str:
    def ask() -> str:
        return trio.from_thread.run(ref.ask, message)

    return await player.context.run_sync(ask)


WAYS = [plainly, after_a_wait, with_a_timeout, for_ever, under_a_scope, from_a_nursery]
Way = Callable[[Player, Refs, Do | Ping | Keep], Awaitable[str]]


def passes_on(route: Sequence[Refs], way: Way = plainly) -> Do:
    """Is asked of an actor, which asks the first of *route* to ask the next, and so on."""

    async def task(player: Player) -> str:
        return await way(player, route[0], passes_on(route[1:], way)) if route else "the end"

    return Do(task)


def does(task: Task) -> Do:
    """A task to be done in a handler."""
    return Do(task)


# Circles of asks


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [1, 2, 3, 10])
async def test_a_circle_of_asks_is_refused_at_the_call_that_would_close_it(autojump_clock: MockClock, length: int, way: Way) -> None:
    """However they ask, and be it one that asks itself: the last gets Deadlock with the path of each, in the order of asking."""
    circles: list[tuple[str, ...]] = []
    names = "abcdefghij"[:length]
    with trio.fail_after(3):
        async with open_system() as system:
            refs = await players(system, names, circles)
            with pytest.raises(AskFailed):
                await refs[0].ask(passes_on([*refs[1:], refs[0]], way))
            assert circles == [(names[-1], *names)]
            assert [await ref.ask(passes_on([])) for ref in refs] == ["the end"] * length


async def test_a_circle_through_a_thread_is_refused() -> None:
    """What a handler's thread asks through `trio.from_thread` is asked by the handler."""
    circles: list[tuple[str, ...]] = []
    async with open_system() as system:
        one, two = await players(system, "ab", circles)
        with pytest.raises(AskFailed):
            await one.ask(passes_on([two, one], from_a_thread), timeout=math.inf)
        assert circles == [("b", "a", "b")]


async def test_a_deadlock_that_is_caught_is_survived(autojump_clock: MockClock) -> None:
    """The error is raised at the call: a handler that catches it goes on, and nothing was sent."""

    async def ask_itself(player: Player) -> str:
        with pytest.raises(Deadlock) as caught:
            await player.context.ref.ask(Ping())
        assert caught.value.circle == (player.context.path, player.context.path)
        assert "wait for each other for ever: /user/top/a -> /user/top/a" in str(caught.value)
        return "survived"

    with trio.fail_after(1):
        async with open_system() as system:
            (one,) = await players(system, "a", [])
            assert await one.ask(does(ask_itself)) == "survived"
            counts = system.statistics().actors[one.path]
            assert (counts.accepted, counts.handled, counts.failed) == (1, 1, 0)


async def test_two_that_ask_each_other_at_once_get_one_deadlock(autojump_clock: MockClock) -> None:
    """One of the two calls closes the circle, whichever comes second; the other one gets its failure, not a timeout."""
    circles: list[tuple[str, ...]] = []
    failures: list[AskFailed] = []

    async def ask(ref: Refs, other: Refs) -> None:
        try:
            await ref.ask(passes_on([other], after_a_wait))
        except AskFailed as error:
            failures.append(error)

    with trio.fail_after(1):
        async with open_system() as system:
            one, two = await players(system, "ab", circles)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, one, two)
                nursery.start_soon(ask, two, one)
    assert circles in ([("a", "b", "a")], [("b", "a", "b")])
    assert 1 <= len(failures) <= 2


async def test_a_circle_that_closes_while_an_asker_lets_others_run_is_refused(autojump_clock: MockClock) -> None:
    """A busy handler yields before it asks, and meanwhile the other one may ask it: whenever that is, one of them gets Deadlock."""
    with trio.fail_after(100):
        for calls in range(70):
            circles: list[tuple[str, ...]] = []
            async with open_system(slice=0.0) as system:
                one, two, idle = await players(system, "abc", circles)
                one.tell_nowait(does(partial(ask_often, calls, idle, two)))
                two.tell_nowait(passes_on([one]))
                await wait_all_tasks_blocked()
            assert len(circles) == 1, calls


async def ask_often(calls: int, idle: Refs, last: Refs, player: Player) -> str:
    """Asks one so many times, then another one."""
    for _ in range(calls):
        await idle.ask(Ping())
    return await last.ask(passes_on([]))


async def test_of_several_edges_each_counts(autojump_clock: MockClock) -> None:
    """A handler that asks two others at once waits for both: either one that asks back gets Deadlock."""
    circles: list[tuple[str, ...]] = []
    with trio.fail_after(2):
        async with open_system() as system:
            one, two, three = await players(system, "abc", circles)
            replies: dict[str, str] = {}

            async def ask_both(player: Player) -> str:
                async def ask(ref: Refs, message: Do) -> None:
                    try:
                        replies[ref.path[-1]] = await ref.ask(message)
                    except AskFailed as error:
                        replies[ref.path[-1]] = type(error.__cause__).__name__

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(ask, two, passes_on([three], after_a_wait))
                    nursery.start_soon(ask, three, passes_on([one], after_a_wait))
                return "both"

            assert await one.ask(does(ask_both)) == "both"
    assert replies["c"] == "Deadlock"
    assert replies["b"] in ("the end", "AskFailed")  # its ask may have been in the mailbox of c, or in hand
    assert circles == [("c", "a", "c")]


async def test_the_reply_ends_the_edge(autojump_clock: MockClock) -> None:
    """When the one has its reply, the other may ask it; so may it after the ask was given up."""

    async def ask_in_vain(player: Player) -> str:
        with pytest.raises(AskTimeout):
            await two.ask(does(sleep), timeout=1.0)
        await player.context.sleep(5)
        return "gave up"

    async def sleep(player: Player) -> str:
        await player.context.sleep(3)
        replies.append(await one.ask(Ping()))
        return "slept"

    replies: list[str] = []
    circles: list[tuple[str, ...]] = []
    with trio.fail_after(20):
        async with open_system() as system:
            one, two = await players(system, "ab", circles)
            assert await one.ask(passes_on([two])) == "the end"
            assert await two.ask(passes_on([one])) == "the end"
            assert await one.ask(does(ask_in_vain), timeout=10.0) == "gave up"
            await trio.sleep(1)
    assert replies == ["pong"]
    assert circles == []


# Circles through a tell that waits for room


async def test_a_tell_that_would_wait_in_a_circle_is_refused_and_enqueues_nothing(autojump_clock: MockClock) -> None:
    """With room it is a tell like any other; without, the one that is told can make none while it waits for the teller."""
    circles: list[tuple[str, ...]] = []

    async def tell_back(player: Player) -> str:
        await one.tell(Ping())
        with pytest.raises(Deadlock):
            await one.tell(Ping())
        return "told"

    async def tell_itself(player: Player) -> str:
        await one.tell(Ping())
        await one.tell(Ping())
        return "never"

    with trio.fail_after(2):
        async with open_system() as system:
            one, two = await players(system, "ab", circles, mailbox=1)

            async def ask_to_tell_back(player: Player) -> str:
                return await two.ask(does(tell_back))

            assert await one.ask(does(ask_to_tell_back)) == "told"
            await wait_all_tasks_blocked()
            counts = system.statistics().actors[one.path]
            assert (counts.accepted, counts.handled, counts.waiting) == (2, 2, 0)
            with pytest.raises(AskFailed):
                await one.ask(does(tell_itself))
            await wait_all_tasks_blocked()
            counts = system.statistics().actors[one.path]
            assert (counts.accepted, counts.handled, counts.failed) == (4, 3, 1)
    assert circles == [("a", "a")]


@pytest.mark.parametrize("verb", ["tell", "ask"])
async def test_asking_one_that_waits_for_room_here_is_refused(autojump_clock: MockClock, verb: str) -> None:
    """An actor that waits for room in the other's mailbox, with a tell or an ask, does not answer before it has got in."""
    circles: list[tuple[str, ...]] = []

    async def get_in(player: Player) -> str:
        if verb == "tell":
            await one.tell(Ping())
        else:
            await one.ask(Ping())
        return "in"

    async def sleep_and_ask(player: Player) -> str:
        await player.context.sleep(0.5)
        return await two.ask(Ping())

    with trio.fail_after(2):
        async with open_system() as system:
            one, two = await players(system, "ab", circles, mailbox=1)
            await one.tell(does(sleep_and_ask))
            await wait_all_tasks_blocked()
            await one.tell(Ping())
            await two.tell(does(get_in))
            await trio.sleep(1)
            counts = system.statistics().actors
            assert (counts[one.path].failed, counts[two.path].failed) == (1, 0)
            assert counts[one.path].handled == 2
    assert circles == [("a", "b", "a")]


# Circles through starting and stopping


async def test_a_child_that_asks_the_parent_that_awaits_its_start_is_refused(autojump_clock: MockClock) -> None:
    """`spawn` is an edge: the child's on_start gets Deadlock, so its start fails at once, and the parent hears why."""
    circles: list[tuple[str, ...]] = []

    def asks(ref: Refs) -> Task:
        async def task(player: Player) -> str:
            return await ref.ask(Ping())

        return task

    async def spawn(player: Player) -> str:
        for child in (
            actor(Player, circles, asks(one), name="child"),
            supervisor("family", [actor(Player, circles, asks(one), name="grandchild")]),
        ):
            with pytest.raises(StartFailed) as caught:
                await player.context.spawn(child)
            cause: BaseException | None = caught.value.__cause__
            while isinstance(cause, StartFailed):
                cause = cause.__cause__
            assert isinstance(cause, Deadlock)
        return "heard"

    with trio.fail_after(1):
        async with open_system() as system:
            (one,) = await players(system, "a", circles)
            assert await one.ask(does(spawn)) == "heard"
    assert circles == [("child", "a", "child"), ("grandchild", "a", "family", "grandchild")]


async def test_a_child_that_asks_its_own_starting_supervisor_is_refused(autojump_clock: MockClock) -> None:
    """A supervisor takes no message before its children have started."""
    circles: list[tuple[str, ...]] = []

    async def ask_parent(player: Player) -> str:
        assert player.context.parent is not None
        return await player.context.parent.ask(Ping())

    with trio.fail_after(1):
        async with open_system() as system:
            with pytest.raises(StartFailed):
                await system.spawn(supervisor("family", [actor(Player, circles, ask_parent, name="child")]))
    assert circles == [("child", "family", "child")]


async def test_one_that_asks_the_actor_that_awaits_its_stop_is_refused(autojump_clock: MockClock) -> None:
    """`stop` is an edge: from the handler that was running, and from on_stop, of the stopped and of its children."""
    circles: list[tuple[str, ...]] = []

    async def sleep_and_ask(player: Player) -> str:
        await player.context.sleep(0.5)
        return await one.ask(Ping())

    async def ask(player: Player) -> str:
        return await one.ask(Ping())

    async def stop_them(player: Player) -> str:
        await player.context.stop(two)
        child = actor(Player, circles, None, ask, name="child")
        family = await player.context.spawn(supervisor("family", [child]))
        await player.context.stop(family)
        return "stopped"

    with trio.fail_after(4):
        async with open_system() as system:
            (one,) = await players(system, "a", circles)
            two = await system.spawn(actor(Player, circles, None, ask, name="b"))
            await two.tell(does(sleep_and_ask))
            await wait_all_tasks_blocked()
            assert await one.ask(does(stop_them)) == "stopped"
    assert circles == [("b", "a", "b"), ("b", "a", "b"), ("child", "a", "family", "child")]


async def test_asking_a_parent_that_stops_is_no_deadlock(autojump_clock: MockClock) -> None:
    """It waits for its children, so they wait in vain for it; but it takes no message any more, and says so at once."""
    errors: list[Exception] = []

    async def ask_parent(player: Player) -> None:
        assert player.context.parent is not None
        try:
            await player.context.parent.ask(Ping())
        except (AskStopped, Deadlock) as error:
            errors.append(error)

    async def spawn(player: Player) -> str:
        await player.context.spawn(actor(Player, list[tuple[str, ...]](), None, ask_parent))
        return "spawned"

    with trio.fail_after(1):
        async with open_system() as system:
            (one,) = await players(system, "a", [])
            await one.ask(does(spawn))
            await system.restart(one)
            await one.ask(does(spawn))
            await system.stop(one)
    assert [type(error) for error in errors] == [Deadlock, AskStopped]


@pytest.mark.parametrize("verb", ["stop", "restart"])
async def test_stopping_or_restarting_one_that_waits_for_this_actor_is_refused(autojump_clock: MockClock, verb: str) -> None:
    """Its handler could not end before the one that awaits the stop; nothing is asked of it then."""
    circles: list[tuple[str, ...]] = []

    async def sleep_and_stop(player: Player) -> str:
        await player.context.sleep(0.5)
        with pytest.raises(Deadlock) as caught:
            await (system.stop(two) if verb == "stop" else system.restart(two))
        circles.extend(circles_in(caught.value))
        return "refused"

    with trio.fail_after(2):
        async with open_system() as system:
            one, two = await players(system, "ab", circles)
            await one.tell(does(sleep_and_stop))
            await wait_all_tasks_blocked()
            assert await two.ask(passes_on([one])) == "the end"
            assert await two.ask(Ping()) == "pong"
            assert system.statistics().actors[two.path].handled == 2
    assert circles == [("a", "b", "a")]


async def test_one_that_asks_the_actor_that_awaits_its_restart_is_refused(autojump_clock: MockClock) -> None:
    """`restart` and `start` are edges as `spawn` is: on_start of the new instance gets Deadlock."""
    circles: list[tuple[str, ...]] = []
    runs = 0

    async def ask_the_second_time(player: Player) -> None:
        nonlocal runs
        runs += 1
        if runs in (2, 4):
            await one.ask(Ping())

    async def restart(player: Player) -> str:
        with pytest.raises(StartFailed):
            await system.restart(two)
        await player.context.sleep(0.1)
        await system.stop(two)
        with pytest.raises(StartFailed):
            await system.start(spec)
        return "refused"

    spec = actor(Player, circles, ask_the_second_time, name="b")
    with trio.fail_after(2):
        async with open_system(supervisor("root", [spec])) as system:
            two = system.ref(spec)
            (one,) = await players(system, "a", circles)
            assert await one.ask(does(restart)) == "refused"
    assert circles == [("b", "a", "b"), ("b", "a", "b")]


async def test_hooks_are_turns(autojump_clock: MockClock) -> None:
    """An actor that asks itself in on_start, or asks one that asks it back, gets Deadlock."""
    circles: list[tuple[str, ...]] = []

    async def ask_itself(player: Player) -> str:
        return await player.context.ref.ask(Ping())

    async def ask_the_other(player: Player) -> str:
        return await one.ask(passes_on([player.context.ref]))

    with trio.fail_after(1):
        async with open_system() as system:
            (one,) = await players(system, "a", circles)
            for task in (ask_itself, ask_the_other):
                with pytest.raises(StartFailed):
                    await system.spawn(actor(Player, circles, task, name="b"))
    assert circles[0] == ("b", "b")
    assert circles[1] == ("a", "b", "a")


# What is no edge


async def test_background_tasks_close_no_circle(autojump_clock: MockClock) -> None:
    """A `start_soon` task holds up no turn: it may ask its own actor, and an actor that is asking its own."""
    replies: list[str] = []

    async def start(player: Player) -> str:
        async def background() -> None:
            replies.append(await player.context.ref.ask(Ping()))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, player.context.ref)
                nursery.start_soon(ask, two)

        async def ask(ref: Refs) -> None:
            replies.append(await ref.ask(Ping()))

        player.context.start_soon(background)
        return await two.ask(does(sleep))

    async def sleep(player: Player) -> str:
        await player.context.sleep(1)
        return "slept"

    with trio.fail_after(3):
        async with open_system() as system:
            one, two = await players(system, "ab", [])
            assert await one.ask(does(start)) == "slept"
            await wait_all_tasks_blocked()
    assert replies == ["pong"] * 3


async def test_a_task_in_a_foreign_nursery_is_not_of_the_turn(autojump_clock: MockClock) -> None:
    """What a handler starts in somebody else's nursery outlives the handler, so its asks hold up nothing."""
    replies: list[str] = []

    async def ask(ref: Refs) -> None:
        replies.append(await ref.ask(Ping()))

    with trio.fail_after(1):
        async with open_system() as system, trio.open_nursery() as nursery:
            (one,) = await players(system, "a", [])

            async def start(player: Player) -> str:
                nursery.start_soon(ask, player.context.ref)
                await trio.sleep(0.5)
                return "started"

            assert await one.ask(does(start)) == "started"
    assert replies == ["pong"]


async def test_a_deferred_ask_is_no_edge(autojump_clock: MockClock) -> None:
    """Anybody may answer it, so the one that deferred it may ask its asker; that is answered when somebody has replied."""
    got: list[str] = []

    async def ask_back(player: Player) -> str:
        got.append(await one.ask(Ping()))
        return "asked back"

    async def reply_after_a_while(context: Context, reply: Reply[str]) -> None:
        await context.sleep(1)
        reply.send("deferred")

    async def hand_over(player: Player) -> str:
        player.context.start_soon(reply_after_a_while, player.context, player.kept[0])
        return "handed over"

    with trio.fail_after(3):
        async with open_system() as system, trio.open_nursery() as nursery:
            one, two = await players(system, "ab", [])

            async def ask(player: Player) -> str:
                return await two.ask(Keep("defer"))

            async def ask_outside() -> None:
                got.append(await one.ask(does(ask)))

            nursery.start_soon(ask_outside)
            await wait_all_tasks_blocked()
            assert await two.ask(does(hand_over)) == "handed over"
            await two.ask(does(ask_back))
    assert sorted(got) == ["deferred", "pong"]


async def test_a_stashed_ask_is_still_an_edge(autojump_clock: MockClock) -> None:
    """Only the one that stashed it can answer it: if it asks its asker meanwhile, that is a circle."""
    circles: list[tuple[str, ...]] = []
    with trio.fail_after(2):
        async with open_system() as system, trio.open_nursery() as nursery:
            one, two = await players(system, "ab", circles)

            async def ask(player: Player) -> str:
                with pytest.raises(AskTimeout):
                    await two.ask(Keep("stash"), timeout=1.0)
                return "given up"

            nursery.start_soon(one.ask, does(ask))
            await wait_all_tasks_blocked()
            with pytest.raises(AskFailed):
                await two.ask(passes_on([one]))
    assert circles == [("b", "a", "b")]
