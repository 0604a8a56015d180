"""Accounts: every accepted message ends in exactly one place, so that they add up at any quiet moment, whatever goes wrong."""

import contextlib
import math
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Literal, TypeAlias

import pytest
import trio
from attrs import define, field, frozen
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    AskError,
    AskFailed,
    AskTimeout,
    Counts,
    Deadlock,
    Fifo,
    Priority,
    Reply,
    Request,
    Statistics,
    Supervision,
    System,
    Timer,
    TrouperError,
    actor,
    handles,
    open_system,
    supervisor,
)

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]


class Broken(Exception):
    """What the actors of these tests fail with."""


def add_up(counts: Counts) -> int:
    """Where accepted messages are."""
    return counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting


def check(statistics: Statistics) -> None:
    """The accounts of the system and of each living actor add up, and nothing is below zero."""
    for path, counts in [("the system", statistics), *statistics.actors.items()]:
        assert counts.accepted == add_up(counts), (path, counts)
        assert min(counts.accepted, counts.handled, counts.failed, counts.withdrawn, counts.dead_letters, counts.waiting) >= 0, (
            path,
            counts,
        )


async def test_each_end_has_its_account(autojump_clock: MockClock) -> None:
    """handled, failed, withdrawn, dead letter and waiting: one message each, counted when it happens."""
    peers: list[ActorRef[Act | str]] = []
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Anything, peers, mailbox=Fifo(2, on_full="drop_newest")))
            peers.append(ref)
            assert system.statistics().actors[ref.path] == Counts(0, 0, 0, 0, 0, 0)
            await ref.ask(Act("nothing"))
            assert system.statistics().actors[ref.path] == Counts(1, 1, 0, 0, 0, 0)
            with pytest.raises(AskFailed):
                await ref.ask(Act("fail"))
            assert system.statistics().actors[ref.path] == Counts(2, 1, 1, 0, 0, 0)
            await ref.tell(Act("sleep", 3))
            await wait_all_tasks_blocked()
            assert system.statistics().actors[ref.path] == Counts(3, 1, 1, 0, 0, 1)
            with pytest.raises(AskTimeout):
                await ref.ask(Act("nothing"), timeout=1.0)
            assert system.statistics().actors[ref.path] == Counts(4, 1, 1, 1, 0, 1)
            for text in "abc":
                ref.tell_nowait(text)
            assert system.statistics().actors[ref.path] == Counts(7, 1, 1, 1, 1, 3)
            await trio.sleep(3)
            assert system.statistics().actors[ref.path] == Counts(7, 4, 1, 1, 1, 0)
            before = system.statistics()
            await system.stop(ref)
            await ref.tell("late")
            after = system.statistics()
            assert ref.path not in after.actors
            assert (after.accepted - before.accepted, after.dead_letters - before.dead_letters) == (1, 1)
            check(after)


async def test_a_message_that_waits_at_the_door_is_not_accepted_yet(autojump_clock: MockClock) -> None:
    """It is counted when it is let in, or when the actor dies before; one that is given up there was never accepted."""
    with trio.fail_after(20):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Anything, list[ActorRef[Act | str]](), mailbox=1))
            await ref.tell(Act("sleep", 3))
            await wait_all_tasks_blocked()
            await ref.tell("queued")
            nursery.start_soon(ref.tell, "at the door")
            await wait_all_tasks_blocked()
            with trio.move_on_after(1):
                await ref.ask(Act("nothing"))
            with trio.move_on_after(1):
                await ref.tell("given up")
            assert system.statistics().actors[ref.path] == Counts(2, 0, 0, 0, 0, 2)
            await system.stop(ref)
            statistics = system.statistics()
            assert (statistics.accepted, statistics.handled, statistics.dead_letters, statistics.withdrawn) == (3, 1, 2, 0)


async def test_facts_timers_and_deaths_are_counted_when_they_are_queued(autojump_clock: MockClock) -> None:
    """And are withdrawn, never dead letters, when they are dropped by policy or left at the end."""
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Anything, list[ActorRef[Act | str]]()))
            await ref.tell(Act("after", 2))
            await ref.tell(Act("sleep", 3))
            await trio.sleep(2.5)  # the timer's message is queued
            for number in range(5):
                system.publish(Happened(number))
            assert system.statistics().actors[ref.path] == Counts(2 + 1 + 5, 1, 0, 2, 0, 1 + 1 + 3)
            await system.stop(ref)
            statistics = system.statistics()
            assert (statistics.withdrawn, statistics.dead_letters) == (6, 0)
            check(statistics)


