"""A receiver that keeps what it has seen with what it changed handles each delivery once, in whatever order and however often it comes."""

# pyright: reportUnusedClass=false

from __future__ import annotations

from random import Random
from typing import ClassVar

import pytest
import trio
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from trouper import Actor, ActorRef, AskFailed, Request, actor, handles, open_system, supervisor
from trouper.persistence import (
    Delivery,
    Encoded,
    Entry,
    EventSourced,
    InMemoryJournal,
    Journal,
    Seen,
    SeenDeliveries,
    SeenFull,
    WantWork,
    WorkSource,
    applies,
    open_journal,
    restores,
)


@frozen
class Earned:
    cents: int


@frozen
class Credit(Request[None]):
    cents: int
    delivery: Delivery


@frozen
class Credited:
    cents: int


@frozen
class Total(Request[int]):
    pass


@frozen
class AccountState:
    cents: int
    seen: SeenDeliveries


@define(eq=False)
class Account(EventSourced[Credit | Total, Credited | Delivery]):
    """Credits each delivery once: the delivery is an event beside what it led to, and a part of the snapshot."""

    snapshot_every = 7

    cents: int = field(default=0, init=False)
    seen: Seen = field(factory=lambda: Seen(limit=50), init=False)
    calls: ClassVar[list[int]] = []
    fails_every: ClassVar[int] = 0

    @handles(Credit)
    async def credit(self, command: Credit) -> None:
        self.calls.append(command.delivery.number)
        if self.seen.is_new(command.delivery):
            await self.persist(Credited(command.cents), command.delivery)
        if self.fails_every and len(self.calls) % self.fails_every == 0:
            raise ZeroDivisionError("planted: it is written, and nobody knows")

    @handles(Total)
    def total(self, query: Total) -> int:
        return self.cents

    @applies(Credited)
    def on_credited(self, event: Credited) -> None:
        self.cents += event.cents

    @applies(Delivery)
    def on_delivery(self, event: Delivery) -> None:
        self.seen.add(event)

    def snapshot(self) -> AccountState:
        return AccountState(self.cents, self.seen.snapshot())

    @restores(AccountState)
    def restore(self, state: AccountState) -> None:
        self.cents = state.cents
        self.seen.restore(state.seen)


ACCOUNT = actor(Account, name="account")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Account.calls.clear()
    Account.fails_every = 0


async def test_each_delivery_counts_once_over_restarts_of_the_program(journal: Journal) -> None:
    """All of them are sent again, out of order, in every run, and the sums do not change; a snapshot holds what was seen."""
    deliveries = [Delivery(source, number, through=0) for source in ("a", "b") for number in range(1, 21)]
    with trio.fail_after(60):
        for run in range(4):
            Random(run).shuffle(deliveries)
            async with open_journal(journal), open_system(ACCOUNT) as system:
                account = system.ref(ACCOUNT)
                assert await account.ask(Total()) == (sum(range(1, 21)) * 2 if run else 0)
                for delivery in deliveries * 2:
                    await account.ask(Credit(delivery.number, delivery))
                assert await account.ask(Total()) == sum(range(1, 21)) * 2
        assert len(await journal.events("/user/account", 0, 1000)) == 80
        assert (await journal.snapshots("/user/account"))[0].type_name == "AccountState"


async def test_a_receiver_that_has_no_room_refuses_and_forgets_nothing(autojump_clock: MockClock) -> None:
    """What was refused counts when it is sent again, once its source has settled what came before."""
    with trio.fail_after(1000):
        async with open_journal(InMemoryJournal()), open_system(supervisor("top", [ACCOUNT])) as system:
            account = system.ref(ACCOUNT)
            for number in range(2, 51):
                await account.ask(Credit(1, Delivery("a", number)))
            with pytest.raises(AskFailed) as failed:
                await account.ask(Credit(1, Delivery("a", 51)))
            assert isinstance(failed.value.__cause__, SeenFull)
            assert "Delivery 51 of a was refused: 50 deliveries are remembered" in str(failed.value.__cause__)
            await account.ask(Credit(1, Delivery("a", 2)))
            assert await account.ask(Total()) == 49
            await account.ask(Credit(1, Delivery("a", 1)))
            await account.ask(Credit(1, Delivery("a", 51, through=10)))
            await account.ask(Credit(1, Delivery("a", 9, through=10)))
            assert await account.ask(Total()) == 51


