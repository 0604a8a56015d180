"""The context: what an actor knows of itself and of its system, and that it ends with the actor."""

import logging
import math
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorGone,
    ActorRef,
    Context,
    ForeignRef,
    Request,
    ServiceKey,
    actor,
    handles,
    open_system,
    supervisor,
)


@frozen
class GetContext(Request[Context]):
    """Hands the context out, which no program should do."""


@frozen
class Nap(Request[float]):
    """Sleeps with `context.sleep`, and says for how long."""

    seconds: float


@define(eq=False)
class Open(Actor[GetContext | Nap]):
    """Shows what it has."""

    @handles(GetContext)
    def get_context(self, query: GetContext) -> Context:
        return self.context

    @handles(Nap)
    async def nap(self, query: Nap) -> float:
        before = self.context.now()
        await self.context.sleep(query.seconds)
        return self.context.now() - before


async def test_an_actor_knows_itself_its_parent_and_its_children(autojump_clock: MockClock) -> None:
    """ref, path, parent, children: refs of this system, the children in start order."""
    spec = actor(Open, name="open")
    with trio.fail_after(1):
        async with open_system(supervisor("top", [spec])) as system:
            ref = system.ref(spec)
            context = await ref.ask(GetContext())
            assert context.ref == ref
            assert context.path == ref.path == "/user/top/open"
            assert context.parent is not None
            assert context.parent.path == "/user/top"
            assert not context.children
            first = await context.spawn(actor(Open, name="z"))
            second = context.spawn_nowait(actor(Open, name="a"))
            third = await context.spawn(actor(Open))
            assert context.children == (first, second, third)
            assert third.path == "/user/top/open/Open-1"
            await context.stop(second)
            assert list(context.children) == [first, third]
            child = await first.ask(GetContext())
            assert child.parent == ref


async def test_the_context_stays_the_same_for_one_instance(autojump_clock: MockClock) -> None:
    """`self.context` is one object, however often it is asked for."""
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Open))
            assert await ref.ask(GetContext()) is await ref.ask(GetContext())


async def test_now_is_the_clock_of_the_runtime(autojump_clock: MockClock) -> None:
    """Seconds that go with trio's clock, and so with the virtual one of a test."""
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Open))
            context = await ref.ask(GetContext())
            before = context.now()
            await trio.sleep(50)
            assert context.now() - before == pytest.approx(50)


async def test_sleep_waits_and_handles_nothing_meanwhile(autojump_clock: MockClock) -> None:
    """To the second; zero and infinity are times too; anything less is refused."""
    with trio.fail_after(100):
        async with open_system() as system:
            ref = await system.spawn(actor(Open))
            for seconds in (0, 0.25, 3):
                assert await ref.ask(Nap(seconds)) == pytest.approx(seconds)
            context = await ref.ask(GetContext())
            for wrong in (-1.0, math.nan):
                with pytest.raises(ValueError, match="sleep\\(\\) takes seconds, at least 0"):
                    await context.sleep(wrong)
            with trio.move_on_after(10) as scope:
                await context.sleep(math.inf)
            assert scope.cancelled_caught


async def test_many_sleepers_need_no_task_each(autojump_clock: MockClock) -> None:
    """A thousand actors in `context.sleep` are held by the runtime, which has as many tasks as before."""
    with trio.fail_after(100):
        async with open_system() as system:
            refs = [await system.spawn(actor(Open)) for _ in range(1000)]
            await wait_all_tasks_blocked()
            before = trio.lowlevel.current_statistics().tasks_living
            for ref in refs:
                await ref.tell(Nap(10.0))
            await wait_all_tasks_blocked()
            assert trio.lowlevel.current_statistics().tasks_living <= before + 2
            await trio.sleep(11)
            assert system.statistics().handled >= 1000


async def test_random_is_one_source_for_the_system(autojump_clock: MockClock) -> None:
    """Whoever seeds it decides all that is drawn."""
    with trio.fail_after(1):
        async with open_system() as system:
            one = await (await system.spawn(actor(Open))).ask(GetContext())
            two = await (await system.spawn(actor(Open))).ask(GetContext())
            assert one.random is two.random
            one.random.seed(3)
            drawn = [two.random.random() for _ in range(3)]
            two.random.seed(3)
            assert [one.random.random() for _ in range(3)] == drawn


