"""Who owes a reply: the asks of a system that somebody still waits for, wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import trio
from attrs import frozen

from ..actors.cell import Cell
from ..actors.envelopes import Ask
from ..actors.resolving import HERE
from ..system import System
from ..system.statistics import cells_of

CHECKPOINTS: Final = 100
"""How often all others run before it is looked for the first time."""


@frozen
class OwedReply:
    """
    An ask that was not answered yet, and whose asker still waits.

    Args:
        path: The actor that was asked.
        message_type: The name of the message's type.
        asker: The path of the actor that asked; None: code outside of a handler.
        place: Where the ask is: "queue", "hand" (a handler has it), "stash", "deferred", or "door" (waits for room).
    """

    path: str
    message_type: str
    asker: str | None
    place: str


def owed_replies(system: System) -> tuple[OwedReply, ...]:
    """All replies that are owed at this moment."""
    with system.current():
        runtime = HERE.get()
    assert runtime is not None
    return tuple(
        OwedReply(cell.path, type(ask.message).__name__, None if ask.asker is None else ask.asker.path, ask.place)
        for cell in cells_of(runtime)
        for ask in dict.fromkeys(_asks_of(cell))
        if not ask.done
    )


async def owed_after(system: System, seconds: float) -> tuple[OwedReply, ...]:
    """
    The replies that are still owed when *seconds* have passed; returns as soon as there is none.

    What was told just before is handled first, as far as it can be. Not until nothing runs any more: actors may run for ever.
    """
    for _ in range(CHECKPOINTS):
        await trio.lowlevel.checkpoint()
    with trio.move_on_after(seconds):
        while owed_replies(system):  # noqa: ASYNC110  # an ask has many ways to end, and none of them calls here
            await trio.sleep(seconds / 100)
    return owed_replies(system)


def _asks_of(cell: Cell) -> Iterator[Ask]:
    ties = cell.ties
    items: list[Any] = [cell.hand, *(cell.queue or ())]
    if ties is not None:
        items.extend(getattr(sender, "message", None) if not isinstance(sender, Ask) else sender for sender in ties.waiters or ())
        items.extend(ties.deferred or ())
        items.extend(ties.stash or ())
    return (item for item in items if isinstance(item, Ask))
