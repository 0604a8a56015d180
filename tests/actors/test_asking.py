"""Asking: one reply, or one error that says why there is none, and nothing is left of an ask that was given up."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRef,
    AskFailed,
    AskStopped,
    AskTimeout,
    Backoff,
    DeadLetter,
    Fifo,
    MailboxFull,
    Request,
    Unhandled,
    actor,
    handles,
    open_system,
    supervisor,
)


class Broken(Exception):
    """What a handler of these tests fails with."""


@frozen
class Double(Request[int]):
    """Answered by a plain handler."""

    number: int


@frozen
class Triple(Request[int]):
    """Answered by an async handler, which takes so many seconds."""

    number: int
    seconds: float = 0.0


@frozen
class Fail(Request[int]):
    """Its plain handler raises."""


@frozen
class FailLater(Request[int]):
    """Its async handler raises after so many seconds."""

    seconds: float = 0.0


@frozen
class Unknown(Request[int]):
    """In nobody's union."""


Calculations = Double | Triple | Fail | FailLater


@define(eq=False)
class Calculator(Actor[Double | Triple | Fail | FailLater]):
    """Writes down the numbers that it handles."""

    seen: list[int]

    @handles(Double)
    def double(self, query: Double) -> int:
        self.seen.append(query.number)
        return query.number * 2

    @handles(Triple)
    async def triple(self, query: Triple) -> int:
        self.seen.append(query.number)
        if query.seconds:
            await trio.sleep(query.seconds)
        return query.number * 3

    @handles(Fail)
    def fail(self, query: Fail) -> int:
        raise Broken("at once")

    @handles(FailLater)
    async def fail_later(self, query: FailLater) -> int:
        if query.seconds:
            await self.context.sleep(query.seconds)
        raise Broken("later")


async def add_up(ask: Callable[[Any], Awaitable[int]]) -> int:
    """Asks one question of each kind."""
    return await ask(Double(1)) + await ask(Triple(10)) + await ask(Triple(100, 0.1))


@define(eq=False)
class Curious(Actor[str | Triple]):
    """Asks the calculator, from the place that it is told to ask from."""

    whom: ActorRef[Calculations]
    sums: list[int]

    async def note(self) -> None:
        self.sums.append(await add_up(self.whom.ask))

    @handles(str)
    async def ask_from(self, place: str) -> None:
        match place:
            case "handler":
                await self.note()
            case "handler after a wait":
                await trio.sleep(0.1)
                await self.note()
            case "cancel scope":
                with trio.fail_after(1):
                    await self.note()
            case "nursery":
                async with trio.open_nursery() as nursery:
                    for _ in range(3):
                        nursery.start_soon(self.note)
            case "background":
                self.context.start_soon(self.note)
            case _:
                raise AssertionError(place)

    @handles(Triple)
    async def delegate(self, query: Triple) -> int:
        return await self.whom.ask(query)


@pytest.mark.parametrize("place", ["handler", "handler after a wait", "cancel scope", "nursery", "background"])
async def test_an_actor_may_ask_from_anywhere(autojump_clock: MockClock, place: str) -> None:
    """From a handler, under a cancel scope, from tasks of its own nursery, from a background task: the replies come back."""
    sums: list[int] = []
    with trio.fail_after(5):
        async with open_system() as system:
            whom = await system.spawn(actor(Calculator, list[int]()))
            curious = await system.spawn(actor(Curious, whom, sums))
            await curious.tell(place)
            while not sums or (place == "nursery" and len(sums) < 3):
                await wait_all_tasks_blocked()
                await trio.sleep(0.1)
    assert sums == [332] * (3 if place == "nursery" else 1)


async def test_code_outside_of_actors_asks(autojump_clock: MockClock) -> None:
    """Many tasks at once each get their own reply, whatever the handlers do."""
    replies: dict[int, int] = {}

    async def ask(ref: ActorRef[Calculations], number: int) -> None:
        replies[number] = await ref.ask(Triple(number, 0.01 * (number % 3)) if number % 2 else Double(number))

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int](), mailbox=5))
            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(ask, ref, number)
    assert replies == {number: number * 3 if number % 2 else number * 2 for number in range(50)}


