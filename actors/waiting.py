"""
How code waits for a `Pending`, at the least cost that its place allows.

A handler whose coroutine the runtime may hold is suspended by the runtime itself: it yields a mark that only the turn
understands, its coroutine stays in its cell, and any worker resumes it. All other code (outside of actors, in a nursery of a
handler, in a handler that has parked on trio before in this turn or holds a cancel scope) parks its task of trio.

Consequence: a handler may go on in another task of trio after an ask. A `trio.Lock` taken with `acquire_nowait` may
not be held across one (trio would raise at the release); `async with lock` may, since it holds a task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

import trio
from trio.lowlevel import enable_ki_protection as protected

from .cell import CURRENT, RUNNING, Cell
from .circles import asking_cell
from .pending import Pending

if TYPE_CHECKING:
    from .runtime import Runtime


class _Mark:
    """What a coroutine yields to the runtime; anything else that it yields is a trap of trio."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: str = name

    def __repr__(self) -> str:
        return self.name


HOLD: Final = _Mark("HOLD")
"""Hold this handler until `cell.pending` is settled."""
PAUSE: Final = _Mark("PAUSE")
"""Let the others go on, then this handler."""


def can_hold() -> Cell | None:
    """The actor whose handler runs right now, if the runtime may suspend it."""
    cell = CURRENT.get()
    if isinstance(cell, Cell) and cell.state == RUNNING and cell.dispatcher.may_hold():
        return cell
    return None


@protected
def waiting_for(pending: Pending) -> Generator[Any, Any, Any]:
    """
    Waits until *pending* is settled, and returns its value or raises its error. For generators; coroutines await `wait`.

    When the waiting is cancelled, *pending* is left to the caller to be withdrawn.
    """
    if pending.done:
        return pending.result()
    cell = can_hold()
    if cell is not None:
        cell.pending = pending
        pending.cell = cell
        try:
            yield HOLD
        finally:
            pending.cell = None
            cell.pending = None
        return pending.result()
    return (yield from parked(pending, asking_cell() if pending.target is not None else None))


@protected
def parked(pending: Pending, asker: Cell | None) -> Generator[Any, Any, Any]:
    """
    Waits as `waiting_for` does, on a task of trio.

    Args:
        asker: Whose turn waits with it.
    """
    if asker is not None:
        ties = asker.tied()
        if ties.edges is None:
            ties.edges = {}
        ties.edges[pending] = None
    pending.task = trio.lowlevel.current_task()
    try:
        yield from trio.lowlevel.wait_task_rescheduled(pending.leave).__await__()  # noqa: ASYNC105  # this is what an await does
    finally:
        if asker is not None and asker.ties is not None and asker.ties.edges is not None:
            asker.ties.edges.pop(pending, None)
    return pending.result()


wait: Callable[[Pending], Awaitable[Any]] = coroutine(waiting_for)


@protected
@coroutine
def pause() -> Generator[Any, Any, None]:
    """Lets the other ready actors run, then goes on with this handler. For code that `can_hold()`."""
    yield PAUSE


@protected
async def spend_credit(dispatcher: Runtime) -> None:
    """Many calls were made without a checkpoint. If they took a slice, others run now; nothing is sent yet: this may be cancelled."""
    dispatcher.credit = dispatcher.credit_max
    clock = dispatcher.policy.clock
    if can_hold() is not None:
        if clock() >= dispatcher.slice_end:
            await pause()
    elif clock() >= dispatcher.outside_slice_end:
        await trio.lowlevel.checkpoint()
        dispatcher.outside_slice_end = clock() + dispatcher.policy.slice_seconds
