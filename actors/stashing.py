"""
What an actor does with its next messages: sets them aside until it wants them back, or has another function take them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import StashBuffer, StashFull, message_type
from .cell import EMPTY_PLAIN, Cell
from .door import discard
from .envelopes import Ask, Delivery, SetAside
from .opening import open_ask
from .sharing import SharedFact

BEHAVIOURS_MAX: Final = 1000
"""How often an actor may become something else without unbecoming."""


@protected
def stash(cell: Cell) -> None:
    """
    Sets the message in hand aside.

    Raises:
        LookupError: There is none: in a hook, a background task, or a second time for one message.
        StashFull: The stash holds as many as it may.
    """
    item = cell.hand_as_item()
    if item is None or isinstance(item, SetAside):
        raise LookupError(f"{cell.path} has no message in hand to stash: stash() is for handlers, once a message.")
    if isinstance(item, SharedFact):
        item = Delivery(item.message)
    ties = cell.tied()
    if ties.stash is None:
        limit = cell.spec.stash
        if not limit:
            raise StashFull(cell.path, 0, message_type(item))
        ties.stash = StashBuffer(limit)
    ties.stash.push(item, cell.path)
    if isinstance(item, Ask):
        item.place = "stash"
    elif isinstance(item, Delivery):
        item.set_aside()
    cell.hand = SetAside(item)
    cell.attention = True  # the turn must not count it as handled


@protected
def take_back(cell: Cell, item: Any) -> bool:
    """
    Takes what a handler set aside out of the stash, or the queue if it went back there, since that handler failed.

    Returns whether it still was there: not given up meanwhile, nor evicted.
    """
    ties = cell.ties
    assert ties is not None
    assert ties.stash is not None
    if not ties.stash.discard(item) and not discard(cell, item):
        return False
    if isinstance(item, Ask):
        item.place = "hand"
    elif isinstance(item, Delivery):
        item.taken(cell)
    return True


@protected
def become(cell: Cell, behaviour: Callable[[Any], Any]) -> None:
    """Has *behaviour* take the messages from the next one on."""
    if not callable(behaviour):
        raise TypeError(f"become() takes a function of one message, not {behaviour!r}.")
    ties = cell.tied()
    if ties.behaviours is None:
        ties.behaviours = []
    if len(ties.behaviours) >= BEHAVIOURS_MAX:
        raise ValueError(
            f"{cell.path} has become {BEHAVIOURS_MAX} things without unbecoming one. unbecome() first, or keep the state in a field."
        )
    ties.behaviours.append(behaviour)
    _behave(cell)


@protected
def unbecome(cell: Cell) -> None:
    """Goes one behaviour back."""
    ties = cell.ties
    if ties is not None and ties.behaviours:
        ties.behaviours.pop()
        _behave(cell)


def _behave(cell: Cell) -> None:
    """A table of its own while the actor has become something; the turn looks at it again."""
    ties = cell.tied()
    if ties.behaviours:
        cell.table = {Ask: open_ask}
        cell.plain = EMPTY_PLAIN
    else:
        cell.table = cell.handler_table.handlers
        cell.plain = cell.handler_table.plain
    cell.attend()