async def test_a_handler_that_is_cut_off_counts_as_failed(autojump_clock: MockClock) -> None:
    """By the stop timeout: its message ended nowhere else."""
    with trio.fail_after(20):
        async with open_system() as system:
            ref = await system.spawn(actor(Anything, list[ActorRef[Act | str]](), stop_timeout=0.5))
            await ref.tell(Act("trio sleep", 3))
            await wait_all_tasks_blocked()
            await system.stop(ref)
            statistics = system.statistics()
            assert (statistics.accepted, statistics.failed, statistics.handled) == (1, 1, 0)


@frozen
class Act(Request[str]):
    """Has the actor do something. *number* is its urgency in a priority mailbox."""

    what: str
    number: int = 0


@frozen
class Happened:
    number: int


@define(eq=False)
class Anything(Actor[Act | Happened | str]):
    """Handles, waits, fails, defers, stashes, becomes, sets timers, asks others: whatever the message says."""

    # All actors of the test, to ask and tell them.
    peers: list[ActorRef[Act | str]]
    replies: list[Reply[str]] = field(factory=list[Reply[str]])
    timers: list[Timer] = field(factory=list[Timer])

    def on_start(self) -> None:
        self.context.subscribe(Happened, capacity=3)

    @handles(str)
    def note(self, text: str) -> None:
        if text == "fail":
            raise Broken

    @handles(Happened)
    async def happened(self, fact: Happened) -> None:
        if fact.number % 3 == 0:
            await self.context.sleep(0.5)
        elif fact.number % 5 == 0:
            self.context.stash()

    @handles(Act)
    async def act(self, command: Act) -> Any:
        peer = self.peers[command.number % len(self.peers)] if self.peers else self.context.ref
        match command.what:
            case "sleep":
                await self.context.sleep(command.number % 4)
            case "trio sleep":
                await trio.sleep(command.number % 4)
            case "nursery":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.try_to, peer.ask, Act("sleep", command.number))
                    nursery.start_soon(self.try_to, peer.tell, "told")
            case "fail":
                raise Broken
            case "fail later":
                await self.context.sleep(command.number % 3)
                raise Broken
            case "defer":
                self.replies.append(self.context.defer(command))
                return self.replies[-1]
            case "reply":
                if self.replies:
                    self.replies.pop().send("deferred")
            case "stash":
                if command.number % 7:
                    self.context.stash()
                    if command.number % 3 == 0:
                        await self.context.sleep(1)
                    if command.number % 5 == 0:
                        raise Broken
            case "unstash":
                self.context.unstash_all()
            case "become":
                self.context.become(self.act if command.number % 2 else self.receive)
            case "unbecome":
                self.context.unbecome()
            case "after":
                self.timers.append(self.context.after(command.number % 5, "timer", key=command.number % 2))
            case "every":
                self.timers.append(self.context.every(1 + command.number % 2, "timer", key=2))
            case "cancel":
                if self.timers:
                    self.timers.pop().cancel()
            case "background":
                self.context.start_soon(self.background, command.number)
            case "publish":
                for number in range(command.number):
                    self.context.publish(Happened(number))
            case "tell":
                await peer.tell("told")
            case "ask":
                await self.try_to(peer.ask, Act("sleep", command.number))
            case "stop self":
                self.context.stop_self()
            case _:
                pass
        return command.what

    async def background(self, number: int) -> None:
        await trio.sleep(number % 3)
        if number % 4 == 0:
            raise Broken

    async def try_to(self, send: Callable[[Any], Awaitable[Any]], message: Any) -> None:
        with contextlib.suppress(AskError, Deadlock):
            await send(message)


ACTS = (
    "nothing",
    "sleep",
    "trio sleep",
    "nursery",
    "fail",
    "fail later",
    "defer",
    "reply",
    "stash",
    "unstash",
    "become",
    "unbecome",
    "after",
    "every",
    "cancel",
    "background",
    "publish",
    "tell",
    "ask",
    "stop self",
)
SENDS = ("tell", "tell_nowait", "ask", "ask and give up", "ask and cancel", "unknown", "publish", "string")
HANDS = ("wait", "stop", "stop with drain", "restart", "start", "spawn")


