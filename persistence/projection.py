"""
`Projection`: an actor that folds durable facts into tables, and answers questions about them.

What events are good for deciding is rarely what somebody wants to look at. A projection reads the log of facts and keeps tables of its
own, in a file of its own, which may be thrown away and made anew. The tables and the place in the log go to the disk together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from attrs import define, field

from ..actors.actor import Actor
from ..actors.vocabulary import vocabulary_of
from ..supervision import Exit
from .applies import PROJECTS, Applied, marker, projected_facts
from .errors import NoJournal, PoisonedFact
from .fact_log import Followed, Following
from .journal import Journal
from .opening import JOURNAL
from .read_model import ReadModel, set_next_offset
from .tables import Tables, Work, tables_of

M_contra = TypeVar("M_contra", contravariant=True)
F_contra = TypeVar("F_contra", contravariant=True)
A = TypeVar("A")
F = TypeVar("F")
T = TypeVar("T")


class Projects(Protocol[F]):
    """The decorator of a plain method that folds a fact *F* into tables."""

    def __call__(self, method: Callable[[A, F, sqlite3.Connection], None], /) -> Callable[[A, F, sqlite3.Connection], None]: ...


def projects(fact_type: type[F], /) -> Projects[F]:
    """
    Marks the method that folds facts of a class into the read model: ``@projects(Paid)`` above ``def paid(self, fact, model)``.

    It runs in a thread, within a transaction of *model*: it uses that and the fact, and no other state of the actor.

    Raises:
        TypeError: *fact_type* is no class, or the method is none, is `async def`, or has a mark already.
    """
    decorator: Projects[F] = marker(PROJECTS, "projects", fact_type)
    return decorator


class _Projected(Generic[F_contra]):
    """Carries the union of facts: what stands second in the brackets of `Projection`."""

    __slots__ = ()


@define(eq=False)
class _Folding:
    """One version of the tables that is being filled from the log."""

    owner: Projection[Any, Any]
    model: ReadModel
    work: Work
    following: Following[Any] = field(init=False)
    in_hand: int = field(default=0, init=False)

    async def open(self, journal: Journal, fact_types: tuple[type, ...]) -> None:
        """Makes the tables if they are not there. Raises JournalError."""
        try:
            self.following = Following(journal, fact_types, await self.work.do(self.model.make))
            await self.following.look()
        except BaseException:
            await self.work.close()
            raise

    async def close(self) -> None:
        """Ends the work on it."""
        await self.work.close()

    async def fold_more(self, *, wait: bool = True) -> None:
        """Folds the facts that are there; without *wait* it may be none. Raises PoisonedFact."""
        facts = await self.following.several(wait=wait)
        self.in_hand = len(facts)
        after = self.following.offset
        try:
            await self.work.do(lambda connection: self._fold(connection, facts, after))
        except PoisonedFact as poisoned:
            poison = poisoned.offset
            good = [followed for followed in facts if followed.offset < poison]
            await self.work.do(lambda connection: self._fold(connection, good, poison))
            self.in_hand -= len(good)
            raise
        self.in_hand = 0

    def _fold(self, connection: sqlite3.Connection, facts: Sequence[Followed[Any]], after: int) -> None:
        for followed in facts:
            try:
                self.owner.fold(followed.fact, connection)
            except Exception as error:
                raise PoisonedFact(self.owner.context.path, followed.offset, f"{type(error).__name__}: {error}") from error
        set_next_offset(connection, after)


class Projection(Actor[M_contra], _Projected[F_contra], Generic[M_contra, F_contra]):
    """
    The base of actors that keep a read model: ``class Balances(Projection[BalanceOf, Deposited | Paid])``.

    Guarantees:
        * Each fact of the union is in the tables once, in the order of the log, over any crash and restart.
        * When `version` is raised, the tables are made anew beside the old ones, which answer until the new ones have caught up.
        * A fact that cannot be folded fails the actor with `PoisonedFact`, which names its offset; what came before it is in the tables.

    Not guaranteed:
        * That the tables have what was persisted a moment ago: `lag` says how far they are behind.

    Attributes:
        file: Where the tables are, a text or a path: files of their own, with the version behind their names; or `DiskTables`, on a
            simulated node. A field of the subclass.
        tables: The statements that make them.
        version: Goes up when the tables, or what is put into them, change.
    """

    __slots__ = ("_folding", "_present")

    _folding: _Folding
    _present: _Folding

    file: Any
    tables: ClassVar[Sequence[str]] = ()
    version: ClassVar[int] = 1

    __projected__: ClassVar[Mapping[type, Applied]] = {}

    __facts__: ClassVar[tuple[type, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Reads the class's facts, and refuses it if it is not complete."""
        super().__init_subclass__(**options)
        base: type[_Projected[Any]] = _Projected
        for name in ("on_start", "on_stop", "on_restart"):
            if getattr(cls, name) is not getattr(Projection, name):
                raise TypeError(f"{cls.__name__} overrides {name}, by which it opens and closes its tables. Use another name.")
        vocabulary = vocabulary_of(cls, base)
        if not vocabulary.is_open:
            cls.__projected__ = projected_facts(cls, vocabulary)
            cls.__facts__ = vocabulary.members

    @property
    def journal(self) -> Journal:
        """Where the facts are: the journal in whose block the system was opened, unless overridden."""
        journal = JOURNAL.get()
        if journal is None:
            raise NoJournal(self.context.path)
        return journal

    @property
    def lag(self) -> int:
        """How many facts are in the log, as far as this process knows, and not yet in the tables that answer."""
        return self._folding.following.lag + self._folding.in_hand

    async def query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a function of a connection to the tables, in their thread. For handlers of questions. Raises JournalError."""
        return await self._folding.work.do(query)  # type: ignore[no-any-return]

    def fold(self, fact: object, model: sqlite3.Connection) -> None:
        """Folds one fact: by the method for its class, or for the first class of its MRO that has one."""
        method: Any = next(self.__projected__[base] for base in type(fact).__mro__ if base in self.__projected__)
        method(self, fact, model)

    async def on_start(self) -> None:
        """Opens the tables, and begins to fold. Not to be overridden."""
        tables = tables_of(self.file)
        others = await tables.versions()
        self._folding = self._present = await self._open(tables, self.version)
        old = max((version for version in others if version != self.version), default=None)
        if old is not None:
            try:
                self._folding = await self._open(tables, old)
            except BaseException:
                await self._present.close()
                raise
        self.context.start_soon(self._run, self._present)

    async def on_stop(self, reason: Exit) -> None:  # noqa: ARG002
        """Closes the tables. Not to be overridden."""
        await self._close()

    async def on_restart(self, cause: BaseException) -> None:  # noqa: ARG002
        """Closes the tables for the next instance. Not to be overridden."""
        await self._close()

    async def _close(self) -> None:
        await self._present.close()
        if self._folding is not self._present:
            await self._folding.close()

    async def _open(self, tables: Tables, version: int) -> _Folding:
        model = ReadModel(tables.place(version), version, self.tables)
        folding = _Folding(self, model, tables.work(model.name, model.perform, model.close))
        await folding.open(self.journal, self.__facts__)
        return folding

    async def _run(self, present: _Folding) -> None:
        if present is not self._folding:
            await self._rebuild(present)
        while True:
            await present.fold_more()

    async def _rebuild(self, present: _Folding) -> None:
        """Fills new tables while the old ones answer, and lets them take over when they have everything that is there now."""
        last = await self.journal.last_offset()
        while present.following.offset <= last and await self.journal.facts(present.following.offset, 1):
            await present.fold_more(wait=False)
        old, self._folding = self._folding, present
        await old.close()
        old.model.remove()
