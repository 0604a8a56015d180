"""Directives: restart, resume, stop or escalate, chosen by the type of the exception."""

from collections.abc import Mapping

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRestarted,
    ActorSpec,
    ActorStopped,
    AskFailed,
    AskStopped,
    Exit,
    Reply,
    Request,
    Supervision,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import Directive, Restart


class Broken(Exception):
    """The base of what the actors of this file fail with."""


class Harmless(Broken):
    pass


class Hopeless(Broken):
    pass


class Foreign(Exception):
    """One that no directive names."""


@frozen
class Increment(Request[int]):
    pass


@frozen(eq=False)
class Fail(Request[None]):
    error: BaseException


@frozen(eq=False)
class Later(Request[str]):
    replies: list[Reply[str]]


@define(eq=False)
class Counter(Actor[Increment | Fail | Later]):
    total: int = 0

    @handles(Increment)
    def increment(self, command: Increment) -> int:
        self.total += 1
        return self.total

    @handles(Fail)
    async def fail(self, command: Fail) -> None:
        raise command.error

    @handles(Later)
    def later(self, command: Later) -> Reply[str]:
        reply = self.context.defer(command)
        command.replies.append(reply)
        return reply


def counter(name: str = "counter", restart: Restart = "permanent") -> ActorSpec[Increment | Fail | Later]:
    return actor(Counter, name=name, restart=restart)


async def test_resume_keeps_the_state_and_costs_nothing(autojump_clock: MockClock) -> None:
    """The failing message is lost and its asker told; instance, queue and budget are as before."""
    spec = counter()
    top = supervisor("top", [spec], directives={Harmless: "resume"}, max_restarts=0)
    async with open_system(top) as system, system.subscribe(ActorFailed) as failures:
        ref = system.ref(spec)
        for number in range(1, 6):
            assert await ref.ask(Increment()) == number
            error = Harmless()
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Fail(error))
            assert caught.value.__cause__ is error
            assert await anext(failures) == ActorFailed(str(ref), error, "resume")


async def test_resume_keeps_the_replies_that_the_actor_owes(autojump_clock: MockClock) -> None:
    """The instance lives on, so it can still send them."""
    replies: list[Reply[str]] = []
    spec = counter()
    async with open_system(supervisor("top", [spec], directives={Harmless: "resume"})) as system, trio.open_nursery() as nursery:
        answers: list[str] = []

        async def ask() -> None:
            answers.append(await system.ref(spec).ask(Later(replies)))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        await system.ref(spec).tell(Fail(Harmless()))
        await wait_all_tasks_blocked()
        replies[0].send("late")
        await wait_all_tasks_blocked()
        assert answers == ["late"]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_stop_ends_the_child_whatever_its_restart_type(restart: Restart, autojump_clock: MockClock) -> None:
    """It ends as failed, and a static one can be started again by hand unless it is temporary."""
    error = Hopeless()
    spec = counter(restart=restart)
    async with open_system(supervisor("top", [spec], directives={Hopeless: "stop"})) as system, system.subscribe(ActorStopped) as stopped:
        ref = system.ref(spec)
        await ref.tell(Fail(error))
        with trio.fail_after(1):
            assert await anext(stopped) == ActorStopped(str(ref), Exit("failed", error))
        with pytest.raises(AskStopped):
            await ref.ask(Increment())
        if restart != "temporary":
            assert await (await system.start(spec)).ask(Increment()) == 1


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_restart_never_restarts_a_temporary_child(restart: Restart, autojump_clock: MockClock) -> None:
    """It is stopped instead; the other types are restarted."""
    spec = counter(restart=restart)
    async with open_system(supervisor("top", [spec], directives={Broken: "restart"})) as system:
        ref = system.ref(spec)
        await ref.ask(Increment())
        await ref.tell(Fail(Harmless()))
        if restart == "temporary":
            with pytest.raises(AskStopped):
                await ref.ask(Increment())
        else:
            assert await ref.ask(Increment()) == 1


async def test_resume_of_a_temporary_child_keeps_it(autojump_clock: MockClock) -> None:
    """To go on is no restart."""
    spec = counter(restart="temporary")
    async with open_system(supervisor("top", [spec], directives={Harmless: "resume"})) as system:
        await system.ref(spec).ask(Increment())
        await system.ref(spec).tell(Fail(Harmless()))
        assert await system.ref(spec).ask(Increment()) == 2