def urgency(message: Act | str) -> int:
    """The key of the priority mailbox."""
    return message.number if isinstance(message, Act) else 5


@settings(max_examples=50, deadline=None, derandomize=True, phases=[Phase.generate])  # a smaller seed is no simpler one
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 120))
def test_the_accounts_add_up_under_random_faults(seed: int, steps: int) -> None:
    """
    Whatever is sent, given up, stashed, deferred, evicted, failed, stopped and restarted in whichever order: at each quiet moment
    accepted == handled + failed + withdrawn + dead_letters + waiting, per actor and for the system, and at the end nothing waits.
    """
    trio.run(play, seed, steps, clock=MockClock(autojump_threshold=0))


async def play(seed: int, steps: int) -> None:
    """Does random things to random actors, and checks the accounts at each quiet moment."""
    random = Random(seed)
    peers: list[ActorRef[Act | str]] = []
    specs = [
        actor(Anything, peers, name="fifo", mailbox=random.choice((1, 3, 1000)), stash=3, stop_timeout=1.0),
        actor(Anything, peers, name="oldest", mailbox=Fifo(2, on_full="drop_oldest"), stash=2, stop_timeout=0.0, restart="transient"),
        actor(Anything, peers, name="newest", mailbox=Fifo(2, on_full="drop_newest"), stop_timeout=1.0, supervision=Supervision()),
        actor(Anything, peers, name="priority", mailbox=Priority(3, key=urgency, on_full="drop_oldest"), stash=1, stop_timeout=1.0),
    ]
    strategies: tuple[Strategy, ...] = ("one_for_one", "one_for_all", "rest_for_one")
    top = supervisor("top", specs, strategy=random.choice(strategies), max_restarts=1_000_000)
    async with open_system(top, ask_timeout=3.0) as system, trio.open_nursery() as nursery:
        peers.extend(system.ref(spec) for spec in specs)
        for _ in range(steps):
            index = random.randrange(len(specs))
            nursery.start_soon(_do, system, specs[index], peers[index], random.choice(SENDS * 3 + HANDS), random)
            if random.random() < 0.3:
                await wait_all_tasks_blocked()
                check(system.statistics())
                peers[:] = [system.ref(spec) for spec in specs]
            if random.random() < 0.1:
                await trio.sleep(random.choice((0.1, 0.5, 1.0, 5.0)))
        await wait_all_tasks_blocked()
        check(system.statistics())
        await trio.sleep(10)
        check(system.statistics())
        nursery.cancel_scope.cancel()
    statistics = system.statistics()
    check(statistics)
    assert statistics.waiting == 0
    assert statistics.actors == {}


async def _do(system: System, spec: Any, ref: ActorRef[Act | str], what: str, random: Random) -> None:
    act = Act(random.choice(ACTS), random.randrange(12))
    unknown: Any = b"unknown"
    try:
        match what:
            case "tell":
                with trio.move_on_after(random.choice((0.0, 1.0, math.inf))):
                    await ref.tell(act)
            case "tell_nowait":
                ref.tell_nowait(act)
            case "ask":
                await ref.ask(act)
            case "ask and give up":
                await ref.ask(act, timeout=random.choice((0.0, 0.5, 2.0)))
            case "ask and cancel":
                with trio.move_on_after(random.choice((0.0, 0.5, 2.0))):
                    await ref.ask(act, timeout=math.inf)
            case "unknown":
                ref.tell_nowait(unknown)
            case "string":
                await ref.tell(random.choice(("note", "fail")))
            case "publish":
                for number in range(random.randrange(8)):
                    system.publish(Happened(number))
            case "stop":
                await system.stop(ref)
            case "stop with drain":
                await system.stop(ref, drain=True)
            case "restart":
                await system.restart(ref)
            case "start":
                await system.start(spec)
            case "spawn":
                await system.spawn(actor(Anything, [ref], restart="temporary"), under=ref)
            case _:
                await trio.sleep(random.random())
    except (TrouperError, LookupError, ValueError):
        pass
