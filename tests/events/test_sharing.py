"""Facts travel in an envelope that many queues share, as long as nothing has to be counted. Nobody can tell: every bound holds exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    Context,
    DeadLetter,
    MailboxFull,
    Priority,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.actors.ref import cell_of
from trouper.actors.sharing import SharedFact
from trouper.actors.stream import OnFullFacts
from trouper.actors.table import TYPES_REMEMBERED_MAX
from trouper.testing import ActorSystem, Probe


@frozen
class Incident:
    number: int = 0


@frozen
class Happened(Incident):
    pass


@frozen
class Bought(Happened):
    pass


@frozen
class Stolen(Incident):
    """In no union: an actor that subscribes to its base gets it, and does not handle it."""


@frozen
class Command:
    number: int = 0


@frozen
class Pause:
    """Takes the actor's time until `Desk.go` is set."""


@frozen
class Crash:
    pass


@define(eq=False)
class Desk:
    """What a test knows of one actor."""

    seen: list[Any] = field(factory=list[Any])
    starts: int = 0
    go: trio.Event = field(factory=trio.Event)
    context: Context = field(init=False)


Subscribe: TypeAlias = Callable[[Context], object]


def ask_for_nothing(_context: Context) -> None:
    """Its test subscribes it later."""


def ask_for(context: Context) -> None:
    """Subscribes with room enough."""
    context.subscribe(Happened)


@define(eq=False)
class Subscriber(Actor[Happened | Bought | Command | Pause | Crash]):
    desk: Desk
    subscribe: Subscribe = ask_for

    def on_start(self) -> None:
        self.desk.starts += 1
        self.desk.context = self.context
        if self.desk.starts == 1:
            self.subscribe(self.context)

    @handles(Happened)
    def happened(self, fact: Happened) -> None:
        self.desk.seen.append(fact)

    @handles(Command)
    async def command(self, command: Command) -> None:
        self.desk.seen.append(command)

    @handles(Pause)
    async def pause(self, _pause: Pause) -> None:
        await self.desk.go.wait()

    @handles(Crash)
    def crash(self, _crash: Crash) -> None:
        raise ValueError("crash")


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


async def a_paused(system: ActorSystem, subscribe: Subscribe = ask_for, **options: Any) -> tuple[Desk, Any]:
    """One whose handler waits until `go` is set, and its ref."""
    desk = Desk()
    ref = await system.spawn(actor(Subscriber, desk, subscribe, **options))
    await ref.tell(Pause())
    await quiet()
    return desk, ref


def queue_of(ref: Any) -> list[Any]:
    return list(cell_of(ref).queue or ())


def shared_in(ref: Any) -> list[int]:
    """The numbers of the facts that wait in shared envelopes."""
    return [item.message.number for item in queue_of(ref) if isinstance(item, SharedFact)]


# What it is