async def test_the_log_is_named_for_the_actor(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """A logger below ``trouper``, with the path in dots."""
    spec = actor(Open, name="open")
    with trio.fail_after(1):
        async with open_system(supervisor("top", [spec])) as system:
            context = await system.ref(spec).ask(GetContext())
            with caplog.at_level(logging.INFO):
                context.log.info("hello")
    assert [(record.name, record.message) for record in caplog.records] == [("trouper.user.top.open", "hello")]


async def test_the_registry_is_the_systems(autojump_clock: MockClock) -> None:
    """What an actor registers is found outside, and the other way round."""
    key = ServiceKey[GetContext | Nap]("open")
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Open))
            context = await ref.ask(GetContext())
            context.registry.register(key, context.ref)
            assert system.registry.find(key) == (ref,)
            assert context.registry is system.registry


async def test_the_context_of_a_dead_actor_acts_no_more(autojump_clock: MockClock) -> None:
    """Every verb raises ActorGone, which names the actor and the verb; what it is can still be read."""

    async def background() -> None:
        pass

    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Open))
            other = await system.spawn(actor(Open))
            context = await ref.ask(GetContext())
            await system.stop(ref)
            verbs: dict[str, Any] = {
                "publish": lambda: context.publish("fact"),
                "subscribe": lambda: context.subscribe(str),
                "unsubscribe": lambda: context.unsubscribe(str),
                "watch": lambda: context.watch(other),
                "unwatch": lambda: context.unwatch(other),
                "spawn_nowait": lambda: context.spawn_nowait(actor(Open)),
                "stop_self": context.stop_self,
                "after": lambda: context.after(1.0, "message"),
                "every": lambda: context.every(1.0, "message"),
                "stash": context.stash,
                "unstash_all": context.unstash_all,
                "become": lambda: context.become(print),
                "unbecome": context.unbecome,
                "defer": lambda: context.defer(GetContext()),
                "start_soon": lambda: context.start_soon(background),
                "registry": lambda: context.registry,
            }
            for verb, call in verbs.items():
                with pytest.raises(ActorGone) as caught:
                    call()
                assert (caught.value.path, caught.value.verb) == (ref.path, verb)
            waits: dict[str, Any] = {
                "spawn": lambda: context.spawn(actor(Open)),
                "stop": lambda: context.stop(other),
                "sleep": lambda: context.sleep(1.0),
                "run_sync": lambda: context.run_sync(print),
            }
            for verb, call in waits.items():
                with pytest.raises(ActorGone) as caught:
                    await call()
                assert (caught.value.path, caught.value.verb) == (ref.path, verb)
            assert context.ref == ref
            assert context.path == "/user/Open-1"
            assert not context.children
            assert context.now() == trio.current_time()
            context.log.info("still there")


async def test_a_context_speaks_of_actors_of_its_own_system(autojump_clock: MockClock) -> None:
    """Watching or stopping one of another system raises ForeignRef, and so does spawning under one."""
    with trio.fail_after(1):
        async with open_system(name="here") as here, open_system(name="there") as there:
            context = await (await here.spawn(actor(Open))).ask(GetContext())
            foreign = await there.spawn(actor(Open))
            with pytest.raises(ForeignRef) as caught:
                context.watch(foreign)
            assert caught.value.path == foreign.path
            assert caught.value.node.startswith("there-")
            assert caught.value.here.startswith("here-")
            with pytest.raises(ForeignRef):
                context.unwatch(foreign)
            with pytest.raises(ForeignRef):
                await context.stop(foreign)
            assert isinstance(await foreign.ask(GetContext()), Context)  # messages may be sent from anywhere


async def test_what_is_no_ref_is_refused(autojump_clock: MockClock) -> None:
    """A path or a spec in the place of a ref is a TypeError at the call."""
    with trio.fail_after(1):
        async with open_system() as system:
            context = await (await system.spawn(actor(Open))).ask(GetContext())
            for wrong in ("/user/Open-1", actor(Open), None):
                ref: ActorRef[Any] = wrong  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
                with pytest.raises(TypeError, match="This takes an ActorRef"):
                    context.watch(ref)
                with pytest.raises(TypeError, match="This takes an ActorRef"):
                    await context.stop(ref)
