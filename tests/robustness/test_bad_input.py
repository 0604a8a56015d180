# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnusedClass=false
"""
The list for the door: what a newcomer gets wrong, refused where it enters, with a text that says what happened and what to do.
"""

from __future__ import annotations

import logging
import math
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorGone,
    ActorRef,
    ActorSpec,
    Backoff,
    DeadLetter,
    Fifo,
    ForeignRef,
    MutableFact,
    NameTaken,
    NoContextYet,
    Priority,
    Request,
    ServiceKey,
    StartFailed,
    Supervision,
    System,
    Unhandled,
    actor,
    group,
    handles,
    open_system,
    router,
    supervisor,
)


@frozen
class Add:
    """A command."""

    cents: int = 1


@frozen
class Total(Request[int]):
    """A request."""


@frozen
class Stranger(Request[int]):
    """In nobody's union."""


@frozen
class Run(Request[Any]):
    """Has the actor call a function with its context, and answers with what that returned or raised."""

    call: Callable[[Any], Any]


@define(eq=False)
class Till(Actor[Add | Total | Run]):
    """Takes anything else than what these tests send it."""

    cents: int = 0

    @handles(Add)
    def add(self, command: Add) -> None:
        self.cents += command.cents

    @handles(Total)
    async def total(self, _: Total) -> int:
        return self.cents

    @handles(Run)
    async def run(self, command: Run) -> Any:
        try:
            result = command.call(self.context)
            return await result if hasattr(result, "__await__") else result
        except Exception as error:  # noqa: BLE001  # it is what the test looks at
            return error


A: Any = actor  # these tests are wrong on purpose: type checkers find what they do, in tests/typing
S: Any = supervisor


