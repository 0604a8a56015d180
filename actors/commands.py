"""
Spawn, stop, start and restart, as something to be awaited.

Each is a synchronous request and a wait for its end. A wait that is cancelled leaves nothing half done: a child that was
being spawned is taken down again, a stop goes on by itself.
"""

from __future__ import annotations

from typing import Any

import trio

from ..supervision import ChildSpec, Exit, StartFailed, describe_cause
from .cell import CURRENT, GONE, STARTING, UP, Background, Cell
from .circles import asking_cell, refuse_circle
from .errors import ActorGone
from .lifecycle import death_of, out_of_time, request_stop, start
from .pending import Pending
from .supervising import new_child, restart_by_hand, start_failed
from .waiting import wait

protected = trio.lowlevel.enable_ki_protection


@protected
async def spawn(parent: Cell, spec: ChildSpec[Any]) -> Cell:
    """Starts *spec* under *parent*, and returns when it has started. Raises what `new_child` raises, and StartFailed."""
    cell = new_child(parent, spec, "spawn")
    not_up = start(cell)
    if not_up is not None:
        await _until_started(cell, not_up)
    return cell


async def _until_started(cell: Cell, not_up: Pending) -> None:
    try:
        await wait(not_up)
    except BaseException:
        if not not_up.done:  # this wait was cancelled: nobody waits for the child any more
            await _take_back(cell)
            raise
        if not_up.error is not None:
            raise start_failed(cell, not_up.error) from not_up.error


async def _take_back(cell: Cell) -> None:
    dead = death_of(cell)
    request_stop(cell)
    out_of_time(cell)
    with trio.CancelScope(shield=True):
        await wait(dead)


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
def stop_self(cell: Cell) -> None:
    """The actor ends by itself when its handler has ended: a normal exit."""
    if cell.phase in (UP, STARTING):
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
        if drain:
            request_stop(cell, drain=True, reason=Exit("normal"))
        else:
            stop_self(cell)
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


@protected
async def start_static(parent: Cell, index: int) -> Cell:
    """Starts the static child at place *index* of *parent* again, a new incarnation. Raises as `spawn` does."""
    if parent.phase != UP:
        raise ActorGone(parent.path, "start")
    assert parent.ties is not None
    assert parent.ties.family is not None
    family = parent.ties.family
    spec, _ = family.places[index]
    cell = parent.dispatcher.new_cell(spec, parent, family.free_name(spec))
    family.children[cell.name] = cell
    family.replace(index, cell)
    not_up = start(cell)
    if not_up is not None:
        await _until_started(cell, not_up)
    return cell
