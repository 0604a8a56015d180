"""
The event stream: an actor, `/system/events`, that passes every published fact to whoever subscribed.

When it is idle it takes a publication on the publisher's stack, so its mailbox is normally empty. A fact published while it
is at work (by a filter, or about a dropped fact) waits in its mailbox until the one at hand is passed on. Facts are numbered
when they are published and a subscription notes the number at which it began, so it sees exactly those published after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import trio
from attrs import define, field, frozen

from ..actors.actor import Actor
from ..actors.cell import DEAD, IDLE, RUNNING, Cell
from ..actors.door import enqueue, has_room
from ..actors.handles import handles
from ..actors.life_facts import DeadLetter
from ..actors.starting import let_go
from ..actors.stream import OnFullFacts
from ..supervision import Exit
from .immutable import check_immutable
from .subscription import ActorSubscriber, FactDropped, Listener, Subscriber, Subscription

protected = trio.lowlevel.enable_ki_protection

SAID_EVERY_SECONDS: Final = 1.0
"""How often a subscription's losses are published at most."""

IN_PLACE_MAX: Final = 64
"""Facts published because of one that are passed on with it; those beyond wait for the stream's turn."""

NEVER_SAID: Final = (DeadLetter, FactDropped)
"""Facts whose loss is counted and not published: it would be lost as well."""


@frozen
class Publication:
    """A fact and its number."""

    fact: object
    number: int
    about: Subscriber | None = None


