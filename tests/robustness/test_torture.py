"""
A storm of everything at once, from a seed: actors that tell, ask, spawn, stop, raise, sleep, publish, subscribe, stash, defer, watch,
become, set timers and run tasks, under every strategy, with small mailboxes of every kind, while code outside does the same
and cancels what it began.

Each seed is one trio run on the virtual clock, with trio's own scheduler seeded too, so that a seed that fails fails again. What is
asserted is what holds for every program: accounts add up at any moment in which no handler runs, a tell that raised has sent
nothing, the order between two actors, no asker is left waiting, no task of trio is left over, and the block ends.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any, Literal

import pytest
import trio
from attrs import define, evolve, field, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorGone,
    ActorRef,
    ActorSpec,
    AlreadyReplied,
    AskError,
    Backoff,
    DeadLetter,
    Deadlock,
    Exit,
    Fifo,
    Listing,
    MailboxFull,
    NameTaken,
    Priority,
    Reply,
    Request,
    RestartLimitReached,
    ServiceKey,
    StartFailed,
    StashFull,
    SubscriptionFull,
    Supervision,
    System,
    Terminated,
    TimersFull,
    actor,
    group,
    handles,
    open_system,
    router,
    supervisor,
)

Check = Callable[[System], None]
Routing = Literal["round_robin", "random", "least_loaded", "broadcast"]

SEEDS = 200
DRIVERS = 4
STEPS = 40
FUEL = 3
ACTORS_MAX = 60
UNLIMITED = 10_000
ENDLESS_SECONDS = 10_000.0  # virtual: what lasts longer hangs


class Restarts(Exception):
    """What no directive lists."""


class Resumes(Exception):
    """Listed as resume."""


class Stops(Exception):
    """Listed as stop."""


class Escalates(Exception):
    """Listed as escalate."""


BANGS = (Restarts, Restarts, Restarts, Resumes, Stops, Escalates)


@frozen
class Job:
    """What every message carries: who sent it, the how manieth of that sender it is, and how many generations may come of it."""

    number: int
    sender: object
    turn: int
    fuel: int


@frozen
class Note(Job):
    """Taken by a plain handler."""


@frozen
class Work(Job):
    """Taken by an async handler."""


@frozen
class Query(Job, Request[int]):
    """Answered by a plain handler."""


@frozen
class Consult(Job, Request[int]):
    """Answered by an async handler, or deferred."""


@frozen
class Tick:
    """A timer's."""

    fuel: int


@frozen
class Happened:
    """A fact."""

    number: int


@frozen
class HappenedTwice(Happened):
    """A fact of a narrower class."""


KINDS = (Note, Work, Note, Work, Query, Consult)

SERVICE = ServiceKey[Any]("service")