async def test_an_ask_may_go_through_many_actors(autojump_clock: MockClock) -> None:
    """A chain of a hundred actors, each asking the next: the reply comes back through all."""
    with trio.fail_after(5):
        async with open_system() as system:
            whom: ActorRef[Any] = await system.spawn(actor(Calculator, list[int]()))
            for _ in range(100):
                whom = await system.spawn(actor(Curious, whom, list[int]()))
            assert await whom.ask(Triple(5, 0.5)) == 15


# Failures


@pytest.mark.parametrize("query", [Fail(), FailLater(), FailLater(0.5)])
@pytest.mark.parametrize("is_queued", [False, True])
async def test_an_ask_whose_handler_raises_fails_with_the_exception_as_its_cause(
    autojump_clock: MockClock, query: Fail | FailLater, is_queued: bool
) -> None:
    """In place, from the queue or after a wait: the asker gets AskFailed, the actor fails like from a tell, and is restarted."""
    seen: list[int] = []
    with trio.fail_after(5):
        async with open_system() as system, system.subscribe(ActorFailed) as failures:
            ref = await system.spawn(actor(Calculator, seen))
            if is_queued:
                await ref.tell(Triple(1, 0.1))
            with pytest.raises(AskFailed) as caught:
                await ref.ask(query)
            assert isinstance(caught.value.__cause__, Broken)
            assert caught.value.path == ref.path
            assert caught.value.message_type == type(query).__name__
            assert "Broken" in str(caught.value)
            failure = await failures.__anext__()
            assert (failure.path, failure.directive) == (ref.path, "restart")
            assert failure.cause is caught.value.__cause__
            assert await ref.ask(Double(4)) == 8
            counts = system.statistics().actors[ref.path]
            assert (counts.failed, counts.handled) == (1, 1 + is_queued)


async def test_raising_fails_the_actor_told_or_asked_alike(autojump_clock: MockClock) -> None:
    """A failed ask costs the instance as a failed tell does: each time there is a new one."""

    @define(eq=False)
    class Fragile(Actor[Double | Fail]):
        number: int = 0

        @handles(Double)
        def double(self, query: Double) -> int:
            self.number += query.number
            return self.number

        @handles(Fail)
        def fail(self, query: Fail) -> int:
            raise Broken

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Fragile))
            for is_asked in (False, True):
                assert await ref.ask(Double(7)) == 7
                if is_asked:
                    with pytest.raises(AskFailed):
                        await ref.ask(Fail())
                else:
                    await ref.tell(Fail())
            assert await ref.ask(Double(7)) == 7


async def test_an_asker_that_does_not_catch_the_failure_fails_itself(autojump_clock: MockClock) -> None:
    """AskFailed in a handler is an exception like any other; its asker gets it as the cause of its own AskFailed."""

    @define(eq=False)
    class Trusting(Actor[Double]):
        whom: ActorRef[Fail]

        @handles(Double)
        async def double(self, query: Double) -> int:
            return await self.whom.ask(Fail())

    with trio.fail_after(5):
        async with open_system() as system:
            whom = await system.spawn(actor(Calculator, list[int]()))
            trusting = await system.spawn(actor(Trusting, whom))
            with pytest.raises(AskFailed) as caught:
                await trusting.ask(Double(1))
            assert isinstance(caught.value.__cause__, AskFailed)
            assert isinstance(caught.value.__cause__.__cause__, Broken)


async def test_an_ask_in_hand_fails_when_its_actor_fails_from_outside(autojump_clock: MockClock) -> None:
    """A failing background task cancels the running handler at once, and is the cause that the asker gets."""

    @define(eq=False)
    class Shaky(Actor[Double]):
        @handles(Double)
        async def double(self, query: Double) -> int:
            self.context.start_soon(self.break_down)
            await trio.sleep(100)
            return 0

        async def break_down(self) -> None:
            await trio.sleep(1)
            raise Broken

    with trio.fail_after(2):
        async with open_system() as system:
            ref = await system.spawn(actor(Shaky))
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Double(1))
            assert isinstance(caught.value.__cause__, Broken)
            assert system.statistics().actors[ref.path].failed == 1


