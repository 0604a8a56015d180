"""An actor is what its events add up to: nothing is applied before it is on the disk, and everything is when it comes back."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trio
import trio.testing
from attrs import define, field, frozen

from trouper import ActorFailed, AskFailed, Request, StartFailed, actor, handles, open_system, supervisor
from trouper.persistence import (
    EffectWhileApplying,
    Encoded,
    Entry,
    EventSourced,
    EventsOutOfOrder,
    InMemoryJournal,
    Journal,
    JournalError,
    JournalFull,
    NoIdentity,
    NoJournal,
    NotStorable,
    PersistMisused,
    RecoveryFailed,
    SnapshotBroken,
    StoredEvent,
    StoredFact,
    StoredSnapshot,
    UnknownType,
    WriteConflict,
    applies,
    open_journal,
    restores,
)


@frozen
class Deposited:
    cents: int


@frozen
class Paid:
    reference: str
    cents: int


@frozen
class Declined:
    reason: str


@frozen
class Deposit(Request[int]):
    cents: int


@frozen
class Pay(Request[Paid | Declined]):
    reference: str
    cents: int


@frozen
class Transfer(Request[int]):
    cents: int
    times: int


@frozen
class Balance(Request[int]):
    pass


Commands = Deposit | Pay | Transfer | Balance


@define(eq=False)
class Account(EventSourced[Commands, Deposited | Paid]):
    number: str = "A-1"
    balance_cents: int = field(default=0, init=False)
    applied: list[object] = field(factory=list[object], init=False)

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> int:
        await self.persist(Deposited(command.cents))
        return self.balance_cents

    @handles(Pay)
    async def pay(self, command: Pay) -> Paid | Declined:
        if command.cents > self.balance_cents:
            return Declined("not enough")
        return await self.persist(Paid(command.reference, command.cents))

    @handles(Transfer)
    async def transfer(self, command: Transfer) -> int:
        await self.persist(Deposited(command.cents), *[Paid(f"part {part}", command.cents) for part in range(command.times)])
        return self.balance_cents

    @handles(Balance)
    def balance(self, query: Balance) -> int:
        return self.balance_cents

    @applies(Deposited)
    def deposited(self, event: Deposited) -> None:
        self.balance_cents += event.cents
        self.applied.append(event)

    @applies(Paid)
    def paid(self, event: Paid) -> None:
        self.balance_cents -= event.cents
        self.applied.append(event)


ACCOUNT = actor(Account, name="account")


@define(eq=False)
class Unreliable:
    """A journal that does what it is told, in front of one that works."""

    journal: InMemoryJournal = field(factory=InMemoryJournal)
    fails: Exception | None = None
    fails_late: bool = False
    keeps_snapshots: bool = True
    gate: trio.Event | None = None
    waiting: int = 0
    name: str = "unreliable"

    async def append(self, entry: Entry) -> int:
        if self.gate is not None:
            self.waiting += 1
            await self.gate.wait()
        if self.fails is not None and not self.fails_late:
            raise self.fails
        offset = await self.journal.append(entry)
        if self.fails is not None:
            raise self.fails
        return offset

    async def events(self, identity: str, after: int, limit: int) -> Sequence[StoredEvent]:
        return await self.journal.events(identity, after, limit)

    async def save_snapshot(self, identity: str, sequence: int, state: Encoded) -> None:
        if not self.keeps_snapshots:
            raise JournalFull(self.name, "disk full")
        await self.journal.save_snapshot(identity, sequence, state)

    async def snapshots(self, identity: str) -> Sequence[StoredSnapshot]:
        return await self.journal.snapshots(identity)

    async def facts(self, from_offset: int, limit: int) -> Sequence[StoredFact]:
        return await self.journal.facts(from_offset, limit)

    async def last_offset(self) -> int:
        return await self.journal.last_offset()

    async def forget_facts(self, *, older_than: float | None = None, keep: int | None = None, keep_bytes: int | None = None) -> int:
        return await self.journal.forget_facts(older_than=older_than, keep=keep, keep_bytes=keep_bytes)


@asynccontextmanager
async def opened(journal: Journal | Path, spec: Any = ACCOUNT, **options: Any) -> AsyncGenerator[Any]:
    """A system with one actor and a journal."""
    with trio.fail_after(20):
        async with open_journal(journal), open_system(supervisor("top", [spec], max_restarts=3, within=5.0), **options) as system:
            yield system


async def payloads(journal: Journal, identity: str = "/user/top/account") -> list[str]:
    """What is in the journal."""
    return [str(event.payload, "utf-8") for event in await journal.events(identity, 0, 100)]


async def test_an_actor_comes_back_from_its_events(journal: Journal) -> None:
    """Everything that was persisted is applied before the first message of the next run, in order; what was refused never was."""
    async with opened(journal) as system:
        account = system.ref(ACCOUNT)
        assert await account.ask(Deposit(500)) == 500
        assert await account.ask(Pay("rent", 200)) == Paid("rent", 200)
        assert await account.ask(Pay("car", 900)) == Declined("not enough")
    async with opened(journal) as system:
        account = system.ref(ACCOUNT)
        assert await account.ask(Balance()) == 300
        assert await account.ask(Deposit(1)) == 301
    assert [event.sequence for event in await journal.events("/user/top/account", 0, 10)] == [1, 2, 3]


async def test_a_restart_brings_it_back_from_its_events_too(journal: Journal) -> None:
    """State outlives a failure, and so does the ref: the new instance has everything that was persisted."""
    async with opened(journal) as system:
        account = system.ref(ACCOUNT)
        await account.ask(Deposit(500))
        await system.restart(account)
        assert await account.ask(Balance()) == 500


async def test_several_events_are_written_together_and_applied_in_their_order(journal: Journal) -> None:
    """One persist, one entry: all of them or none."""
    async with opened(journal) as system:
        assert await system.ref(ACCOUNT).ask(Transfer(10, 3)) == -20
    assert len(await payloads(journal)) == 4


async def test_an_event_is_applied_when_it_is_written_and_not_before() -> None:
    """While the journal writes, the fields are as they were, the handler waits, and the next messages wait behind it."""
    journal = Unreliable(gate=trio.Event())
    made: list[Account] = []

    def make() -> Account:
        made.append(Account())
        return made[-1]

    spec = actor(make, name="account")
    async with opened(journal, spec) as system:
        account = system.ref(spec)
        account.tell_nowait(Deposit(500))
        account.tell_nowait(Deposit(1))
        while not journal.waiting:
            await trio.lowlevel.checkpoint()
        assert (made[0].balance_cents, await payloads(journal)) == (0, [])
        assert system.statistics().waiting == 2
        assert journal.gate is not None
        journal.gate.set()
        assert await account.ask(Balance()) == 501


@pytest.mark.parametrize("late", [False, True], ids=["nothing was written", "it was written, and nobody knows"])
async def test_a_journal_that_fails_fails_the_actor_and_nothing_is_applied(late: bool) -> None:
    """The asker is told, supervision restarts the actor, and the new instance has what the journal has: no more, no less."""
    journal = Unreliable()
    async with opened(journal) as system, system.subscribe(ActorFailed) as failures:
        account = system.ref(ACCOUNT)
        await account.ask(Deposit(500))
        journal.fails, journal.fails_late = JournalFull("bank.db", "disk full"), late
        with pytest.raises(AskFailed) as caught:
            await account.ask(Deposit(1))
        assert isinstance(caught.value.__cause__, JournalFull)
        assert (await anext(failures)).path == "/user/top/account"
        journal.fails = None
        assert await account.ask(Balance()) == 500 + late
        assert await account.ask(Deposit(10)) == 510 + late


async def test_a_handler_that_catches_the_failure_fails_all_the_same() -> None:
    """An incarnation that does not know what is on the disk does not go on, whatever it catches: its next message finds a new one."""

    @define(eq=False)
    class Stubborn(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            try:
                return await super().deposit(command)
            except JournalError:
                return -1

    journal = Unreliable(fails=JournalError("bank.db", "planted"), fails_late=True)
    spec = actor(Stubborn, name="account")
    async with opened(journal, spec) as system, system.subscribe(ActorFailed) as failures:
        account = system.ref(spec)
        account.tell_nowait(Deposit(500))
        assert isinstance((await anext(failures)).cause, JournalError)
        journal.fails = None
        assert await account.ask(Balance()) == 500


async def test_an_event_that_could_not_be_applied_fails_the_actor_whatever_its_handler_catches() -> None:
    """Its fields are wrong, so it writes no more."""
    refused: list[Exception] = []

    @define(eq=False)
    class Stubborn(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            for _ in range(2):
                try:
                    await self.persist(Deposited(command.cents))
                except ZeroDivisionError as error:
                    refused.append(error)
            return self.balance_cents

        @applies(Deposited)
        def deposited(self, event: Deposited) -> None:
            raise ZeroDivisionError

    journal = InMemoryJournal()
    spec = actor(Stubborn, name="account")
    with trio.fail_after(10):
        tree = supervisor("top", [spec], directives={ZeroDivisionError: "resume"})
        async with opened(journal, tree) as system, system.subscribe(ActorFailed) as failures:
            system.ref(spec).tell_nowait(Deposit(1))
            assert isinstance((await anext(failures)).cause, ZeroDivisionError)
    assert len(refused) == 2
    assert len(await journal.events("/user/top/top/account", 0, 10)) == 1


async def test_an_actor_that_is_resumed_after_a_failed_write_still_cannot_write() -> None:
    """A supervisor may keep the instance, but what that knows may be wrong: it reads, and every persist fails until it is restarted."""
    journal = Unreliable()
    tree = supervisor("top", [ACCOUNT], directives={JournalFull: "resume"})
    with trio.fail_after(10):
        async with open_journal(journal), open_system(tree) as system:
            account = system.ref(ACCOUNT)
            journal.fails = JournalFull("bank.db", "disk full")
            journal.fails_late = True
            with pytest.raises(AskFailed):
                await account.ask(Deposit(1))
            journal.fails = None
            with pytest.raises(AskFailed) as caught:
                await account.ask(Deposit(2))
            assert isinstance(caught.value.__cause__, JournalFull)
            assert await account.ask(Balance()) == 0
            await system.restart(account)
            assert await account.ask(Deposit(2)) == 3


async def test_of_two_incarnations_one_writes_and_the_other_is_told(journal: Journal) -> None:
    """Two actors claim one identity: the second to write an event is refused and restarted, and goes on from what the first wrote."""

    @define(eq=False)
    class Twin(Account):
        @property
        def identity(self) -> str:
            return "account/A-1"

    one, two = actor(Twin, name="one"), actor(Twin, name="two")
    with trio.fail_after(10):
        async with open_journal(journal), open_system(supervisor("top", [one, two])) as system:
            assert await system.ref(one).ask(Deposit(500)) == 500
            with pytest.raises(AskFailed) as caught:
                await system.ref(two).ask(Deposit(1))
            conflict = caught.value.__cause__
            assert isinstance(conflict, WriteConflict)
            assert (conflict.identity, conflict.sequence) == ("account/A-1", 1)
            assert "/user/top/one#" in conflict.winner
            assert "/user/top/two#" in conflict.writer
            assert await system.ref(two).ask(Deposit(1)) == 501
            assert len(await payloads(journal, "account/A-1")) == 2


async def test_a_stop_that_cuts_a_persist_off_leaves_nothing_half_done(tmp_path: Path) -> None:
    """With no time to stop, the event of a suspended handler is there or not; what was answered is there."""
    file = tmp_path / "bank.db"
    spec = actor(Account, name="account", stop_timeout=0.0)
    answered = 0
    for _ in range(20):
        async with opened(file, spec) as system:
            account = system.ref(spec)
            before = await account.ask(Balance())
            assert before >= answered
            answered = await account.ask(Deposit(1))
            assert answered == before + 1
            account.tell_nowait(Deposit(1))
            await trio.lowlevel.checkpoint()
            await system.stop(account)


async def test_effects_come_after_the_event_and_never_at_recovery(journal: Journal) -> None:
    """What follows the await is done once, when the event is on the disk; coming back repeats none of it."""

    @define(eq=False)
    class Announcing(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            balance = await super().deposit(command)
            self.context.publish(Deposited(command.cents))
            return balance

    spec = actor(Announcing, name="account")
    async with opened(journal, spec) as system, system.subscribe(Deposited) as announced:
        await system.ref(spec).ask(Deposit(500))
        assert await anext(announced) == Deposited(500)
        await system.restart(system.ref(spec))
        await system.ref(spec).ask(Deposit(1))
        assert await anext(announced) == Deposited(1)


async def test_the_context_is_out_of_reach_while_an_event_is_applied() -> None:
    """An effect there would be repeated at every recovery: it is refused, live and at recovery, and the text says where to put it."""

    @define(eq=False)
    class Hasty(Account):
        def deposited(self, event: Deposited) -> None:
            self.context.publish(event)

    journal = InMemoryJournal()
    spec = actor(Hasty, name="account")
    async with opened(journal, spec) as system:
        with pytest.raises(AskFailed) as caught:
            await system.ref(spec).ask(Deposit(1))
        assert isinstance(caught.value.__cause__, EffectWhileApplying)
        assert "Publish and tell after 'await self.persist(...)'" in str(caught.value.__cause__)


async def test_messages_that_arrive_while_it_recovers_wait_in_the_mailbox() -> None:
    """They are handled when everything is applied and `on_recovered` has run, in the order in which they came."""
    seen: list[int] = []

    @define(eq=False)
    class Slow(Account):
        async def on_recovered(self) -> None:
            seen.append(self.balance_cents)
            await self.persist(Deposited(1000))

    journal = Unreliable()
    spec = actor(Slow, name="account")
    async with opened(journal, spec) as system, trio.open_nursery() as nursery:
        account = system.ref(spec)
        assert await account.ask(Deposit(1)) == 1001
        journal.gate = trio.Event()
        nursery.start_soon(system.restart, account)
        while not journal.waiting:
            await trio.lowlevel.checkpoint()
        account.tell_nowait(Deposit(2))
        account.tell_nowait(Deposit(3))
        assert (seen, system.statistics().waiting) == ([0, 1001], 2)
        journal.gate.set()
        assert await account.ask(Balance()) == 2006


async def test_recovery_reads_more_events_than_one_read_gives(journal: Journal) -> None:
    """History is read in parts: at their borders nothing is missing and nothing is twice."""
    for count in (499, 500, 501, 1000, 1203):
        identity = f"/user/top/account-{count}"
        events = tuple(Encoded("Deposited", 1, b'{"cents":%d}' % number) for number in range(count))
        await journal.append(Entry(identity, 0, events, "test"))
        spec = actor(Account, name=f"account-{count}")
        async with opened(journal, spec) as system:
            assert await system.ref(spec).ask(Balance()) == sum(range(count))


@pytest.mark.parametrize(
    ("stored", "error", "text"),
    [
        (Encoded("Refunded", 1, b"{}"), UnknownType, "Event 2 of /user/top/account .*'Refunded', and its reader knows 'Deposited', 'Paid'"),
        (Encoded("Paid", 1, b'{"reference":"rent","cents":"all"}'), None, "Event 2 of /user/top/account .*Expected `int`, got `str`"),
    ],
)
async def test_an_event_that_cannot_be_read_is_a_failed_start_that_names_it(
    stored: Encoded, error: type[Exception] | None, text: str
) -> None:
    """Nothing is skipped: an actor whose history cannot be read does not run as if it had none."""
    journal = InMemoryJournal()
    await journal.append(Entry("/user/top/account", 0, (Encoded("Deposited", 1, b'{"cents":1}'), stored), "test"))
    with pytest.raises(StartFailed, match=text) as caught:
        async with opened(journal):
            pass
    cause: BaseException | None = caught.value
    while isinstance(cause, StartFailed):
        cause = cause.__cause__
    assert error is None or isinstance(cause, error)
    assert len(await payloads(journal)) == 2


async def test_an_event_that_cannot_be_applied_is_named_and_a_gap_is_too() -> None:
    """An @applies that raises at recovery, and a number that is missing, are failed starts."""

    @define(eq=False)
    class Strict(Account):
        def paid(self, event: Paid) -> None:
            raise ZeroDivisionError("planted")

    journal = InMemoryJournal()
    await journal.append(Entry("/user/top/account", 0, (Encoded("Paid", 1, b'{"reference":"rent","cents":1}'),), "test"))
    with pytest.raises(StartFailed, match=r"event 1 could not be applied .ZeroDivisionError: planted.") as caught:
        async with opened(journal, actor(Strict, name="account")):
            pass
    assert isinstance(caught.value.__cause__, StartFailed)
    assert isinstance(caught.value.__cause__.__cause__, RecoveryFailed)
    gap = InMemoryJournal()
    gap._events["/user/top/account"].append(StoredEvent(2, "Deposited", 1, b'{"cents":1}', "test", 0.0))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(StartFailed, match="have a gap: after 0 comes 2") as caught:
        async with opened(gap):
            pass
    assert isinstance(caught.value.__cause__, StartFailed)
    assert isinstance(caught.value.__cause__.__cause__, EventsOutOfOrder)


async def test_without_a_journal_or_a_name_it_does_not_start() -> None:
    """Both would lose everything in silence; the texts say what to write."""
    with trio.fail_after(10):
        with pytest.raises(StartFailed, match=r"async with open_journal\('bank.db'\), open_system") as caught:
            async with open_system(ACCOUNT):
                pass
        assert isinstance(caught.value.__cause__, NoJournal)
        with pytest.raises(StartFailed, match=r"in the next run the number may belong to another actor") as caught:
            async with open_journal(InMemoryJournal()), open_system(actor(Account)):
                pass
        assert isinstance(caught.value.__cause__, NoIdentity)


async def test_a_journal_is_for_the_systems_that_are_opened_in_its_block() -> None:
    """Two systems side by side may have two journals; after the block there is none."""
    first, second = InMemoryJournal(), InMemoryJournal()
    with trio.fail_after(10):
        async with open_journal(first), open_system(ACCOUNT) as one, open_journal(second), open_system(ACCOUNT) as two:
            await one.ref(ACCOUNT).ask(Deposit(1))
            await two.ref(ACCOUNT).ask(Deposit(2))
            await two.ref(ACCOUNT).ask(Deposit(2))
        assert (len(await payloads(first, "/user/account")), len(await payloads(second, "/user/account"))) == (1, 2)


async def test_persist_is_for_turns_and_for_one_task_at_a_time() -> None:
    """From a background task, or twice at once, nothing is written; the text says what to do instead."""
    errors: list[Exception] = []

    @define(eq=False)
    class Crowded(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            async def one() -> None:
                try:
                    await self.persist(Deposited(command.cents))
                except PersistMisused as error:
                    errors.append(error)

            if command.cents == 2:
                self.context.start_soon(one)
                await self.context.sleep(0.01)
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(one)
                    nursery.start_soon(one)
            return self.balance_cents

        @handles(Pay)
        async def pay(self, command: Pay) -> Paid | Declined:
            await self.persist(Declined("no event"))  # type: ignore[misc,unused-ignore]  # pyright: ignore[reportGeneralTypeIssues]
            return Declined("never")

    journal = Unreliable(gate=trio.Event())
    spec = actor(Crowded, name="account")
    async with opened(journal, spec) as system:
        account = system.ref(spec)
        account.tell_nowait(Deposit(1))
        while not errors:
            await trio.lowlevel.checkpoint()
        assert journal.gate is not None
        journal.gate.set()
        assert "while an earlier call has not returned" in str(errors.pop())
        assert await account.ask(Deposit(2)) == 1
        assert "outside of its handlers and hooks" in str(errors.pop())
        with pytest.raises(AskFailed) as caught:
            await account.ask(Pay("rent", 1))
        assert isinstance(caught.value.__cause__, NotStorable)
        assert len(await payloads(journal)) == 1


async def test_what_persist_returned_is_awaited_once() -> None:
    """Awaited again it would write the event again; the text says what to do instead."""

    @define(eq=False)
    class Repeating(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            persisting = self.persist(Deposited(command.cents))
            await persisting
            await persisting
            return self.balance_cents

    journal = InMemoryJournal()
    spec = actor(Repeating, name="account")
    with trio.fail_after(10):
        async with opened(journal, spec) as system:
            with pytest.raises(AskFailed, match="awaited that twice"):
                await system.ref(spec).ask(Deposit(1))
            assert len(await payloads(journal)) == 1


async def test_a_persist_that_is_forgotten_outside_of_a_turn_is_a_warning() -> None:
    """As it is of a coroutine. The actor goes on: nobody knows for which of its messages it was."""

    @define(eq=False)
    class Careless(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            async def beside() -> None:
                self.persist(Deposited(command.cents))

            self.context.start_soon(beside)
            await self.context.sleep(0.01)
            return self.balance_cents

    journal = InMemoryJournal()
    spec = actor(Careless, name="account")
    with trio.fail_after(10):
        async with opened(journal, spec) as system:
            with pytest.warns(RuntimeWarning, match=r"'Careless\.persist' was never awaited"):
                assert await system.ref(spec).ask(Deposit(1)) == 0
            assert await system.ref(spec).ask(Pay("rent", 1)) == Declined("not enough")
    assert await payloads(journal) == []


async def test_a_journal_of_a_class_without_a_hash_keeps_events() -> None:
    """Only facts need one: the log of a journal is found by it."""

    @define
    class Wrapped:
        inner: InMemoryJournal

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    inner = InMemoryJournal()
    journal: Any = Wrapped(inner)
    with trio.fail_after(10):
        async with opened(journal, ACCOUNT) as system:
            assert await system.ref(ACCOUNT).ask(Deposit(1)) == 1
    assert len(await payloads(inner)) == 1


async def test_a_persist_that_is_not_awaited_or_is_called_while_an_event_is_applied_fails_the_actor() -> None:
    """Nothing is written, and nobody is left to believe that it was: what lies in the mailbox finds the next instance."""

    @define(eq=False)
    class Careless(Account):
        @handles(Deposit)
        async def deposit(self, command: Deposit) -> int:
            self.persist(Deposited(command.cents))
            await trio.lowlevel.checkpoint()
            return self.balance_cents

        @applies(Paid)
        def paid(self, event: Paid) -> None:
            self.persist(Deposited(event.cents))

    journal = InMemoryJournal()
    spec = actor(Careless, name="account")
    with trio.fail_after(10):
        async with opened(journal, spec) as system:
            account = system.ref(spec)
            with pytest.raises(AskFailed, match=r"did not await it\. Write: await self\.persist"):
                await account.ask(Deposit(1))
            assert await payloads(journal) == []
            with pytest.raises(AskFailed, match="while it applied an event"):
                await account.ask(Pay("rent", 0))
            assert len(await payloads(journal)) == 1


async def test_a_bare_instance_says_that_it_was_not_started() -> None:
    """It has no journal, and no events: its methods can be tried, and persist says so."""
    account = Account()
    account.deposited(Deposited(5))
    assert account.balance_cents == 5
    with pytest.raises(PersistMisused, match="before it was started"):
        await account.persist(Deposited(1))


# Snapshots


@frozen
class State:
    balance_cents: int


@define(eq=False)
class Saving(Account):
    def snapshot(self) -> State:
        return State(self.balance_cents)

    @restores(State)
    def restore(self, state: State) -> None:
        self.balance_cents = state.balance_cents
        self.applied.append(state)


@define(eq=False)
class Often(Saving):
    snapshot_every = 10


@frozen
class Save(Request[None]):
    pass


@frozen
class Applied(Request[tuple[object, ...]]):
    pass


@define(eq=False)
class Watched(EventSourced[Deposit | Save | Applied, Deposited]):
    balance_cents: int = 0
    applied: list[object] = field(factory=list[object], init=False)
    fails: ClassVar[bool] = False

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> int:
        await self.persist(Deposited(command.cents))
        return self.balance_cents

    @handles(Save)
    async def save(self, command: Save) -> None:
        await self.save_snapshot()

    @handles(Applied)
    def since(self, query: Applied) -> tuple[object, ...]:
        return (*self.applied, self.balance_cents)

    @applies(Deposited)
    def deposited(self, event: Deposited) -> None:
        self.balance_cents += event.cents
        self.applied.append(event.cents)

    def snapshot(self) -> State:
        return State(self.balance_cents)

    @restores(State)
    def restore(self, state: State) -> None:
        self.balance_cents = state.balance_cents
        self.applied.append("restored")
        if self.fails:
            raise ValueError("planted")


WATCHED = actor(Watched, name="account")


async def test_recovery_starts_at_the_latest_snapshot_and_applies_the_events_after_it(journal: Journal) -> None:
    """Events before the snapshot are not applied again; those after it are."""
    async with opened(journal, WATCHED) as system:
        account = system.ref(WATCHED)
        for ask in (Deposit(1), Deposit(2), Save(), Deposit(4)):
            await account.ask(ask)
    async with opened(journal, WATCHED) as system:
        assert await system.ref(WATCHED).ask(Applied()) == ("restored", 4, 7)


async def test_snapshots_by_count_are_saved_beside_the_handlers(journal: Journal) -> None:
    """Every so many events, without a handler waiting for it; the next run starts there."""
    spec = actor(Often, name="account")
    async with opened(journal, spec) as system:
        for _ in range(25):
            await system.ref(spec).ask(Deposit(1))
        while [snapshot.sequence for snapshot in await journal.snapshots("/user/top/account")] != [20, 10]:
            await trio.lowlevel.checkpoint()
    async with opened(journal, spec) as system:
        assert await system.ref(spec).ask(Balance()) == 25


async def test_after_how_many_events_is_asked_at_each(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be changed while the actor runs."""
    spec = actor(Often, name="account")
    with trio.fail_after(10):
        async with opened(journal, spec) as system:
            for _ in range(2):
                await system.ref(spec).ask(Deposit(1))
            monkeypatch.setattr(Often, "snapshot_every", 3)
            await system.ref(spec).ask(Deposit(1))
            while not await journal.snapshots("/user/top/account"):
                await trio.lowlevel.checkpoint()
            assert [snapshot.sequence for snapshot in await journal.snapshots("/user/top/account")] == [3]