async def test_the_most_specific_type_wins(autojump_clock: MockClock) -> None:
    """By the MRO, not by the order in which they are written."""
    spec = counter()
    directives: Mapping[type[Exception], Directive] = {Exception: "stop", Broken: "restart", Harmless: "resume"}
    async with open_system(supervisor("top", [spec], directives=directives)) as system:
        ref = system.ref(spec)
        await ref.ask(Increment())
        await ref.tell(Fail(Harmless()))
        assert await ref.ask(Increment()) == 2
        await ref.tell(Fail(Hopeless()))
        assert await ref.ask(Increment()) == 1
        await ref.tell(Fail(Foreign()))
        with pytest.raises(AskStopped):
            await ref.ask(Increment())


async def test_what_no_directive_names_is_decided_by_the_restart_type(autojump_clock: MockClock) -> None:
    """As if there were no directives."""
    permanent, temporary = counter("permanent"), counter("temporary", "temporary")
    top = supervisor("top", [permanent, temporary], directives={Harmless: "resume"})
    async with open_system(top) as system:
        for spec in (permanent, temporary):
            await system.ref(spec).ask(Increment())
        gone = system.ref(temporary)
        for ref in (system.ref(permanent), gone):
            await ref.tell(Fail(Foreign()))
        assert await system.ref(permanent).ask(Increment()) == 1
        with pytest.raises(AskStopped):
            await gone.ask(Increment())


@pytest.mark.parametrize(
    ("leaves", "directive"),
    [
        ([Harmless], "resume"),
        ([Harmless, Foreign], "restart"),
        ([Harmless, Foreign, Hopeless], "stop"),
        ([Harmless, Foreign, Hopeless, OSError], "escalate"),
        ([Hopeless, Harmless], "stop"),
    ],
)
async def test_an_exception_group_is_judged_by_its_leaves(
    leaves: list[type[Exception]], directive: Directive, autojump_clock: MockClock
) -> None:
    """Escalate > stop > restart > resume, however deep; a leaf that nothing lists ranks as restart."""
    error: Exception = ExceptionGroup("nursery", [leaves[0]()])
    for leaf in leaves[1:]:
        error = ExceptionGroup("nursery", [leaf(), error])
    directives: Mapping[type[Exception], Directive] = {Harmless: "resume", Hopeless: "stop", OSError: "escalate"}
    spec = counter()
    top = supervisor("top", [spec], directives=directives)
    async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorFailed) as failures:
        await system.ref(spec).tell(Fail(error))
        with trio.fail_after(1):
            assert await anext(failures) == ActorFailed(str(system.ref(spec)), error, directive)


async def test_a_nursery_in_a_handler_is_judged_by_what_its_tasks_raised(autojump_clock: MockClock) -> None:
    """Trio wraps whatever a nursery's tasks raise in a group: that changes no decision."""

    class Nursing(Counter):
        @handles(Fail)
        async def fail(self, command: Fail) -> None:
            async def task() -> None:
                raise command.error

            async with trio.open_nursery() as nursery:
                nursery.start_soon(task)
                nursery.start_soon(trio.sleep_forever)

    spec = actor(Nursing)
    async with open_system(supervisor("top", [spec], directives={Harmless: "resume"})) as system:
        await system.ref(spec).ask(Increment())
        await system.ref(spec).tell(Fail(Harmless()))
        assert await system.ref(spec).ask(Increment()) == 2


async def test_escalate_fails_the_parent_with_the_child_s_exception(autojump_clock: MockClock) -> None:
    """The parent's own supervisor decides: here it restarts it, and with it all its children; no budget of the parent is used."""
    error = Hopeless()
    first, second = counter("first"), counter("second")
    inner = supervisor("inner", [first, second], directives={Hopeless: "escalate"}, max_restarts=0)
    async with open_system(supervisor("outer", [inner])) as system, system.subscribe(ActorFailed) as failures:
        for spec in (first, second):
            await system.ref(spec).ask(Increment())
        with pytest.raises(AskFailed) as caught:
            await system.ref(second).ask(Fail(error))
        assert caught.value.__cause__ is error
        await wait_all_tasks_blocked()
        with trio.fail_after(1):
            assert [await system.ref(spec).ask(Increment()) for spec in (first, second)] == [1, 1]
            assert await anext(failures) == ActorFailed("/user/outer/inner/second", error, "escalate")
            assert await anext(failures) == ActorFailed("/user/outer/inner", error, "restart")