# Specs


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: A(Till, mailbox=0), ValueError, "at least 1"),
        (lambda: A(Till, mailbox=-5), ValueError, "at least 1"),
        (lambda: A(Till, mailbox=2.5), TypeError, "mailbox|capacity"),
        (lambda: A(Till, mailbox=True), TypeError, "mailbox|capacity"),
        (lambda: A(Till, mailbox=math.inf), TypeError, "mailbox|capacity"),
        (lambda: A(Till, mailbox=None), TypeError, "mailbox|capacity"),
        (lambda: A(Till, mailbox="64"), TypeError, "mailbox|capacity"),
        (lambda: Fifo(0), ValueError, "at least 1"),
        (lambda: Fifo(1, on_full="explode"), ValueError, "'reject', 'drop_newest', 'drop_oldest'"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: Priority(0, key=id), ValueError, "at least 1"),
        (lambda: Priority(1, key="cents"), TypeError, "callable|function"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: A(Till, name=""), ValueError, "not empty"),
        (lambda: A(Till, name="a/b"), ValueError, "'/'"),
        (lambda: A(Till, name=7), TypeError, "name"),
        (lambda: A(Till, restart="always"), ValueError, "'permanent', 'transient', 'temporary'"),
        (lambda: A(Till, restart=None), ValueError, "'permanent', 'transient', 'temporary'"),
        (lambda: A(Till, stop_timeout=-1), ValueError, "stop_timeout"),
        (lambda: A(Till, stop_timeout=math.nan), ValueError, "stop_timeout"),
        (lambda: A(Till, stop_timeout="5"), TypeError, "stop_timeout"),
        (lambda: A(Till, stash=-1), ValueError, "stash"),
        (lambda: A(Till, stash=1.5), TypeError, "stash"),
        (lambda: A(Till, significant=True), ValueError, "transient.*temporary"),
        (lambda: A(Till, significant=1, restart="transient"), TypeError, "significant"),
        (lambda: A(Till, supervision={"strategy": "one_for_one"}), TypeError, "supervision"),
        (lambda: A(Till()), TypeError, "pass the class: actor\\(Till, ...\\)"),
        (lambda: A(int), TypeError, "class int\\(Actor"),
        (lambda: A(None), TypeError, "."),
        (lambda: A("Till"), TypeError, "."),
        (lambda: Supervision(strategy="all"), ValueError, "'one_for_one', 'one_for_all', 'rest_for_one'"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: Supervision(max_restarts=-1), ValueError, "max_restarts"),
        (lambda: Supervision(max_restarts=1.5), TypeError, "max_restarts"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: Supervision(within=0), ValueError, "within"),
        (lambda: Supervision(within=-1), ValueError, "within"),
        (lambda: Supervision(within=math.nan), ValueError, "within"),
        (lambda: Supervision(auto_shutdown="sometimes"), ValueError, "'never'"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: Supervision(directives={ValueError: "retry"}), ValueError, "'restart', 'resume', 'stop', 'escalate'"),  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
        (lambda: Supervision(directives={KeyboardInterrupt: "stop"}), TypeError, "Exception"),  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
        (lambda: Supervision(directives={"ValueError": "stop"}), TypeError, "exception type"),  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
        (lambda: Supervision(directives={ExceptionGroup: "stop"}), ValueError, "leaves"),
        (lambda: Supervision(backoff=0.1), TypeError, "backoff"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: Backoff(first=-1), ValueError, "first"),
        (lambda: Backoff(first=2, cap=1), ValueError, "cap must be at least first"),
        (lambda: Backoff(factor=0.5), ValueError, "factor"),
        (lambda: Backoff(jitter=-0.1), ValueError, "jitter"),
        (lambda: Backoff(reset_after=-1), ValueError, "reset_after"),
        (lambda: S("top", [Till]), TypeError, "actor\\(Till, ...\\)"),
        (lambda: S("top", [Till()]), TypeError, "actor\\(Till, ...\\)"),
        (lambda: S("top", A(Till)), TypeError, "."),
        (lambda: S("top", ["till"]), TypeError, "such as actor"),
        (lambda: attrs.evolve(S("top", []), children=[Till]), TypeError, "must be specs, such as actor"),
        (lambda: S("top", [A(Till, name="a"), A(Till, name="a")]), ValueError, "named 'a'.*differ"),
        (lambda: S("top/bottom", []), ValueError, "'/'"),
        (lambda: S("", []), ValueError, "not empty"),
        (lambda: S("top", [], strategy="one_for_none"), ValueError, "'one_for_one'"),
        (lambda: attrs.evolve(A(Till), restart="never"), ValueError, "'temporary'"),
        (lambda: router("pool", A(Till), 0), ValueError, "at least 1"),
        (lambda: router("pool", A(Till), 2.0), TypeError, "size"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: router("pool", Till, 2), TypeError, "spec"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: router("po/ol", A(Till), 2), ValueError, "'/'|/"),
        (lambda: router("pool", A(Till), 2, routing="nearest"), ValueError, "'round_robin'"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: router("pool", A(Till), 2, routing="consistent_hash"), ValueError, "key"),
        (lambda: router("pool", A(Till), 2, key=id), ValueError, "key"),
        (lambda: group("pool", "payments"), TypeError, "ServiceKey"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (lambda: ServiceKey(""), ValueError, "."),
        (lambda: ServiceKey(5), TypeError, "."),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ],
)
def test_a_spec_that_cannot_work_is_refused_when_it_is_made(make: Callable[[], object], kind: type[Exception], says: str) -> None:
    """Wrong numbers, words and types are a ValueError or a TypeError at once, naming what is allowed; never a failure at the start."""
    with pytest.raises(kind, match=says):
        make()


# Classes


def test_a_handler_for_two_types_by_mistake_is_refused() -> None:
    """A second mark on one method, and a union in the decorator, say to write two methods."""
    with pytest.raises(TypeError, match="Write a second method for Add"):

        class Twice(Actor[Add | Total]):
            @handles(Add)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
            @handles(Total)
            def both(self, message: Any) -> Any: ...

    with pytest.raises(TypeError, match="class of a message"):

        class Union(Actor[Add | Total]):
            @handles(Add | Total)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            def both(self, message: Any) -> Any: ...


