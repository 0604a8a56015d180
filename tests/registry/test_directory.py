"""The registry of a system: `system.registry` and `context.registry`, where names and keys follow the lives of actors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorGone,
    ActorRef,
    ActorStopped,
    AskStopped,
    Backoff,
    Context,
    Exit,
    ForeignRef,
    Listing,
    NameTaken,
    Request,
    ServiceKey,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.testing import ActorSystem, Probe


@frozen
class Ping(Request[str]):
    pass


@frozen
class Hang(Request[str]):
    """Takes the actor's time for ever."""


@frozen
class Crash:
    pass


@define(eq=False)
class Till(Actor[Ping | Hang | Crash]):
    @handles(Ping)
    def ping(self, request: Ping) -> str:
        return "pong"

    @handles(Hang)
    async def hang(self, request: Hang) -> str:
        await trio.sleep_forever()
        return ""

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise ValueError("crash")


TILLS = ServiceKey[Ping]("tills")
OTHERS = ServiceKey[Ping]("others")


@define(eq=False)
class Observer(Actor[Listing[Ping] | Crash]):
    """Keeps the listings that it gets."""

    seen: list[tuple[str, ...]]
    keys: tuple[ServiceKey[Ping], ...] = (TILLS,)
    context_of: list[Context] = field(factory=list[Context])

    def on_start(self) -> None:
        self.context_of.append(self.context)
        for key in self.keys:
            self.context.registry.subscribe(key)

    @handles(Listing)
    def listing(self, listing: Listing[Ping]) -> None:
        self.seen.append(tuple(ref.path.rsplit("/", 1)[-1] for ref in listing.refs))

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise ValueError("crash")


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


# Names


