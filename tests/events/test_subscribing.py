"""Which facts a subscriber gets: each that matches, once, from the moment of subscribing until its end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, ActorSpec, Backoff, Context, System, actor, handles, open_system, supervisor
from trouper.testing import ActorSystem, Probe


@frozen
class Happened:
    number: int = 0


@frozen
class Bought(Happened):
    pass


@frozen
class BoughtTwice(Bought):
    pass


@frozen
class Sold(Happened):
    pass


@frozen
class Traded(Bought, Sold):
    pass


@frozen
class Other:
    pass


@frozen
class Pause:
    """Takes the subscriber's time until `Desk.go` is set."""


@frozen
class Crash:
    pass


@define(eq=False)
class Desk:
    """What a test knows of one subscriber, over its restarts."""

    at_start: Callable[[Context], object] = lambda _context: None
    seen: list[Any] = field(factory=list[Any])
    starts: int = 0
    go: trio.Event = field(factory=trio.Event)
    context: Context = field(init=False)

    @property
    def numbers(self) -> list[int]:
        return [fact.number for fact in self.seen]


@define(eq=False)
class Subscriber(Actor[Happened | Pause | Crash]):
    """Keeps what it sees."""

    desk: Desk

    def on_start(self) -> None:
        self.desk.starts += 1
        self.desk.context = self.context
        self.desk.at_start(self.context)

    @handles(Happened)
    def happened(self, fact: Happened) -> None:
        self.desk.seen.append(fact)

    @handles(Pause)
    async def pause(self, command: Pause) -> None:
        await self.desk.go.wait()

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise RuntimeError("crash")


def subscriber(desk: Desk, **options: Any) -> ActorSpec[Happened | Pause | Crash]:
    return actor(Subscriber, desk, name="subscriber", **options)


@define(eq=False)
class Publisher(Actor[Happened]):
    """Publishes what it is told."""

    @handles(Happened)
    def tell_everybody(self, fact: Happened) -> None:
        self.context.publish(fact)


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


# Who knows whom