async def test_an_ask_that_is_queued_outlives_a_restart(autojump_clock: MockClock) -> None:
    """It waits in the mailbox while the actor restarts or backs off, and is answered by the new instance; its timeout goes on."""
    spec = actor(Calculator, list[int](), name="calculator")
    replies: list[object] = []

    async def ask(ref: ActorRef[Calculations], timeout: float) -> None:
        try:
            replies.append(await ref.ask(Double(2), timeout=timeout))
        except AskTimeout as error:
            replies.append((error.timeout, trio.current_time() - began))

    with trio.fail_after(20):
        async with open_system(supervisor("top", [spec], backoff=Backoff(first=3.0, jitter=0.0))) as system:
            ref = system.ref(spec)
            began = trio.current_time()
            await ref.tell(FailLater(0.5))
            await wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, ref, 2.0)
                nursery.start_soon(ask, ref, 10.0)
            assert trio.current_time() - began == pytest.approx(3.5)
    assert replies == [(2.0, pytest.approx(2.0)), 4]


# No actor, no handler, no room


async def test_asking_a_dead_actor_raises_at_once(autojump_clock: MockClock) -> None:
    """AskStopped, and the message is a dead letter; also if it would have been run in place, and from inside an actor."""
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            curious = await system.spawn(actor(Curious, ref, list[int]()))
            assert await ref.ask(Double(1)) == 2
            await system.stop(ref)
            for query in (Double(1), Triple(1)):
                with pytest.raises(AskStopped) as caught:
                    await ref.ask(query, timeout=math.inf)
                assert caught.value.path == ref.path
            with pytest.raises(AskFailed) as failed:
                await curious.ask(Triple(1))
            assert isinstance(failed.value.__cause__, AskStopped)
            assert system.statistics().dead_letters == 3


@pytest.mark.parametrize("where", ["queue", "door", "in hand"])
async def test_an_actor_that_stops_while_it_is_asked_tells_the_asker(autojump_clock: MockClock, where: str) -> None:
    """Wherever the ask is: in the queue, waiting for room, or in the hand of a handler that is cut off: AskStopped, at once."""
    outcomes: list[AskStopped] = []

    async def ask(ref: ActorRef[Calculations], query: Double | Triple) -> None:
        with pytest.raises(AskStopped) as caught:
            await ref.ask(query, timeout=math.inf)
        outcomes.append(caught.value)

    with trio.fail_after(6):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int](), mailbox=1, stop_timeout=0.5))
            async with trio.open_nursery() as nursery:
                if where == "in hand":
                    nursery.start_soon(ask, ref, Triple(1, 100.0))
                else:
                    await ref.tell(Triple(1, 100.0))
                    await wait_all_tasks_blocked()
                    if where == "door":
                        await ref.tell(Double(1))
                    nursery.start_soon(ask, ref, Double(2))
                await wait_all_tasks_blocked()
                await system.stop(ref)
    assert [(error.path, error.message_type) for error in outcomes] == [(ref.path, "Triple" if where == "in hand" else "Double")]


async def test_a_handler_that_has_time_to_end_answers_before_its_actor_stops(autojump_clock: MockClock) -> None:
    """Stopping lets the running handler finish: its asker gets the reply, those behind it AskStopped."""
    replies: list[object] = []

    async def ask(ref: ActorRef[Calculations], query: Double | Triple) -> None:
        try:
            replies.append(await ref.ask(query))
        except AskStopped:
            replies.append("stopped")

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, ref, Triple(1, 1.0))
                await wait_all_tasks_blocked()
                nursery.start_soon(ask, ref, Double(1))
                await wait_all_tasks_blocked()
                await system.stop(ref)
    assert sorted(map(str, replies)) == ["3", "stopped"]


async def test_asking_what_nobody_handles_raises_and_leaves_the_actor_alone(autojump_clock: MockClock) -> None:
    """Unhandled names the actor's class; the message is a dead letter, told or asked; the state is as it was."""
    unknown: Any = Unknown()
    with trio.fail_after(1):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            ref: ActorRef[Any] = await system.spawn(actor(Calculator, list[int]()))
            with pytest.raises(Unhandled) as caught:
                await ref.ask(unknown)
            assert (caught.value.path, caught.value.message_type, caught.value.actor_type) == (ref.path, "Unknown", "Calculator")
            await ref.tell(unknown)
            ref.tell_nowait("neither is this")
            assert await letters.__anext__() == DeadLetter(unknown, ref, "unhandled")
            assert await letters.__anext__() == DeadLetter(unknown, ref, "unhandled")
            assert await letters.__anext__() == DeadLetter("neither is this", ref, "unhandled")
            assert next(node.restarts for node in system.tree() if node.path == ref.path) == 0
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.dead_letters, counts.handled, counts.failed) == (3, 3, 0, 0)