@define(eq=False)
class World:
    """What all actors and drivers of one seed share: the source of chance, who there is, and the ledger of messages."""

    random: Random
    system: System = field(init=False)
    refs: list[ActorRef[Any]] = field(factory=list[ActorRef[Any]])
    specs: list[ActorSpec[Any]] = field(factory=list[ActorSpec[Any]])
    replies: list[Reply[int]] = field(factory=list[Reply[int]])
    is_calm: bool = False
    hears_letters: bool = False
    numbers: int = 0
    told: set[int] = field(factory=set[int])
    refused: set[int] = field(factory=set[int])
    begun: Counter[int] = field(factory=Counter[int])
    stashed: Counter[int] = field(factory=Counter[int])
    letters: Counter[int] = field(factory=Counter[int])
    turns: Counter[object] = field(factory=Counter[object])
    last: dict[tuple[str, object], int] = field(factory=dict[tuple[str, object], int])
    asks_open: int = 0
    asks_ended: int = 0

    def message(self, kind: type[Any], sender: object, fuel: int) -> Any:
        self.numbers += 1
        self.turns[sender] += 1
        return kind(self.numbers, sender, self.turns[sender], fuel)

    def chance(self, probability: float) -> bool:
        return not self.is_calm and self.random.random() < probability

    def pause(self) -> float:
        """Seconds, never the same twice, so that no order hangs on the address of an object."""
        return self.random.choice((0.0, 0.001, 0.01, 0.1, 1.0)) * (1 + self.random.random())

    def peer(self) -> ActorRef[Any]:
        return self.random.choice(self.refs)

    def bang(self) -> Exception:
        error = self.random.choice(BANGS)
        return ExceptionGroup("several", [error("a"), self.random.choice(BANGS)("b")]) if self.random.random() < 0.1 else error("bang")

    # The verbs, each entered into the ledger

    def tell_nowait(self, sender: object, fuel: int) -> None:
        message, peer = self.message(self.random.choice(KINDS), sender, fuel), self.peer()
        try:
            peer.tell_nowait(message)
        except MailboxFull:
            self.refused.add(message.number)
        else:
            self.note_told(message, peer)

    async def tell(self, sender: object, fuel: int) -> None:
        message, peer = self.message(self.random.choice(KINDS), sender, fuel), self.peer()
        try:
            await peer.tell(message)
        except BaseException:
            self.refused.add(message.number)
            raise
        self.note_told(message, peer)

    def note_told(self, message: Job, peer: ActorRef[Any]) -> None:
        # A router may pass one on to several, or to nobody.
        if self.hears_letters and not peer.path.rsplit("/", 1)[-1].startswith(("crew", "all")):
            self.told.add(message.number)

    async def ask(self, sender: object, fuel: int) -> None:
        message = self.message(self.random.choice((Query, Consult)), sender, fuel)
        timeout = self.random.choice((None, None, 0.0, 0.005, 0.5, 3.0, 20.0))
        await self.ask_for(message, timeout)

    async def ask_for(self, message: Any, timeout: float | None) -> None:
        self.asks_open += 1
        try:
            assert await self.peer().ask(message, timeout=timeout) == message.number
        finally:
            self.asks_ended += 1

    def new_spec(self, *, depth: int = 0) -> ActorSpec[Any]:
        random = self.random
        supervision = Supervision(
            strategy=random.choice(("one_for_one", "one_for_one", "one_for_all", "rest_for_one")),
            max_restarts=random.choice((0, 1, 3, 10, 1000)),
            within=random.choice((0.01, 1.0, 5.0, 100.0)),
            backoff=random.choice((None, None, Backoff(0.01, 1.0, 2.0, 0.5), Backoff(0.5, 5.0, 1.0, 0.0, 1.0))),
            directives={Resumes: "resume", Stops: "stop", Escalates: "escalate"} if random.random() < 0.8 else {},
            auto_shutdown=random.choice(("never", "never", "any_significant", "all_significant")),
        )
        restart: Literal["permanent", "transient", "temporary"] = random.choice(("permanent", "permanent", "transient", "temporary"))
        significant = restart != "permanent" and random.random() < 0.3
        stop_timeout = random.choice((0.0, 0.01, 1.0, 5.0))  # of an actor with handlers: for ever may be for ever
        if depth < 2 and random.random() < (1.0 if depth == 0 else 0.4):
            children = [self.new_spec(depth=depth + 1) for _ in range(random.randrange(4))]
            if random.random() < 0.3:
                crew = evolve(self.leaf(Bare), restart="permanent", significant=False)
                routing: Routing = random.choice(("round_robin", "random", "least_loaded", "broadcast"))
                children.append(router(f"crew-{random.randrange(10**9)}", crew, random.randrange(1, 4), routing=routing))
            if random.random() < 0.5:
                stop_timeout = math.inf
                spec: ActorSpec[Any] = supervisor("supervisor", children)
            else:
                spec = evolve(self.leaf(Hooked), children=children)
            spec = evolve(spec, name=None if random.random() < 0.5 else f"branch-{random.randrange(10**9)}")
        else:
            spec = self.leaf(random.choice((Bare, Hooked, Orderly)))
        spec = evolve(spec, restart=restart, significant=significant, stop_timeout=stop_timeout, supervision=supervision)
        self.specs.append(spec)
        return spec

    def leaf(self, kind: type[Storm]) -> ActorSpec[Any]:
        random = self.random
        capacity = random.choice((1, 2, 3, 8, 100))
        on_full: Literal["reject", "drop_newest", "drop_oldest"] = random.choice(("reject", "drop_newest", "drop_oldest"))
        mailbox: Fifo | Priority = Fifo(capacity, on_full=on_full)
        if kind is not Orderly and random.random() < 0.3:
            mailbox = Priority(capacity, key=urgency, on_full=on_full)
        return actor(kind, self, mailbox=mailbox, stash=random.choice((0, 1, 3, 100)))


