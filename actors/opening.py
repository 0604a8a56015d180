"""
What is not a plain message: how the turn opens an envelope, and what it calls when it has no handler in its table.

Handler tables map the classes of envelopes to functions of this file, which are called like handlers and hand the message
on to its real one. So the hot path looks up and calls, and asks nothing about what it has in hand.
"""

from __future__ import annotations

from typing import Any, Final

from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import Envelope, message_type
from .cell import Cell
from .door import admit
from .envelopes import Ask, DeathNotice, Delivery, SetAside
from .errors import DeathPact, Unhandled
from .sharing import SharedFact, opening_it
from .table import TYPES_REMEMBERED_MAX

NOTHING_IN_HAND: Final = SetAside(None)
"""In the hand of a turn whose item is accounted for already, without having been handled."""


@protected
def resolve(cell: Cell, message: object) -> Any:
    """
    What takes a message whose type the table has not met.

    Who waits for room gets the slot of *message* first: its handler could take it for a message to itself, for ever.
    """
    kind = type(message)
    if cell.attention and not (isinstance(message, Envelope) and (message.withdrawn or not message.takes_slot)):
        admit(cell)
    if not isinstance(message, Envelope):
        try:
            return find_handler(cell, kind) or _unhandled
        except TypeError:  # a metaclass with __eq__ and no __hash__: no table can hold such a class
            return _unhandled
    if isinstance(message, SharedFact):
        return cell.table.get(kind) or _opener(cell, message)
    opener = cell.table[kind] = open_ask if isinstance(message, Ask) else open_delivery
    return opener


def _opener(cell: Cell, shared: SharedFact) -> Any:
    """What takes shared facts of the class of this one."""
    handler = find_handler(cell, shared.kind)
    if handler is None:
        return _unhandled
    opener = opening_it(handler)
    if len(cell.table) < TYPES_REMEMBERED_MAX:
        cell.table[type(shared)] = opener
    return opener


@protected
def find_handler(cell: Cell, kind: type) -> Any:
    """The handler for messages of exactly this class, as the actor is now."""
    handler = cell.table.get(kind)
    if handler is None:
        ties = cell.ties
        table = cell.handler_table
        if ties is not None and ties.behaviours and table.vocabulary.admits(kind):
            behaviour = ties.behaviours[-1]
            handler = cell.table[kind] = lambda _instance, message: behaviour(message)
        else:  # also what the runtime sends by itself, whatever the actor has become
            handler = table.resolve(kind)
    return handler


@protected
def open_ask(instance: Any, ask: Ask) -> Any:
    """Hands an asked message on. Its reply is the turn's matter, when the handler has ended."""
    cell: Cell = instance._cell
    if ask.withdrawn:
        cell.limit -= 1
        _leave(cell)
        return None
    cell.attention = True
    ask.place = "hand"
    message: object = ask.message
    kind = type(message)
    handler = cell.table.get(kind) or find_handler(cell, kind)
    return _unhandled(instance, ask) if handler is None else handler(instance, message)


@protected
def open_delivery(instance: Any, delivery: Delivery) -> Any:
    """Hands on what came from the runtime or the event stream."""
    cell: Cell = instance._cell
    cell.limit -= 1
    delivery.taken(cell)
    if delivery.withdrawn:
        _leave(cell)
        return None
    message: object = delivery.message
    kind = type(message)
    handler = cell.table.get(kind) or find_handler(cell, kind)
    if handler is not None:
        return handler(instance, message)
    if not isinstance(delivery, DeathNotice):
        return _unhandled(instance, delivery)
    if cell.overrides("on_terminated"):
        return instance.on_terminated(message)
    raise DeathPact(cell.path, str(delivery.message.ref), str(delivery.message.reason))


@protected
def _unhandled(instance: Any, item: Any) -> None:
    """Called for what has no handler."""
    cell: Cell = instance._cell
    _leave(cell)
    cell.dispatcher.dead_letter(cell, item.message if isinstance(item, Delivery) else item, "unhandled")
    if isinstance(item, Ask):
        item.place = "over"
        item.settle(error=Unhandled(cell.path, message_type(item), type(instance).__name__))


def _leave(cell: Cell) -> None:
    """The item in hand is no message that was handled."""
    cell.hand = NOTHING_IN_HAND
    cell.attention = True