async def test_an_ask_that_is_evicted_is_told_at_once(autojump_clock: MockClock) -> None:
    """In a mailbox that drops the oldest, an asker that loses its slot gets MailboxFull; the message is a dead letter."""
    seen: list[int] = []

    async def ask(ref: ActorRef[Calculations]) -> None:
        with pytest.raises(MailboxFull) as caught:
            await ref.ask(Double(1))
        assert (caught.value.path, caught.value.capacity, caught.value.message_type) == (ref.path, 1, "Double")
        evicted.set()

    evicted = trio.Event()
    with trio.fail_after(2):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            ref = await system.spawn(actor(Calculator, seen, mailbox=Fifo(1, on_full="drop_oldest")))
            await ref.tell(Triple(0, 1.0))
            await wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, ref)
                await wait_all_tasks_blocked()
                ref.tell_nowait(Double(2))
                with trio.fail_after(0.1):
                    await evicted.wait()
            assert await letters.__anext__() == DeadLetter(Double(1), ref, "overflow")
            await ref.ask(Double(3))
    assert seen == [0, 2, 3]


# Giving up


async def test_an_ask_that_times_out_names_actor_message_and_seconds(autojump_clock: MockClock) -> None:
    """AskTimeout comes exactly when the time is over."""
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            began = trio.current_time()
            with pytest.raises(AskTimeout) as caught:
                await ref.ask(Triple(1, 3.0), timeout=2.0)
            assert trio.current_time() - began == pytest.approx(2.0)
            assert (caught.value.path, caught.value.message_type, caught.value.timeout) == (ref.path, "Triple", 2.0)


async def test_without_a_timeout_the_systems_holds_and_infinity_waits_for_ever(autojump_clock: MockClock) -> None:
    """The default is 5 seconds; `open_system(ask_timeout=...)` changes it; an ask may say inf, a system too."""
    for ask_timeout, expected in ((None, 5.0), (0.5, 0.5), (math.inf, None)):
        async with open_system() if ask_timeout is None else open_system(ask_timeout=ask_timeout) as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            if expected is None:
                assert await ref.ask(Triple(2, 1e6)) == 6
                continue
            with pytest.raises(AskTimeout, match=f"within {expected} s"):
                await ref.ask(Triple(1, 100.0))
            assert await ref.ask(Triple(2, 1e6), timeout=math.inf) == 6


async def test_each_of_many_distinct_timeouts_is_kept(autojump_clock: MockClock) -> None:
    """A hundred asks with a hundred timeouts: each ends at its own time, and says so."""
    ends: dict[float, float] = {}

    async def ask(ref: ActorRef[Calculations], timeout: float) -> None:
        began = trio.current_time()
        with pytest.raises(AskTimeout) as caught:
            await ref.ask(Double(1), timeout=timeout)
        ends[caught.value.timeout] = trio.current_time() - began

    with trio.fail_after(200):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            await ref.tell(Triple(1, 150.0))
            await wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                for seconds in range(100, 0, -1):
                    nursery.start_soon(ask, ref, float(seconds))
    assert ends == {float(seconds): pytest.approx(float(seconds)) for seconds in range(1, 101)}


@pytest.mark.parametrize("wrong", [-1.0, -0.001, math.nan, True, -math.inf, "5"])
async def test_a_timeout_that_is_none_is_refused(autojump_clock: MockClock, wrong: Any) -> None:
    """Nothing is sent."""
    seen: list[int] = []
    async with open_system() as system:
        ref = await system.spawn(actor(Calculator, seen))
        with pytest.raises((TypeError, ValueError), match=r"timeout must be seconds.*, or math\.inf"):
            await ref.ask(Double(1), timeout=wrong)
    assert seen == []


async def test_a_timeout_of_zero_gives_up_at_once_unless_the_reply_is_there(autojump_clock: MockClock) -> None:
    """A plain handler of an idle actor answers in place, before any time passes; what has to wait does not come in time."""
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            assert await ref.ask(Double(2), timeout=0) == 4
            with pytest.raises(AskTimeout):
                await ref.ask(Triple(1, 0.5), timeout=0)


