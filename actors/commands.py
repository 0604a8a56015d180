"""
Stopping and restarting by hand, as something to be awaited.

Each is a synchronous request and a wait for its end. A wait that is cancelled leaves nothing half done: what was asked for
goes on by itself.
"""

from __future__ import annotations

import trio

from ..supervision import Exit, StartFailed, describe_cause, restarts_after
from .cell import CURRENT, GONE, STARTING, UP, Background, Cell
from .circles import asking_cell, refuse_circle
from .errors import ActorGone
from .stopping import death_of, request_stop
from .supervising import leave_drained, restart_by_hand
from .waiting import wait

protected = trio.lowlevel.enable_ki_protection


def _is_own_or_above(cell: Cell) -> bool:
    """Whether *cell* is the actor whose code this is, or one of its ancestors."""
    current = CURRENT.get()
    step: Cell | None = current.cell if isinstance(current, Background) else current
    while step is not None:
        if step is cell:
            return True
        step = step.parent
    return False


@protected
def stop_self(cell: Cell, *, drain: bool = False) -> None:
    """
    The actor ends by itself when its handler has ended: a normal exit.

    Args:
        drain: What is queued is handled first; of a permanent actor by its next instance, which gets the mailbox anyway.
    """
    if cell.phase not in (UP, STARTING):
        return
    if drain and not restarts_after(Exit("normal"), cell.spec.restart):
        leave_drained(cell)
        return
    cell.tied().leaving = True
    cell.attend()


@protected
async def stop(cell: Cell, *, drain: bool) -> None:
    """
    Stops *cell*, and returns when it is dead. Of the own actor or an ancestor it only asks, and returns at once.

    Raises:
        Deadlock: The actor waits, directly or through others, for the one that calls this.
    """
    if cell.phase == GONE:
        return
    current = CURRENT.get()
    if (current.cell if isinstance(current, Background) else current) is cell:
        stop_self(cell, drain=drain)
        return
    if _is_own_or_above(cell):
        request_stop(cell, drain=drain)
        return
    refuse_circle(asking_cell(), cell)
    request_stop(cell, drain=drain)
    await wait(death_of(cell))


@protected
async def restart(cell: Cell) -> None:
    """
    Restarts a running actor by hand, and returns when it is up again.

    Raises:
        ActorGone: It is dead, or does not run at the moment.
        StartFailed: The new instance did not start. Its supervisor decides what follows, as for any failure.
        Deadlock: As for `stop`.
    """
    if cell.phase != UP or (cell.ties is not None and (cell.ties.ending is not None or cell.ties.escaped is not None)):
        raise ActorGone(cell.path, "restart")
    if cell.parent is None or cell.parent.phase not in (STARTING, UP):  # which is taken down, and this one with it
        raise ActorGone(cell.path, "restart")
    if _is_own_or_above(cell):
        restart_by_hand(cell)
        return
    refuse_circle(asking_cell(), cell)
    done = restart_by_hand(cell)
    try:
        await wait(done)
    except Exception as error:
        if done.error is not error:
            raise
        raise StartFailed(cell.path, describe_cause(error)) from error