@define(eq=False)
class Paying(WorkSource[Earned]):
    window = 20
    deadline_seconds = 1.0

    def job(self, fact: Earned, offset: int) -> Credit:
        return Credit(fact.cents, self.delivery(offset))


@define(eq=False)
class Payer(Actor[Credit]):
    """A worker: slow at times, so that another one does the same job. What it writes to is what has to know."""

    source: ActorRef[WantWork]
    account: ActorRef[Credit]

    async def on_start(self) -> None:
        await self.source.tell(WantWork(self.context.ref, 2))

    @handles(Credit)
    async def credit(self, job: Credit) -> None:
        await self.account.ask(job)
        if self.context.random.random() < 0.2:
            await trio.sleep(3)


async def test_jobs_that_are_done_twice_by_workers_count_once(autojump_clock: MockClock) -> None:
    """Slow workers, workers that fail, an account that fails, a source that is restarted: the sum is that of the log."""
    journal = InMemoryJournal()
    source = actor(Paying, name="paying")
    workers = supervisor("workers", max_restarts=1000)
    Account.fails_every = 9
    facts = tuple(Encoded("Earned", 1, b'{"cents":%d}' % cents) for cents in range(1, 201))
    with trio.fail_after(10_000):
        await journal.append(Entry("shop", 0, (Encoded("Noted", 1, b"{}"),), "test", facts))
        for _run in range(3):
            async with (
                open_journal(journal),
                open_system(supervisor("top", [source, ACCOUNT, workers], max_restarts=1000, directives={SeenFull: "resume"})) as system,
            ):
                for number in range(4):
                    payer = actor(Payer, system.ref(source), system.ref(ACCOUNT), name=f"payer-{number}")
                    await system.spawn(payer, under=system.ref(workers))
                for _ in range(5):
                    await trio.sleep(1.3)
                    await system.restart(system.ref(source))
        Account.fails_every = 0
        async with (
            open_journal(journal),
            open_system(supervisor("top", [source, ACCOUNT, workers], directives={SeenFull: "resume"})) as system,
        ):
            await system.spawn(actor(Payer, system.ref(source), system.ref(ACCOUNT), name="payer"), under=system.ref(workers))
            while (await journal.snapshots("/user/top/paying"))[0].sequence < 200:  # noqa: ASYNC110  # it says nothing by itself
                await trio.sleep(1)
            assert await system.ref(ACCOUNT).ask(Total()) == sum(range(1, 201))
    assert len(Account.calls) > 200, "some were sent twice"


@given(st.data())
def test_what_is_seen_is_bounded_and_right_in_any_order(data: st.DataObject) -> None:
    """Against a set of all that was ever handled, with a source that settles what everybody has confirmed; also over snapshots."""
    seen = Seen(limit=8)
    handled: set[int] = set()
    settled = 0
    for _ in range(data.draw(st.integers(0, 60))):
        number = data.draw(st.integers(1, settled + 12))
        delivery = Delivery("a", number, settled)
        try:
            is_new = seen.is_new(delivery)
        except SeenFull:
            assert number not in handled
            assert len(seen) >= 8
            assert number != settled + 1, "then nothing could ever be settled"
        else:
            assert is_new == (number not in handled)
            if is_new:
                seen.add(delivery)
                handled.add(number)
        assert len(seen) <= 9
        while settled + 1 in handled and data.draw(st.booleans()):
            settled += 1
        if data.draw(st.booleans()):
            kept = seen.snapshot()
            seen = Seen(limit=8)
            seen.restore(kept)
            assert seen.snapshot() == kept


def test_a_source_in_order_takes_one_number_and_can_be_forgotten() -> None:
    """One that delivers in order settles each number with itself; a source that is forgotten is a new one."""
    seen = Seen()
    for number in range(1, 100):
        assert seen.is_new(Delivery("a", number, through=number))
        seen.add(Delivery("a", number, through=number))
    assert len(seen) == 1
    assert not seen.is_new(Delivery("a", 99, through=99))
    seen.forget("a")
    seen.forget("a")
    assert len(seen) == 0
    assert seen.is_new(Delivery("a", 1))
