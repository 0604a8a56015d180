"""
Who waits for whom, and whether one more waiting would close a circle.

An edge leads from an actor in a turn to the actor that it awaits: by an ask, a tell that waits for room, a spawn, start,
restart or stop. The held handler's edge is `cell.pending`, those of tasks in the handler's own nurseries are
`ties.edges`. Background tasks have none: their waiting holds up no turn. An actor that starts awaits the static child whose
turn it is, one that is taken down all its children.
"""

from __future__ import annotations

from collections.abc import Iterator

import trio

from .cell import ASKED, CLOSED, CURRENT, DRIVEN, HALTED, HALTING, RUNNING, STARTING, STOPPING, Cell
from .envelopes import Ask
from .errors import Deadlock


@trio.lowlevel.enable_ki_protection
def asking_cell() -> Cell | None:
    """The actor whose turn this code belongs to; None for code outside of actors and for background tasks."""
    cell = CURRENT.get()
    if not isinstance(cell, Cell):
        return None
    if cell.state in (RUNNING, ASKED):
        return cell
    if cell.state != DRIVEN or cell.worker is None:
        return None
    # A task that merely inherited the contextvar (started in somebody else's nursery) does not hold up the turn.
    task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
    while task is not None:
        if task is cell.worker.task:
            return cell
        nursery = task.parent_nursery
        task = None if nursery is None else nursery.parent_task
    return None


@trio.lowlevel.enable_ki_protection
def refuse_circle(asker: Cell | None, target: Cell) -> None:
    """Raises `Deadlock` if *target* waits for *asker*, directly or through others, or is the asker itself."""
    if asker is None:
        return
    if asker is target:
        raise Deadlock((asker.path, asker.path))
    if target.pending is None and target.state != CLOSED and (target.ties is None or not target.ties.edges):
        return
    came_from: dict[Cell, Cell] = {}
    open_ends = [target]
    while open_ends:
        cell = open_ends.pop()
        for awaited in _awaited(cell):
            if awaited is asker:
                path = [asker.path]
                step: Cell | None = cell
                while step is not None:
                    path.append(step.path)
                    step = came_from.get(step)
                raise Deadlock((asker.path, *reversed(path[1:]), asker.path))
            if awaited not in came_from and awaited is not target:
                came_from[awaited] = cell
                open_ends.append(awaited)


@trio.lowlevel.enable_ki_protection
def is_awaited(cell: Cell) -> bool:
    """Whether a handler may be waiting for this actor: an ask of an actor is in hand, waits, is set aside or is owed a reply."""
    ties = cell.ties
    items = [cell.hand, *(cell.queue or ())]
    if ties is not None:
        if any(not isinstance(waiter, Ask) for waiter in ties.waiters or ()):
            return True
        items += [*(ties.waiters or ()), *(ties.stash or ()), *(ties.deferred or ())]
    return any(isinstance(item, Ask) and item.asker is not None for item in items)


def _awaited(cell: Cell) -> Iterator[Cell]:
    pending = cell.pending
    if pending is not None and pending.target is not None and not pending.done:
        yield from _targets(pending)
    ties = cell.ties
    if ties is None:
        return
    for edge in ties.edges or ():
        if not edge.done:
            yield from _targets(edge)
    if cell.state != CLOSED or ties.family is None:
        return
    if cell.phase == STARTING:
        yield from (child for child in ties.family.static() if child.phase == STARTING)
    elif cell.phase in (HALTING, STOPPING):
        yield from (child for child in ties.family.children.values() if child.phase != HALTED)


def _targets(pending: object) -> Iterator[Cell]:
    copies = getattr(pending, "copies", None)
    if copies:
        for copy in copies:
            yield from _targets(copy)
        return
    target: Cell | None = getattr(pending, "target", None)
    if target is not None:
        yield target
