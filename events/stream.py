"""
The event stream: an actor, `/system/events`, that passes every published fact to whoever subscribed.

When it is idle it takes a publication on the publisher's stack, so its mailbox is normally empty. A fact published while it
is at work (by a filter, or about a dropped fact) waits in its mailbox until the one at hand is passed on. Facts are numbered
when they are published and a subscription notes the number at which it began, so it sees exactly those published after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final

from attrs import define, field, frozen
from trio.lowlevel import enable_ki_protection as protected

from ..actors.actor import Actor
from ..actors.cell import DEAD, IDLE, READY, RUNNING, Cell
from ..actors.door import enqueue, has_room, new_queue
from ..actors.handles import handles
from ..actors.life_facts import DeadLetter
from ..actors.sharing import SharedFact, shared_fact_of
from ..actors.starting import let_go
from ..actors.stream import OnFullFacts
from ..supervision import Exit
from .immutable import check_immutable
from .subscription import ActorSubscriber, FactDropped, Listener, Subscriber, Subscription, is_cut

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
class Route:
    """
    Where facts of one class go.

    Attributes:
        shared: The class of the envelopes that such facts share.
        plain: Subscriptions of actors that take every such fact and may share it.
        others: For each other subscriber its subscriptions that such a fact may come by, the most specific first.
        unsettled: How many facts each of the plain ones has accepted since that was put into their accounts.
    """

    shared: type[SharedFact]
    plain: tuple[Subscription, ...]
    others: tuple[tuple[Subscription, ...], ...]
    unsettled: int = 0


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
    # Invariant: a cached route holds what _by_class says; every change clears the cache, and settles what the routes have counted.
    _routes: dict[type[Any], Route | None] = field(factory=dict[type[Any], Route | None], init=False)
    _checked: set[type[Any]] = field(factory=set[type[Any]], init=False)
    _shared: dict[type[Any], type[SharedFact]] = field(factory=dict[type[Any], type[SharedFact]], init=False)

    # Publishing

    @protected
    def publish(self, fact: object, about: Subscriber | None = None) -> None:
        """Numbers a fact and passes it on, or queues it while another one is passed on."""
        kind = type(fact)
        try:
            route = self._routes[kind]
        except KeyError:
            route = self._route(kind)
        self.facts += 1
        if route is None:
            return
        cell = self._cell
        if cell.state != IDLE or about is not None:
            self._publish_exactly(Publication(fact, self.facts, about))
            return
        dispatcher = cell.dispatcher
        if not dispatcher.is_awake and route.plain:
            dispatcher.wake()  # first: it refuses other threads
        route.unsettled += 1
        counted: list[tuple[Subscription, ...]] | None = None
        pool = dispatcher.deques
        shared = route.shared()
        shared.message = fact
        for subscription in route.plain:
            target = subscription.cell
            queue = target.queue
            if queue is not None:
                if len(queue) < subscription.shared_max:
                    queue.append(shared)
                    continue
            elif target.state == IDLE:
                target.queue = queue = pool.pop() if pool else new_queue(target)
                queue.append(shared)
                target.state = READY
                dispatcher.ready.append(target)
                subscription.shared_max = subscription.capacity
                continue
            target.accepted -= 1  # it is put into the account with the others, and counted when it is queued too
            if counted is None:
                counted = []
            counted.append((subscription,))
        if counted is not None or route.others:
            self._pass_on_in_place(Publication(fact, self.facts), (*(counted or ()), *route.others))

    def _publish_exactly(self, publication: Publication) -> None:
        """Passes a fact on to each subscriber by itself, or queues it."""
        cell = self._cell
        if cell.state == IDLE:
            cell.accepted += 1
            cell.handled += 1
            self._pass_on_in_place(publication, self._everybody(type(publication.fact)))
        elif has_room(cell):
            enqueue(cell, publication)
        elif cell.state != DEAD:
            self.dropped += 1
            cell.accepted += 1
            cell.lost().dead_letters += 1

    def _pass_on_in_place(self, publication: Publication, groups: Iterable[tuple[Subscription, ...]]) -> None:
        """Passes a fact on, and then what was published because of it, so that the publisher's next fact finds the stream idle."""
        cell = self._cell
        cell.state = RUNNING
        try:
            self._offer(publication, groups)
            queue = cell.queue
            left = IN_PLACE_MAX
            while queue and left:
                left -= 1
                cell.handled += 1
                self.pass_on(queue.popleft())
            if queue is not None and not queue:
                cell.queue = None
                cell.pool.append(queue)
        finally:
            if cell.queue is not None or cell.attention:
                let_go(cell)
            else:
                cell.state = IDLE

    def wants(self, fact_type: type[Any]) -> bool:
        """Whether anybody subscribes to facts of exactly this class."""
        try:
            route = self._routes[fact_type]
        except KeyError:
            route = self._route(fact_type)
        return route is not None

    @handles(Publication)
    @protected
    def pass_on(self, publication: Publication) -> None:
        """Passes on a fact that had to wait."""
        self._offer(publication, self._everybody(type(publication.fact)))

    def _everybody(self, kind: type[Any]) -> Iterable[tuple[Subscription, ...]]:
        """For each subscriber its subscriptions that a fact of exactly this class may come by."""
        route = self._routes[kind] if kind in self._routes else self._route(kind)
        return () if route is None else chain(((subscription,) for subscription in route.plain), route.others)

    def _offer(self, publication: Publication, groups: Iterable[tuple[Subscription, ...]]) -> None:
        """Offers a fact to each subscriber once: by its most specific subscription whose filter lets it through."""
        fact = publication.fact
        for subscriptions in groups:
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
                    except BaseException as error:  # noqa: BLE001  # Ctrl-C in a filter: no failure of anybody
                        self._cell.dispatcher.interrupt(error)
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
        subscriber.unshare()  # what waits is charged by what has been said so far
        subscription = subscriber.subscriptions.get(fact_type)
        if subscription is None:
            subscription = Subscription(subscriber, fact_type, where, on_full, capacity)
            subscription.began = self.facts
        else:
            subscription.set_options(where, on_full, capacity)
        self._forget_below(subscriber, fact_type)
        subscriber.subscriptions[fact_type] = subscription
        self._by_class.setdefault(fact_type, {})[subscriber] = subscription
        self._forget_routes()

    @protected
    def unsubscribe(self, subscriber: Subscriber, fact_type: type[Any]) -> None:
        """No more facts of this class, also where a superclass is subscribed to."""
        subscriber.unshare()
        self._forget_below(subscriber, fact_type)
        if any(subscription is not None and issubclass(fact_type, wider) for wider, subscription in subscriber.subscriptions.items()):
            subscriber.subscriptions[fact_type] = None
        self._forget_routes()

    @protected
    def remove(self, subscriber: Subscriber) -> None:
        """A subscriber is gone."""
        self._forget_below(subscriber, object)
        self._forget_routes()

    @protected
    def settle(self) -> None:
        """Puts what was accepted from the stream into the accounts. Of shared facts it is not done one by one: they are too many."""
        for route in self._routes.values():
            if route is not None and route.unsettled:
                accepted, route.unsettled = route.unsettled, 0
                for subscription in route.plain:
                    subscription.cell.accepted += accepted
                self._cell.accepted += accepted
                self._cell.handled += accepted

    def _forget_routes(self) -> None:
        self.settle()
        self._routes.clear()

    @protected
    def unshare(self, cell: Cell) -> bool:
        """Gives each fact that waits for the actor in a shared envelope one of its own, that takes no slot. False: there was none."""
        subscriber = self._actors.get(cell)
        return subscriber is not None and subscriber.unshare()

    @protected
    def forget(self, cell: Cell) -> None:
        """A subscribed actor is dead, or takes nothing more."""
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

    def _route(self, kind: type[Any]) -> Route | None:
        """Finds out where facts of exactly this class go. None: nobody wants them. Raises MutableFact."""
        if kind not in self._checked:
            check_immutable(kind)
            self._checked.add(kind)
        groups: dict[Subscriber, list[Subscription]] = {}
        for base in kind.__mro__:
            for subscriber, subscription in self._by_class.get(base, {}).items():
                if not is_cut(subscriber.subscriptions, base, kind):
                    groups.setdefault(subscriber, []).append(subscription)
        route = None
        if groups:
            plain = {subscriber: said[0] for subscriber, said in groups.items() if said[0].is_plain()}
            others = tuple(tuple(said) for subscriber, said in groups.items() if subscriber not in plain)
            if kind not in self._shared:
                self._shared[kind] = shared_fact_of(kind)
            route = Route(self._shared[kind], tuple(plain.values()), others)
        self._routes[kind] = route
        return route

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