def urgency(message: Any) -> int:
    number: int = message.number
    return number % 3


@define(eq=False)
class Storm(Actor[Note | Work | Query | Consult | Tick | Happened | Listing[Any]]):
    """Does anything at any message."""

    world: World
    generation: int = field(default=0, init=False)

    # What comes in

    @handles(Note)
    def note(self, message: Note) -> None:
        if self.begin(message):
            self.do(message)

    @handles(Query)
    def query(self, message: Query) -> int | Reply[int]:
        if not self.begin(message):
            return 0
        if self.world.chance(0.1):
            reply: Reply[int] = self.context.defer(message)
            self.owe(reply, message.number)
            self.do(message)
            return reply
        self.do(message)
        return message.number

    @handles(Work)
    async def work(self, message: Work) -> None:
        if self.begin(message):
            await self.act(message)

    @handles(Consult)
    async def consult(self, message: Consult) -> int | Reply[int]:
        if not self.begin(message):
            return 0
        if self.world.chance(0.2):
            reply: Reply[int] = self.context.defer(message)
            self.owe(reply, message.number)
            await self.act(message)
            return reply
        await self.act(message)
        return message.number

    @handles(Tick)
    def tick(self, message: Tick) -> None:
        if self.world.chance(0.5):
            self.do(message)

    @handles(Happened)
    def happened(self, fact: Happened) -> None:
        if self.world.chance(0.05):
            raise self.world.bang()

    @handles(Listing)
    def listed(self, listing: Listing[Any]) -> None:
        if self.world.chance(0.05):
            raise self.world.bang()

    @handles(Terminated)
    async def terminated(self, terminated: Terminated) -> None:
        if self.world.chance(0.1):
            await self.context.sleep(self.world.pause())
        if self.world.chance(0.05):
            raise self.world.bang()

    def owe(self, reply: Reply[int], number: int) -> None:
        """Sent later by whoever comes by, with the number that is asserted at the asker."""
        self.world.replies.append(reply)
        OWED[reply] = number

    def begin(self, message: Job) -> bool:
        """Enters it into the ledger; False if it was stashed instead."""
        world = self.world
        world.begun[message.number] += 1
        if self.may_stash() and world.chance(0.05):
            with suppress(StashFull):
                self.context.stash()
                world.stashed[message.number] += 1
                return False
        return True

    def may_stash(self) -> bool:
        return True

    # What it does, at once

    def do(self, message: Job | Tick) -> None:
        world = self.world
        while message.fuel and world.chance(0.5):
            self.do_once(message.fuel - 1)
        if world.chance(0.04):
            raise world.bang()

    def do_once(self, fuel: int) -> None:
        world, context = self.world, self.context
        match world.random.randrange(18):
            case 0 | 1 | 2 | 3:
                world.tell_nowait(context.path, fuel)
            case 4 | 5:
                context.publish(world.random.choice((Happened, HappenedTwice))(fuel))
            case 6:
                if len(world.refs) < ACTORS_MAX:
                    world.refs.append(context.spawn_nowait(world.new_spec(depth=2)))
            case 7:
                context.unstash_all()
            case 8:
                try:
                    context.after(world.pause(), Tick(fuel), key=world.random.choice((None, "one")))
                    if world.chance(0.2):
                        context.every(2.0 + world.pause(), Tick(0), key="often")
                except TimersFull:
                    pass
            case 9:
                context.watch(world.peer())
            case 10:
                context.unwatch(world.peer())
            case 11:
                context.start_soon(self.background, fuel)
            case 12:
                kind = world.random.choice((Happened, HappenedTwice))
                where = world.random.choice((None, None, even, raises))
                on_full: Any = world.random.choice(("drop_oldest", "drop_newest", "latest", "fail"))
                context.subscribe(kind, where, on_full, world.random.choice((1, 2, 10)))
            case 13:
                context.unsubscribe(world.random.choice((Happened, HappenedTwice)))
            case 14:
                if world.replies and self.world.chance(0.8):
                    settle(world)
            case 15:
                if world.chance(0.2):
                    context.stop_self()
            case 16:
                if world.chance(0.5):
                    context.become(self.otherwise)
                else:
                    context.unbecome()
            case _:
                self.registry(world, fuel)

    def registry(self, world: World, fuel: int) -> None:
        registry = self.context.registry
        name = f"name-{world.random.randrange(4)}"
        match world.random.randrange(4):
            case 0:
                with suppress(NameTaken):
                    registry.register(name, self.context.ref)
            case 1:
                registry.unregister(name, self.context.ref)
            case 2:
                registry.register(SERVICE, self.context.ref)
            case _:
                registry.subscribe(SERVICE)

    def otherwise(self, message: Any) -> Any:
        """What it becomes: a plain function for all messages."""
        if isinstance(message, Job):
            if not self.begin(message):
                return 0
            self.do(message)
            return message.number
        return None

    async def background(self, fuel: int) -> None:
        world = self.world
        sender = object()
        if world.chance(0.3):
            return
        await trio.sleep(world.pause())
        for _ in range(world.random.randrange(3)):
            if world.is_calm:
                return
            with suppress(AskError, MailboxFull, Deadlock, ActorGone):
                await self.act_once(fuel, sender)
        if world.chance(0.05):
            raise world.bang()
        if world.chance(0.3):
            await trio.sleep_forever()

    # What it does, and waits for

    async def act(self, message: Job) -> None:
        world = self.world
        while message.fuel and world.chance(0.5):
            try:
                await self.act_once(message.fuel - 1, self.context.path)
            except (AskError, MailboxFull, Deadlock, StartFailed):
                if world.chance(0.1):
                    raise
        if world.chance(0.04):
            raise world.bang()

    async def act_once(self, fuel: int, sender: object) -> None:
        world, context = self.world, self.context
        match world.random.randrange(17):
            case 0 | 1:
                await world.tell(sender, fuel)
            case 2 | 3 | 4:
                await world.ask(sender, fuel)
            case 5:
                if len(world.refs) < ACTORS_MAX:
                    world.refs.append(await context.spawn(world.new_spec(depth=2)))
            case 6:
                if world.chance(0.3):
                    await context.stop(world.peer(), drain=world.chance(0.5))
            case 7:
                await context.sleep(world.pause())
            case 8:
                await trio.sleep(world.pause())
            case 9:
                async with trio.open_nursery() as nursery:
                    for _ in range(world.random.randrange(1, 4)):
                        nursery.start_soon(self.together, fuel, object())
            case 10:
                with trio.move_on_after(world.pause()):
                    await world.random.choice((world.ask, world.tell))(sender, fuel)
            case 11:
                with trio.CancelScope() as scope:
                    if world.chance(0.7):
                        scope.cancel()
                    await world.random.choice((world.ask, world.tell))(sender, fuel)
            case 12:
                if world.chance(0.3):
                    with suppress(ActorGone):
                        await world.system.restart(world.peer())
            case 13:
                with trio.move_on_after(world.pause()):
                    await context.registry.wait_for(world.random.choice(("name-1", "name-9", SERVICE)))
            case 14:
                with trio.move_on_after(world.pause(), shield=world.chance(0.2)):
                    await trio.sleep(world.pause())
            case 15:
                try:
                    with trio.move_on_after(world.pause()):
                        if len(world.refs) < ACTORS_MAX:
                            world.refs.append(await context.spawn(world.new_spec(depth=2)))
                finally:
                    if world.chance(0.2):
                        raise world.bang()
            case _:
                self.do_once(fuel)

    async def together(self, fuel: int, sender: object) -> None:
        with suppress(AskError, MailboxFull, Deadlock, StartFailed, ActorGone):
            await self.act_once(fuel, sender)