async def test_a_name_leads_to_its_holder_and_a_key_to_its_members(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """What is registered through one door is found through the other; members come in the order in which they registered."""
    seen: list[tuple[str, ...]] = []
    contexts: list[Context] = []
    await actor_system.spawn(actor(Observer, seen, (), contexts))
    inside = contexts[0].registry
    tills = [await actor_system.spawn(actor(Till, name=name)) for name in ("b", "a")]
    for till in tills:
        inside.register(TILLS, till)
    actor_system.registry.register("front", tills[0])
    found = inside.lookup("front")
    assert found is tills[0]
    assert await tills[0].ask(Ping()) == "pong"
    assert actor_system.registry.find(TILLS) == tuple(tills)
    assert actor_system.registry.find(ServiceKey[Ping]("tills")) == tuple(tills)
    assert (inside.lookup("back"), inside.find(OTHERS)) == (None, ())
    actor_system.registry.unregister(TILLS, tills[0])
    inside.unregister("front", tills[0])
    assert (inside.lookup("front"), inside.find(TILLS)) == (None, (tills[1],))


async def test_a_name_has_one_holder(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """The second actor is refused and told who has it; registering the first again, or unregistering a stranger, changes nothing."""
    first, second = [await actor_system.spawn(actor(Till, name=name)) for name in ("first", "second")]
    registry = actor_system.registry
    registry.register("front", first)
    registry.register("front", first)
    with pytest.raises(NameTaken) as raised:
        registry.register("front", second)
    assert (raised.value.name, raised.value.holder) == ("front", "/user/first")
    registry.unregister("front", second)
    assert registry.lookup("front") is first
    await actor_system.stop(first)
    registry.register("front", second)
    assert registry.lookup("front") is second


async def test_only_living_actors_of_this_system_can_be_registered(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A dead ref is `ActorGone`, one of another system `ForeignRef`, anything else a TypeError; a bad name is a ValueError."""
    dead = await actor_system.spawn(actor(Till, name="dead"))
    await actor_system.stop(dead)
    async with open_system(name="abroad") as abroad:
        foreigner = await abroad.spawn(actor(Till, name="foreigner"))
        wrong: Any = "till"
        for place in ("front", TILLS):
            with pytest.raises(ActorGone, match="/user/dead has stopped"):
                actor_system.registry.register(place, dead)
            with pytest.raises(ForeignRef, match="/user/foreigner belongs to system 'abroad-"):
                actor_system.registry.register(place, foreigner)
            with pytest.raises(TypeError, match="takes an ActorRef, not 'till'"):
                actor_system.registry.register(place, wrong)
            actor_system.registry.unregister(place, dead)
            actor_system.registry.unregister(place, foreigner)
        with pytest.raises(ValueError, match="A name must not contain '/'"):
            abroad.registry.register("a/b", foreigner)
        assert actor_system.registry.find(TILLS) == abroad.registry.find(TILLS) == ()


# Death


@define(eq=False)
class Undertaker(Actor[Terminated]):
    """Looks at the registry and at the name in the moment in which it is told of a death."""

    looked: list[tuple[object, ...]]
    subjects: list[ActorRef[Any]]

    def on_start(self) -> None:
        for subject in self.subjects:
            self.context.watch(subject)

    @handles(Terminated)
    async def look(self, terminated: Terminated) -> None:
        registry = self.context.registry
        self.looked.append((registry.lookup("front"), registry.find(TILLS)))
        again = await self.context.spawn(actor(Till))
        registry.register("front", again)


@define(eq=False)
class UndertakerByHook(Actor[Ping]):
    looked: list[tuple[object, ...]]
    subject: ActorRef[Any]

    def on_start(self) -> None:
        self.context.watch(self.subject)

    def on_terminated(self, terminated: Terminated) -> None:
        self.looked.append((self.context.registry.lookup("front"), self.context.registry.find(TILLS)))

    @handles(Ping)
    def ping(self, request: Ping) -> str:
        return ""


async def by_hand(system: ActorSystem, till: ActorRef[Any]) -> None:
    await system.stop(till)


async def by_crash(system: ActorSystem, till: ActorRef[Any]) -> None:
    system.expect_failure(ValueError)
    await till.tell(Crash())
    await quiet()


async def by_stop_of_the_parent(system: ActorSystem, till: ActorRef[Any]) -> None:
    await system.stop(next(parent for parent in [system.registry.lookup("team")] if parent is not None))


@pytest.mark.parametrize("death", [by_hand, by_crash, by_stop_of_the_parent])
async def test_a_name_is_free_and_lookups_find_it_no_longer_before_anybody_is_told_of_the_death(
    death: Callable[..., Any], autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """
    Not in a handler for Terminated, not in on_terminated, not in a filter of ActorStopped, not in a listing, not for whoever
    awaited the stop: the registry knows the dead no longer, the name can be taken, and so can its place in the tree.
    """
    looked: list[tuple[object, ...]] = []
    listed: list[tuple[str, ...]] = []
    spec = actor(Till, name="till", restart="temporary")
    team = await actor_system.spawn(supervisor("team", [spec], strategy="one_for_all"))
    till = actor_system.ref(spec)
    actor_system.registry.register("team", team)
    actor_system.registry.register("front", till)
    actor_system.registry.register(TILLS, till)
    await actor_system.spawn(actor(Observer, listed))
    await actor_system.spawn(actor(UndertakerByHook, looked, till))
    await actor_system.spawn(actor(Undertaker, looked, [till]))

    def look(fact: ActorStopped) -> bool:
        looked.append((actor_system.registry.lookup("front"), actor_system.registry.find(TILLS)))
        return True

    async with actor_system.subscribe(ActorStopped, where=lambda fact: fact.path == till.path and look(fact)):
        await death(actor_system, till)
        assert actor_system.registry.lookup("front") is not till
        await quiet()
    assert looked == [(None, ())] * 3
    assert listed == [("till",), ()]
    assert actor_system.registry.lookup("front") is not None


async def test_an_asker_who_is_told_of_the_death_finds_the_name_free(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Queued asks are answered with `AskStopped` when the actor is dead: whoever gets it can put another one in its place."""
    till = await actor_system.spawn(actor(Till, name="till", stop_timeout=1.0))
    actor_system.registry.register("front", till)
    found: list[object] = []

    async def ask() -> None:
        with pytest.raises(AskStopped):
            await till.ask(Ping(), timeout=math.inf)
        found.append(actor_system.registry.lookup("front"))
        await actor_system.spawn(actor(Till, name="till"))

    async with trio.open_nursery() as nursery:
        await till.tell(Hang())
        await quiet()
        nursery.start_soon(ask)
        await quiet()
        await actor_system.stop(till)
    assert found == [None]


async def test_what_an_actor_registers_in_its_last_hook_is_forgotten_too(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """There is no way to leave a dead ref behind."""

    @define(eq=False)
    class Clinging(Till):
        def on_stop(self, reason: Exit) -> None:
            self.context.registry.register("front", self.context.ref)
            self.context.registry.register(TILLS, self.context.ref)

    await actor_system.stop(await actor_system.spawn(actor(Clinging)))
    assert (actor_system.registry.lookup("front"), actor_system.registry.find(TILLS)) == (None, ())


async def test_a_member_stays_listed_while_it_restarts_or_backs_off(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A restart is no death: name and membership stay, nobody hears of a change, and messages wait for the new instance."""
    actor_system.expect_failure(ValueError)
    listed: list[tuple[str, ...]] = []
    spec = actor(Till, name="till")
    await actor_system.spawn(supervisor("team", [spec], backoff=Backoff(first=30.0, jitter=0.0)))
    till = actor_system.ref(spec)
    actor_system.registry.register("front", till)
    actor_system.registry.register(TILLS, till)
    await actor_system.spawn(actor(Observer, listed))
    await till.tell(Crash())
    await trio.sleep(10)
    assert actor_system.registry.lookup("front") is till
    assert await actor_system.registry.find(TILLS)[0].ask(Ping(), timeout=60.0) == "pong"
    assert listed == [("till",)]


# Waiting


async def test_waiting_for_a_name_or_a_key_ends_with_the_registration(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """At once if it is there; else the moment it comes, in a handler as well as outside; for a key with all its members."""
    got: list[tuple[float, object]] = []
    registry = actor_system.registry

    @define(eq=False)
    class Patient(Actor[Ping]):
        @handles(Ping)
        async def ping(self, request: Ping) -> str:
            found: object = await self.context.registry.wait_for("front")
            got.append((trio.current_time(), found))
            return ""

    await (await actor_system.spawn(actor(Patient))).tell(Ping())

    async def wait(key: ServiceKey[Ping]) -> None:
        found: object = await registry.wait_for(key)
        got.append((trio.current_time(), found))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, TILLS)
        await trio.sleep(1)
        till = await actor_system.spawn(actor(Till))
        registry.register("front", till)
        await quiet()
        registry.register(OTHERS, till)
        await trio.sleep(1)
        registry.register(TILLS, till)
    assert got == [(1.0, till), (2.0, (till,))]
    assert await registry.wait_for("front") is till
    assert await registry.wait_for(TILLS) == (till,)
    assert trio.current_time() == 2.0


async def test_waiting_can_be_given_up(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """By a deadline outside, by the stop of the actor that waits inside: nothing is left that would wake them."""

    @define(eq=False)
    class Patient(Actor[Ping]):
        @handles(Ping)
        async def ping(self, request: Ping) -> str:
            await self.context.registry.wait_for(TILLS)
            return ""

    patient = await actor_system.spawn(actor(Patient, stop_timeout=1.0))
    await patient.tell(Ping())
    for place in ("front", TILLS):
        with trio.move_on_after(5) as scope:
            await actor_system.registry.wait_for(place)
        assert scope.cancelled_caught
    with trio.fail_after(2):
        await actor_system.stop(patient)
    till = await actor_system.spawn(actor(Till))
    actor_system.registry.register("front", till)
    actor_system.registry.register(TILLS, till)
    await quiet()


# Listings


async def test_a_subscriber_of_a_key_gets_a_listing_at_once_and_on_every_change(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """Members that come, go and die, in order; not what concerns other keys; and what is registered twice is no change."""
    registry = actor_system.registry
    a, b = [await actor_system.spawn(actor(Till, name=name)) for name in "ab"]
    registry.register(TILLS, a)
    seen: list[tuple[str, ...]] = []
    await actor_system.spawn(actor(Observer, seen))
    await quiet()
    assert seen == [("a",)]
    registry.register(TILLS, b)
    registry.register(TILLS, b)
    registry.register(OTHERS, b)
    registry.register("front", b)
    registry.unregister(TILLS, a)
    await actor_system.stop(b)
    await quiet()
    assert seen == [("a",), ("a", "b"), ("b",), ()]


async def test_a_listing_subscription_outlives_restarts_and_a_new_instance_gets_the_listing_of_the_moment(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """It has forgotten the old one; subscribing again in on_start sends the present listing once and doubles nothing."""
    actor_system.expect_failure(ValueError)
    registry = actor_system.registry
    seen: list[tuple[str, ...]] = []
    observer = await actor_system.spawn(actor(Observer, seen))
    a, b = [await actor_system.spawn(actor(Till, name=name)) for name in "ab"]
    registry.register(TILLS, a)
    await quiet()
    await observer.tell(Crash())
    await quiet()
    registry.register(TILLS, b)
    await quiet()
    assert seen == [(), ("a",), ("a",), ("a", "b")]


async def test_listings_end_with_the_actor_and_a_slow_one_keeps_the_newest_thousand(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """They take no slot of the mailbox, they are bounded, and the last one is always there; what is left out is withdrawn."""
    registry = actor_system.registry
    till = await actor_system.spawn(actor(Till, name="till"))
    seen: list[tuple[str, ...]] = []
    observer = await actor_system.spawn(actor(Observer, seen, mailbox=1))
    await quiet()
    seen.clear()
    for _ in range(750):  # without a pause in which they could be taken
        registry.register(TILLS, till)
        registry.unregister(TILLS, till)
    registry.register(TILLS, till)
    await quiet()
    assert len(seen) == 1_000
    assert seen[-1] == ("till",)
    counts = actor_system.statistics().actors[observer.path]
    assert (counts.accepted, counts.handled, counts.withdrawn) == (1_502, 1_001, 501)
    await actor_system.stop(observer)
    registry.unregister(TILLS, till)
    await quiet()
    assert len(seen) == 1_000


async def test_only_an_actor_that_handles_listings_can_subscribe_to_a_key(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Outside of an actor it is a LookupError, without a handler a TypeError; a background task subscribes its actor."""
    with pytest.raises(LookupError, match=r"registry.subscribe\(key\) sends listings to the actor that calls it"):
        actor_system.registry.subscribe(TILLS)
    errors: list[str] = []

    @define(eq=False)
    class Deaf(Actor[Ping]):
        def on_start(self) -> None:
            try:
                self.context.registry.subscribe(TILLS)
            except TypeError as error:
                errors.append(str(error))

        @handles(Ping)
        def ping(self, request: Ping) -> str:
            return ""

    await actor_system.spawn(actor(Deaf, name="deaf"))
    assert errors == ["/user/deaf cannot subscribe to listings: add Listing to its union, and a method with @handles(Listing)."]
    seen: list[tuple[str, ...]] = []

    @define(eq=False)
    class InTheBackground(Observer):
        def on_start(self) -> None:
            self.context.start_soon(self.later)

        async def later(self) -> None:
            await trio.sleep(1)
            self.context.registry.subscribe(TILLS)

    await actor_system.spawn(actor(InTheBackground, seen))
    await trio.sleep(2)
    assert seen == [()]