async def test_escalate_and_resume_by_the_grandparent_restarts_the_child_alone(autojump_clock: MockClock) -> None:
    """The parent goes on as it was, with its other children; the one that failed has no state to go on with, and costs no budget."""
    first, second = counter("first"), counter("second")
    inner = supervisor("inner", [first, second], directives={Hopeless: "escalate"}, max_restarts=0, strategy="one_for_all")
    outer = supervisor("outer", [inner], directives={Hopeless: "resume"}, max_restarts=0)
    async with open_system(outer) as system, system.subscribe(ActorRestarted) as restarts:
        for spec in (first, second):
            await system.ref(spec).ask(Increment())
        await system.ref(second).tell(Fail(Hopeless()))
        with trio.fail_after(1):
            assert await system.ref(second).ask(Increment()) == 1
            assert await system.ref(first).ask(Increment()) == 2
            assert (await anext(restarts)).path == "/user/outer/inner/second"


async def test_escalate_and_resume_ends_a_temporary_child(autojump_clock: MockClock) -> None:
    """Nothing ever restarts one."""
    spec = counter(restart="temporary")
    inner = supervisor("inner", [spec], directives={Hopeless: "escalate"})
    outer = supervisor("outer", [inner], directives={Hopeless: "resume"}, max_restarts=0)
    async with open_system(outer) as system:
        ref = system.ref(spec)
        await ref.tell(Fail(Hopeless()))
        await wait_all_tasks_blocked()
        with trio.fail_after(1), pytest.raises(AskStopped):
            await ref.ask(Increment())


async def test_escalate_and_stop_by_the_grandparent_ends_both(autojump_clock: MockClock) -> None:
    """Each as failed with the child's exception."""
    error = Hopeless()
    spec = counter()
    inner = supervisor("inner", [spec], directives={Hopeless: "escalate"})
    outer = supervisor("outer", [inner], directives={Hopeless: "stop"})
    async with open_system(outer) as system, system.subscribe(ActorStopped) as stopped:
        await system.ref(spec).tell(Fail(error))
        with trio.fail_after(1):
            assert await anext(stopped) == ActorStopped("/user/outer/inner/counter", Exit("failed", error))
            assert await anext(stopped) == ActorStopped("/user/outer/inner", Exit("failed", error))


async def test_what_waits_for_a_child_that_escalated_reaches_its_next_instance(autojump_clock: MockClock) -> None:
    """Its ref and mailbox stay, whoever restarts it."""
    spec = counter()
    inner = supervisor("inner", [spec], directives={Hopeless: "escalate"})
    async with open_system(supervisor("outer", [inner])) as system:
        ref = system.ref(spec)
        for message in (Increment(), Fail(Hopeless()), Increment()):
            ref.tell_nowait(message)
        with trio.fail_after(1):
            assert await ref.ask(Increment()) == 2


async def test_a_failed_restart_is_judged_by_the_directives_too(autojump_clock: MockClock) -> None:
    """And what never started cannot be resumed: it is tried again instead."""
    fails: list[Exception] = [Harmless("start"), Harmless("start")]
    starts: list[int] = []

    class Reluctant(Counter):
        def on_start(self) -> None:
            starts.append(1)
            if len(starts) > 1 and fails:
                raise fails.pop()

    spec = actor(Reluctant)
    async with open_system(supervisor("top", [spec], directives={Harmless: "resume"}, max_restarts=3)) as system:
        await system.ref(spec).tell(Fail(Foreign()))
        with trio.fail_after(1):
            assert await system.ref(spec).ask(Increment()) == 1
        assert len(starts) == 4


async def test_directives_of_an_actor_apply_to_its_own_children(autojump_clock: MockClock) -> None:
    """Any actor may have a policy: `actor(..., supervision=Supervision(...))`."""
    answers: list[int] = []

    class Parent(Actor[str]):
        @handles(str)
        async def work(self, message: str) -> None:
            child = await self.context.spawn(counter())
            await child.ask(Increment())
            await child.tell(Fail(Harmless()))
            answers.append(await child.ask(Increment()))

    spec = actor(Parent, supervision=Supervision(directives={Harmless: "resume"}))
    async with open_system(spec) as system:
        await system.ref(spec).tell("go")
        await wait_all_tasks_blocked()
        assert answers == [2]
