"""How much may wait for a slow subscriber, and what becomes of the rest: nothing of it is anybody else's matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorSpec,
    Context,
    DeadLetter,
    FactDropped,
    Fifo,
    MailboxFull,
    Priority,
    Request,
    SubscriptionFull,
    actor,
    open_system,
)
from trouper.mailbox import compact
from trouper.testing import ActorSystem, Probe


@frozen
class Happened:
    number: int = 0


@frozen
class Bought(Happened):
    pass


@frozen
class Command:
    number: int


@frozen
class Ping(Request[str]):
    pass


@frozen
class Pause:
    """Takes the subscriber's time until `Desk.go` is set."""


@define(eq=False)
class Desk:
    """What a test knows of one subscriber."""

    at_start: Callable[[Context], object]
    seen: list[Any] = field(factory=list[Any])
    starts: int = 0
    go: trio.Event = field(factory=trio.Event)
    context: Context = field(init=False)

    @property
    def numbers(self) -> list[int]:
        return [fact.number for fact in self.seen]


@define(eq=False)
class Subscriber(Actor[Happened | Command | Ping | Pause | FactDropped | DeadLetter]):
    desk: Desk

    def on_start(self) -> None:
        self.desk.starts += 1
        self.desk.context = self.context
        if self.desk.starts == 1:
            self.desk.at_start(self.context)

    def receive(self, message: Any, /) -> Any:
        return self.pause() if isinstance(message, Pause) else self.desk.seen.append(message)

    async def pause(self) -> None:
        await self.desk.go.wait()


def subscriber(desk: Desk, name: str = "subscriber", **options: Any) -> ActorSpec[Any]:
    return actor(Subscriber, desk, name=name, **options)


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


async def a_busy_subscriber(system: ActorSystem, at_start: Callable[[Context], object], **options: Any) -> Desk:
    """One whose handler waits until `go` is set."""
    desk = Desk(at_start)
    ref = await system.spawn(subscriber(desk, **options))
    await ref.tell(Pause())
    await quiet()
    return desk


async def test_a_slow_subscriber_slows_neither_the_publisher_nor_another_subscriber(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """
    Ten thousand facts are published without waiting while one subscriber does nothing; the other has them all at once, and
    the slow one keeps as many as its subscription may hold, the newest. That its losses are published changes nothing.
    """
    probe.subscribe(FactDropped)
    slow = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened))
    fast = Desk(lambda context: context.subscribe(Happened, capacity=10_000))
    await actor_system.spawn(subscriber(fast, "fast"))
    began = trio.current_time()
    for number in range(10_000):
        actor_system.publish(Happened(number))
    await quiet()
    assert trio.current_time() == began
    assert fast.numbers == list(range(10_000))
    slow.go.set()
    await quiet()
    assert slow.numbers == list(range(9_000, 10_000))
    await trio.sleep(2)
    assert [fact.count for fact in probe.messages] == [1, 8_999]


async def test_what_a_drop_costs_does_not_grow_with_what_waits(
    autojump_clock: MockClock, actor_system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Dropped facts are swept out of the subscriber's queue in batches at least as large as what stays in it, also with a
    mailbox of one: a step a fact, and a queue of no more than twice the capacity.
    """
    swept: list[int] = []

    def watched(queue: Any) -> int:
        swept.append(len(queue))
        return compact(queue)

    monkeypatch.setattr("trouper.actors.door.compact", watched)
    desk = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened, capacity=500), mailbox=1)
    for number in range(10_000):
        actor_system.publish(Happened(number))
    desk.go.set()
    await quiet()
    assert desk.numbers == list(range(9_500, 10_000))
    assert sum(swept) <= 20_000
    assert max(swept) <= 1_001


@pytest.mark.parametrize(
    ("on_full", "capacity", "published", "kept"),
    [
        ("drop_oldest", 3, 3, [0, 1, 2]),
        ("drop_oldest", 3, 5, [2, 3, 4]),
        ("drop_oldest", 1, 5, [4]),
        ("drop_newest", 3, 3, [0, 1, 2]),
        ("drop_newest", 3, 5, [0, 1, 2]),
        ("latest", 3, 1, [0]),
        ("latest", 3, 5, [4]),
        ("fail", 3, 3, [0, 1, 2]),
    ],
)
async def test_what_is_kept_when_more_comes_than_may_wait(  # noqa: PLR0917  # fixtures are named
    on_full: Any, capacity: int, published: int, kept: list[int], autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Up to the capacity everything; beyond it as `on_full` says. Every fact that is not kept is in a `FactDropped`."""
    probe.subscribe(FactDropped)
    desk = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened, on_full=on_full, capacity=capacity))
    for number in range(published):
        actor_system.publish(Happened(number))
    await trio.sleep(2)
    desk.go.set()
    await quiet()
    assert desk.numbers == kept
    assert sum(fact.count for fact in probe.messages) == published - len(kept)


