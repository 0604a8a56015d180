"""
`Courier`: delivers durable facts to somebody, again and again until each is confirmed.

The outbox is the log of facts itself: what is to be delivered is written with the event that causes it, so nothing is announced that
did not happen, and nothing that happened is forgotten. A courier only keeps how far everything before is confirmed; after a crash it
delivers from there, and some of it a second time. The offset that comes with each fact lets the receiver see that, and `Seen` is
what a receiver remembers it by.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Hashable
from typing import Any, ClassVar, Final, Generic, TypeVar

import trio
from attrs import define, field, frozen

from ..actors.actor import Actor
from ..actors.vocabulary import vocabulary_of
from .codec import Codec
from .errors import DeliveryFailed, NoIdentity, NoJournal
from .fact_log import Followed, Following
from .journal import Journal
from .once import Delivery
from .opening import JOURNAL
from .stored import stored

M_contra = TypeVar("M_contra", contravariant=True)
F_contra = TypeVar("F_contra", contravariant=True)

PLACE: Final = "trouper-courier"
"""As what a courier's place in the log is stored."""


@stored(PLACE)
@frozen
class _Place:
    """What is known beyond the offset up to which everything is confirmed: which up to *taken* are not. Nothing, if *taken* is 0."""

    taken: int = 0
    unconfirmed: tuple[int, ...] = ()


class _Carried(Generic[F_contra]):
    """Carries the union of facts: what stands second in the brackets of `Courier`."""

    __slots__ = ()


@define(eq=False)
class _Round:
    """What one incarnation of a courier has in its hands. Facts of one lane are delivered one after the other."""

    journal: Journal
    identity: str
    following: Following[Any]
    codec: Codec
    place: _Place
    keeps_each: bool
    unconfirmed: dict[int, None] = field(factory=dict[int, None], init=False)
    lanes: dict[Hashable, deque[Followed[Any]]] = field(factory=dict[Hashable, deque[Followed[Any]]], init=False)
    resumed: deque[int] = field(factory=deque[int], init=False)
    taken: int = field(init=False)
    confirmed: int = field(init=False)
    saved: int = field(init=False)
    changed: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.confirmed = self.saved = self.following.offset - 1
        self.taken = max(self.confirmed, self.place.taken)
        self.resumed.extend(self.place.unconfirmed)
        self.unconfirmed.update(dict.fromkeys(self.resumed))

    def is_confirmed(self, offset: int) -> bool:
        """Whether a fact was confirmed before the courier was started. Asked in the order of the log."""
        while self.resumed and self.resumed[0] < offset:  # it was left unconfirmed, and is none of the courier's facts any more
            self.unconfirmed.pop(self.resumed.popleft(), None)
        if self.resumed and self.resumed[0] == offset:
            self.resumed.popleft()
            return False
        return offset <= self.taken

    def take(self, followed: Followed[Any], lane: Hashable) -> bool:
        """Takes a fact over. Returns whether its lane is new."""
        self.unconfirmed[followed.offset] = None
        self.taken = max(self.taken, followed.offset)
        queue = self.lanes.get(lane)
        if queue is not None:
            queue.append(followed)
            return False
        self.lanes[lane] = deque([followed])
        return True

    def confirm(self, offset: int) -> None:
        """A fact was delivered."""
        del self.unconfirmed[offset]
        self.confirmed = next(iter(self.unconfirmed), self.taken + 1) - 1
        self.changed.set()

    async def save(self) -> None:
        """Keeps how far everything is confirmed, as often as the journal manages."""
        while True:
            await self.changed.wait()
            self.changed = trio.Event()
            if self.confirmed > self.saved or self.keeps_each:
                confirmed = self.confirmed
                place = _Place(self.taken, tuple(self.unconfirmed)) if self.keeps_each else _Place()
                await self.journal.save_snapshot(self.identity, confirmed, self.codec.encode(place))
                self.saved = confirmed


