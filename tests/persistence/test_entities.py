"""An entity is there when it is needed: its ref always works, it rests when it is idle, and nothing that is sent to it is lost."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import Actor, ActorStopped, AskFailed, Request, StartFailed, Supervision, actor, handles, open_system, supervisor
from trouper.persistence import EventSourced, InMemoryJournal, applies, entities, open_journal


@frozen
class Added:
    number: int


@frozen
class Add(Request[int]):
    number: int


@frozen
class Seen(Request[tuple[int, ...]]):
    pass


@frozen
class Crash:
    pass


@define(eq=False)
class Account(EventSourced[Add | Seen | Crash, Added]):
    number: str
    seen: list[int] = field(factory=list[int], init=False)

    @handles(Add)
    async def add(self, command: Add) -> int:
        await self.persist(Added(command.number))
        return len(self.seen)

    @handles(Seen)
    def all_seen(self, query: Seen) -> tuple[int, ...]:
        return tuple(self.seen)

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise ZeroDivisionError("planted")

    @applies(Added)
    def added(self, event: Added) -> None:
        self.seen.append(event.number)


ACCOUNTS = entities("accounts", Account, idle_seconds=10.0)
TOP = supervisor("top", [ACCOUNTS.spec])


def live(system: Any) -> set[str]:
    """The entities that are up."""
    return {path.split("/")[-2] for path in system.statistics().actors if path.endswith("/live")}


async def test_a_message_starts_the_entity_and_after_a_while_without_one_it_rests(autojump_clock: MockClock) -> None:
    """Its ref is the same all the time; what it knows it has from its events."""
    with trio.fail_after(1000):
        async with open_journal(InMemoryJournal()), open_system(TOP) as system:
            ref = ACCOUNTS.ref(system, "A-1")
            assert live(system) == set()
            assert await ref.ask(Add(1)) == 1
            assert live(system) == {"A-1"}
            await trio.sleep(9)
            assert await ref.ask(Add(2)) == 2
            await trio.sleep(9)
            assert live(system) == {"A-1"}
            await trio.sleep(2)
            assert live(system) == set()
            assert ACCOUNTS.ref(system, "A-1") == ref
            assert await ref.ask(Seen()) == (1, 2)
            assert ACCOUNTS.ref(system, "B/2").path == "/user/top/accounts/B%2F2"


async def test_nothing_is_lost_or_reordered_while_it_comes_and_goes(autojump_clock: MockClock) -> None:
    """Messages at every moment around its going to rest: each is handled once, in the order in which it was sent."""
    with trio.fail_after(10_000):
        async with open_journal(InMemoryJournal()), open_system(TOP) as system, system.subscribe(ActorStopped) as rests:
            ref = ACCOUNTS.ref(system, "A-1")
            for number in range(300):
                await ref.tell(Add(number))
                if number % 3 == 0:
                    await trio.sleep(10.0 + (number % 7 - 3) * 0.0001)
            assert await ref.ask(Seen()) == tuple(range(300))
            assert [(await anext(rests)).path for _ in range(20)] == ["/user/top/accounts/A-1/live"] * 20
            assert system.statistics().dead_letters == 0


async def test_an_entity_has_one_incarnation_however_many_call_it_at_once(autojump_clock: MockClock) -> None:
    """A hundred senders wake it together: it starts once, and all are answered."""
    answers: list[int] = []

    async def send(number: int) -> None:
        answers.append(await ACCOUNTS.ref(system, "A-1").ask(Add(number)))

    journal = InMemoryJournal()
    with trio.fail_after(100):
        async with open_journal(journal), open_system(TOP) as system:
            async with trio.open_nursery() as nursery:
                for number in range(100):
                    nursery.start_soon(send, number)
            assert sorted(answers) == list(range(1, 101))
    assert len({event.writer for event in await journal.events("/user/top/accounts/A-1/live", 0, 1000)}) == 1


async def test_beyond_the_limit_the_one_used_longest_ago_rests(autojump_clock: MockClock) -> None:
    """Live entities are bounded, entities are not."""
    few = entities("few", Account, idle_seconds=1000.0, live_max=3)
    with trio.fail_after(10_000):
        async with open_journal(InMemoryJournal()), open_system(few.spec) as system:
            for number in range(20):
                assert await few.ref(system, str(number)).ask(Add(number)) == 1
                await trio.sleep(0.01)
                assert len(live(system)) <= 3
            assert live(system) == {"17", "18", "19"}
            await few.ref(system, "17").ask(Seen())
            await few.ref(system, "20").ask(Seen())
            await trio.sleep(0.01)
            assert live(system) == {"17", "19", "20"}, "18 was used longest ago, though 17 was started before"
            assert await few.ref(system, "0").ask(Seen()) == (0,)


async def test_an_entity_that_fails_comes_back_and_one_that_gives_up_is_started_by_its_next_message(autojump_clock: MockClock) -> None:
    """Its door stays good through both; the others notice nothing."""
    fragile = entities("fragile", Account, supervision=Supervision(max_restarts=1, within=5.0))
    with trio.fail_after(100):
        async with open_journal(InMemoryJournal()), open_system(supervisor("top", [fragile.spec])) as system:
            ref, other = fragile.ref(system, "A-1"), fragile.ref(system, "A-2")
            await ref.ask(Add(1))
            await other.ask(Add(2))
            for _ in range(6):
                await ref.tell(Crash())
                await trio.sleep(0.01)
            assert await ref.ask(Seen()) == (1,)
            assert await other.ask(Seen()) == (2,)


async def test_an_entity_that_gave_up_takes_no_place_among_the_live_ones(autojump_clock: MockClock) -> None:
    """Else each would make the others rest sooner, for ever."""
    del autojump_clock
    two = entities("two", Account, idle_seconds=1000.0, live_max=2, supervision=Supervision(max_restarts=0))
    with trio.fail_after(10_000):
        async with open_journal(InMemoryJournal()), open_system(supervisor("top", [two.spec])) as system:
            for number in range(5):
                await two.ref(system, f"fragile {number}").tell(Crash())
                await trio.sleep(0.01)
            for _ in range(3):
                for name in "ab":
                    await two.ref(system, name).ask(Seen())
                await trio.sleep(700.0)
                assert live(system) == {"a", "b"}


async def test_an_entity_that_does_not_start_fails_who_asked_and_may_start_later(autojump_clock: MockClock) -> None:
    """The asker is told why; the door goes on, and tries again with the next message."""
    broken = [True]

    def make(number: str) -> Account:
        if broken[0]:
            raise ZeroDivisionError("planted")
        return Account(number)

    kind = entities("kind", make)
    with trio.fail_after(100):
        async with open_journal(InMemoryJournal()), open_system(kind.spec) as system:
            with pytest.raises(AskFailed) as caught:
                await kind.ref(system, "A-1").ask(Add(1))
            assert isinstance(caught.value.__cause__, StartFailed)
            broken[0] = False
            assert await kind.ref(system, "A-1").ask(Add(1)) == 1


async def test_actors_reach_entities_through_their_context(autojump_clock: MockClock) -> None:
    """Within the system they need no more than the kind and the name."""

    @define(eq=False)
    class Teller(Actor[Add]):
        @handles(Add)
        async def add(self, command: Add) -> int:
            return await ACCOUNTS.ref(self.context, "A-1").ask(command)

    teller = actor(Teller)
    with trio.fail_after(100):
        async with open_journal(InMemoryJournal()), open_system(supervisor("top", [ACCOUNTS.spec, teller])) as system:
            assert await system.ref(teller).ask(Add(5)) == 1
            assert await system.ref(teller).ask(Add(5)) == 2
        async with open_system(teller) as system:
            with pytest.raises(AskFailed) as caught:
                await system.ref(teller).ask(Add(5))
            assert isinstance(caught.value.__cause__, LookupError)


def test_numbers_out_of_range_are_refused() -> None:
    """When the kind is described."""
    with pytest.raises(ValueError, match="idle_seconds must be above 0"):
        entities("accounts", Account, idle_seconds=0)
    with pytest.raises(ValueError, match="live_max must be at least 1"):
        entities("accounts", Account, live_max=0)
