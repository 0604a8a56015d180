"""
Entities: actors that are there when they are needed, by their name, and rest on the disk when they are not.

In front of each entity stands a door: a small actor that never ends, and whose ref is the entity's. It starts the entity when a
message comes, passes messages on in their order, and stops it when nothing has come for a while. All of that happens in the door's
turns: what arrives while the entity starts or stops waits in the door's mailbox, and there is never a second incarnation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from attrs import define, field, frozen
from trio.lowlevel import enable_ki_protection as protected

from ..actors.actor import Actor
from ..actors.cell import GONE, Cell
from ..actors.context import Context
from ..actors.envelopes import Ask, Forwarded
from ..actors.ref import ActorRef, cell_of
from ..actors.routers import pass_on
from ..actors.runtime import Runtime
from ..actors.sending import tell_with_room
from ..actors.spec import ActorSpec, actor
from ..supervision import RestartLimitReached, StartFailed, Supervision
from ..system import System
from ..system.statistics import cells_of

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)

OFTEN: Final = 1_000_000
"""Restarts of doors in five seconds that are no reason to give up: each is of another entity."""


@final
class _Rest:
    """A door's message to itself: has anything come since?"""


_REST: Final = _Rest()


@define(eq=False)
class _Door(Actor[Any]):
    """Stands for one entity."""

    house: _House
    entity: str
    _live: ActorRef[Any] | None = field(default=None, init=False)
    _used: float = field(default=0.0, init=False)

    @protected
    async def receive(self, message: Any, /) -> Any:
        """Passes a message on, to the entity that is started for it if it rests."""
        if message is _REST:
            await self._rest_if_idle()
            return
        cell = self._cell
        item = cell.hand_as_item()
        self._used = self.context.now()
        live = self._live
        if live is None:
            live = self._live = await self.context.spawn(actor(self.house.factory, self.entity, name="live", mailbox=self.house.mailbox))
            self.context.after(self.house.idle_seconds, _REST, key=_REST)
        self.house.used(self)
        target = cell_of(live)
        if not isinstance(item, Ask):
            await tell_with_room(target, message)
            return
        item.place = "forwarded"
        copy = Forwarded(item, target)
        passed = False
        try:
            await pass_on(copy)
            passed = True
        finally:
            if not passed:  # cut off: the entity does not answer what was not passed on
                copy.drop()

    async def _rest_if_idle(self) -> None:
        live = self._live
        if live is None:
            return
        seconds = self._used + self.house.idle_seconds - self.context.now()
        if self.house.is_crowded():
            seconds = 0.0
        if seconds > 0 or cell_of(live).load():
            self.context.after(max(seconds, self.house.idle_seconds / 10), _REST, key=_REST)
            return
        await self.context.stop(live, drain=True)
        self._live = None
        self.house.rested(self)

    def rest_soon(self) -> None:
        """There are too many: it rests as soon as it has nothing to do."""
        self.context.after(0.0, _REST, key=_REST)

    def on_restart(self, cause: BaseException) -> None:  # noqa: ARG002
        """Its entity ended with it."""
        self.house.rested(self)


@define(eq=False)
class _House(Actor[Any]):
    """Holds the doors of all entities of one kind, and knows which entities are live."""

    factory: Callable[[str], Actor[Any]]
    idle_seconds: float
    live_max: int
    mailbox: int
    supervision: Supervision
    _doors: dict[str, ActorRef[Any]] = field(factory=dict[str, ActorRef[Any]], init=False)
    _live: dict[_Door, None] = field(factory=dict[_Door, None], init=False)
    """The doors of live entities, the one that was used longest ago first."""

    def receive(self, message: Any, /) -> Any:
        """It is sent nothing."""
        raise LookupError(f"{type(message).__name__} was sent to all entities. Send it to one: entities.ref(system, 'A-1').")

    def door(self, entity: str) -> ActorRef[Any]:
        """The ref of an entity."""
        ref = self._doors.get(entity)
        if ref is None:
            spec = actor(_Door, self, entity, name=quote(entity, safe=""), mailbox=self.mailbox, supervision=self.supervision)
            ref = self._doors[entity] = self.context.spawn_nowait(spec)
        return ref

    def used(self, door: _Door) -> None:
        """A message goes to its entity. If there are too many live ones, the one that was used longest ago is to rest."""
        self._live.pop(door, None)
        self._live[door] = None
        if self.is_crowded():
            next(iter(self._live)).rest_soon()

    def rested(self, door: _Door) -> None:
        """Its entity is not live any more."""
        self._live.pop(door, None)

    def is_crowded(self) -> bool:
        """Whether more are live than may be."""
        return len(self._live) > self.live_max


