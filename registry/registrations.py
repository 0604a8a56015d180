"""
The books of the registry: who holds which name, who is a member of which group, and who wants to know.

All of it is synchronous and told in the order "first the books, then the people": every change is complete before a listener
hears of it, so nobody who hears of a death still finds the dead. The one thing that waits, `wait_for`, looks into the books
again when it is woken, so that what it returns is registered at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeAlias, TypeVar, final, overload

import trio
from attrs import define, field

from .errors import NameTaken
from .keys import ServiceKey
from .names import check_name

R = TypeVar("R", bound=Hashable)
Place: TypeAlias = str | ServiceKey[Any]


@final
@define(eq=False)
class Registrations(Generic[R]):
    """
    Unique names, and keys with any number of members, for refs of type *R*.

    Refs are told apart by equality and must be hashable; `str(ref)` is used in errors only.

    Guarantees:
        * A name has at most one holder, a ref is a member of a key at most once.
        * Members are listed in the order in which they registered.
        * A listener is called, before the changing call returns, with what holds at the moment at which it is called.

    Not guaranteed:
        * That a listener that changes the registry itself leaves others one call a change: they may hear the newest state twice.
    """

    _holders: dict[str, R] = field(factory=dict[str, R], init=False)
    _members: dict[ServiceKey[Any], dict[R, None]] = field(factory=dict[ServiceKey[Any], dict[R, None]], init=False)
    # Invariant: place in self._places[ref] iff ref holds that name or is a member of that key; no value is empty.
    _places: dict[R, dict[Place, None]] = field(factory=dict[R, dict[Place, None]], init=False)
    # What `find` returned since the last change of the key.
    _found: dict[ServiceKey[Any], tuple[R, ...]] = field(factory=dict[ServiceKey[Any], tuple[R, ...]], init=False)
    _listeners: dict[ServiceKey[Any], dict[object, Callable[[tuple[R, ...]], None]]] = field(
        factory=dict[ServiceKey[Any], dict[object, Callable[[tuple[R, ...]], None]]], init=False
    )
    _is_closed: bool = field(default=False, init=False)
    # One event a waiting task; in order, so that tasks are woken in the order in which they came.
    _waiters: dict[Place, dict[trio.Event, None]] = field(factory=dict[Place, dict[trio.Event, None]], init=False)

    def register(self, name_or_key: Place, ref: R) -> None:
        """
        Give *ref* a name of its own, or make it a member of a key. Registering twice is once and keeps the place in the order.

        Raises:
            NameTaken: Another ref holds the name. Nothing changed.
            TypeError: Neither a str nor a key.
            ValueError: The name breaks the rules of names.
        """
        if not isinstance(name_or_key, ServiceKey):
            check_name(name_or_key)
        if name_or_key in self._places.get(ref, ()):
            return
        if isinstance(name_or_key, ServiceKey):
            self._members.setdefault(name_or_key, {})[ref] = None
            self._found.pop(name_or_key, None)
        else:
            holder = self._holders.get(name_or_key)
            if holder is not None:
                raise NameTaken(name_or_key, str(holder))
            self._holders[name_or_key] = ref
        self._places.setdefault(ref, {})[name_or_key] = None
        for woken in self._waiters.get(name_or_key, ()):
            woken.set()
        if isinstance(name_or_key, ServiceKey):
            self._tell(name_or_key)

    def unregister(self, name_or_key: Place, ref: R) -> None:
        """Undo `register`. No effect if *ref* is not registered there, so a name that another ref holds stays with it."""
        places = self._places.get(ref)
        if places is None or name_or_key not in places:
            return
        del places[name_or_key]
        if not places:
            del self._places[ref]
        self._strike(name_or_key, ref)
        if isinstance(name_or_key, ServiceKey):
            self._tell(name_or_key)

    def forget(self, ref: R) -> None:
        """Undo all registrations of *ref*, whose actor died; listeners are told when none is left. No effect on a stranger."""
        places = self._places.pop(ref, None)
        if places is None:
            return
        for place in places:
            self._strike(place, ref)
        for place in places:
            if isinstance(place, ServiceKey):
                self._tell(place)

    def lookup(self, name: str) -> R | None:
        """Who holds *name*, or None."""
        return self._holders.get(name)

    def find(self, key: ServiceKey[Any]) -> tuple[R, ...]:
        """The members of *key*, in the order in which they registered. The same tuple until that changes."""
        found = self._found.get(key)
        if found is None:
            members = self._members.get(key)
            if members is None:
                return ()
            found = self._found[key] = tuple(members)
        return found

    def registered(self, ref: R) -> bool:
        """Whether *ref* holds a name or is a member of a key."""
        return ref in self._places

    def on_change(self, key: ServiceKey[Any], listener: Callable[[tuple[R, ...]], None]) -> Callable[[], None]:
        """
        Call *listener* with the members of *key* at every change from now on, until the returned function is called.

        A listener that was removed is not called any more, even if the change came before. It must not raise: what it
        raises comes out of the call that made the change, and those behind it are not told.
        """
        mark = object()
        self._listeners.setdefault(key, {})[mark] = listener

        def remove() -> None:
            listeners = self._listeners.get(key, {})
            if listeners.pop(mark, None) is not None and not listeners:
                del self._listeners[key]

        return remove

    @overload
    async def wait_for(self, name_or_key: str) -> R: ...

    @overload
    async def wait_for(self, name_or_key: ServiceKey[Any]) -> tuple[R, ...]: ...

    @overload
    async def wait_for(self, name_or_key: Place) -> R | tuple[R, ...]: ...

    async def wait_for(self, name_or_key: Place) -> R | tuple[R, ...]:
        """
        Wait until somebody holds the name, or the key has a member.

        Guarantees:
            * What is returned is registered at that moment: for a name its holder, for a key all members, at least one.
            * Waiting tasks are woken by the registration itself: no time passes in between.
            * It is a checkpoint, and when it is cancelled nothing of it is left behind.

        Raises:
            LookupError: The registry is closed, now or while this waits.
            TypeError: Neither a str nor a key.
            ValueError: The name breaks the rules of names.
        """
        if not isinstance(name_or_key, ServiceKey):
            check_name(name_or_key)
        await trio.lowlevel.checkpoint()
        while not self._is_closed:
            if isinstance(name_or_key, ServiceKey):
                if members := self.find(name_or_key):
                    return members
            elif (holder := self.lookup(name_or_key)) is not None:
                return holder
            await self._next_registration(name_or_key)
        raise LookupError(f"Nobody will be registered as {name_or_key!r} any more: the system has ended.")

    def close(self) -> None:
        """Nobody registers any more: whoever waits is told so by a LookupError."""
        self._is_closed = True
        for waiters in self._waiters.values():
            for woken in waiters:
                woken.set()

    async def _next_registration(self, place: Place) -> None:
        woken = trio.Event()
        waiters = self._waiters.setdefault(place, {})
        waiters[woken] = None
        try:
            await woken.wait()
        finally:
            del waiters[woken]
            if not waiters:
                del self._waiters[place]

    def _strike(self, place: Place, ref: R) -> None:
        """Take *ref* out of one place of the books, where it is."""
        if isinstance(place, ServiceKey):
            members = self._members[place]
            del members[ref]
            self._found.pop(place, None)
            if not members:
                del self._members[place]
        else:
            del self._holders[place]

    def _tell(self, key: ServiceKey[Any]) -> None:
        listeners = self._listeners.get(key)
        if listeners is not None:
            for mark, listener in list(listeners.items()):
                if mark in listeners:
                    listener(self.find(key))