async def test_subscribers_with_room_share_one_envelope(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """What a publication costs is one envelope, for those that were idle and those that were busy."""
    paused = [await a_paused(actor_system) for _ in range(3)]
    refs = [ref for _, ref in paused]
    idle = Desk()
    refs.append(await actor_system.spawn(actor(Subscriber, idle)))
    actor_system.publish(Happened(1))
    envelopes = [queue_of(ref)[-1] for ref in refs]
    assert isinstance(envelopes[0], SharedFact)
    assert all(envelope is envelopes[0] for envelope in envelopes)
    for desk, _ in paused:
        desk.go.set()
    await quiet()
    assert [desk.seen for desk in (idle, *(desk for desk, _ in paused))] == [[Happened(1)]] * 4


@pytest.mark.parametrize("mailbox", [Priority(5, key=lambda _: 0), 5])
async def test_a_priority_mailbox_and_a_filter_share_nothing(
    mailbox: Priority | int, autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """There each fact has an envelope of its own, and comes all the same."""

    def subscribe(context: Context) -> None:
        context.subscribe(Happened, where=None if isinstance(mailbox, Priority) else lambda fact: fact.number > 0)

    desk, ref = await a_paused(actor_system, subscribe, mailbox=mailbox)
    for number in (1, 2):
        actor_system.publish(Happened(number))
    assert shared_in(ref) == []
    desk.go.set()
    await quiet()
    assert desk.seen == [Happened(1), Happened(2)]


# Any order of what may happen, beside a model of it


@define(eq=False)
class Said:
    """A subscription of the model."""

    capacity: int
    on_full: OnFullFacts

    @property
    def room(self) -> int:
        return 1 if self.on_full == "latest" else self.capacity


@define(eq=False)
class Model:
    """What must become of everything."""

    slots: int
    said: dict[type, Said | None] = field(factory=dict[type, "Said | None"])
    queue: list[tuple[Any, Said | None]] = field(factory=list[tuple[Any, "Said | None"]])  # with the subscription that a fact is charged to
    paused: bool = False
    seen: list[Any] = field(factory=list[Any])
    accepted: int = 0
    handled: int = 0
    withdrawn: int = 0

    @property
    def messages(self) -> int:
        return sum(said is None for _, said in self.queue)

    def tell(self, message: Any) -> bool:
        if self.messages >= self.slots:
            return False
        self.accepted += 1
        self.queue.append((message, None))
        return True

    def publish(self, fact: Happened) -> None:
        said = self.said.get(type(fact), self.said.get(Happened))
        if said is None:
            return
        waiting = [entry for entry in self.queue if entry[1] is said]
        if len(waiting) >= said.room:
            if said.on_full == "drop_newest":
                return
            for entry in waiting[: len(waiting) - said.room + 1]:
                del self.queue[next(index for index, queued in enumerate(self.queue) if queued is entry)]
                self.withdrawn += 1
        self.accepted += 1
        self.queue.append((fact, said))

    def subscribe(self, kind: type, capacity: int, on_full: OnFullFacts) -> None:
        said = self.said.get(kind) or Said(capacity, on_full)
        said.capacity, said.on_full = capacity, on_full
        self.unsubscribe(kind)
        self.said[kind] = said

    def unsubscribe(self, kind: type) -> None:
        for narrower in [narrower for narrower in self.said if issubclass(narrower, kind)]:
            del self.said[narrower]
        if any(said is not None and issubclass(kind, wider) for wider, said in self.said.items()):
            self.said[kind] = None

    def run(self) -> None:
        """Until the next pause."""
        while self.queue and not self.paused:
            item, _ = self.queue.pop(0)
            if isinstance(item, Pause):
                self.paused = True
            else:
                self.seen.append(item)
                self.handled += 1


ON_FULL: Final[tuple[OnFullFacts, ...]] = ("drop_oldest", "drop_newest", "latest")
FACTS = [Happened(number) for number in range(3)] + [Bought(number) for number in range(3)]


@pytest.mark.parametrize("seed", range(40))
async def test_every_bound_holds_exactly_whatever_is_told_published_and_subscribed(
    seed: int, autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """
    A mailbox and subscriptions of a few places each, told and published the same objects in bursts, with pauses between and
    changing subscriptions: what is refused, dropped, handled, and in which order, is what a list with counted places does.
    What is left at a stop is withdrawn if it was published, and a dead letter if it was told.
    """
    random = Random(seed)
    model = Model(random.choice([1, 2, 3, 5, 12]))
    witness = Desk()
    await actor_system.spawn(actor(Subscriber, witness, partial(Context.subscribe, fact_type=Happened, capacity=10_000)))
    desk = Desk()
    ref: Any = await actor_system.spawn(actor(Subscriber, desk, ask_for_nothing, mailbox=model.slots))
    published: list[Any] = []
    likes_telling = random.random()
    for step in range(300):
        kind = random.choice((Happened, Bought))
        if step == 0 or random.random() < 0.03:
            capacity, on_full = random.choice([1, 2, 4, 9]), random.choice(ON_FULL)
            desk.context.subscribe(kind, capacity=capacity, on_full=on_full)
            model.subscribe(kind, capacity, on_full)
        elif random.random() < 0.02:
            desk.context.unsubscribe(kind)
            model.unsubscribe(kind)
        elif random.random() < 0.1:
            model.paused = False
            before, desk.go = desk.go, trio.Event()
            before.set()
            await quiet()
            model.run()
        elif random.random() < 0.3 * likes_telling + 0.05:
            message = random.choice((Pause(), Command(step), *FACTS))
            if model.tell(message):
                ref.tell_nowait(message)
            else:
                with pytest.raises(MailboxFull):
                    ref.tell_nowait(message)
        else:
            fact = random.choice(FACTS)
            actor_system.publish(fact)
            published.append(fact)
            model.publish(fact)
        if random.random() < 0.1:
            counts = actor_system.statistics().actors[ref.path]
            assert counts.accepted == model.accepted
            assert counts.withdrawn == model.withdrawn
    await quiet()
    model.run()
    assert desk.seen == model.seen
    assert witness.seen == published
    before_stop = actor_system.statistics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor_system.stop, ref)
        await quiet()
        actor_system.publish(Happened(-1))
        desk.go.set()
    after = actor_system.statistics()
    assert desk.seen == model.seen
    assert after.dead_letters - before_stop.dead_letters == model.messages
    assert after.withdrawn - before_stop.withdrawn == len(model.queue) - model.messages
    assert after.accepted == after.handled + after.failed + after.withdrawn + after.dead_letters + after.waiting


async def test_each_side_gets_its_last_place_and_no_more_with_shared_facts_in_the_queue(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """
    Facts that are shared take no slot, though they make the queue as long as the mailbox, and are told apart as soon as that
    matters; from then on they are counted like any other. With the capacity below, at and above that of the mailbox.
    """
    for capacity in (2, 3, 4):
        desk, ref = await a_paused(
            actor_system,
            partial(Context.subscribe, fact_type=Happened, capacity=capacity, on_full="drop_newest"),
            mailbox=3,
            name=f"capacity-{capacity}",
        )
        for number in range(capacity):
            actor_system.publish(Happened(number))
        assert shared_in(ref) == list(range(capacity))
        ref.tell_nowait(Command(10))
        ref.tell_nowait(Command(11))
        actor_system.publish(Happened(20))  # one too many
        ref.tell_nowait(Command(12))
        assert shared_in(ref) == []
        with pytest.raises(MailboxFull):
            ref.tell_nowait(Command(13))
        actor_system.publish(Happened(21))
        desk.go.set()
        await quiet()
        assert [message.number for message in desk.seen] == [*range(capacity), 10, 11, 12]


async def test_an_actor_shares_again_when_its_queue_is_short(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Once its facts have been told apart it has envelopes of its own until half of what may wait has been handled: then one more."""
    desk, ref = await a_paused(actor_system, lambda context: context.subscribe(Happened, capacity=4))
    for number in range(5):
        actor_system.publish(Happened(number))
    assert shared_in(ref) == []
    desk.go.set()
    await quiet()
    desk.go = trio.Event()
    ref.tell_nowait(Pause())
    await quiet()
    for number in range(5, 8):
        actor_system.publish(Happened(number))
    assert shared_in(ref) == [6, 7]
    desk.go.set()
    await quiet()
    assert [fact.number for fact in desk.seen] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_waiting_sender_is_let_in_past_shared_facts(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A slot that is free is free, whatever stands in the queue beside it, and one that is not is not."""
    desk, ref = await a_paused(actor_system, mailbox=2)
    arrived: list[int] = []

    async def tell(number: int) -> None:
        await ref.tell(Command(number))
        arrived.append(number)

    async with trio.open_nursery() as nursery:
        actor_system.publish(Happened(0))
        for number in (1, 2, 3, 4):
            nursery.start_soon(tell, number)
            await quiet()
            actor_system.publish(Happened(-number))
        assert arrived == [1, 2]
        desk.go.set()
        with trio.fail_after(1):
            while len(arrived) < 4:  # noqa: ASYNC110
                await trio.sleep(0.01)
    await quiet()
    commands = [message.number for message in desk.seen if isinstance(message, Command)]
    facts = [message.number for message in desk.seen if isinstance(message, Happened)]
    assert (commands, facts) == ([1, 2, 3, 4], [0, -1, -2, -3, -4])


# What else may become of a shared fact


async def test_shared_facts_wait_for_the_next_instance(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Those behind a crash reach it in order, with the messages between them; those published while it is down come too."""
    actor_system.expect_failure(ValueError)
    desk, ref = await a_paused(actor_system)
    ref.tell_nowait(Crash())
    for number in range(3):
        actor_system.publish(Happened(number))
        ref.tell_nowait(Command(number))
    assert shared_in(ref) == [0, 1, 2]
    desk.go.set()
    await quiet()
    assert desk.starts == 2
    assert desk.seen == [kind(number) for number in range(3) for kind in (Happened, Command)]
    counts = actor_system.statistics().actors[ref.path]
    assert (counts.accepted, counts.handled, counts.failed, counts.waiting) == (8, 7, 1, 0)


async def test_a_drain_handles_the_shared_facts_that_wait_and_takes_no_more(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """What is published after the stop was asked is not accepted, and is no dead letter either."""
    desk, ref = await a_paused(actor_system)
    for number in range(3):
        actor_system.publish(Happened(number))
    before = actor_system.statistics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(actor_system.stop, ref, drain=True))
        await quiet()
        actor_system.publish(Happened(3))
        desk.go.set()
    after = actor_system.statistics()
    assert [fact.number for fact in desk.seen] == [0, 1, 2]
    assert (after.withdrawn, after.dead_letters) == (before.withdrawn, before.dead_letters)


@define(eq=False)
class Sorter(Actor[Happened | Bought | Command]):
    """Sets facts aside until it is told, waits in one handler, and fails in another."""

    seen: list[Any]

    def on_start(self) -> None:
        self.context.subscribe(Incident)

    @handles(Happened)
    async def happened(self, fact: Happened) -> None:
        if not self.seen:
            self.context.stash()
        elif fact.number < 0:
            raise ValueError(fact.number)
        else:
            await trio.sleep(1)
            self.seen.append(fact)

    @handles(Bought)
    def bought(self, fact: Bought) -> None:
        self.seen.append(fact)
        self.context.become(self.become_another)

    def become_another(self, message: Any) -> None:
        self.seen.append(("another", message))
        self.context.unbecome()

    @handles(Command)
    def command(self, command: Command) -> None:
        self.seen.append(command)
        self.context.unstash_all()


async def test_shared_facts_are_set_aside_fail_and_suspend_like_any_message(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """In order, each in one account; one that the actor does not handle is a dead letter; a behaviour takes them too."""
    actor_system.expect_failure(ValueError)
    probe.subscribe(DeadLetter)
    seen: list[Any] = []
    ref = await actor_system.spawn(actor(Sorter, seen, stash=2, mailbox=1))
    for _ in range(2):
        actor_system.publish(Happened(1))
        actor_system.publish(Happened(2))
        await quiet()
        if not seen:
            counts = actor_system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.waiting) == (2, 0, 2)
            ref.tell_nowait(Command())
            await trio.sleep(5)
    await trio.sleep(5)
    assert seen == [Command(), Happened(1), Happened(2), Happened(1), Happened(2)]
    actor_system.publish(Happened(-1))
    await quiet()
    actor_system.publish(Bought(3))
    actor_system.publish(Bought(4))
    actor_system.publish(Bought(5))
    actor_system.publish(Stolen(6))
    await trio.sleep(5)
    assert seen[5:] == [Bought(3), ("another", Bought(4)), Bought(5)]
    counts = actor_system.statistics().actors[ref.path]
    assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting
    assert (counts.accepted, counts.failed, counts.dead_letters, counts.waiting) == (10, 1, 1, 0)
    assert [(letter.message, letter.reason) for letter in probe.messages] == [(Stolen(6), "unhandled")]


@define(eq=False)
class Keeper(Actor[Happened | Command]):
    """Sets a fact aside, and takes it back when it wants no more."""

    seen: list[Any]

    def on_start(self) -> None:
        self.context.subscribe(Happened)

    @handles(Happened)
    def happened(self, fact: Happened) -> None:
        if self.seen:
            self.seen.append(fact)
        else:
            self.context.stash()

    @handles(Command)
    def command(self, command: Command) -> None:
        self.seen.append(command)
        if command.number == 0:
            self.context.unsubscribe(Happened)
            self.context.unstash_all()
            self.context.ref.tell_nowait(Command(1))
            with pytest.raises(MailboxFull):
                self.context.ref.tell_nowait(Command(2))


async def test_a_fact_that_comes_back_from_the_stash_takes_no_slot(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Though it was shared, and its subscription is over: with a mailbox of one, one message gets in beside it."""
    seen: list[Any] = []
    ref = await actor_system.spawn(actor(Keeper, seen, stash=1, mailbox=1))
    actor_system.publish(Happened(1))
    await quiet()
    ref.tell_nowait(Command())
    await quiet()
    assert seen == [Command(0), Happened(1), Command(1)]


async def test_a_shared_fact_is_charged_past_a_carve_out_of_another_base(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """To the most specific subscription that it could come by, as one that is not shared."""

    class Money:
        pass

    @frozen
    class Sale(Bought, Money):
        pass

    def subscribe(context: Context) -> None:
        context.subscribe(Happened)
        context.unsubscribe(Bought)
        context.subscribe(Money, capacity=2, on_full="drop_newest")

    seen: list[Any] = []

    @define(eq=False)
    class Till(Actor[Happened | Money]):
        def on_start(self) -> None:
            subscribe(self.context)

        def receive(self, message: Any, /) -> None:
            seen.append(message)

    await actor_system.spawn(actor(Till))
    for number in range(4):
        actor_system.publish(Sale(number))
    await quiet()
    assert seen == [Sale(0), Sale(1)]


async def test_set_aside_facts_are_withdrawn_at_a_stop_by_their_own_reason(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A fact is never a dead letter because its actor stops, in the stash as little as in the queue."""
    ref = await actor_system.spawn(actor(Sorter, list[Any](), stash=2))
    before = actor_system.statistics()
    actor_system.publish(Happened(1))
    await quiet()
    await actor_system.stop(ref)
    after = actor_system.statistics()
    assert (after.withdrawn - before.withdrawn, after.dead_letters - before.dead_letters) == (1, 0)


async def test_what_was_accepted_is_in_the_accounts_however_subscriptions_change(autojump_clock: MockClock) -> None:
    """Shared facts are put into the accounts together: when those are asked for, and before a subscriber comes or goes."""
    desks = [Desk() for _ in range(3)]
    async with open_system(supervisor("top", [actor(Subscriber, desk, name=f"s-{number}") for number, desk in enumerate(desks)])) as system:
        for number in range(3):
            system.publish(Happened(number))
        desks[0].context.unsubscribe(Happened)
        for number in range(2):
            system.publish(Bought(number))
        for context in (desks[0].context, desks[1].context):
            context.subscribe(Happened, capacity=1)
        system.publish(Bought(7))
        await quiet()
        actors = system.statistics().actors
        accepted = [actors[desk.context.path].accepted for desk in desks]
        handled = [actors[desk.context.path].handled for desk in desks]
        withdrawn = [actors[desk.context.path].withdrawn for desk in desks]
        assert accepted == [4, 6, 6]
        assert [h + w for h, w in zip(handled, withdrawn, strict=True)] == accepted
        total = system.statistics()
        assert total.accepted == total.handled + total.failed + total.withdrawn + total.dead_letters + total.waiting


async def test_the_tree_shows_what_the_stream_has_handled(autojump_clock: MockClock) -> None:
    """Shared facts are put into the accounts before anybody looks, be it at the statistics or at the tree."""
    with trio.fail_after(100):
        async with open_system() as system:
            await system.spawn(actor(Subscriber, Desk()))
            for number in range(5):
                system.publish(Happened(number))
            assert [node.handled for node in system.tree() if node.path == "/system/events"] == [5]


async def test_more_classes_of_facts_than_a_table_remembers_are_handled_too(autojump_clock: MockClock) -> None:
    """A program that makes classes without end gets slower, and nothing is lost."""
    desk = Desk()

    @define(eq=False)
    class Anything(Actor[object]):
        def on_start(self) -> None:
            self.context.subscribe(object, capacity=10_000)

        def receive(self, message: object, /) -> None:
            desk.seen.append(message)

    async with open_system() as system:
        ref = await system.spawn(actor(Anything))
        facts = [type(f"Kind{number}", (), {})() for number in range(600)]
        for fact in facts * 2:
            system.publish(fact)
        await quiet()
        assert [fact for fact in desk.seen if type(fact).__name__.startswith("Kind")] == facts * 2
        assert len(cell_of(ref).table) <= TYPES_REMEMBERED_MAX


@define(eq=False)
class Leaver(Actor[Happened | Command | Pause]):
    """Subscribes to other facts while it is drained."""

    desk: Desk

    def on_start(self) -> None:
        self.context.subscribe(Happened)

    @handles(Pause)
    async def pause(self, _pause: Pause) -> None:
        await self.desk.go.wait()
        for kind in (Bought, Incident):
            self.context.unsubscribe(Happened)
            self.context.subscribe(kind)

    @handles(Happened)
    def happened(self, fact: Happened) -> None:
        self.desk.seen.append(fact)
        self.context.ref.tell_nowait(Command())

    @handles(Command)
    def command(self, command: Command) -> None:
        self.desk.seen.append(command)


async def test_an_actor_that_subscribes_while_it_is_drained_harms_nobody(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """It takes nothing more, and what it had shared before is handled all the same; who tells it gets no error."""
    desk = Desk()
    ref = await actor_system.spawn(actor(Leaver, desk))
    await ref.tell(Pause())
    await quiet()
    for number in range(3):
        actor_system.publish(Happened(number))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(actor_system.stop, ref, drain=True))
        await quiet()
        desk.go.set()
        ref.tell_nowait(Command())
    assert desk.seen == [Happened(0), Happened(1), Happened(2)]
