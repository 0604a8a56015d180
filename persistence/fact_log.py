"""
The log of durable facts: what was announced, with a number each, for whoever listens now and whoever comes later.

A follower always reads by number: the next one after the last it had. What was written a moment ago is still in memory and is given
without asking the journal; everything else is read from it. So there is no border between the past and the present at which a
fact could be missed, or given twice.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, Final, Generic, Self, TypeVar, final
from weakref import WeakKeyDictionary

import trio
from attrs import define, field, frozen

from ..actors.pending import Pending
from ..actors.waiting import wait
from ..supervision.amounts import check_real
from .arguments import check_journal
from .codec import Codec, Encoded, check_storable
from .errors import FactsForgotten, NotStorable
from .journal import Journal
from .stored import form_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

REMEMBERED_MAX: Final = 10_000
"""Facts that are given to followers without asking the journal."""

READ_AT_ONCE: Final = 500
"""Facts that a follower reads from the journal at once."""

GIVEN_AT_ONCE: Final = 64
"""Facts that a follower is given before others run."""


@frozen
class Followed(Generic[T_co]):
    """
    One durable fact.

    Args:
        offset: Its number in the log, from 1, without a gap.
        fact: What was published.
    """

    offset: int
    fact: T_co


@final
@define(eq=False)
class FactLog:
    """What this process knows of the log of one journal: the latest facts, and who waits for the next one."""

    _codecs: dict[type, Codec] = field(factory=dict[type, Codec], init=False)
    _names: dict[str, type] = field(factory=dict[str, type], init=False)
    latest: OrderedDict[int, Followed[Any]] = field(factory=OrderedDict[int, Followed[Any]], init=False)
    """By offset, what was written here a moment ago. There are gaps where others wrote."""
    _waiting: dict[Pending, None] = field(factory=dict[Pending, None], init=False)
    last: int = field(default=0, init=False)
    """The highest offset that it has heard of."""

    def encode(self, facts: Sequence[object]) -> tuple[Encoded, ...]:
        """Facts as they are stored. Raises NotStorable, and ValueError if two classes have one name."""
        return tuple([(self._codecs.get(type(fact)) or self._codec(type(fact))).encode(fact) for fact in facts])

    def _codec(self, fact_type: type) -> Codec:
        codec = Codec([fact_type])
        for name in codec.names:
            other = self._names.setdefault(name, fact_type)
            if other is not fact_type:
                raise ValueError(
                    f"{other.__qualname__} and {fact_type.__qualname__} would both be stored as {name!r}. "
                    "Give one another name: @stored('another-name')."
                )
        self._codecs[fact_type] = codec
        return codec

    def arrived(self, first: int, facts: Sequence[object]) -> None:
        """Facts are on the disk: whoever waits for them goes on."""
        latest = self.latest
        for offset, fact in enumerate(facts, start=first):
            latest[offset] = Followed(offset, fact)
        self.last = max(self.last, first + len(facts) - 1)
        while len(latest) > REMEMBERED_MAX:
            latest.popitem(last=False)
        waiting, self._waiting = self._waiting, {}
        for pending in waiting:
            pending.settle()

    async def wait_beyond(self, offset: int) -> None:
        """Waits until this process has written a fact with *offset* or above."""
        while self.last < offset:
            pending = Pending()
            self._waiting[pending] = None
            try:
                await wait(pending)
            finally:
                self._waiting.pop(pending, None)


_LOGS: Final[WeakKeyDictionary[Journal, FactLog]] = WeakKeyDictionary()


def log_of(journal: Journal) -> FactLog:
    """The log of a journal, as this process knows it."""
    log = _LOGS.get(journal)
    if log is None:
        log = _LOGS[journal] = FactLog()
    return log


def follow(journal: Journal, fact_type: type[T], from_offset: int = 0) -> Following[T]:
    """
    The durable facts of one class and of its subclasses, past and to come: ``async for paid in follow(journal, Paid): ...``.

    Guarantees:
        * Each fact once, in the order of the log, from *from_offset* on: first those that were written, then each as it is.
        * Nothing is dropped for a follower that is slow: it reads later what it could not take.

    Not guaranteed:
        * That facts which another process writes into the file come before this one writes again.

    Args:
        journal: What `open_journal` gives.
        fact_type: A class; facts of subclasses that are defined when this is called are included.
        from_offset: The first that is wanted. 0: the earliest that is there.

    Raises:
        NotStorable: No fact of the class could have been written.
        TypeError, ValueError: No journal, no class, or no offset.
        FactsForgotten: By the iteration: the next fact was deleted.
        CorruptRecord, NewerVersion, JournalError: By the iteration.
    """
    check_journal(journal)
    if not isinstance(fact_type, type):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"follow takes a class of facts, as in follow(journal, Paid), not {fact_type!r}.")
    check_real("from_offset", from_offset, 0)
    return Following(journal, (fact_type,), from_offset)


@final
class Following(Generic[T]):
    """An iteration over durable facts, each a `Followed`; made by `follow`."""

    def __init__(self, journal: Journal, fact_types: tuple[type[T], ...], from_offset: int) -> None:
        self._journal = journal
        self._log = log_of(journal)
        self._types = fact_types
        self._codec = Codec(_storable(fact_types))
        self._names = frozenset(self._codec.names)
        self._next = max(from_offset, 1)
        self._may_begin_later = from_offset <= 1
        self._ready: deque[Followed[T]] = deque()
        self._given = 0
        self._knows_last = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Followed[T]:
        self._given += 1
        if self._given % GIVEN_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
        if not self._ready:
            await self._find()
        return self._ready.popleft()

    async def several(self, *, wait: bool = True) -> Sequence[Followed[T]]:
        """The next facts that can be had without waiting for more; at least one, if it may *wait* for the first."""
        await trio.lowlevel.checkpoint()
        if wait:
            await self._find()
        elif not self._take_from_memory():
            await self._read()
        found = tuple(self._ready)
        self._ready.clear()
        return found

    async def look(self) -> None:
        """Finds out where the log ends: from now on `lag` counts what was written before this process has written anything."""
        if not self._knows_last:
            self._log.last = max(self._log.last, await self._journal.last_offset())
            self._knows_last = True

    @property
    def lag(self) -> int:
        """How many facts this process knows of that were not looked at yet."""
        return max(0, self._log.last + 1 - self._next)

    async def _find(self) -> None:
        while not self._ready:
            if not self._take_from_memory():
                await self._read()

    @property
    def offset(self) -> int:
        """The offset that is looked at next."""
        return self._next

    def _take_from_memory(self) -> bool:
        latest, ready, types = self._log.latest, self._ready, self._types
        before = self._next
        for offset in range(before, before + READ_AT_ONCE):
            followed = latest.get(offset)
            if followed is None:
                break
            self._next = offset + 1
            if isinstance(followed.fact, types):
                ready.append(followed)
        return self._next > before

    async def _read(self) -> None:
        """Reads what is in the journal; when that is nothing, waits until there is more."""
        await self.look()
        if self._log.last < self._next:
            await self._log.wait_beyond(self._next)
            return
        stored = await self._journal.facts(self._next, READ_AT_ONCE)
        earliest = stored[0].offset if stored else self._log.last + 1
        if earliest > self._next and not self._may_begin_later:
            raise FactsForgotten(self._journal.name, self._next, earliest)
        if not stored:
            self._next = earliest
        self._may_begin_later = False
        for offset, _, type_name, version, payload, _ in stored:
            self._next = offset + 1
            if type_name in self._names:
                fact: Any = self._codec.decode(type_name, version, payload, lambda: f"Fact {self._next - 1} in {self._journal.name}")
                self._ready.append(Followed(offset, fact))


def _storable(fact_types: Sequence[type]) -> list[type]:
    """Classes and their subclasses, as far as instances of them can be stored."""
    found: dict[type, None] = {}
    waiting = list(fact_types)
    refused: NotStorable | None = None
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        try:
            check_storable(one)
        except NotStorable as error:
            refused = refused or error
        else:
            found[one] = None
    if not found and refused is not None:
        raise refused
    # attrs makes a slotted class twice, and the first one may still be among the subclasses: of one name the latest counts.
    return list({form_of(one).name: one for one in found}.values())