@pytest.mark.parametrize("how", ["timeout", "cancelled"])
@pytest.mark.parametrize("where", ["queue", "door"])
@pytest.mark.parametrize("who", ["outside", "actor", "nursery of an actor"])
async def test_an_ask_that_is_given_up_while_it_waits_is_never_handled(autojump_clock: MockClock, how: str, where: str, who: str) -> None:
    """
    Timed out or cancelled, queued or waiting for room: the message takes no slot and is not handled; it counts as withdrawn
    if it was accepted.
    """
    seen: list[int] = []

    async def give_up(ref: ActorRef[Calculations]) -> None:
        if how == "timeout":
            with pytest.raises(AskTimeout):
                await ref.ask(Double(99), timeout=1.0)
        else:
            with trio.move_on_after(1) as scope:
                await ref.ask(Double(99))
            assert scope.cancelled_caught

    @define(eq=False)
    class Impatient(Actor[str]):
        whom: ActorRef[Calculations]

        @handles(str)
        async def ask(self, text: str) -> None:
            if who == "actor":
                await give_up(self.whom)
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(give_up, self.whom)

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, seen, mailbox=1))
            impatient = await system.spawn(actor(Impatient, ref))
            await ref.tell(Triple(0, 2.0))
            await wait_all_tasks_blocked()
            if where == "door":
                await ref.tell(Double(1))
            if who == "outside":
                await give_up(ref)
            else:
                await impatient.tell("ask")
                await trio.sleep(1.5)
            counts = system.statistics().actors[ref.path]
            assert counts.withdrawn == (where == "queue")
            assert counts.waiting == (1 if where == "queue" else 2)
            if where == "queue":
                ref.tell_nowait(Double(1))  # the slot is free
            with pytest.raises(MailboxFull):
                ref.tell_nowait(Double(2))
            assert await ref.ask(Double(3)) == 6
            assert system.statistics().actors[impatient.path].failed == 0
            counts = system.statistics().actors[ref.path]
            assert counts.accepted == counts.handled + counts.withdrawn
    assert seen == [0, 1, 3]


async def test_a_late_reply_is_dropped_and_not_misdelivered(autojump_clock: MockClock) -> None:
    """The next ask of the same asker gets its own reply; the late one goes nowhere, and the message counts as handled."""
    got: list[object] = []

    @define(eq=False)
    class Impatient(Actor[str]):
        whom: ActorRef[Calculations]

        @handles(str)
        async def ask(self, text: str) -> None:
            try:
                await self.whom.ask(Triple(1, 2.0), timeout=1.0)
            except AskTimeout:
                got.append("timeout")
            got.append(await self.whom.ask(Triple(2, 2.0)))

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int]()))
            impatient = await system.spawn(actor(Impatient, ref))
            await impatient.tell("ask")
            await trio.sleep(6)
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.withdrawn) == (2, 2, 0)
    assert got == ["timeout", 6]


async def test_giving_up_does_not_cancel_the_handler_that_has_begun(autojump_clock: MockClock) -> None:
    """What is in hand goes on to its end: the asker's patience is not the actor's affair."""
    ended = trio.Event()

    @define(eq=False)
    class Thorough(Actor[Double]):
        @handles(Double)
        async def double(self, query: Double) -> int:
            await trio.sleep(3)
            ended.set()
            return 2

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Thorough))
            with trio.move_on_after(1):
                await ref.ask(Double(1))
            assert not ended.is_set()
            await ended.wait()


async def test_given_up_asks_do_not_pile_up_in_the_queue(autojump_clock: MockClock) -> None:
    """While an actor is busy, any number of asks that time out leaves a queue of bounded size."""
    with trio.fail_after(1000):
        async with open_system() as system:
            ref = await system.spawn(actor(Calculator, list[int](), mailbox=5))
            await ref.tell(Triple(0, 900.0))
            await wait_all_tasks_blocked()
            for number in range(200):
                with pytest.raises(AskTimeout):
                    await ref.ask(Double(number), timeout=1.0)
            queue = ref._cell.queue  # pyright: ignore[reportPrivateUsage]
            assert queue is not None
            assert len(queue) <= 2 * 5 + 1
            counts = system.statistics().actors[ref.path]
            assert (counts.withdrawn, counts.waiting) == (200, 1)


# In place