@define(eq=False)
class EventStream(Actor[Publication]):
    """The actor behind `context.publish` and `system.publish`."""

    facts: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)
    """Publications that found the stream's own mailbox full."""

    _by_class: dict[type[Any], dict[Subscriber, Subscription]] = field(factory=dict[type[Any], dict[Subscriber, Subscription]], init=False)
    _actors: dict[Cell, ActorSubscriber] = field(factory=dict[Cell, ActorSubscriber], init=False)
    _listeners: dict[Listener, None] = field(factory=dict[Listener, None], init=False)
    _is_over: bool = field(default=False, init=False)
    # Invariant: a cached route holds what _by_class says; every change clears the cache.
    _routes: dict[type[Any], tuple[tuple[Subscription, ...], ...]] = field(
        factory=dict[type[Any], tuple[tuple[Subscription, ...], ...]], init=False
    )
    _checked: set[type[Any]] = field(factory=set[type[Any]], init=False)

    # Publishing

    @protected
    def publish(self, fact: object, about: Subscriber | None = None) -> None:
        """Numbers a fact and passes it on, or queues it while another one is passed on."""
        kind = type(fact)
        if kind not in self._checked:
            check_immutable(kind)
            self._checked.add(kind)
        self.facts += 1
        routes = self._routes.get(kind)
        if routes is None:
            routes = self._route(kind)
        if not routes:
            return
        publication = Publication(fact, self.facts, about)
        cell = self._cell
        if cell.state == IDLE:
            cell.state = RUNNING
            cell.accepted += 1
            try:
                self._pass_on_in_place(cell, publication)
            finally:
                if cell.queue is not None or cell.attention:
                    let_go(cell)
                else:
                    cell.state = IDLE
        elif has_room(cell):
            enqueue(cell, publication)
        elif cell.state != DEAD:
            self.dropped += 1
            cell.accepted += 1
            cell.lost().dead_letters += 1

    def _pass_on_in_place(self, cell: Cell, publication: Publication) -> None:
        """Passes a fact on, and then what was published because of it, so that the publisher's next fact finds the stream idle."""
        cell.handled += 1
        self.pass_on(publication)
        queue = cell.queue
        left = IN_PLACE_MAX
        while queue and left:
            left -= 1
            cell.handled += 1
            self.pass_on(queue.popleft())
        if queue is not None and not queue:
            cell.queue = None
            cell.pool.append(queue)

    def wants(self, fact_type: type[Any]) -> bool:
        """Whether anybody subscribes to facts of exactly this class."""
        routes = self._routes.get(fact_type)
        return bool(self._route(fact_type) if routes is None else routes)

    @handles(Publication)
    @protected
    def pass_on(self, publication: Publication) -> None:
        """Offers a fact to each subscriber once: by its most specific subscription whose filter lets it through."""
        fact = publication.fact
        routes = self._routes.get(type(fact))
        if routes is None:
            routes = self._route(type(fact))
        for subscriptions in routes:
            for subscription in subscriptions:
                if subscription.began >= publication.number:
                    continue
                subscriber = subscription.subscriber
                if subscription.where is not None or publication.about is not None:
                    if subscriber is publication.about:
                        break
                    try:
                        if not subscription.wants(fact):
                            continue
                    except Exception as error:  # noqa: BLE001  # the subscriber's own filter: it fails, the publisher notices nothing
                        subscriber.fail(error)
                        continue
                dropped = subscription.offer(fact)
                if dropped and not isinstance(fact, NEVER_SAID):
                    self._say_dropped(subscription, dropped)
                break

    # Subscribing

    @protected
    def subscribe_actor(
        self, cell: Cell, fact_type: type[Any], where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int
    ) -> None:
        """Subscribes an actor. Raises TypeError if it handles no such class."""
        if isinstance(fact_type, type) and not cell.handler_table.accepts(fact_type):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"{cell.path} cannot subscribe to {fact_type.__name__}, which it does not handle. Add it to the union, "
                f"Actor[... | {fact_type.__name__}], and a method with @handles({fact_type.__name__})."
            )
        subscriber = self._actors.get(cell) or ActorSubscriber(cell)
        self.subscribe(subscriber, fact_type, where, on_full, capacity)
        self._actors[cell] = subscriber
        cell.tied().subscribed = True

    @protected
    def unsubscribe_actor(self, cell: Cell, fact_type: type[Any]) -> None:
        """Takes a class out of what an actor gets."""
        subscriber = self._actors.get(cell)
        if subscriber is not None:
            self.unsubscribe(subscriber, fact_type)

    @protected
    def listen(
        self, listener: Listener, fact_type: type[Any], where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int
    ) -> None:
        """Subscribes code outside of actors, which is told when the stream ends."""
        if self._is_over:
            listener.end()
            return
        self.subscribe(listener, fact_type, where, on_full, capacity)
        self._listeners[listener] = None

    @protected
    def ignore(self, listener: Listener) -> None:
        """That code wants no more facts."""
        if listener in self._listeners:
            del self._listeners[listener]
            self.remove(listener)

    @protected
    def on_stop(self, reason: Exit) -> None:  # noqa: ARG002
        """Everything else is down: no more facts come."""
        self._is_over = True
        for listener in list(self._listeners):
            self.ignore(listener)
            listener.end()

    @protected
    def subscribe(
        self,
        subscriber: Subscriber,
        fact_type: type[Any],
        where: Callable[[Any], bool] | None,
        on_full: OnFullFacts,
        capacity: int,
    ) -> None:
        """From the next fact on. What was said for subclasses is forgotten; of the same class, only the options change."""
        subscription = subscriber.subscriptions.get(fact_type)
        if subscription is None:
            subscription = Subscription(subscriber, fact_type, where, on_full, capacity)
            subscription.began = self.facts
        else:
            subscription.set_options(where, on_full, capacity)
        self._forget_below(subscriber, fact_type)
        subscriber.subscriptions[fact_type] = subscription
        self._by_class.setdefault(fact_type, {})[subscriber] = subscription
        self._routes.clear()

    @protected
    def unsubscribe(self, subscriber: Subscriber, fact_type: type[Any]) -> None:
        """No more facts of this class, also where a superclass is subscribed to."""
        self._forget_below(subscriber, fact_type)
        if any(subscription is not None and issubclass(fact_type, wider) for wider, subscription in subscriber.subscriptions.items()):
            subscriber.subscriptions[fact_type] = None
        self._routes.clear()

    @protected
    def remove(self, subscriber: Subscriber) -> None:
        """A subscriber is gone."""
        self._forget_below(subscriber, object)
        self._routes.clear()

    @protected
    def forget(self, cell: Cell) -> None:
        """A subscribed actor is dead."""
        subscriber = self._actors.pop(cell, None)
        if subscriber is not None:
            self.remove(subscriber)

    def _forget_below(self, subscriber: Subscriber, fact_type: type[Any]) -> None:
        for narrower in [said for said in subscriber.subscriptions if issubclass(said, fact_type)]:
            if subscriber.subscriptions.pop(narrower) is not None:
                subscribers = self._by_class[narrower]
                del subscribers[subscriber]
                if not subscribers:
                    del self._by_class[narrower]

    def _route(self, kind: type[Any]) -> tuple[tuple[Subscription, ...], ...]:
        """For each subscriber its subscriptions that a fact of exactly this class may come by, the most specific first."""
        matching: dict[Subscriber, list[Subscription]] = {}
        for base in kind.__mro__:
            for subscriber, subscription in self._by_class.get(base, {}).items():
                cut = any(
                    said is None and narrower is not base and issubclass(kind, narrower) and issubclass(narrower, base)
                    for narrower, said in subscriber.subscriptions.items()
                )
                if not cut:
                    matching.setdefault(subscriber, []).append(subscription)
        routes = tuple(map(tuple, matching.values()))
        self._routes[kind] = routes
        return routes

    # What is lost

    def _say_dropped(self, subscription: Subscription, dropped: int) -> None:
        subscription.unsaid += dropped
        if subscription.saying:
            return
        now = self._cell.dispatcher.now()
        if subscription.last_said < 0 or now - subscription.last_said >= SAID_EVERY_SECONDS:
            self._say(subscription)
        else:
            subscription.saying = True
            self._cell.dispatcher.alarms.at(subscription.last_said + SAID_EVERY_SECONDS, lambda: self._say(subscription))

    @protected
    def _say(self, subscription: Subscription) -> None:
        subscription.saying = False
        subscription.last_said = self._cell.dispatcher.now()
        count, subscription.unsaid = subscription.unsaid, 0
        if count and self.wants(FactDropped):
            self.publish(FactDropped(subscription.subscriber.path, subscription.fact_type, count), subscription.subscriber)
