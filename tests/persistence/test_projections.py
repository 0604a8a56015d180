"""A read model holds each fact once, over crashes and restarts; it can be made anew while the old one answers."""

# pyright: reportUnusedClass=false

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import trio
from attrs import define, frozen

from trouper import ActorFailed, ActorRef, ActorStopped, Request, StartFailed, actor, handles, open_system, supervisor
from trouper.persistence import Encoded, Entry, InMemoryJournal, Journal, PoisonedFact, Projection, StoredFact, open_journal, projects
from trouper.persistence.read_model import ReadModel
from trouper.persistence.tables import FilePlace
from trouper.persistence.work_thread import WorkThread


@frozen
class Moved:
    account: str
    cents: int


@frozen
class Opened:
    account: str


@frozen
class BalanceOf(Request[int]):
    account: str


@frozen
class Lag(Request[int]):
    pass


@define(eq=False)
class Balances(Projection[BalanceOf | Lag, Moved | Opened]):
    file: Path
    tables = ("CREATE TABLE balances (account TEXT PRIMARY KEY, cents INTEGER NOT NULL, facts INTEGER NOT NULL) STRICT",)
    poison: ClassVar[str | None] = None

    @projects(Opened)
    def opened(self, fact: Opened, model: sqlite3.Connection) -> None:
        model.execute("INSERT INTO balances VALUES (?, 0, 1)", (fact.account,))

    @projects(Moved)
    def moved(self, fact: Moved, model: sqlite3.Connection) -> None:
        if fact.account == self.poison:
            raise ValueError("planted")
        model.execute("UPDATE balances SET cents = cents + ?, facts = facts + 1 WHERE account = ?", (fact.cents, fact.account))

    @handles(BalanceOf)
    async def balance_of(self, query: BalanceOf) -> int:
        def read(model: sqlite3.Connection) -> int:
            row = model.execute("SELECT cents FROM balances WHERE account = ?", (query.account,)).fetchone()
            return -1 if row is None else int(row[0])

        return await self.query(read)

    @handles(Lag)
    def how_far_behind(self, query: Lag) -> int:
        return self.lag