@pytest.mark.parametrize("broken", ["type", "payload", "restore", "ahead", "altered"])
async def test_a_broken_snapshot_falls_back_to_the_events(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an unknown type, unreadable, refused by `restore` half-way, of an event that is not there, or altered: said, and passed over."""
    journal = InMemoryJournal()
    async with opened(journal, WATCHED) as system:
        await system.ref(WATCHED).ask(Deposit(1))
        await system.ref(WATCHED).ask(Deposit(2))
    state = Encoded("State", 1, b'{"balance_cents":77}')
    planted = {
        "type": (2, state._replace(type_name="Stat")),
        "payload": (2, state._replace(payload=b"{")),
        "restore": (2, state),
        "ahead": (9, state),
        "altered": (2, state),
    }
    await journal.save_snapshot("/user/top/account", *planted[broken])
    if broken == "altered":
        kept = journal._snapshots["/user/top/account"]  # pyright: ignore[reportPrivateUsage]
        kept[0] = kept[0]._replace(whole=False)
    monkeypatch.setattr(Watched, "fails", broken == "restore")
    with trio.fail_after(10):
        async with open_journal(journal), open_system() as system, system.subscribe(SnapshotBroken) as facts:
            account = await system.spawn(supervisor("top", []))
            watched = await system.spawn(actor(Named, name="other"), under=account)
            assert await watched.ask(Applied()) == (1, 2, 3)
            fact = await anext(facts)
            assert (fact.identity, fact.sequence) == ("/user/top/account", planted[broken][0])
            assert await watched.ask(Deposit(4)) == 7


@define(eq=False)
class Named(Watched):
    @property
    def identity(self) -> str:
        return "/user/top/account"


async def test_of_two_snapshots_the_older_is_used_when_the_latest_is_broken(journal: Journal) -> None:
    """That is what the second one is kept for."""
    async with opened(journal, WATCHED) as system:
        for ask in (Deposit(1), Save(), Deposit(2)):
            await system.ref(WATCHED).ask(ask)
    await journal.save_snapshot("/user/top/account", 2, Encoded("State", 1, b"{"))
    async with opened(journal, WATCHED) as system:
        assert await system.ref(WATCHED).ask(Applied()) == ("restored", 2, 3)


async def test_a_snapshot_that_cannot_be_saved_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """By hand, the caller is told; by count, it is logged. The events are there, and the actor goes on."""
    journal = Unreliable(keeps_snapshots=False)
    spec = actor(Often, name="account")
    with caplog.at_level(logging.WARNING, "trouper"):
        async with opened(journal, spec) as system:
            for _ in range(10):
                await system.ref(spec).ask(Deposit(1))
            await trio.testing.wait_all_tasks_blocked()
            assert await system.ref(spec).ask(Balance()) == 10
    assert "a snapshot of /user/top/account was not saved" in caplog.text
    async with opened(journal, WATCHED) as system:
        with pytest.raises(AskFailed) as caught:
            await system.ref(WATCHED).ask(Save())
        assert isinstance(caught.value.__cause__, JournalFull)
