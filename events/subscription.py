"""
One subscription: a class of facts, a filter, and how many facts may wait for a slow subscriber.

Bounds are a subscription's own: a slow subscriber costs neither the publisher nor another subscriber anything, and facts and
commands never take each other's room.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, get_args

import trio
from attrs import frozen

from ..actors.cell import Cell
from ..actors.door import deliver, withdraw_delivery
from ..actors.envelopes import Delivery
from ..actors.sharing import SharedFact
from ..actors.stream import OnFullFacts
from ..actors.supervising import fail_from_outside
from ..mailbox import Fifo
from .errors import SubscriptionFull


@frozen
class FactDropped:
    """
    Facts were dropped because a subscriber was too slow. At most one a second and subscription; never sent to that subscriber.

    Args:
        subscriber: Its path.
        fact_type: The class that it subscribed to.
        count: How many were dropped since the last time this was published.
    """

    subscriber: str
    fact_type: type[Any]
    count: int


class Subscriber(Protocol):
    """Who takes facts: an actor, or code outside of actors."""

    subscriptions: dict[type[Any], Subscription | None]
    """What was said for each class; None is a carve-out from a superclass."""

    sharing: Cell | None
    """The actor, if its queue may hold envelopes that others hold too."""

    @property
    def path(self) -> str:
        """Who it is, for errors and facts."""
        ...

    def weigh(self, subscription: Subscription) -> None:
        """A fact is about to be offered: makes sure that all that wait are counted, if there may be as many as the subscription holds."""

    def unshare(self) -> bool:
        """Gives every shared fact that waits an envelope of its own. False: there was none."""
        ...

    def take(self, subscription: Subscription, fact: object) -> None:
        """Queues a fact for which there is room."""

    def drop_oldest(self, subscription: Subscription) -> None:
        """Takes the fact back that waits longest."""

    def fail(self, error: BaseException) -> None:
        """Its filter raised, or its subscription is full and says fail."""


class Listener(Subscriber, Protocol):
    """Code outside of actors that takes facts."""

    def end(self) -> None:
        """No more facts come: the stream has ended."""


class Subscription:
    """What one subscriber wants of one class of facts."""

    # Invariant: shared facts that wait for it imply shared_max > 0; the others are in waiting, in the order of arrival.
    __slots__ = (
        "began",
        "capacity",
        "cell",
        "dropped",
        "fact_type",
        "last_said",
        "on_full",
        "saying",
        "shared_max",
        "subscriber",
        "unsaid",
        "waiting",
        "where",
    )

    def __init__(
        self, subscriber: Subscriber, fact_type: type[Any], where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int
    ) -> None:
        if not isinstance(fact_type, type):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"subscribe() takes a class of facts, not {fact_type!r}.")
        self.subscriber: Subscriber = subscriber
        self.cell: Any = subscriber.sharing  # Any: no delivery looks whether it is None, where it is nothing is shared
        self.fact_type: type[Any] = fact_type
        self.set_options(where, on_full, capacity)
        # A fact may be shared in a queue shorter than this, which holds fewer facts than the capacity.
        self.shared_max: int = 0 if self.cell is None else self.capacity
        self.began: int = 0  # the number of the last fact before it
        self.waiting: deque[Any] = deque()
        self.dropped: int = 0
        self.unsaid: int = 0
        self.saying: bool = False
        self.last_said: float = -1.0

    def set_options(self, where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int) -> None:
        """Takes new options. What waits stays, and its losses are said as before. Raises TypeError, ValueError."""
        if where is not None and not callable(where):
            raise TypeError(f"where must be a function from a fact to a bool, not {where!r}.")
        if on_full not in get_args(OnFullFacts):
            raise ValueError(f"on_full must be one of {', '.join(map(repr, get_args(OnFullFacts)))}, not {on_full!r}.")
        if isinstance(capacity, bool) or not isinstance(capacity, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"capacity must be an int, not {capacity!r}.")
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}.")
        self.where: Callable[[Any], bool] | None = where
        self.on_full: OnFullFacts = on_full
        self.capacity: int = 1 if on_full == "latest" else capacity

    def is_plain(self) -> bool:
        """Whether it takes every fact, for an actor that may share it with others."""
        return self.where is None and self.cell is not None and self.cell.limit > 0

    def offer(self, fact: object) -> int:
        """Queues *fact*, or does what `on_full` says. Returns how many facts were dropped for it."""
        self.subscriber.weigh(self)
        if len(self.waiting) < self.capacity:
            self.subscriber.take(self, fact)
            return 0
        if self.on_full == "drop_newest":
            dropped = 1
        elif self.on_full == "fail":
            dropped = 1
            self.subscriber.fail(SubscriptionFull(self.subscriber.path, self.fact_type.__name__, self.capacity))
        else:
            dropped = len(self.waiting) - self.capacity + 1  # more than one, if the capacity was lowered
            for _ in range(dropped):
                self.subscriber.drop_oldest(self)
            self.subscriber.take(self, fact)
        self.dropped += dropped
        return dropped

    @trio.lowlevel.disable_ki_protection
    def wants(self, fact: object) -> bool:
        """Whether the filter lets it through. What the filter raises goes through."""
        return self.where is None or bool(self.where(fact))


def is_cut(said: Mapping[type[Any], Subscription | None], base: type, kind: type) -> bool:
    """Whether facts of exactly this class are carved out of what is said for *base*."""
    return any(
        subscription is None and narrower is not base and issubclass(kind, narrower) and issubclass(narrower, base)
        for narrower, subscription in said.items()
    )


class FactDelivery(Delivery):
    """A fact on its way to an actor."""

    __slots__ = ("subscription",)

    def __init__(self, fact: object, subscription: Subscription) -> None:
        self.withdrawn = False
        self.message = fact
        self.subscription: Subscription | None = subscription

    def is_charged_to(self, subscription: Subscription) -> bool:
        """Whether it takes a place in that subscription."""
        return self.subscription is subscription and not self.withdrawn

    def taken(self, cell: Cell) -> None:  # noqa: ARG002
        """It makes room in its subscription, once."""
        subscription, self.subscription = self.subscription, None
        if subscription is not None and not self.withdrawn:
            if subscription.waiting and subscription.waiting[0] is self:
                subscription.waiting.popleft()
            else:
                subscription.waiting.remove(self)


class ActorSubscriber:
    """An actor that takes facts: they wait in its mailbox, in the order of arrival with its messages."""

    __slots__ = ("cell", "sharing", "subscriptions")

    def __init__(self, cell: Cell) -> None:
        self.cell: Cell = cell
        self.sharing: Cell | None = cell if isinstance(cell.spec.mailbox, Fifo) else None
        self.subscriptions: dict[type[Any], Subscription | None] = {}

    @property
    def path(self) -> str:
        """The actor's path."""
        return self.cell.path

    def weigh(self, subscription: Subscription) -> None:
        """
        Counts the shared facts of a subscription when the queue has become as long as its capacity. From then on it shares none,
        until its queue is short again: half of what may wait, so that the looking through costs each entry a constant.
        """
        cell = subscription.cell
        if cell is None or cell.queue is None:
            return
        length = len(cell.queue)
        if subscription.shared_max:
            if length >= subscription.capacity:
                self.unshare(subscription)
        elif length <= min(subscription.capacity, cell.spec.mailbox.capacity) // 2:
            subscription.shared_max = subscription.capacity

    def unshare(self, only: Subscription | None = None) -> bool:
        """Gives every shared fact that waits, or those of one subscription, an envelope of its own. False: there was none."""
        sharing = {said for said in self.subscriptions.values() if said is not None and said.shared_max and said is (only or said)}
        for subscription in sharing:
            subscription.shared_max = 0
        queue = self.cell.queue
        if not sharing or not isinstance(queue, deque):
            return False
        charged: dict[type, Subscription] = {}
        for kind in set(map(type, queue)):
            if issubclass(kind, SharedFact):
                said = next(self.matching(kind.kind), None)  # None: it stops, so the stream forgot it, and it has subscribed anew
                if said in sharing:
                    charged[kind] = said
        if not charged:
            return False
        items = [FactDelivery(item.message, charged[type(item)]) if type(item) in charged else item for item in queue]
        self.cell.limit += sum(type(item) in charged for item in queue)
        queue.clear()
        queue.extend(items)
        for subscription in set(charged.values()):
            subscription.waiting = deque(item for item in items if isinstance(item, FactDelivery) and item.is_charged_to(subscription))
        return True

    def matching(self, kind: type) -> Iterator[Subscription]:
        """Its subscriptions that a fact of exactly this class may come by, the most specific first."""
        for base in kind.__mro__:
            subscription = self.subscriptions.get(base)
            if subscription is not None and not is_cut(self.subscriptions, base, kind):
                yield subscription

    def take(self, subscription: Subscription, fact: object) -> None:
        """Queues the fact in the actor's mailbox, where it takes no slot."""
        delivery = FactDelivery(fact, subscription)
        if deliver(self.cell, delivery):
            subscription.waiting.append(delivery)

    def drop_oldest(self, subscription: Subscription) -> None:
        """Takes the oldest back: it is skipped when it is met."""
        withdraw_delivery(self.cell, subscription.waiting.popleft())

    def fail(self, error: BaseException) -> None:
        """The actor fails; its supervisor decides."""
        fail_from_outside(self.cell, error)
