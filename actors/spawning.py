"""
Starting children: with a wait for their start, or without.

A wait that is cancelled leaves nothing half done: the child that was being spawned is taken down again.
"""

from __future__ import annotations

from typing import Any

import trio
from trio.lowlevel import enable_ki_protection as protected

from ..registry import NameTaken
from ..supervision import ChildSpec
from .cell import STARTING, UP, Cell
from .errors import ActorGone
from .pending import Pending, begin
from .starting import start, start_failed
from .stopping import death_of, out_of_time, request_stop
from .supervising import await_start, family_of
from .waiting import spend_credit, wait


@protected
def new_child(parent: Cell, spec: ChildSpec[Any], verb: str) -> Cell:
    """
    A cell for *spec* under *parent*, not started.

    Raises:
        TypeError: It is no spec.
        ActorGone: The parent is dead, or stops.
        NameTaken: A living child has the name, or one of the spec that may be started again.
    """
    if not isinstance(spec, ChildSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{verb}() starts what a spec describes, such as actor(...) returns, not {spec!r}.")
    if parent.phase not in (UP, STARTING) or parent.limit < 0 or parent.instance is None:
        raise ActorGone(parent.path, verb)
    ties = parent.ties
    family = None if ties is None else ties.family
    if family is None:
        family = family_of(parent)
    name = spec.name
    if name is None:
        name = family.free_name(spec)
    else:
        holder = family.holder_of(name)
        if holder is not None:
            raise NameTaken(name, holder)
    cell = parent.dispatcher.new_cell(spec, parent, name)
    family.adopt(cell)
    return cell


@protected
def spawn_nowait(parent: Cell, spec: ChildSpec[Any]) -> Cell:
    """Starts a child; a failed first start is a failure of the child."""
    cell = new_child(parent, spec, "spawn_nowait")
    not_up = start(cell)
    if not_up is not None:
        begin(await_start(cell, family_of(parent), not_up))
    return cell


@protected
async def spawn(parent: Cell, spec: ChildSpec[Any]) -> Cell:
    """Starts *spec* under *parent*, and returns when it has started. Raises what `new_child` raises, and StartFailed."""
    dispatcher = parent.dispatcher
    dispatcher.credit -= 1
    if not dispatcher.credit:
        await spend_credit(dispatcher)
    cell = new_child(parent, spec, "spawn")
    not_up = start(cell, awaited=True)
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
    family.place(index, cell)
    not_up = start(cell, awaited=True)
    if not_up is not None:
        await _until_started(cell, not_up)
    return cell