def test_a_class_that_is_not_complete_is_refused_with_the_line_to_add() -> None:
    """A member that nothing handles, and a handler for what nobody can send."""
    with pytest.raises(TypeError, match=r"@handles\(Total\)"):

        class Misses(Actor[Add | Total]):
            @handles(Add)
            def add(self, message: Add) -> None: ...

    with pytest.raises(TypeError, match="Stranger"):

        class TooMuch(Actor[Add]):
            @handles(Add)
            def add(self, message: Add) -> None: ...
            @handles(Stranger)
            def stranger(self, message: Stranger) -> int:
                return 0


def test_the_context_of_a_bare_instance_says_that_there_is_none_yet() -> None:
    """An actor made by hand, or its `__init__`, has no runtime behind it."""
    with pytest.raises(NoContextYet, match="on_start"):
        _ = Till().context


# Opening


async def test_open_system_outside_of_trio_says_how_to_run_it() -> None:
    """RuntimeError, at the call."""
    failures: list[str] = []

    def outside() -> None:
        with pytest.raises(RuntimeError, match=r"trio\.run\(main\)"):
            open_system()
        failures.append("refused")

    await trio.to_thread.run_sync(outside)
    assert failures == ["refused"]


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"ask_timeout": -1}, ValueError, "ask_timeout"),
        ({"ask_timeout": math.nan}, ValueError, "ask_timeout"),
        ({"ask_timeout": "5"}, TypeError, "ask_timeout"),
        ({"ask_timeout": None}, TypeError, "ask_timeout"),
        ({"shutdown_timeout": -0.1}, ValueError, "shutdown_timeout"),
        ({"slow_handler": -1}, ValueError, "slow_handler"),
        ({"slice": -1}, ValueError, "slice"),
        ({"slice": True}, TypeError, "slice"),
        ({"max_suspended": 0}, ValueError, "at least 1"),
        ({"max_suspended": 2.0}, TypeError, "max_suspended"),
        ({"name": ""}, ValueError, "name"),
        ({"name": None}, (TypeError, ValueError), "name"),
        ({"root": Till}, TypeError, "spec of its root"),
        ({"root": Till()}, TypeError, "spec of its root"),
        ({"root": [A(Till)]}, TypeError, "spec of its root"),
    ],
)
async def test_open_system_refuses_options_that_cannot_work_at_the_call(options: dict[str, Any], kind: type[Exception], says: str) -> None:
    """The error comes from the call itself, not from the block."""
    with pytest.raises(kind, match=says):
        open_system(**options)


async def test_a_system_opened_without_with_does_nothing_and_says_so_by_having_no_verbs() -> None:
    """Who forgets `async with` holds a context manager, and sees at the first verb that it is no system."""
    with pytest.raises(AttributeError):
        open_system().spawn  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore[reportArgumentType]


# Verbs