class Bare(Storm):
    """Without hooks: it is renewed on the spot."""


@define(eq=False)
class Hooked(Storm):
    """With every hook."""

    async def on_start(self) -> None:
        if self.world.chance(0.3):
            await self.world.random.choice((trio.sleep, self.context.sleep))(self.world.pause())
        if self.world.chance(0.2):
            self.context.subscribe(Happened)
        if self.world.chance(0.1):
            self.world.refs.append(await self.context.spawn(self.world.leaf(Bare)))
        if self.world.chance(0.1):
            await self.world.ask(object(), 0)
        if self.world.chance(0.05):
            self.context.start_soon(self.background, 1)
        if self.world.chance(0.05):
            raise self.world.bang()

    async def on_stop(self, reason: Exit) -> None:
        if self.world.chance(0.3):
            await self.world.random.choice((trio.sleep, self.context.sleep))(self.world.pause())
        if self.world.chance(0.1):
            await self.world.tell(object(), 0)
        if self.world.chance(0.1):
            raise self.world.bang()

    async def on_restart(self, cause: BaseException) -> None:
        if self.world.chance(0.3):
            await self.world.random.choice((trio.sleep, self.context.sleep))(self.world.pause())
        if self.world.chance(0.1):
            raise self.world.bang()


@define(eq=False)
class Orderly(Storm):
    """Never stashes, never has a priority mailbox: so what one sender sends it comes in order."""

    def may_stash(self) -> bool:
        return False

    def begin(self, message: Job) -> bool:
        me = self.context.path + str(self.context.ref.address.incarnation)
        assert self.world.last.get((me, message.sender), 0) < message.turn, "promise 1: the order of one sender's messages"
        self.world.last[me, message.sender] = message.turn
        return Storm.begin(self, message)


