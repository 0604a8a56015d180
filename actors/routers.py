"""
Routers: many actors behind one ref. A pool starts its workers itself, a group sends to whoever serves a key.

A router is an actor: it takes a message, chooses, and passes it on in the order of arrival, waiting for room where there
is none. An ask is passed on with its asker, so the reply does not come back through the router.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from attrs import define, evolve, field
from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import message_type
from ..registry import Chooser, Routing, ServiceKey, check_name, check_routing, choice
from .actor import Actor
from .cell import DEAD, GONE, Cell
from .circles import refuse_circle
from .door import enqueue, has_room, refuse
from .envelopes import Ask, Forwarded
from .errors import Deadlock, NoRoutee
from .ref import cell_of
from .sending import tell_with_room, wait_for_room
from .spec import ActorSpec

M = TypeVar("M")


@define(eq=False)
class Router(Actor[Any]):
    """Passes each message on to one of its routees, or to all."""

    routing: Routing
    key: Callable[[Any], object] | None
    service: ServiceKey[Any] | None = None
    _chooser: Chooser[Cell] | None = field(default=None, init=False)

    def on_start(self) -> None:
        """Makes the chooser, which needs the system's randomness."""
        self._chooser = choice(
            self.routing,
            random=self._cell.dispatcher.random.random,
            load=Cell.load,
            identity=lambda cell: cell.path,
            key=self.key,
        )

    @protected
    async def receive(self, message: Any, /) -> Any:
        """Chooses, and passes on."""
        cell = self._cell
        routees = self._routees()
        if self._chooser is None:
            chosen: Sequence[Cell] = routees
        else:
            one = self._chooser.choose(routees, message)
            chosen = () if one is None else (one,)
        item = cell.hand_as_item()
        if not chosen:
            cell.handled -= 1  # it is counted as a dead letter instead
            cell.dispatcher.dead_letter(cell, item, "unhandled")
            if isinstance(item, Ask):
                item.place = "over"
                item.settle(error=NoRoutee(cell.path, message_type(item), type(self).__name__))
        elif isinstance(item, Ask):
            item.place = "forwarded"
            copies = [Forwarded(item, routee) for routee in chosen]
            try:
                while copies:
                    await pass_on(copies[0])
                    del copies[0]
            finally:  # cut off: no routee answers what was not passed on
                for copy in copies:
                    copy.drop()
        else:
            for routee in chosen:
                await tell_with_room(routee, message)

    def _routees(self) -> tuple[Cell, ...]:
        if self.service is not None:
            return tuple(cell_of(ref) for ref in self._cell.dispatcher.registry.find(self.service))
        ties = self._cell.ties
        return () if ties is None or ties.family is None else tuple(cell for cell in ties.family.static() if cell.phase != GONE)


async def pass_on(copy: Forwarded) -> None:
    """Puts a copy of an ask into the mailbox of whom it asks, or waits for room there."""
    routee = copy.asked
    if copy.origin.done:
        copy.settle(error=None)
        return
    try:
        refuse_circle(copy.asker, routee)
    except Deadlock as error:
        copy.settle(error=error)
        return
    if not has_room(routee) and routee.limit >= 0 and routee.state != DEAD:
        await wait_for_room(routee, copy)
    elif routee.limit < 0 or routee.state == DEAD:
        refuse(routee, copy)
    else:
        enqueue(routee, copy)
        copy.place = "queue"


def router(
    name: str,
    worker_spec: ActorSpec[M],
    size: int,
    *,
    routing: Routing = "round_robin",
    key: Callable[[M], object] | None = None,
) -> ActorSpec[M]:
    """
    A pool: *size* workers of one spec, supervised one by one, behind one ref.

    Guarantees:
        * A message goes to one worker (with ``broadcast`` to all), an ask with its reply; the first reply wins.
        * Messages are passed on in the order of arrival. A chosen worker without room holds up the pool: back-pressure.
        * A worker keeps its place while it restarts.

    Args:
        name: One part of the path.
        worker_spec: What each worker is started from; its name, if it has one, gets a number.
        size: How many workers, at least 1.
        routing: ``round_robin``, ``random``, ``least_loaded`` (fewest waiting), ``consistent_hash`` or ``broadcast``.
        key: From a message to what it is routed by; required for and only for ``consistent_hash``.

    Raises:
        ValueError: A size below 1, an unknown routing, a key that is missing or not used.
        TypeError: The worker is no spec.
    """
    check_routing(routing, key)
    if not isinstance(worker_spec, ActorSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"router() needs the spec of its workers, such as actor(...) returns, not {worker_spec!r}.")
    if isinstance(size, bool) or not isinstance(size, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"size must be an int, not {size!r}.")
    if size < 1:
        raise ValueError(f"A pool has at least 1 worker, not {size}.")
    label = worker_spec.name or worker_spec.label
    workers = [evolve(worker_spec, name=f"{label}-{number}") for number in range(1, size + 1)]
    return ActorSpec(partial(Router, routing, key), name=check_name(name), children=workers)


def group(
    name: str, service_key: ServiceKey[M], *, routing: Routing = "round_robin", key: Callable[[M], object] | None = None
) -> ActorSpec[M]:
    """
    A router over whoever is registered under *service_key* at the moment; see `router`.

    Without a member, a told message is a dead letter (unhandled), and an asker gets `NoRoutee`, an `Unhandled`.
    """
    check_routing(routing, key)
    if not isinstance(service_key, ServiceKey):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"group() needs a ServiceKey, not {service_key!r}.")
    return ActorSpec(partial(Router, routing, key, service_key), name=check_name(name))