async def test_a_plain_handler_of_an_idle_actor_runs_on_the_askers_stack(autojump_clock: MockClock) -> None:
    """No other task runs between the question and the reply, and the handler sees its own actor's context and no other's."""
    order: list[str] = []

    @define(eq=False)
    class Mirror(Actor[Double]):
        @handles(Double)
        def double(self, query: Double) -> int:
            order.append(self.context.path)
            return query.number * 2

    async def other() -> None:
        order.append("other task")

    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Mirror))
            assert await ref.ask(Double(1)) == 2
            await trio.lowlevel.checkpoint()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other)
                assert await ref.ask(Double(1)) == 2
                order.append("replied")
    assert order == [ref.path, ref.path, "replied", "other task"]


async def test_what_a_handler_in_place_tells_and_becomes_holds(autojump_clock: MockClock) -> None:
    """Messages to itself, a stop of itself, a new behaviour: all as if a worker had run it."""

    @define(eq=False)
    class Busy(Actor[Double | str]):
        seen: list[str]

        @handles(Double)
        def double(self, query: Double) -> int:
            self.context.ref.tell_nowait("told to itself")
            if query.number == 2:
                self.context.stop_self()
            return query.number

        @handles(str)
        def note(self, text: str) -> None:
            self.seen.append(text)

    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Busy, seen, restart="temporary"))
            assert await ref.ask(Double(1)) == 1
            await wait_all_tasks_blocked()
            assert seen == ["told to itself"]
            assert await ref.ask(Double(2)) == 2
            await wait_all_tasks_blocked()
            with pytest.raises(AskStopped):
                await ref.ask(Double(3))
            assert system.statistics().dead_letters == 2
    assert seen == ["told to itself"]


async def test_a_plain_function_that_returns_a_coroutine_is_an_async_handler(autojump_clock: MockClock) -> None:
    """Asked of an idle actor, its coroutine is driven to the end and its value is the reply."""

    @define(eq=False)
    class Sly(Actor[Any]):
        def receive(self, message: Any) -> Any:
            return self.later(message) if message.number else 0

        async def later(self, message: Double) -> int:
            await trio.sleep(1)
            return message.number * 2

    with trio.fail_after(5):
        async with open_system() as system:
            ref: ActorRef[Any] = await system.spawn(actor(Sly))
            assert await ref.ask(Double(0)) == 0
            assert await ref.ask(Double(4)) == 8
            assert await ref.ask(Double(5), timeout=2) == 10
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.waiting) == (3, 3, 0)


async def test_who_is_asked_in_place_may_go_on_beyond_the_limit_of_suspended_handlers(autojump_clock: MockClock) -> None:
    """It is awaited by a handler that has the last place, so it must not wait for one: here after it set the ask aside."""

    @define(eq=False)
    class Later(Actor[Double | str]):
        @handles(Double)
        def double(self, query: Double) -> int:
            self.context.stash()
            self.context.become(self.slowly)
            return 0

        @handles(str)
        def open(self, text: str) -> None: ...

        async def slowly(self, message: Double | str) -> Any:
            if isinstance(message, str):
                self.context.unstash_all()
                return None
            await trio.sleep(1)
            return message.number * 2

    @define(eq=False)
    class Asker(Actor[Double]):
        whom: ActorRef[Double]

        @handles(Double)
        async def ask(self, query: Double) -> int:
            with trio.fail_after(10):  # so that trio has the handler, and it counts
                return await self.whom.ask(query)

    with trio.fail_after(5):
        async with open_system(max_suspended=1) as system, trio.open_nursery() as nursery:
            later = await system.spawn(actor(Later))
            asker = await system.spawn(actor(Asker, later))

            async def ask() -> None:
                assert await asker.ask(Double(4)) == 8

            nursery.start_soon(ask)
            await trio.sleep(1)
            await later.tell("open")


async def test_an_exception_may_be_a_reply(autojump_clock: MockClock) -> None:
    """What a handler returns is the reply, whatever it is: None, a tuple, an exception."""

    @define(eq=False)
    class Echo(Actor[Any]):
        def receive(self, message: Any) -> Any:
            return message.number

    with trio.fail_after(1):
        async with open_system() as system:
            ref: ActorRef[Any] = await system.spawn(actor(Echo))
            for value in (None, (), 0, False, Broken("a value")):
                request: Any = Double(value)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
                assert await ref.ask(request) is value
                await ref.tell(request)
                assert await ref.ask(request) is value  # from the queue
