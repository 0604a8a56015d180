"""
`Seen`: what a receiver remembers of its deliveries, so that each counts once however often it comes.

Numbers of one source have gaps, and may come out of order, so the highest one says too little. A receiver keeps each number, until the
source says that everything up to it is confirmed: then none of those can be new any more, and one number stands for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from attrs import define, field, frozen, validators

from .errors import SeenFull
from .stored import stored


@stored("trouper.delivery")
@frozen
class Delivery:
    """
    By what a delivery is known. A part of the message, and an event of the receiver: it is persisted with what it led to.

    Args:
        source: Who delivers: the identity of a courier, or another name that outlives the program.
        number: Its number, of which the source gives each once: the offset of the fact.
        through: What comes from the source with a number up to this one is a repetition.
    """

    source: str
    number: int
    through: int = 0


@frozen
class SeenDeliveries:
    """What was seen, as a part of a snapshot: for each source up to where, and what beyond."""

    through: Mapping[str, int]
    beyond: Mapping[str, tuple[int, ...]]


@final
@define(eq=False)
class Seen:
    """
    The deliveries that an actor has handled: a field of an `EventSourced` with `Delivery` among its events.

    A handler asks `is_new`, and persists the delivery together with its events; ``@applies(Delivery)`` calls `add`.

    Guarantees:
        * A delivery that was added is not new, ever, in whatever order deliveries come.
        * One that was not is new, unless its source has said, by a higher *through*, that it was confirmed.
        * It is bounded: beyond *limit* a new delivery is refused by `SeenFull`, and none is forgotten instead. The one of each source
            that comes right after what is confirmed is taken all the same: with it the source can settle the others.

    Args:
        limit: Sources and unsettled deliveries, counted together, that are remembered, at least 1.
    """

    limit: int = field(default=10_000, validator=validators.ge(1))
    _through: dict[str, int] = field(factory=dict[str, int], init=False)
    _beyond: dict[str, set[int]] = field(factory=dict[str, set[int]], init=False)
    _count: int = field(default=0, init=False)

    def is_new(self, delivery: Delivery) -> bool:
        """Whether it was not handled yet. Raises SeenFull if it is new, and there is no room to remember it."""
        source, number = delivery.source, delivery.number
        beyond = self._beyond.get(source, ())
        if number <= self._through.get(source, 0) or number in beyond:
            return False
        is_next = number == delivery.through + 1  # the one that the source cannot settle anything without
        if self._count >= self.limit and not is_next:
            settled = sum(one <= delivery.through for one in beyond)
            if self._count - settled >= self.limit:
                raise SeenFull(source, number, self.limit)
        return True

    def add(self, delivery: Delivery) -> None:
        """Remembers it, and forgets what its source has settled. For the method that applies `Delivery`; it never refuses."""
        source = delivery.source
        before = self._through.get(source)
        beyond = self._beyond.setdefault(source, set())
        self._count -= len(beyond) + (before is not None)
        through = self._through[source] = max(before or 0, delivery.through)
        beyond.add(delivery.number)
        if through > (before or 0) or delivery.number <= through:
            beyond = self._beyond[source] = {number for number in beyond if number > through}
        self._count += len(beyond) + 1

    def forget(self, source: str) -> None:
        """Forgets a source that will deliver no more. Called where an event is applied, so that a recovery forgets it too."""
        if self._through.pop(source, None) is not None:
            self._count -= len(self._beyond.pop(source)) + 1

    def __len__(self) -> int:
        """How much is remembered, as *limit* counts it."""
        return self._count

    def snapshot(self) -> SeenDeliveries:
        """All of it, for the actor's `snapshot`."""
        return SeenDeliveries(dict(self._through), {source: tuple(sorted(beyond)) for source, beyond in self._beyond.items()})

    def restore(self, seen: SeenDeliveries) -> None:
        """Takes back what `snapshot` gave."""
        self._through = dict(seen.through)
        self._beyond = {source: set(seen.beyond.get(source, ())) for source in seen.through}
        self._count = len(self._through) + sum(map(len, self._beyond.values()))