async def test_system_verbs_refuse_what_is_no_spec_and_no_ref(autojump_clock: MockClock) -> None:
    """A class, an instance, a path, None: a TypeError that says what the verb takes."""
    with trio.fail_after(10):
        async with open_system() as opened:
            system: Any = opened
            for wrong in (Till, Till(), "/user/till", None, 7):
                with pytest.raises(TypeError, match="spec"):
                    await system.spawn(wrong)
                with pytest.raises(TypeError, match="spec"):
                    system.ref(wrong)
                with pytest.raises(TypeError, match="spec"):
                    await system.start(wrong)
                with pytest.raises(TypeError, match="ActorRef"):
                    await system.restart(wrong)
                with pytest.raises(TypeError, match="ActorRef"):
                    system.registry.register("name", wrong)
                if wrong is not None:
                    with pytest.raises(TypeError, match="ActorRef"):
                        await system.stop(wrong)
                    with pytest.raises(TypeError, match="ActorRef"):
                        await system.spawn(actor(Till), under=wrong)
            spec = actor(Till, name="till")
            with pytest.raises(LookupError, match="'till'"):
                system.ref(spec)
            with pytest.raises(LookupError, match=r"spawn\(\)"):
                await system.start(spec)
            with pytest.raises(TypeError, match="class of facts"):
                system.subscribe(Add())
            with pytest.raises(ValueError, match="'drop_oldest'"):
                system.subscribe(Add, on_full="wait")
            with pytest.raises(ValueError, match="at least 1"):
                system.subscribe(Add, capacity=0)
            with pytest.raises(TypeError, match="where"):
                system.subscribe(Add, where="cents > 1")


async def test_a_name_that_lives_is_refused_and_is_free_again_after_the_death(autojump_clock: MockClock) -> None:
    """Dynamic children too: NameTaken names the holder."""
    spec = actor(Till, name="till")
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(spec)
            with pytest.raises(NameTaken, match="/user/till"):
                await system.spawn(spec)
            await system.stop(ref)
            assert (await system.spawn(spec)).path == "/user/till"
            assert len(system.statistics().actors) == 4


async def test_a_spec_that_runs_twice_has_no_single_ref(autojump_clock: MockClock) -> None:
    """`system.ref` names the paths instead of guessing."""
    spec = actor(Till)
    with trio.fail_after(10):
        async with open_system() as system:
            await system.spawn(spec)
            await system.spawn(spec)
            with pytest.raises(ValueError, match="/user/Till-1, /user/Till-2"):
                system.ref(spec)


async def test_a_message_outside_the_union_is_unhandled_when_asked_and_a_dead_letter_otherwise(autojump_clock: MockClock) -> None:
    """Also a class instead of an instance, None, or a coroutine that somebody forgot to await; the actor does not fail."""
    with trio.fail_after(10):
        async with open_system() as system:
            till: Any = await system.spawn(actor(Till))
            async with system.subscribe(DeadLetter) as letters:
                for wrong in (Stranger(), Stranger, Add, None, "add", 7, object()):
                    await till.tell(wrong)
                    letter = await anext(letters)
                    assert (letter.message, letter.recipient, letter.reason) == (wrong, till, "unhandled")
                    with pytest.raises(Unhandled) as caught:
                        await till.ask(wrong)
                    assert type(wrong).__name__ in str(caught.value)
                    assert "/user/Till-1" in str(caught.value)
                    assert (await anext(letters)).message is wrong
            assert await till.ask(Add(5)) is None  # what has no reply answers None
            assert await till.ask(Total()) == 5
            assert system.tree().children[1].children[0].restarts == 0


async def test_a_forgotten_await_sends_nothing_and_crashes_nothing(autojump_clock: MockClock) -> None:
    """`ref.tell(m)` without await is a coroutine that never ran: Python warns, the actor hears nothing."""
    with trio.fail_after(10):
        async with open_system() as system:
            till = await system.spawn(actor(Till))
            with pytest.warns(RuntimeWarning, match="tell.*never awaited"):
                till.tell(Add())  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
            with pytest.warns(RuntimeWarning, match="ask.*never awaited"):
                till.ask(Total())  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
            assert await till.ask(Total()) == 0


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan, True, "5"])
async def test_an_ask_with_a_timeout_that_is_no_time_is_refused_and_sends_nothing(autojump_clock: MockClock, timeout: Any) -> None:
    """ValueError or TypeError, whether the handler is plain or async."""
    with trio.fail_after(10):
        async with open_system() as system:
            till = await system.spawn(actor(Till))
            for message in (Total(), Run(lambda _: 1)):
                with pytest.raises((ValueError, TypeError), match=r"timeout|seconds|not supported"):
                    await till.ask(message, timeout=timeout)
            statistics = system.statistics()
            assert statistics.accepted == 0