OWED: dict[Reply[int], int] = {}


def settle(world: World) -> None:
    reply = world.replies.pop(world.random.randrange(len(world.replies)))
    try:
        if world.chance(0.1):
            reply.fail(world.bang())
        else:
            reply.send(OWED.pop(reply))
    except AlreadyReplied:
        raise AssertionError("each reply is in the list once") from None


def even(fact: Happened) -> bool:
    return fact.number % 2 == 0


def raises(fact: Happened) -> bool:
    if fact.number % 3 == 1:
        raise Restarts("where")
    return True


# Code outside


async def drive(world: World, number: int, outside: trio.Nursery) -> None:
    """One of those outside: does anything, and goes on when it is refused."""
    sender = f"driver-{number}"
    for _ in range(STEPS):
        with suppress(AskError, MailboxFull, StartFailed, ActorGone, NameTaken):
            await step(world, sender, outside)


async def ask_for_ever(world: World) -> None:
    """It has no time limit, so its ask ends with the actor at the latest."""
    with suppress(AskError, MailboxFull):
        await world.ask_for(world.message(Consult, object(), FUEL), math.inf)


async def step(world: World, sender: object, outside: trio.Nursery) -> None:
    system = world.system
    match world.random.randrange(16):
        case 0 | 1 | 2:
            await world.tell(sender, FUEL)
        case 3 | 4:
            world.tell_nowait(sender, FUEL)
        case 5 | 6:
            await world.ask(sender, FUEL)
        case 7:
            outside.start_soon(ask_for_ever, world)
        case 8:
            with trio.move_on_after(world.pause()):
                await world.random.choice((world.tell, world.ask))(sender, FUEL)
        case 9:
            if len(world.refs) < ACTORS_MAX:
                with trio.move_on_after(world.random.choice((world.pause(), math.inf))):
                    world.refs.append(await system.spawn(world.new_spec(depth=world.random.choice((1, 2)))))
        case 10:
            if world.chance(0.3):
                with trio.move_on_after(world.random.choice((world.pause(), math.inf))):
                    await system.stop(world.peer(), drain=world.chance(0.5))
        case 11:
            with trio.move_on_after(world.random.choice((world.pause(), math.inf))):
                await system.restart(world.peer())
        case 12:
            system.publish(world.random.choice((Happened, HappenedTwice))(1))
        case 13:
            spec = world.random.choice(world.specs)
            try:
                with trio.move_on_after(world.random.choice((world.pause(), math.inf))):
                    world.refs.append(await system.start(spec))
            except (LookupError, ValueError):
                pass
        case 14:
            if world.replies:
                settle(world)
        case _:
            await trio.sleep(world.pause())


async def listen(world: World, task_status: trio.TaskStatus[None]) -> None:
    on_full: Any = world.random.choice(("drop_oldest", "drop_newest", "latest", "fail"))
    try:
        async with world.system.subscribe(Happened, on_full=on_full, capacity=2) as facts:
            task_status.started()
            async for _ in facts:
                await trio.sleep(world.pause())
    except SubscriptionFull:
        assert on_full == "fail"


async def watch_the_accounts(world: World, checks: tuple[Check, ...]) -> None:
    while not world.is_calm:
        await trio.sleep(world.pause())
        for check in checks:
            check(world.system)