@final
@frozen(eq=False)
class Entities(Generic[M_contra]):
    """
    All actors of one kind, by their names; made with `entities`.

    Args:
        spec: What is started with the system, as any actor.
    """

    spec: ActorSpec[Any]
    _houses: WeakKeyDictionary[Runtime, Cell] = field(factory=WeakKeyDictionary[Runtime, Cell], init=False)

    def ref(self, where: System | Context, entity: str) -> ActorRef[M_contra]:
        """
        The ref of one entity: always valid, whether it is live or rests.

        Args:
            where: The system in which `spec` runs, or the context of an actor there.
            entity: Its name; any text that is not empty.

        Raises:
            LookupError: `spec` was not started there.
            ValueError: The name is empty.
        """
        if not entity:
            raise ValueError("An entity has a name that is not empty.")
        house = self._house(where).instance
        if not isinstance(house, _House):
            raise LookupError(f"{self.spec.name} is not up at the moment.")  # noqa: TRY004  # it is a matter of when, not of what
        return house.door(entity)

    def _house(self, where: System | Context) -> Cell:
        if isinstance(where, System):
            return cell_of(where.ref(self.spec))
        runtime = cell_of(where.ref).dispatcher
        cell = self._houses.get(runtime)
        if cell is None or cell.phase == GONE:
            cell = next((one for one in cells_of(runtime) if one.spec is self.spec), None)
            if cell is None:
                raise LookupError(f"No actor runs from the spec {self.spec.name!r} in this system: it was not started here.")
            self._houses[runtime] = cell
        return cell


def entities(
    name: str,
    factory: Callable[[str], Actor[M]],
    *,
    idle_seconds: float = 60.0,
    live_max: int = 10_000,
    mailbox: int = 1000,
    supervision: Supervision | None = None,
) -> Entities[M]:
    """
    Actors of one kind, each with a name: ``ACCOUNTS = entities("accounts", Account)``, then ``ACCOUNTS.ref(system, "A-1")``.

    Guarantees:
        * A message starts the entity if it rests, and reaches it; those that come while it starts or stops are not lost, nor reordered.
        * An entity has at most one incarnation in this system.
        * One that was sent nothing for *idle_seconds* is stopped, when it has handled everything.

    Not guaranteed:
        * What an entity knows survives its rest only if it is event-sourced.
        * That at most *live_max* are live at every moment: beyond it the one that was used longest ago rests as soon as it is idle.

    Args:
        name: The name of them all, one part of a path.
        factory: Called with the name of the entity.
        idle_seconds: Seconds without a message after which an entity rests.
        live_max: How many may be live.
        mailbox: Messages that may wait, at the door and at the entity.
        supervision: The policy for an entity that fails; None is the default policy. When it gives up, the next message starts it anew.

    Raises:
        ValueError: A number out of range.
    """
    if not idle_seconds > 0:
        raise ValueError(f"idle_seconds must be above 0, not {idle_seconds!r}.")
    if live_max < 1:
        raise ValueError(f"live_max must be at least 1, not {live_max!r}.")
    policy = Supervision(max_restarts=OFTEN, directives={StartFailed: "resume", RestartLimitReached: "restart"})
    of_one = Supervision() if supervision is None else supervision
    return Entities(actor(_House, factory, idle_seconds, live_max, mailbox, of_one, name=name, supervision=policy))
