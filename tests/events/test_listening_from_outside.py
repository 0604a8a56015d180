"""`system.subscribe`: facts for code that is no actor."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import ActorStopped, FactDropped, Facts, SubscriptionFull, System, open_system
from trouper.testing import ActorSystem, Probe


@frozen
class Happened:
    number: int = 0


@frozen
class Bought(Happened):
    pass


async def take(facts: Facts[Any], count: int) -> list[int]:
    """The numbers of the next *count* facts; fewer if they end, or do not come."""
    taken: list[int] = []
    with trio.move_on_after(1):
        while len(taken) < count:
            try:
                taken.append((await anext(facts)).number)
            except StopAsyncIteration:
                break
    return taken


async def test_it_gives_exactly_the_facts_published_in_its_block(autojump_clock: MockClock) -> None:
    """From `async with` on, subclasses included, each once, in order; with a filter only those for which it is true."""
    async with open_system() as system:
        everything = system.subscribe(Happened)
        system.publish(Happened(1))
        async with everything as facts, system.subscribe(Bought, where=lambda fact: fact.number > 3) as some:
            for number in (2, 3, 4):
                system.publish(Bought(number))
            system.publish(Happened(5))
            assert await take(facts, 9) == [2, 3, 4, 5]
            assert await take(some, 9) == [4]


async def test_leaving_the_block_ends_the_iteration_and_the_subscription(autojump_clock: MockClock) -> None:
    """What waits is still given, what is published later is not, and the stream has nobody left to pass it on to."""
    async with open_system() as system:
        async with system.subscribe(Happened) as facts:
            system.publish(Happened(1))
        passed_on = system.statistics().actors["/system/events"].accepted
        system.publish(Happened(2))
        assert system.statistics().actors["/system/events"].accepted == passed_on
        assert [fact.number async for fact in facts] == [1]


@pytest.mark.parametrize("made_before_another", [True, False])
async def test_the_iteration_ends_when_the_system_is_down(made_before_another: bool, autojump_clock: MockClock) -> None:
    """A task that listens hears of every actor's end and then goes on by itself, in whichever order subscriptions were made."""
    stopped: list[str] = []

    async def listen(facts: Facts[ActorStopped], task_status: trio.TaskStatus[None]) -> None:
        async with facts:
            task_status.started()
            stopped.extend([fact.path async for fact in facts])

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, open_system() as system:
            facts = system.subscribe(ActorStopped)
            if made_before_another:
                system.subscribe(Happened)
            await nursery.start(listen, facts)
    assert stopped == ["/user"]


async def test_a_subscription_to_a_system_that_is_down_ends_at_once(autojump_clock: MockClock) -> None:
    """Nothing will ever be published there, so nobody waits for it."""
    async with open_system() as system:
        pass
    with trio.fail_after(1):
        async with system.subscribe(Happened) as facts:
            system.publish(Happened(1))
            assert [fact async for fact in facts] == []


async def test_waiting_for_a_fact_can_be_cancelled_and_loses_none(autojump_clock: MockClock) -> None:
    """Whether it waits for one, or one is there: a fact is given or stays, and an endless stream of facts is cancelled as well."""
    async with open_system() as system, system.subscribe(Happened) as facts:
        with trio.move_on_after(1) as scope:
            await anext(facts)
        assert scope.cancelled_caught
        system.publish(Happened(1))
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(facts)
        assert scope.cancelled_caught
        assert await take(facts, 1) == [1]
        taken = 0
        with trio.fail_after(10), trio.CancelScope() as scope:
            system.publish(Happened(0))
            async for fact in facts:
                taken += 1
                system.publish(Happened(fact.number + 1))
                if taken == 100:
                    scope.cancel()
        assert (scope.cancelled_caught, taken) == (True, 100)


async def test_a_fact_that_comes_with_the_cancellation_is_not_lost(autojump_clock: MockClock) -> None:
    """The task that waits is woken by a fact and cancelled in the same moment: it gets the fact, or the next one does."""
    got: list[int] = []

    async with open_system() as system, system.subscribe(Happened) as facts:
        for number in range(20):
            async with trio.open_nursery() as nursery:

                async def wait_for_one() -> None:
                    got.append((await anext(facts)).number)

                nursery.start_soon(wait_for_one)
                await wait_all_tasks_blocked()
                system.publish(Happened(number))
                nursery.cancel_scope.cancel()
        got += await take(facts, 20)
    assert got == list(range(20))


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"capacity": 3}, [2, 3, 4]),
        ({"capacity": 5}, [0, 1, 2, 3, 4]),
        ({"capacity": 3, "on_full": "drop_newest"}, [0, 1, 2]),
        ({"capacity": 3, "on_full": "latest"}, [4]),
        ({"on_full": "fail"}, [0, 1, 2, 3, 4]),
    ],
)
async def test_what_is_kept_when_it_is_too_slow(
    options: dict[str, Any], kept: list[int], autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """As for an actor; what was dropped is counted on the subscription and published."""
    probe.subscribe(FactDropped)
    async with actor_system.subscribe(Happened, **options) as facts:
        for number in range(5):
            actor_system.publish(Happened(number))
        assert await take(facts, 9) == kept
        await trio.sleep(2)
        assert facts.dropped == 5 - len(kept)
        assert sum(fact.count for fact in probe.messages) == 5 - len(kept)
        actor_system.publish(Happened(6))
        assert await take(facts, 9) == [6]


async def test_fail_gives_what_waits_and_then_raises_without_a_gap(autojump_clock: MockClock) -> None:
    """After the first lost fact none is taken any more, so that what was given is everything up to the error."""
    async with open_system() as system, system.subscribe(Happened, capacity=2, on_full="fail") as facts:
        for number in range(3):
            system.publish(Happened(number))
        assert await take(facts, 1) == [0]
        system.publish(Happened(3))
        assert await take(facts, 1) == [1]
        for _ in range(2):
            with pytest.raises(SubscriptionFull, match=r"subscription-\d+ has 2 of 2 facts of Happened waiting"):
                await anext(facts)


async def test_a_filter_that_raises_ends_the_iteration_with_its_exception(autojump_clock: MockClock) -> None:
    """The publisher notices nothing; the listener gets what waited, then the exception, also if it waits already."""
    async with open_system() as system, system.subscribe(Happened, where=lambda fact: 1 / fact.number > 0) as facts:
        system.publish(Happened(1))
        system.publish(Happened(0))
        assert await take(facts, 1) == [1]
        with pytest.raises(ZeroDivisionError):
            await anext(facts)
    async with open_system() as system, system.subscribe(Happened, where=lambda fact: 1 / fact.number > 0) as facts:

        async def publish_later(system: System) -> None:
            await trio.sleep(1)
            system.publish(Happened(0))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(publish_later, system)
            with trio.fail_after(2), pytest.raises(ZeroDivisionError):
                await anext(facts)