async def test_publisher_and_subscriber_never_hold_each_others_ref(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """
    The subscriber gets the very object that was published, and nothing with it; when either is dead, nothing keeps
    its ref, though the other one lives on and keeps the fact.
    """
    desk = Desk(lambda context: context.subscribe(Happened))
    taker = await actor_system.spawn(subscriber(desk))
    giver = await actor_system.spawn(actor(Publisher))
    fact = Happened(1)
    await giver.tell(fact)
    await quiet()
    assert desk.seen[0] is fact
    await actor_system.stop(giver)
    forgotten = weakref.ref(giver)
    giver = await actor_system.spawn(actor(Publisher))
    await giver.tell(Happened(2))  # a worker remembers the last actor that it ran
    await quiet()
    gc.collect()
    assert forgotten() is None
    await actor_system.stop(taker)
    forgotten_too = weakref.ref(taker)
    del taker, desk.context
    await giver.tell(Happened(3))
    await quiet()
    gc.collect()
    assert forgotten_too() is None
    assert desk.seen == [fact, Happened(2)]


# Which facts


async def test_a_subscriber_of_a_class_gets_each_instance_of_it_once_however_many_subscriptions_match(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """Subclasses are instances too; three subscriptions that all match are one delivery; what is no instance does not come."""
    desk = Desk(lambda context: [context.subscribe(kind) for kind in (Happened, Sold, BoughtTwice, Bought)])
    narrow = Desk(lambda context: context.subscribe(Bought))
    await actor_system.spawn(subscriber(desk))
    await actor_system.spawn(actor(Subscriber, narrow, name="narrow"))
    facts = [Happened(1), Bought(2), BoughtTwice(3), Sold(4), Traded(5)]
    for fact in facts:
        actor_system.publish(fact)
    actor_system.publish(Other())
    await quiet()
    assert desk.seen == facts
    assert narrow.seen == [Bought(2), BoughtTwice(3), Traded(5)]


async def test_where_lets_through_what_it_says(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """
    A fact comes if some matching subscription's filter lets it through, whichever that is; a filter is asked about facts
    of its own class only.
    """
    asked: list[Happened] = []

    def only_even(fact: Bought) -> bool:
        asked.append(fact)
        return fact.number % 2 == 0

    desk = Desk(
        lambda context: (context.subscribe(Happened, where=lambda fact: fact.number > 5), context.subscribe(Bought, where=only_even))
    )
    await actor_system.spawn(subscriber(desk))
    for number in range(1, 9):
        actor_system.publish(Bought(number))
        actor_system.publish(Sold(number))
    await quiet()
    assert [fact.number for fact in desk.seen if isinstance(fact, Bought)] == [2, 4, 6, 7, 8]
    assert [fact.number for fact in desk.seen if isinstance(fact, Sold)] == [6, 7, 8]
    assert {type(fact) for fact in asked} == {Bought}


async def test_unsubscribing_a_subclass_carves_it_out_of_a_superclass(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """And all below it, until one of those is subscribed to again."""
    desk = Desk(lambda context: context.subscribe(Happened))
    await actor_system.spawn(subscriber(desk))
    desk.context.unsubscribe(Bought)
    for fact in (Bought(1), BoughtTwice(2), Sold(3), Happened(4)):
        actor_system.publish(fact)
    desk.context.subscribe(BoughtTwice)
    for fact in (Bought(5), BoughtTwice(6), Sold(7)):
        actor_system.publish(fact)
    await quiet()
    assert desk.numbers == [3, 4, 6, 7]


async def test_a_carve_out_of_one_base_does_not_silence_another(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A trade is a purchase and a sale: with purchases carved out of everything, it still comes by the subscription to sales."""
    desk = Desk(lambda context: context.subscribe(Happened))
    await actor_system.spawn(subscriber(desk))
    desk.context.unsubscribe(Bought)
    actor_system.publish(Traded(1))
    desk.context.subscribe(Sold)
    actor_system.publish(Traded(2))
    actor_system.publish(Bought(3))
    await quiet()
    assert desk.numbers == [2]


async def test_subscribing_and_unsubscribing_forget_what_was_said_for_subclasses(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """A carve-out and a filter of a subclass are gone when its superclass is subscribed to or unsubscribed."""
    desk = Desk()
    await actor_system.spawn(subscriber(desk))
    say = desk.context
    say.subscribe(Happened)
    say.unsubscribe(Bought)
    say.subscribe(Sold, where=lambda fact: False)
    actor_system.publish(Bought(1))
    say.subscribe(Happened)
    actor_system.publish(Bought(2))
    actor_system.publish(Sold(3))
    say.subscribe(BoughtTwice)
    say.unsubscribe(Happened)
    for fact in (Happened(4), Bought(5), BoughtTwice(6), Sold(7)):
        actor_system.publish(fact)
    say.unsubscribe(Happened)  # nothing is left to be taken back
    say.subscribe(Happened)
    actor_system.publish(Bought(8))
    await quiet()
    assert desk.numbers == [2, 3, 8]


async def test_subscribing_to_the_same_class_again_replaces_the_options(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """The filter and the capacity are the new ones; what waits stays, beyond the new capacity the oldest give way."""
    desk = Desk(lambda context: context.subscribe(Happened, where=lambda fact: fact.number < 10))
    ref = await actor_system.spawn(subscriber(desk))
    await ref.tell(Pause())
    await quiet()
    for number in (1, 2, 3, 4, 11):
        actor_system.publish(Happened(number))
    desk.context.subscribe(Happened, capacity=3)
    actor_system.publish(Happened(12))
    desk.context.subscribe(Happened, on_full="drop_newest", capacity=3)
    actor_system.publish(Happened(13))
    desk.go.set()
    await quiet()
    assert desk.numbers == [3, 4, 12]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"on_full": "explode"}, ValueError, "'drop_oldest', 'drop_newest', 'latest', 'fail', not 'explode'"),
        ({"capacity": 0}, ValueError, "capacity must be at least 1, not 0"),
        ({"capacity": True}, TypeError, "capacity must be an int, not True"),
        ({"capacity": 1.5}, TypeError, "capacity must be an int"),
        ({"where": "number > 1"}, TypeError, "where must be a function"),
    ],
)
async def test_bad_options_are_refused_and_change_nothing(
    options: dict[str, Any], error: type[Exception], text: str, autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """The text says what is allowed; a subscription that was there keeps its options."""
    desk = Desk(lambda context: context.subscribe(Happened))
    await actor_system.spawn(subscriber(desk))
    for kind in (Happened, Bought):
        with pytest.raises(error, match=text):
            desk.context.subscribe(kind, **options)
    with pytest.raises(error, match=text):
        actor_system.subscribe(Happened, **options)
    actor_system.publish(Bought(1))
    await quiet()
    assert desk.numbers == [1]


async def test_subscribing_to_what_the_actor_cannot_handle_is_a_type_error(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """
    At `subscribe`, with the lines to add. A superclass of what it handles is accepted; an instance of it that is not
    handled is a dead letter then, as a message would be.
    """
    await actor_system.spawn(subscriber(desk := Desk()))
    with pytest.raises(TypeError) as raised:
        desk.context.subscribe(Other)
    assert str(raised.value) == (
        "/user/subscriber cannot subscribe to Other, which it does not handle. Add it to the union, Actor[... | Other], "
        "and a method with @handles(Other)."
    )
    not_a_class: Any = Other()
    with pytest.raises(TypeError, match="subscribe\\(\\) takes a class of facts, not Other\\(\\)"):
        desk.context.subscribe(not_a_class)
    desk.context.subscribe(object)
    actor_system.publish(Sold(1))
    actor_system.publish(Other())
    await quiet()
    assert desk.seen == [Sold(1)]
    assert actor_system.statistics().actors["/user/subscriber"].dead_letters >= 1


# From when, until when, in which order


async def test_a_subscription_sees_exactly_the_facts_published_after_subscribe_returned(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """
    Also when the stream is busy: a fact that was published before and still waits in the stream is not seen, one
    that is published right after is, whatever stands in the queue.
    """
    first, second = Desk(), Desk()
    await actor_system.spawn(subscriber(first))
    await actor_system.spawn(actor(Subscriber, second, name="second"))

    def subscribe_the_second(fact: Happened) -> bool:
        if fact.number == 1:  # the stream is at work now, so what is published here waits
            actor_system.publish(Happened(2))
            second.context.subscribe(Happened)
            actor_system.publish(Happened(3))
            first.context.subscribe(Happened, where=subscribe_the_second, capacity=7)  # which is no new beginning
        return True

    first.context.subscribe(Happened, where=subscribe_the_second)
    actor_system.publish(Happened(1))
    actor_system.publish(Happened(4))
    await quiet()
    assert first.numbers == [1, 2, 3, 4]
    assert second.numbers == [3, 4]


async def test_each_publishers_order_is_kept(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Facts of several publishers mix; those of one do not change places, also where some come by another subscription."""
    desk = Desk(lambda context: (context.subscribe(Bought), context.subscribe(Sold)))
    await actor_system.spawn(subscriber(desk))
    publishers: list[ActorRef[Happened]] = [await actor_system.spawn(actor(Publisher)) for _ in range(3)]
    for step in range(100):
        for which, publisher in enumerate(publishers):
            await publisher.tell((Bought, Sold)[step % 2](1000 * which + step))
    await quiet()
    assert len(desk.seen) == 300
    for which in range(3):
        mine = [number for number in desk.numbers if number // 1000 == which]
        assert all(earlier < later for earlier, later in pairwise(mine))


async def test_after_unsubscribe_the_facts_that_are_queued_already_are_still_handled(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """Unsubscribing is about what is published from then on."""
    desk = Desk(lambda context: context.subscribe(Happened))
    ref = await actor_system.spawn(subscriber(desk))
    await ref.tell(Pause())
    await quiet()
    actor_system.publish(Happened(1))
    desk.context.unsubscribe(Happened)
    actor_system.publish(Happened(2))
    desk.go.set()
    await quiet()
    assert desk.numbers == [1]


async def test_a_subscription_outlives_restarts_and_facts_wait_meanwhile(autojump_clock: MockClock) -> None:
    """Those queued before the crash and those published while the actor backs off reach the new instance, in order."""
    desk = Desk()
    top = supervisor("top", [spec := subscriber(desk)], backoff=Backoff(first=30.0, jitter=0.0))
    async with open_system(top) as system:
        desk.context.subscribe(Happened)
        ref = system.ref(spec)
        ref.tell_nowait(Crash())
        system.publish(Happened(1))
        await trio.sleep(10)
        assert (desk.starts, desk.seen) == (1, [])
        system.publish(Happened(2))
        await trio.sleep(30)
        system.publish(Happened(3))
        await quiet()
        assert (desk.starts, desk.numbers) == (2, [1, 2, 3])


async def stop(system: System, ref: ActorRef[Happened | Pause | Crash]) -> None:
    await system.stop(ref)


async def crash_for_good(system: System, ref: ActorRef[Happened | Pause | Crash]) -> None:
    await ref.tell(Crash())
    await quiet()


@pytest.mark.parametrize("end", [stop, crash_for_good])
async def test_a_dead_subscriber_is_removed(end: Callable[..., Any], autojump_clock: MockClock) -> None:
    """
    The stream does no work for it any more, whichever way it died, and an actor that takes its name is not subscribed:
    a subscription ends with its actor.
    """
    offered: list[int] = []

    def note(fact: Happened) -> bool:
        offered.append(fact.number)
        return True

    desk = Desk(lambda context: context.subscribe(Happened, where=note))
    async with open_system() as system:
        ref = await system.spawn(subscriber(desk, restart="temporary"))
        system.publish(Happened(1))
        await quiet()
        await end(system, ref)
        system.publish(Happened(2))
        again = Desk()
        await system.spawn(subscriber(again))
        system.publish(Happened(3))
        await quiet()
        assert offered == desk.numbers == [1]
        assert again.seen == []
        passed_on = system.statistics().actors["/system/events"].accepted
        system.publish(Happened(4))
        assert system.statistics().actors["/system/events"].accepted == passed_on


async def test_facts_left_at_the_end_are_withdrawn_and_no_dead_letters(autojump_clock: MockClock) -> None:
    """Nobody sent them to the dead actor, so nobody has to hear that they were not handled; they are in the accounts."""
    desk = Desk(lambda context: context.subscribe(Happened))
    async with open_system() as system:
        ref = await system.spawn(subscriber(desk, stop_timeout=1.0))
        before = system.statistics()
        await ref.tell(Pause())
        await quiet()
        for number in range(5):
            system.publish(Happened(number))
        await system.stop(ref)
        after = system.statistics()
        assert after.withdrawn - before.withdrawn == 5
        assert after.dead_letters == before.dead_letters == 0
        assert after.accepted == after.handled + after.failed + after.withdrawn + after.dead_letters + after.waiting


# A filter that raises


async def test_a_filter_that_raises_fails_its_subscriber_and_nobody_else(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """
    The publisher's handler goes on, other subscribers get the fact, the subscriber fails with what the filter raised and is
    restarted; the fact is not delivered to it, and its subscription is still there for the next one.
    """
    actor_system.expect_failure(ZeroDivisionError)
    desk = Desk(lambda context: context.subscribe(Happened, where=lambda fact: 1 / fact.number > 0))
    other = Desk(lambda context: context.subscribe(Happened))
    await actor_system.spawn(subscriber(desk))
    await actor_system.spawn(actor(Subscriber, other, name="other"))
    publisher = await actor_system.spawn(actor(Publisher))
    for number in (0, 1):
        await publisher.tell(Happened(number))
        await quiet()
    assert other.numbers == [0, 1]
    assert (desk.starts, desk.numbers) == (2, [1])
    assert actor_system.statistics().actors[publisher.path].handled == 2


async def test_a_filter_that_raises_cuts_off_the_handler_that_runs(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """It is a failure from outside the turn: the subscriber fails at once, not when it has time."""
    actor_system.expect_failure(ZeroDivisionError)
    desk = Desk(lambda context: context.subscribe(Happened, where=lambda fact: 1 / fact.number > 0))
    ref = await actor_system.spawn(subscriber(desk))
    await ref.tell(Pause())
    await quiet()
    actor_system.publish(Happened(0))
    await quiet()
    assert desk.starts == 2
    assert actor_system.statistics().actors["/user/subscriber"].failed == 1