async def test_a_fact_that_can_change_is_refused_at_every_door(autojump_clock: MockClock) -> None:
    """By the system and by an actor: MutableFact, with the decorator to add. In an actor it is an error like any other."""

    @define
    class Mutable:
        cents: int

    with trio.fail_after(10):
        async with open_system() as system:
            with pytest.raises(MutableFact, match=r"Mutable.*@frozen"):
                system.publish(Mutable(1))
            for wrong in (list[int](), dict[str, int](), set[int](), bytearray()):
                with pytest.raises(MutableFact):
                    system.publish(wrong)
            till = await system.spawn(actor(Till))
            assert isinstance(await till.ask(Run(lambda context: context.publish(Mutable(1)))), MutableFact)


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda context: context.after(-1, Add()), ValueError, "at least 0"),
        (lambda context: context.after(math.nan, Add()), ValueError, "at least 0"),
        (lambda context: context.after("1", Add()), TypeError, "number of seconds"),
        (lambda context: context.every(0, Add()), ValueError, "above 0"),
        (lambda context: context.every(-1, Add()), ValueError, "above 0"),
        (lambda context: context.every(None, Add()), TypeError, "number of seconds"),
        (lambda context: context.sleep(-1), ValueError, "at least 0"),
        (lambda context: context.sleep(math.nan), ValueError, "at least 0"),
        (lambda context: context.sleep("1"), TypeError, "number of seconds"),
        (lambda context: context.become(Add()), TypeError, "function of one message"),
        (lambda context: context.defer(Add()), LookupError, "in hand"),
        (lambda context: context.subscribe(Stranger), TypeError, r"@handles\(Stranger\)"),
        (lambda context: context.subscribe(Add, on_full="wait"), ValueError, "'drop_oldest'"),
        (lambda context: context.subscribe(Add, capacity=0), ValueError, "at least 1"),
        (lambda context: context.subscribe("Add"), TypeError, "class of facts"),
        (lambda context: context.spawn(Till), TypeError, "spec"),
        (lambda context: context.spawn_nowait(Till), TypeError, "spec"),
        (lambda context: context.spawn_nowait(None), TypeError, "spec"),
        (lambda context: context.watch("/user/till"), TypeError, "ActorRef"),
        (lambda context: context.unwatch(None), TypeError, "ActorRef"),
        (lambda context: context.stop(Till), TypeError, "ActorRef"),
        (lambda context: context.start_soon(None), TypeError, "async function"),
        (lambda context: context.start_soon(Till().total(Total())), TypeError, r"start_soon\(total, \.\.\.\)"),
        (lambda context: context.registry.register("", context.ref), ValueError, "name"),
        (lambda context: context.registry.register("a/b", context.ref), ValueError, "'/'"),
        (lambda context: context.registry.register(7, context.ref), TypeError, "."),
        (lambda context: context.registry.subscribe(ServiceKey("x")), TypeError, "Listing"),
    ],
)
async def test_context_verbs_refuse_what_cannot_work_in_the_handler_that_calls_them(
    autojump_clock: MockClock, call: Callable[[Any], Any], kind: type[Exception], says: str
) -> None:
    """The error is raised at the call, and the actor lives on if its handler takes it."""
    with trio.fail_after(10):
        async with open_system() as system:
            till = await system.spawn(actor(Till))
            error = await till.ask(Run(call))
            assert isinstance(error, kind), error
            with pytest.raises(kind, match=says):
                raise error
            await till.tell(Add())
            assert await till.ask(Total()) == 1
            assert system.tree().children[1].children[0].restarts == 0