class Courier(Actor[M_contra], _Carried[F_contra], Generic[M_contra, F_contra]):
    """
    The base of actors that deliver durable facts: ``class Shipping(Courier[Never, PaymentCompleted])`` with a `deliver`.

    Guarantees:
        * At least once: `deliver` is called with each fact of the union, until it has returned once, over restarts of either side
            and of the program.
        * In order: the facts of one lane one after the other, each when the one before is confirmed. Lanes do not wait for each other.
        * Flow-controlled: at most *window* facts are in its hands; the others wait in the log.

    Not guaranteed:
        * At most once. A receiver that keeps what it has `Seen` with what it changed handles each once in effect.

    Attributes:
        window: Facts in its hands, at least 1.
        attempts_max: Attempts for one fact after which the courier fails with `DeliveryFailed`; 0: it never gives up.
        retry_seconds: Seconds before the second attempt. Each further one waits twice as long, at most *retry_seconds_max*.
    """

    __slots__ = ("_round",)

    _round: _Round

    window: ClassVar[int] = 100
    attempts_max: ClassVar[int] = 0
    retry_seconds: ClassVar[float] = 0.1
    retry_seconds_max: ClassVar[float] = 30.0

    _keeps_each: ClassVar[bool] = False
    """Whether it keeps each confirmation, and not only how far everything is confirmed."""

    __facts__: ClassVar[tuple[type, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Reads the class's facts, and refuses it if nothing delivers them."""
        super().__init_subclass__(**options)
        if inspect.getattr_static(cls, "on_start") is not inspect.getattr_static(Courier, "on_start"):
            raise TypeError(f"{cls.__name__} overrides on_start, by which it begins to deliver. Use another name.")
        base: type[Courier[Any, Any]] = Courier
        carried: type[_Carried[Any]] = _Carried
        vocabulary = vocabulary_of(cls, carried)
        cls.__facts__ = () if vocabulary.is_open else vocabulary.members
        if cls.__facts__ and cls.deliver is base.deliver:
            raise TypeError(f"{cls.__name__} names its facts and has no deliver. Add: async def deliver(self, fact, offset) -> None.")

    async def deliver(self, fact: Any, offset: int, /) -> None:
        """
        Delivers one fact; to be overridden. When it returns the fact is confirmed; when it raises it is called again.

        Args:
            fact: What was published.
            offset: Its number in the log, for the receiver to know it by.
        """
        raise NotImplementedError("a class that names its facts has a deliver of its own")

    def lane(self, fact: Any, /) -> Hashable:  # noqa: ARG002  # who overrides it looks at the fact
        """Facts of one lane are delivered in order; by default all are of one. To be overridden, with the receiver's name for example."""
        return None

    @property
    def identity(self) -> str:
        """As who it keeps its place: the actor's path, unless overridden."""
        if self._cell.spec.name is None:
            raise NoIdentity(self._cell.path)
        return self._cell.path

    @property
    def unconfirmed(self) -> int:
        """How many facts are in its hands or wait for it, as far as this process knows."""
        return len(self._round.unconfirmed) + self._round.following.lag

    def delivery(self, offset: int) -> Delivery:
        """By what a receiver knows the fact in hand: this courier, its offset, and up to where everything is confirmed."""
        return Delivery(self.identity, offset, self._round.confirmed)

    async def on_start(self) -> None:
        """Goes on where it was. Not to be overridden."""
        journal = JOURNAL.get()
        if journal is None:
            raise NoJournal(self._cell.path)
        if not self.__facts__:
            raise TypeError(f"{type(self).__name__} names no facts: class {type(self).__name__}(Courier[..., PaymentCompleted]).")
        codec = Codec([_Place])
        after, place = 0, _Place()
        for sequence, type_name, version, payload, whole in await journal.snapshots(self.identity):
            if whole and type_name == PLACE:
                after, place = sequence, codec.decode(type_name, version, payload, lambda: f"The place of {self.identity}")
                break
        following: Following[Any] = Following(journal, self.__facts__, after + 1)
        await following.look()
        self._round = _Round(journal, self.identity, following, codec, place, self._keeps_each)
        self.context.start_soon(self._round.save)
        self.context.start_soon(self._run)

    async def _run(self) -> None:
        hands = trio.Semaphore(self.window)
        while True:
            for followed in await self._round.following.several():
                if self._round.is_confirmed(followed.offset):
                    continue
                await hands.acquire()
                lane = self.lane(followed.fact)
                if self._round.take(followed, lane):
                    self.context.start_soon(self._serve, lane, hands)

    async def _serve(self, lane: Hashable, hands: trio.Semaphore) -> None:
        """Delivers what is in a lane, until it is empty."""
        queue = self._round.lanes[lane]
        while queue:
            followed = queue[0]
            await self._insist(followed)
            queue.popleft()
            self._round.confirm(followed.offset)
            hands.release()
        del self._round.lanes[lane]

    async def _insist(self, followed: Followed[Any]) -> None:
        attempts = 0
        seconds = self.retry_seconds
        while True:
            attempts += 1
            try:
                await self.deliver(followed.fact, followed.offset)
            except Exception as error:
                if attempts == self.attempts_max:
                    raise DeliveryFailed(self.context.path, followed.offset, attempts, f"{type(error).__name__}: {error}") from error
                self.context.log.info("fact %d was not delivered, attempt %d: %r", followed.offset, attempts, error)
            else:
                return
            await trio.sleep(seconds)
            seconds = min(seconds * 2, self.retry_seconds_max)
