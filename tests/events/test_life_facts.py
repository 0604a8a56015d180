"""The runtime's own life is on the stream: what happens to actors and to messages, as facts like any other."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    DeadLetter,
    Exit,
    Fifo,
    Request,
    SlowHandler,
    StartFailed,
    Unhandled,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.testing import ActorSystem, Probe, SystemKind


@frozen
class Ping(Request[str]):
    pass


@frozen
class Crash:
    error: BaseException


@frozen
class Work:
    seconds: float


@frozen
class Query(Request[str]):
    seconds: float


@frozen
class Strange:
    pass


@define(eq=False)
class Worker(Actor[Ping | Crash | Work | Query]):
    @handles(Ping)
    def ping(self, request: Ping) -> str:
        return "pong"

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise command.error

    @handles(Work)
    async def work(self, command: Work) -> None:
        await trio.sleep(command.seconds)

    @handles(Query)
    async def query(self, request: Query) -> str:
        await trio.sleep(request.seconds)
        return "found"


@define(eq=False)
class Busy(Actor[Work | Query]):
    """Takes the thread itself: nothing else runs meanwhile."""

    @handles(Work)
    def work(self, command: Work) -> None:
        time.sleep(command.seconds)

    @handles(Query)
    def query(self, request: Query) -> str:
        time.sleep(request.seconds)
        return "found"


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


async def test_an_actor_that_starts_is_published_once_children_after_they_are_up(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """A parent has started when its static children have; a restart is not a start; one that did not start is not published."""
    actor_system.expect_failure(ValueError)
    probe.subscribe(ActorStarted)
    worker = actor(Worker, name="worker")
    await actor_system.spawn(supervisor("team", [worker]))
    await actor_system.ref(worker).tell(Crash(ValueError("x")))

    def broken() -> Worker:
        raise ValueError("no")

    with pytest.raises(StartFailed):
        await actor_system.spawn(actor(broken, name="broken"))
    await quiet()
    assert probe.messages == [ActorStarted("/user/team/worker"), ActorStarted("/user/team")]


async def test_an_end_is_published_with_its_exit_when_the_name_is_free(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Children before parents; the exit is the one that `Terminated` has, and a lookup no longer finds the dead."""
    found: list[Any] = []

    def look(fact: ActorStopped) -> bool:
        found.append(actor_system.registry.lookup("team"))
        return True

    probe.subscribe(ActorStopped, where=look)
    worker = actor(Worker, name="worker")
    team = await actor_system.spawn(supervisor("team", [worker]))
    actor_system.registry.register("team", team)
    await actor_system.stop(team)
    await quiet()
    assert probe.messages == [ActorStopped("/user/team/worker", Exit("shutdown")), ActorStopped("/user/team", Exit("shutdown"))]
    assert found == [team, None]