@pytest.mark.parametrize(
    "verb",
    [
        lambda context, other: context.publish(Add()),
        lambda context, other: context.subscribe(Add),
        lambda context, other: context.unsubscribe(Add),
        lambda context, other: context.watch(other),
        lambda context, other: context.unwatch(other),
        lambda context, other: context.after(1, Add()),
        lambda context, other: context.every(1, Add()),
        lambda context, other: context.stash(),
        lambda context, other: context.unstash_all(),
        lambda context, other: context.become(print),
        lambda context, other: context.unbecome(),
        lambda context, other: context.defer(Total()),
        lambda context, other: context.start_soon(trio.sleep, 1),
        lambda context, other: context.stop_self(),
        lambda context, other: context.spawn_nowait(actor(Till)),
        lambda context, other: context.spawn(actor(Till)),
        lambda context, other: context.stop(other),
        lambda context, other: context.sleep(1),
        lambda context, other: context.run_sync(print),
        lambda context, other: context.registry,
    ],
)
async def test_the_context_of_a_stopped_actor_says_that_it_is_gone(
    autojump_clock: MockClock, verb: Callable[[Any, ActorRef[Any]], Any]
) -> None:
    """Every verb of a context that outlived its actor raises ActorGone, naming path and verb; what the actor is stays readable."""
    with trio.fail_after(10):
        async with open_system() as system:
            till, other = await system.spawn(actor(Till)), await system.spawn(actor(Till))
            context = await till.ask(Run(lambda context: context))
            await system.stop(till)

            async def use_it() -> None:
                result = verb(context, other)
                if hasattr(result, "__await__"):
                    await result

            with pytest.raises(ActorGone, match="/user/Till-1"):
                await use_it()
            assert context.ref == till
            assert context.path == "/user/Till-1"
            assert context.children == ()
            assert context.now() == trio.current_time()
            assert other.path in system.statistics().actors


async def test_a_ref_of_another_system_is_refused_where_only_ones_own_have_a_place(autojump_clock: MockClock) -> None:
    """stop, restart, spawn under, watch, register and unpickle raise ForeignRef, naming both systems; messages may cross."""
    with trio.fail_after(10):
        async with open_system(name="here") as here, open_system(name="there") as there:
            mine, theirs = await here.spawn(actor(Till)), await there.spawn(actor(Till))
            for call in (
                lambda: here.stop(theirs),
                lambda: here.restart(theirs),
                lambda: here.spawn(actor(Till), under=theirs),
            ):
                with pytest.raises(ForeignRef, match=r"there-.*here-"):
                    await call()
            with pytest.raises(ForeignRef):
                here.registry.register("till", theirs)
            with pytest.raises(ForeignRef):
                here.registry.register(ServiceKey[Add]("tills"), theirs)
            with here.current(), pytest.raises(ForeignRef):
                pickle.loads(pickle.dumps(theirs))
            verbs: list[Callable[[Any], Any]] = [
                lambda context: context.watch(theirs),
                lambda context: context.unwatch(theirs),
                lambda context: context.stop(theirs),
            ]
            for verb in verbs:
                assert isinstance(await mine.ask(Run(verb)), ForeignRef)
            assert await mine.ask(Run(lambda _: theirs.ask(Total()))) == 0
            assert {mine, theirs} == {mine, theirs}
            assert mine != theirs
            assert here.statistics().actors.keys() == there.statistics().actors.keys()


# Stop, where it is easily got wrong


async def test_stopping_twice_the_dead_and_everybody_is_no_error(autojump_clock: MockClock) -> None:
    """`stop` is idempotent: of a dead actor, several times at once, of the whole tree, and of a tree that is down."""
    with trio.fail_after(10):
        async with open_system(supervisor("top", [])) as system:
            ref = await system.spawn(actor(Till))
            async with trio.open_nursery() as nursery:
                for drain in (False, True, False):
                    nursery.start_soon(system.stop, ref, drain)
            await system.stop(ref)
            await system.stop()
            await system.stop()
            assert set(system.statistics().actors) == {"/system", "/system/events"}
            with pytest.raises(ActorGone, match="/user"):
                await system.spawn(actor(Till))
            with pytest.raises(ActorGone):
                await system.restart(ref)