class Written:
    """A log that is written to by hand."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.sequence = 0

    async def write(self, *facts: tuple[str, int | None]) -> None:
        """Facts of accounts: opened, or moved by so much."""
        encoded = [
            Encoded("Opened", 1, b'{"account":"%s"}' % account.encode())
            if cents is None
            else Encoded("Moved", 1, b'{"account":"%s","cents":%d}' % (account.encode(), cents))
            for account, cents in facts
        ]
        await self.journal.append(Entry("writer", self.sequence, (Encoded("Noted", 1, b"{}"),), "test", tuple(encoded)))
        self.sequence += 1


async def until(ref: ActorRef[BalanceOf | Lag], account: str, cents: int) -> None:
    """Waits until the model says so."""
    while await ref.ask(BalanceOf(account)) != cents:
        await trio.lowlevel.checkpoint()


@pytest.fixture(autouse=True)
def _no_poison() -> Iterator[None]:
    yield
    Balances.poison = None


async def test_a_projection_folds_what_was_and_goes_on_where_it_was(journal: Journal, tmp_path: Path) -> None:
    """Every run finds the tables as the last one left them, and each fact in them once."""
    log = Written(journal)
    await log.write(("a", None), ("b", None))
    spec = actor(Balances, tmp_path / "balances.db", name="balances")
    with trio.fail_after(30):
        for run in range(4):
            await log.write(("a", 10), ("b", 1))
            async with open_journal(journal), open_system(spec) as system:
                await until(system.ref(spec), "a", 10 * (run + 1))
                assert await system.ref(spec).ask(BalanceOf("b")) == run + 1
                await system.restart(system.ref(spec))
                assert await system.ref(spec).ask(BalanceOf("a")) == 10 * (run + 1)
    with sqlite3.connect(tmp_path / "balances.db.1") as connection:
        assert connection.execute("SELECT facts FROM balances WHERE account = 'a'").fetchall() == [(5,)]
    connection.close()


async def test_a_projection_that_is_stopped_at_any_moment_holds_each_fact_once(tmp_path: Path) -> None:
    """It is restarted again and again while it folds: the tables and the place in the log are never apart."""
    journal = InMemoryJournal()
    log = Written(journal)
    await log.write(("a", None))
    for _ in range(200):
        await log.write(*[("a", 1)] * 20)
    spec = actor(Balances, tmp_path / "balances.db", name="balances")
    with trio.fail_after(60):
        async with open_journal(journal), open_system(spec) as system:
            for pause in range(30):
                await system.restart(system.ref(spec))
                await trio.sleep(pause * 1e-4)
            await until(system.ref(spec), "a", 4000)
            assert await system.ref(spec).ask(Lag()) == 0


async def test_the_lag_is_visible(tmp_path: Path) -> None:
    """Facts that are in the log, and not in the tables that answer."""
    journal = InMemoryJournal()
    log = Written(journal)
    await log.write(("a", None), ("a", 1), ("p", 1), ("a", 1))
    spec = actor(Balances, tmp_path / "balances.db", name="balances")
    with trio.fail_after(20):
        async with open_journal(journal), open_system() as system, system.subscribe(ActorFailed) as failures:
            top = await system.spawn(supervisor("top", [], directives={PoisonedFact: "resume"}))
            Balances.poison = "p"
            ref = await system.spawn(spec, under=top)
            await anext(failures)
            assert await ref.ask(Lag()) == 2
            assert await ref.ask(BalanceOf("a")) == 1
            Balances.poison = None
            await system.restart(ref)
            await until(ref, "a", 2)
            assert await ref.ask(Lag()) == 0


async def test_a_poisoned_fact_stops_the_projection_right_before_it_and_is_named(tmp_path: Path) -> None:
    """Supervision decides; what came before is in the tables, nothing of it is, and when the method is corrected it goes on."""
    journal = InMemoryJournal()
    log = Written(journal)
    await log.write(("a", None), ("p", None), ("a", 1), ("p", 1), ("a", 1))
    spec = actor(Balances, tmp_path / "balances.db", name="balances")
    Balances.poison = "p"
    with trio.fail_after(20):
        async with (
            open_journal(journal),
            open_system() as system,
            system.subscribe(ActorFailed) as failures,
            system.subscribe(ActorStopped) as stops,
        ):
            top = await system.spawn(supervisor("top", [], directives={PoisonedFact: "stop"}))
            await system.spawn(spec, under=top)
            failure = await anext(failures)
            assert isinstance(failure.cause, PoisonedFact)
            assert (failure.cause.projection, failure.cause.offset, failure.directive) == ("/user/top/balances", 4, "stop")
            assert "cannot fold fact 4 into its read model: ValueError: planted" in str(failure.cause)
            await anext(stops)
            Balances.poison = None
            ref = await system.spawn(spec, under=top)
            await until(ref, "a", 2)
            assert await ref.ask(BalanceOf("p")) == 1
    with sqlite3.connect(tmp_path / "balances.db.1") as connection:
        assert connection.execute("SELECT facts FROM balances ORDER BY account").fetchall() == [(3,), (2,)]
    connection.close()


def models(folder: Path) -> list[str]:
    """The files with tables."""
    return sorted(found.name for found in folder.glob("balances.db.?"))


@define(eq=False)
class BalancesAnew(Balances):
    version = 2
    tables = ("CREATE TABLE balances (account TEXT PRIMARY KEY, cents INTEGER NOT NULL, facts INTEGER NOT NULL, seen TEXT) STRICT",)

    @projects(Opened)
    def opened(self, fact: Opened, model: sqlite3.Connection) -> None:
        model.execute("INSERT INTO balances VALUES (?, 1000, 1, 'anew')", (fact.account,))


async def test_new_tables_are_made_from_the_beginning_while_the_old_ones_answer(tmp_path: Path) -> None:
    """A raised version: until the new tables have caught up the old ones are asked, then they are gone. A crash in between goes on."""
    journal = InMemoryJournal()
    log = Written(journal)
    await log.write(("a", None), ("a", 1), ("p", 1))
    file = tmp_path / "balances.db"
    old, new = actor(Balances, file, name="balances"), actor(BalancesAnew, file, name="balances")
    with trio.fail_after(20):
        async with open_journal(journal), open_system(old) as system:
            await until(system.ref(old), "a", 1)
        Balances.poison = "p"
        async with open_journal(journal), open_system() as system, system.subscribe(ActorFailed) as failures:
            top = await system.spawn(supervisor("top", [], directives={PoisonedFact: "resume"}))
            ref = await system.spawn(new, under=top)
            await anext(failures)
            assert models(tmp_path) == ["balances.db.1", "balances.db.2"]
            await system.stop(ref)
        Balances.poison = None
        async with open_journal(journal), open_system(new) as system:
            await until(system.ref(new), "a", 1001)
            await log.write(("a", 1))
    assert models(tmp_path) == ["balances.db.2"]


async def test_old_tables_that_cannot_be_read_fail_the_start_and_leave_nothing_open(tmp_path: Path) -> None:
    """However often it is tried: the new tables are closed each time."""
    (tmp_path / "balances.db.1").write_bytes(b"no tables" * 1000)
    with trio.fail_after(20):
        async with open_journal(InMemoryJournal()), open_system() as system:
            for _ in range(3):
                with pytest.raises(StartFailed, match=r"balances.db.1 is no read model"):
                    await system.spawn(actor(BalancesAnew, tmp_path / "balances.db", name="balances"))
    assert [thread.name for thread in threading.enumerate() if "balances" in thread.name] == []


class Slow(InMemoryJournal):
    """Says late where its log ends, and never what is in it."""

    async def last_offset(self) -> int:
        await trio.sleep(0.05)
        return await super().last_offset()

    async def facts(self, from_offset: int, limit: int) -> Sequence[StoredFact]:
        await trio.sleep_forever()
        raise AssertionError


async def test_a_program_that_has_written_nothing_knows_how_far_its_tables_are_behind(tmp_path: Path) -> None:
    """From its first message on, by what other programs have written: a lag of nothing is no guess."""
    journal = Slow()
    await Written(journal).write(("a", None), ("a", 1))
    with trio.fail_after(20):
        async with open_journal(journal), open_system() as system:
            ref = await system.spawn(actor(Balances, tmp_path / "balances.db", name="balances"))
            assert await ref.ask(Lag()) == 2


def test_a_class_that_does_not_fold_all_of_its_facts_is_an_error() -> None:
    """Where it is defined: a class of facts without a method, or a method for what is none of them."""
    with pytest.raises(TypeError, match=r"Forgetful has no method marked @projects for Opened: these are Moved \| Opened"):

        class Forgetful(Projection[BalanceOf, Moved | Opened]):
            @handles(BalanceOf)
            async def balance_of(self, query: BalanceOf) -> int: ...  # type: ignore[empty-body]  # pyright: ignore[reportReturnType]

            @projects(Moved)
            def moved(self, fact: Moved, model: sqlite3.Connection) -> None: ...

    with pytest.raises(TypeError, match=r"Curious projects Moved, which is none of its facts: these are Opened"):

        class Curious(Projection[BalanceOf, Opened]):
            @handles(BalanceOf)
            async def balance_of(self, query: BalanceOf) -> int: ...  # type: ignore[empty-body]  # pyright: ignore[reportReturnType]

            @projects(Moved)
            def moved(self, fact: Moved, model: sqlite3.Connection) -> None: ...

            @projects(Opened)
            def opened(self, fact: Opened, model: sqlite3.Connection) -> None: ...

    with pytest.raises(TypeError, match=r"Eager overrides on_start, by which it opens and closes its tables"):

        class Eager(Balances):
            async def on_start(self) -> None: ...


async def test_what_ends_a_program_is_raised_where_the_read_model_was_asked(tmp_path: Path) -> None:
    """In the read model's thread it would end that, and everybody who waits for it would wait for ever."""

    def leave(model: sqlite3.Connection) -> None:
        model.execute("DELETE FROM rows")
        raise SystemExit(3)

    model = ReadModel(FilePlace(tmp_path / "model.db"), 1, ["CREATE TABLE rows (number INTEGER)", "INSERT INTO rows VALUES (1)"])
    with trio.fail_after(10):
        thread = WorkThread(model.name, model.perform, model.close)
        assert await thread.do(model.make) == 1
        with pytest.raises(SystemExit):
            await thread.do(leave)
        assert await thread.do(lambda model: model.execute("SELECT number FROM rows").fetchall()) == [(1,)]
        await thread.close()
