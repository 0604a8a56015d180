"""The system's registry, typed by messages: who holds a name, who serves a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, final, overload

import trio

from ..registry import Listing, Registrations, ServiceKey
from .cell import CURRENT, GONE, Background, Cell
from .door import deliver, withdraw_delivery
from .envelopes import Delivery
from .errors import ActorGone, ForeignRef
from .ref import ActorRef, cell_of

if TYPE_CHECKING:
    from .runtime import Runtime

M = TypeVar("M")

protected = trio.lowlevel.enable_ki_protection

LISTINGS_MAX = 1000
"""Listings of one key that may wait in one actor's mailbox; beyond that the oldest is left out."""


class _ListingDelivery(Delivery):
    """A `Listing` on its way to a subscriber."""

    __slots__ = ("_waiting",)

    def __init__(self, listing: Listing[Any], waiting: dict[_ListingDelivery, None]) -> None:
        Delivery.__init__(self, listing)
        self._waiting = waiting
        waiting[self] = None

    def taken(self, cell: Cell) -> None:  # noqa: ARG002
        self._waiting.pop(self, None)


class Listings:
    """One actor's subscription to one key."""

    __slots__ = ("_cell", "_key", "_waiting", "end")

    def __init__(self, cell: Cell, key: ServiceKey[Any], registrations: Registrations[ActorRef[Any]]) -> None:
        self._cell = cell
        self._key = key
        self._waiting: dict[_ListingDelivery, None] = {}
        self.end = registrations.on_change(key, self.tell)

    def tell(self, refs: tuple[ActorRef[Any], ...]) -> None:
        """Queues who is registered now."""
        if len(self._waiting) >= LISTINGS_MAX:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            withdraw_delivery(self._cell, oldest)
        deliver(self._cell, _ListingDelivery(Listing(self._key, refs), self._waiting))


@final
class Registry:
    """
    Names and service keys of one system. Names are unique; behind a key stand any number of actors.

    Guarantees:
        * Nobody who has been told of an actor's death still finds it here.
        * A member stays listed while it restarts.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._registrations: Registrations[ActorRef[Any]] = Registrations()

    @overload
    def register(self, name_or_key: str, ref: ActorRef[Any]) -> None: ...
    @overload
    def register(self, name_or_key: ServiceKey[M], ref: ActorRef[M]) -> None: ...
    @protected
    def register(self, name_or_key: str | ServiceKey[Any], ref: ActorRef[Any]) -> None:
        """
        Gives an actor a name, or makes it a member of a key. Twice is once.

        Raises:
            NameTaken: Another actor has the name.
            ActorGone: The actor is dead.
            ForeignRef: The actor is of another system.
            ValueError: The name is empty or has a ``/``.
        """
        cell = cell_of(ref)
        if cell.dispatcher is not self._runtime:
            raise ForeignRef(cell.path, cell.dispatcher.node, self._runtime.node)
        if cell.phase == GONE:
            raise ActorGone(cell.path, "register")
        self._registrations.register(name_or_key, ref)
        cell.tied().registered = True

    @protected
    def unregister(self, name_or_key: str | ServiceKey[Any], ref: ActorRef[Any]) -> None:
        """Takes back what `register` did. A name that another actor has stays that actor's."""
        self._registrations.unregister(name_or_key, ref)

    def lookup(self, name: str) -> ActorRef[Any] | None:
        """Who has the name."""
        return self._registrations.lookup(name)

    def find(self, key: ServiceKey[M]) -> tuple[ActorRef[M], ...]:
        """The members of a key, in the order in which they registered."""
        return self._registrations.find(key)

    @overload
    async def wait_for(self, name_or_key: str) -> ActorRef[Any]: ...
    @overload
    async def wait_for(self, name_or_key: ServiceKey[M]) -> tuple[ActorRef[M], ...]: ...
    async def wait_for(self, name_or_key: str | ServiceKey[Any]) -> ActorRef[Any] | tuple[ActorRef[Any], ...]:
        """Waits until somebody has the name, or is a member of the key. Returns the ref, or the members."""
        found: ActorRef[Any] | tuple[ActorRef[Any], ...] = await self._registrations.wait_for(name_or_key)
        return found

    @protected
    def subscribe(self, key: ServiceKey[Any]) -> None:
        """
        Sends the actor that calls this a `Listing` of the key at once, and at every change.

        Guarantees:
            * Listings come in order; up to 1,000 of a key wait, beyond that the oldest is left out.
            * The subscription outlives restarts. Subscribing again (as in on_start) only sends the listing of that moment.

        Raises:
            LookupError: No actor calls this.
            TypeError: The actor does not handle `Listing`.
        """
        current = CURRENT.get()
        cell = current.cell if isinstance(current, Background) else current
        if cell is None:
            raise LookupError("registry.subscribe(key) sends listings to the actor that calls it: call it in a handler or hook.")
        if cell.dispatcher is not self._runtime:
            raise ForeignRef(cell.path, cell.dispatcher.node, self._runtime.node)
        if not cell.handler_table.accepts(Listing):
            raise TypeError(f"{cell.path} cannot subscribe to listings: add Listing to its union, and a method with @handles(Listing).")
        ties = cell.tied()
        if ties.listings is None:
            ties.listings = {}
        listings = ties.listings.get(key)
        if listings is None:
            listings = ties.listings[key] = Listings(cell, key, self._registrations)
        listings.tell(self._registrations.find(key))

    @protected
    def forget(self, cell: Cell) -> None:
        """The actor is dead: its names are free, and it hears nothing more."""
        ties = cell.ties
        if ties is None:
            return
        if ties.listings is not None:
            ended, ties.listings = ties.listings, None
            for listings in ended.values():
                listings.end()
        if ties.registered:
            self._registrations.forget(cell.ref)