async def storm(seed: int, checks: tuple[Check, ...]) -> None:
    tasks_before = trio.lowlevel.current_statistics().tasks_living
    world = World(Random(seed))
    root = supervisor(
        "root",
        [world.new_spec() for _ in range(world.random.randrange(1, 4))],
        strategy=world.random.choice(("one_for_one", "one_for_all", "rest_for_one")),
        max_restarts=world.random.choice((3, 1000, 1000)),
        within=1.0,
    )
    slice_seconds = world.random.choice((0.0, 1000.0))
    max_suspended = world.random.choice((1, 3, UNLIMITED))
    system: System | None = None
    letters = None
    with trio.fail_after(ENDLESS_SECONDS):
        async with trio.open_nursery() as outside:
            try:
                async with open_system(
                    root,
                    slice=slice_seconds,
                    max_suspended=max_suspended,
                    slow_handler=math.inf,
                    shutdown_timeout=world.random.choice((0.0, 10.0)),
                ) as system:
                    world.system = system
                    world.refs.extend(system._runtime.guardian.context.children)  # type: ignore[union-attr]  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]
                    world.refs.extend(found(system, world))
                    letters = await system.subscribe(DeadLetter, capacity=1_000_000).__aenter__()
                    world.hears_letters = True  # what was told while the system opened may be a dead letter that nobody heard of
                    for _ in range(2):
                        await outside.start(listen, world)
                    world.refs.append(await system.spawn(group("all", SERVICE, routing="round_robin")))
                    async with trio.open_nursery() as drivers:
                        drivers.start_soon(watch_the_accounts, world, checks)
                        async with trio.open_nursery() as driving:
                            for number in range(DRIVERS):
                                driving.start_soon(drive, world, number, outside)
                        world.is_calm = True
                    await trio.sleep(100)
                    while world.replies:
                        settle(world)
                    await trio.sleep(200)
                    for check in checks:
                        check(system)
                    assert_quiet(system)
            except* (
                RestartLimitReached,
                StartFailed,
                Restarts,
                Resumes,
                Stops,
                Escalates,
                AskError,
                MailboxFull,
                Deadlock,
                SubscriptionFull,
            ):
                pass  # the root gave up, or somebody escalated up to it
            world.is_calm = True
    assert world.asks_open == world.asks_ended
    if system is not None:
        assert letters is not None
        async for letter in letters:
            message = letter.message
            if isinstance(message, Job):
                world.letters[message.number] += 1
        statistics = system.statistics()
        assert not statistics.actors
        assert statistics.waiting == 0
        for check in checks:
            check(system)
        check_ledger(world, max_suspended)
    await trio.testing.wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living == tasks_before


def found(system: System, world: World) -> Iterator[ActorRef[Any]]:
    for spec in world.specs:
        try:
            yield system.ref(spec)
        except (LookupError, ValueError):
            continue


def assert_quiet(system: System) -> None:
    """The storm is over, so nothing runs any more, and what waits is stashed or waits for a restart."""
    for node in system.tree():
        assert node.state in ("idle", "restarting"), (node.path, node.state)


def check_ledger(world: World, max_suspended: int) -> None:
    """What the senders know, against what the handlers saw and the dead letters say."""
    for number in world.refused:
        assert not world.begun[number], (number, "a tell that raised has sent nothing")
        assert not world.letters[number], (number, "a tell that raised has sent nothing")
    for number in world.told:
        begun, letters, stashed = world.begun[number], world.letters[number], world.stashed[number]
        assert begun <= 1 + stashed, (number, "it is handled once, and once more whenever it was set aside")
        assert letters <= 1, (number, "it is a dead letter once")
        assert not (begun and letters) or stashed, (number, "it is handled or a dead letter")
        if max_suspended >= UNLIMITED:  # else a handler may have been cut off before its first step, which is in no ledger
            assert begun or letters, (number, "nothing is lost silently")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_storm_leaves_accounts_that_add_up_and_nothing_else(
    seed: int, check_statistics: Check, check_invariants: Check, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever actors and those outside do to each other: at any moment in which no handler runs the accounts add up, per actor and in
    total; a tell that raised has sent nothing; no asker waits for ever; no task of trio outlives the block; and the block ends.
    """
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    trio._core._run._r.seed(seed)  # pyright: ignore[reportPrivateUsage]
    caplog.set_level(logging.CRITICAL + 1)
    OWED.clear()
    trio.run(storm, seed, (check_statistics, check_invariants), clock=MockClock(autojump_threshold=0))