async def test_an_actor_that_stops_itself_its_parent_or_the_system_returns_at_once(autojump_clock: MockClock) -> None:
    """Waiting for one's own end would be for ever, so `stop` of oneself, of an ancestor and of the system only asks."""

    @define(eq=False)
    class Parent(Actor[Run]):
        returned: list[str] = field(factory=list[str])

        @handles(Run)
        async def run(self, command: Run) -> Any:
            child = await self.context.spawn(actor(Till, name="child"))
            return await child.ask(command)

    returned: list[str] = []

    async def stop_everything(context: Any, system: System) -> None:
        await context.stop(context.parent)
        await system.stop()
        await context.stop(context.ref)
        returned.append("at once")

    with trio.fail_after(60):
        async with open_system() as system:
            parent = await system.spawn(actor(Parent, returned))
            await parent.tell(Run(lambda context: stop_everything(context, system)))
            await trio.sleep(20)
            assert returned == ["at once"]
            assert "/user" not in system.statistics().actors


async def test_the_runtimes_own_actors_are_no_place_for_users_to_break_things(autojump_clock: MockClock) -> None:
    """What nobody should do, such as telling or asking a guardian something, ends in an error or in nothing."""
    with trio.fail_after(30):
        async with open_system() as system:
            till = await system.spawn(actor(Till))
            guardian = await till.ask(Run(lambda context: context.parent))
            assert str(guardian) == "/user"
            with pytest.raises(Unhandled):
                await guardian.ask(Total())
            await guardian.tell(Add())
            assert await till.ask(Total()) == 0


# Constructors


async def test_a_constructor_that_fails_is_a_failed_start_with_its_cause(autojump_clock: MockClock) -> None:
    """Missing arguments, exceptions, and factories that make no actor, or one that is in use."""
    shared = Till()
    wrong: list[tuple[ActorSpec[Any], str]] = [
        (A(Till, 1, 2, 3), "TypeError"),
        (A(lambda: 1 / 0), "ZeroDivisionError"),
        (A(lambda: None), "which is no Actor"),
        (A(lambda: Till), "which is no Actor"),
    ]
    with trio.fail_after(10):
        async with open_system() as system:
            for spec, says in wrong:
                with pytest.raises(StartFailed, match=says) as caught:
                    await system.spawn(spec)
                assert caught.value.__cause__ is not None
            await system.spawn(A(lambda: shared))
            with pytest.raises(StartFailed, match="in use"):
                await system.spawn(A(lambda: shared))
            assert len(system.tree().children[1].children) == 1
        with pytest.raises(StartFailed, match="ZeroDivisionError"):
            async with open_system(supervisor("top", [A(lambda: 1 / 0, name="broken")])):
                pytest.fail("the block was entered")


async def test_a_hook_that_is_misused_is_refused_where_the_class_is_defined() -> None:
    """A hook with the wrong parameters would fail at the worst moment, so it fails at the first."""
    with pytest.raises(TypeError, match="on_stop"):

        class Wrong(Actor[Add]):
            @handles(Add)
            def add(self, message: Add) -> None: ...
            def on_stop(self) -> None:  # type: ignore[override]  # pyright: ignore[reportArgumentType]
                ...


async def test_an_endless_stream_of_dead_letters_does_not_flood_the_log(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first ten are logged one by one, the rest is summed up once a minute."""
    caplog.set_level(logging.WARNING, "trouper")
    with trio.fail_after(200):
        async with open_system() as system:
            till = await system.spawn(actor(Till))
            await system.stop(till)
            for _ in range(500):
                till.tell_nowait(Add())
            await trio.sleep(61)
            assert len(caplog.records) == 11
            assert "490" in caplog.records[-1].getMessage()