async def test_a_failure_is_published_with_its_cause_and_what_was_decided(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Each directive; then what follows from it: a restart with its number, or the end with the failure as its exit."""
    actor_system.expect_failure(ValueError, KeyError, OSError)
    for kind in (ActorFailed, ActorRestarted, ActorStopped):
        probe.subscribe(kind)
    worker = actor(Worker, name="worker")
    await actor_system.spawn(supervisor("team", [worker], directives={KeyError: "resume", OSError: "stop"}))
    ref = actor_system.ref(worker)
    path = ref.path
    errors = [ValueError("one"), KeyError("two"), ValueError("three"), OSError("four")]
    for error in errors:
        await ref.tell(Crash(error))
        await quiet()
    assert probe.messages == [
        ActorFailed(path, errors[0], "restart"),
        ActorRestarted(path, 1),
        ActorFailed(path, errors[1], "resume"),
        ActorFailed(path, errors[2], "restart"),
        ActorRestarted(path, 2),
        ActorFailed(path, errors[3], "stop"),
        ActorStopped(path, Exit("failed", errors[3])),
    ]


async def test_dead_letters_are_facts_with_message_recipient_and_reason(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Of each kind: to a dead actor, beyond a mailbox that drops, not handled, and left in a stash."""
    probe.subscribe(DeadLetter)

    @define(eq=False)
    class Hoarder(Actor[Ping | Work]):
        @handles(Ping)
        def ping(self, request: Ping) -> str:
            self.context.stash()
            return ""

        @handles(Work)
        async def work(self, command: Work) -> None:
            await trio.sleep(command.seconds)

    worker = await actor_system.spawn(actor(Hoarder, name="hoarder", mailbox=Fifo(1, on_full="drop_oldest")))
    worker.tell_nowait(strange := Strange())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await quiet()
    await worker.tell(Ping())
    await quiet()
    await worker.tell(Work(1))
    await quiet()
    worker.tell_nowait(first := Work(2))
    worker.tell_nowait(second := Work(3))
    await actor_system.stop(worker)
    worker.tell_nowait(late := Ping())
    await quiet()
    letters = [(letter.message, letter.reason) for letter in probe.messages]
    assert letters == [(strange, "unhandled"), (first, "overflow"), (second, "stopped"), (Ping(), "stash"), (late, "stopped")]
    assert {letter.recipient for letter in probe.messages} == {worker}


async def test_asking_for_what_is_not_handled_is_a_dead_letter_too(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """The asker gets `Unhandled`, the actor goes on."""
    probe.subscribe(DeadLetter)
    worker: Any = await actor_system.spawn(actor(Worker, name="worker"))
    with pytest.raises(Unhandled):
        await worker.ask(Strange())
    assert (await probe.expect(DeadLetter)).reason == "unhandled"
    assert await worker.ask(Ping()) == "pong"


async def test_a_handler_that_takes_longer_than_slow_handler_is_published_with_its_message(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """On both sides of the limit, told and asked; the time is the runtime's."""
    probe.subscribe(SlowHandler)
    worker = await actor_system.spawn(actor(Worker, name="worker"))
    await worker.tell(Work(0.9))
    await worker.tell(Work(1.5))
    await worker.ask(Query(2.0))
    slow = [await probe.expect(SlowHandler) for _ in range(2)]
    assert [(fact.path, fact.message_type, round(fact.seconds, 3)) for fact in slow] == [
        ("/user/worker", "Work", 1.5),
        ("/user/worker", "Query", 2.0),
    ]
    await probe.expect_none()


class TestWithALowLimit:
    """A plain handler holds everything up: it is measured by the slice that it overruns."""

    @pytest.fixture
    def system_kind(self) -> SystemKind:
        return partial(open_system, slow_handler=0.001)

    async def test_a_plain_handler_that_holds_everything_up_is_published_too(
        self, autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
    ) -> None:
        """Told, and asked with a message before it."""
        probe.subscribe(SlowHandler, where=lambda fact: fact.path == "/user/busy")
        busy = await actor_system.spawn(actor(Busy, name="busy"))
        await busy.tell(Work(0.002))
        assert (await probe.expect(SlowHandler)).message_type == "Work"
        await busy.tell(Work(0.0))
        await busy.ask(Query(0.002))
        assert (await probe.expect(SlowHandler)).message_type == "Query"

    async def test_a_hook_is_named(self, autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
        """It has no message."""
        probe.subscribe(SlowHandler, where=lambda fact: fact.path == "/user/sluggish")

        @define(eq=False)
        class Sluggish(Actor[Ping]):
            def on_start(self) -> None:
                time.sleep(0.002)

            @handles(Ping)
            def ping(self, request: Ping) -> str:
                return "pong"

        await actor_system.spawn(actor(Sluggish, name="sluggish"))
        assert (await probe.expect(SlowHandler)).message_type == "on_start"


async def test_the_last_facts_of_a_system_are_heard(autojump_clock: MockClock) -> None:
    """The stream ends after all others: everybody's end is on it, in the order of the tree, children before parents."""
    worker = actor(Worker, name="worker")
    async with open_system(supervisor("top", [worker])) as system:
        facts = system.subscribe(ActorStopped)
        await facts.__aenter__()
    assert [fact.path async for fact in facts] == ["/user/top/worker", "/user/top", "/user"]