async def test_room_is_counted_again_when_facts_are_handled(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A subscription is as wide after ten thousand facts as it was at the first, also when facts were dropped meanwhile."""
    desk = Desk(lambda context: context.subscribe(Happened, capacity=5))
    ref = await actor_system.spawn(subscriber(desk, mailbox=2))
    for batch in range(50):
        desk.seen.clear()
        desk.go = trio.Event()
        await ref.tell(Pause())
        await quiet()
        for number in range(batch % 10):
            actor_system.publish(Happened(number))
        desk.go.set()
        await quiet()
        assert desk.numbers == list(range(batch % 10))[-5:]


async def test_fail_fails_the_subscriber_and_its_supervisor_decides(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """
    The fact beyond the capacity is dropped, the handler that runs is cut off, and the failure is `SubscriptionFull` with path,
    class and capacity; those that wait reach the next instance.
    """
    actor_system.expect_failure(SubscriptionFull)
    probe.subscribe(ActorFailed)
    desk = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened, on_full="fail", capacity=2))
    for number in range(3):
        actor_system.publish(Happened(number))
    failed = await probe.expect(ActorFailed)
    await quiet()
    assert isinstance(failed.cause, SubscriptionFull)
    assert (failed.path, failed.directive) == ("/user/subscriber", "restart")
    assert (failed.cause.path, failed.cause.fact_type, failed.cause.capacity) == ("/user/subscriber", "Happened", 2)
    assert str(failed.cause) == (
        "/user/subscriber has 2 of 2 facts of Happened waiting, so one more was dropped and the subscriber fails, as its "
        "on_full='fail' says. Raise the limit: subscribe(Happened, capacity=4)."
    )
    assert (desk.starts, desk.numbers) == (2, [0, 1])


@pytest.mark.parametrize("mailbox", [Fifo(2), Priority(2, key=lambda message: -message.number)])
async def test_facts_and_commands_never_take_each_others_room(
    mailbox: Fifo | Priority, autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """With the mailbox full of commands all facts get in, with all facts waiting all commands do; one more of either does not."""
    for facts_first in (True, False):
        desk = Desk(lambda context: context.subscribe(Happened, capacity=3))
        ref = await actor_system.spawn(actor(Subscriber, desk, name=f"facts-first-{facts_first}", mailbox=1))
        await ref.tell(Pause())
        await quiet()
        busy = await a_busy_subscriber(
            actor_system, lambda context: context.subscribe(Happened, capacity=3), name=f"busy-{facts_first}", mailbox=Fifo(2)
        )
        busy_ref = busy.context.ref

        def publish() -> None:
            for number in range(4):
                actor_system.publish(Happened(number))

        def command(to: Any = busy_ref) -> None:
            for number in (10, 11):
                to.tell_nowait(Command(number))
            with pytest.raises(MailboxFull):
                to.tell_nowait(Command(12))

        for step in (publish, command) if facts_first else (command, publish):
            step()
        busy.go.set()
        desk.go.set()
        await quiet()
        facts, commands = [Happened(number) for number in (1, 2, 3)], [Command(10), Command(11)]
        assert busy.seen == (facts + commands if facts_first else commands + facts)


async def test_facts_and_messages_are_handled_in_the_order_of_arrival(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """What was told first is handled first, whether it was a command or a fact."""
    desk = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened))
    ref = desk.context.ref
    for number in range(0, 20, 2):
        ref.tell_nowait(Command(number))
        actor_system.publish(Happened(number + 1))
    desk.go.set()
    await quiet()
    assert desk.numbers == list(range(20))


async def test_in_a_priority_mailbox_facts_come_before_messages_in_the_order_of_arrival(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """`key` never sees a fact."""
    desk = Desk(lambda context: context.subscribe(Happened))
    ref = await actor_system.spawn(
        subscriber(desk, mailbox=Priority(10, key=lambda message: -message.number if isinstance(message, Command) else 0))
    )
    await ref.tell(Pause())
    await quiet()
    for number in (1, 3, 2):
        ref.tell_nowait(Command(number))
        actor_system.publish(Happened(number))
    desk.go.set()
    await quiet()
    assert desk.seen == [Happened(1), Happened(3), Happened(2), Command(3), Command(2), Command(1)]


# Who hears of what was dropped


async def test_drops_are_published_at_most_once_a_second_with_their_count(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """The first at once, those of the second after it together when it is over, and nothing when nothing was dropped."""
    said: list[tuple[float, int]] = []
    began = trio.current_time()

    def note(fact: FactDropped) -> bool:
        said.append((trio.current_time() - began, fact.count))
        return True

    probe.subscribe(FactDropped, where=note)
    desk = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened, capacity=1, on_full="drop_newest"))
    actor_system.publish(Happened())
    for pause in (0.0, 0.25, 0.25, 0.25, 0.5, 0.25, 7.0, 0.5):
        await trio.sleep(pause)
        actor_system.publish(Happened())
    await trio.sleep(5)
    assert said == [(0.0, 1), (1.0, 3), (2.0, 2), (8.5, 1), (9.5, 1)]
    assert {(fact.subscriber, fact.fact_type) for fact in probe.messages} == {("/user/subscriber", Happened)}
    desk.go.set()


async def test_each_subscription_speaks_for_itself(autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
    """Two subscriptions of one actor, and two actors: each counts and is said on its own."""
    probe.subscribe(FactDropped)
    desks = [
        await a_busy_subscriber(
            actor_system, lambda context: (context.subscribe(Happened, capacity=1), context.subscribe(Bought, capacity=2)), name=name
        )
        for name in ("one", "two")
    ]
    for _ in range(5):
        actor_system.publish(Happened())
        actor_system.publish(Bought())
    await trio.sleep(3)
    dropped: dict[tuple[str, type[Any]], int] = {}
    for fact in probe.messages:
        dropped[fact.subscriber, fact.fact_type] = dropped.get((fact.subscriber, fact.fact_type), 0) + fact.count
    for desk in desks:
        desk.go.set()
    assert dropped == {(f"/user/{name}", kind): count for name in ("one", "two") for kind, count in ((Happened, 4), (Bought, 3))}


async def test_a_subscriber_is_never_told_of_its_own_drops(autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
    """It would only make the queue longer; everybody else is told."""
    probe.subscribe(FactDropped)
    desk = await a_busy_subscriber(
        actor_system, lambda context: (context.subscribe(object), context.subscribe(Happened, capacity=1), context.subscribe(FactDropped))
    )
    other = await a_busy_subscriber(actor_system, lambda context: context.subscribe(Happened, capacity=1), name="other")
    for number in range(3):
        actor_system.publish(Happened(number))
    await trio.sleep(2)
    desk.go.set()
    other.go.set()
    await quiet()
    assert {fact.subscriber for fact in desk.seen if isinstance(fact, FactDropped)} == {"/user/other"}
    assert {fact.subscriber for fact in probe.messages} == {"/user/subscriber", "/user/other"}


@pytest.mark.parametrize("kind", [DeadLetter, FactDropped])
async def test_a_lost_dead_letter_or_fact_dropped_is_counted_and_never_published(
    kind: type[Any], autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """A storm of losses must not feed itself: the subscription counts them, the accounts of the actor too, and no fact says so."""
    probe.subscribe(FactDropped)
    desk = await a_busy_subscriber(actor_system, lambda context: context.subscribe(kind, capacity=1))
    async with actor_system.subscribe(kind, capacity=1) as facts:
        for number in range(5):
            actor_system.publish(
                FactDropped("/somebody", Happened, number) if kind is FactDropped else DeadLetter(number, desk.context.ref, "stopped")
            )
        await trio.sleep(3)
        assert facts.dropped == 4
    assert actor_system.statistics().actors["/user/subscriber"].withdrawn == 4
    assert {fact.subscriber for fact in probe.messages} <= {"/somebody"}
    desk.go.set()


async def test_a_fact_is_charged_to_the_most_specific_subscription_whose_filter_lets_it_through(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """Its room is taken there and nowhere else, in the order of the fact's MRO."""
    desk = await a_busy_subscriber(
        actor_system,
        lambda context: (
            context.subscribe(Happened, capacity=2, on_full="drop_newest"),
            context.subscribe(Bought, capacity=1, on_full="drop_newest", where=lambda fact: fact.number < 10),
        ),
    )
    for number in (1, 2, 11, 12, 13):  # the first is charged to Bought, the second dropped there, the others belong to Happened
        actor_system.publish(Bought(number))
    actor_system.publish(Happened(14))
    desk.go.set()
    await quiet()
    assert desk.numbers == [1, 11, 12]


# The books


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_happens_the_accounts_add_up_and_drops_are_all_said(data: st.DataObject) -> None:
    """Facts handled, dropped and left over are as many as were published, in a busy subscriber's accounts and in what is published."""
    on_full: Any = data.draw(st.sampled_from(["drop_oldest", "drop_newest", "latest"]))
    capacity = data.draw(st.integers(1, 4))
    steps = data.draw(st.lists(st.sampled_from(["publish", "publish", "tell", "pause", "go", "wait"]), max_size=40))

    async def main() -> None:
        desk = Desk(lambda context: context.subscribe(Happened, on_full=on_full, capacity=capacity))
        async with open_system() as system, system.subscribe(FactDropped) as dropped:
            ref = await system.spawn(subscriber(desk, mailbox=3))
            published = told = 0
            for step in steps:
                match step:
                    case "publish":
                        system.publish(Happened(published := published + 1))
                    case "tell":
                        with trio.move_on_after(0.1):
                            await ref.tell(Command(0))
                            told += 1
                    case "pause":
                        if desk.go.is_set():
                            desk.go = trio.Event()
                        with trio.move_on_after(0.1):
                            await ref.tell(Pause())
                    case "go":
                        desk.go.set()
                    case _:
                        await wait_all_tasks_blocked()
                counts = system.statistics().actors[ref.path]
                assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting
            desk.go.set()
            await trio.sleep(3)
            handled = [fact.number for fact in desk.seen if isinstance(fact, Happened)]
            assert handled == sorted(set(handled))
            assert sum(isinstance(message, Command) for message in desk.seen) == told
            lost = 0
            with trio.move_on_after(1):
                async for fact in dropped:
                    lost += fact.count
            assert len(handled) + lost == published

    trio.run(main, clock=MockClock(autojump_threshold=0))
