"""
The restart of one child or of a group: taken down right to left, a wait if there is back-off, started left to right.

Several steps in time, kept with the family so that a stop of the parent, or a failure that concerns more children, can
abandon them where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import trio
from attrs import frozen

from ..supervision import Directive, Exit
from .cell import GONE, HALTED, STARTING, UP, Cell
from .death import ActorStartEnded
from .family import Family
from .pending import Pending, Procedure
from .starting import start
from .stopping import SHUTDOWN, death_of, request_halt, request_stop

protected = trio.lowlevel.enable_ki_protection

OnFailure: TypeAlias = Callable[[Cell, Family, BaseException], Directive]
"""What is done when a child does not start again: the decision is not this file's, but it must know which it was."""


@frozen(eq=False)
class Regroup:
    """
    Several children to be taken down and started again because of one of them.

    Args:
        targets: In start order.
        origin: The one that failed.
        cause: What `on_restart` is told.
        reason: How the origin ends: failed, or normal if it stopped itself.
        delay: Seconds to wait between the two; 0 lets others run meanwhile. None: at once.
        alone: Concerns the origin only: others of the family may be restarted at the same time.
        done: Settled at the end, with the error if the start failed.
    """

    targets: Sequence[Cell]
    origin: Cell
    cause: BaseException
    reason: Exit
    delay: float | None
    alone: bool
    done: Pending | None = None


def begin_regroup(family: Family, regroup: Regroup, on_failure: OnFailure) -> None:
    """Several steps in time, kept with the family, so that a stop can abandon them."""
    procedure = Procedure(_regroup(family, regroup, on_failure))
    _keep(family, regroup, procedure)
    procedure.advance()


def _keep(family: Family, regroup: Regroup, procedure: Procedure) -> None:
    if regroup.alone:
        if family.regroups is None:
            family.regroups = {}
        family.regroups[regroup.origin] = procedure
    else:
        family.regroup = procedure
        family.regrouped = regroup.targets


def _drop(family: Family, regroup: Regroup) -> Procedure | None:
    if regroup.alone:
        return None if family.regroups is None else family.regroups.pop(regroup.origin, None)
    procedure, family.regroup, family.regrouped = family.regroup, None, ()
    return procedure


async def _regroup(family: Family, regroup: Regroup, on_failure: OnFailure) -> None:
    error: BaseException | None = ActorStartEnded()  # what is said when it is abandoned
    try:
        error = await _take_down_and_start(family, regroup, on_failure)
    finally:
        if regroup.done is not None:
            regroup.done.settle(error=error)


async def _take_down_and_start(family: Family, regroup: Regroup, on_failure: OnFailure) -> BaseException | None:
    """Returns why the origin is not up; None: it is."""
    origin = regroup.origin
    dispatcher = origin.dispatcher
    missing = [] if regroup.alone else _missing_places(family, regroup.targets[0])
    waits: list[Pending] = []
    for cell in regroup.targets:
        if not family.is_static(cell):
            waits.extend(_take_down(cell, regroup))
    for over in waits:
        await over
    for cell in reversed(regroup.targets):
        if family.is_static(cell):
            for over in _take_down(cell, regroup):
                await over
    if regroup.delay is not None:
        rested = Pending()
        alarm = dispatcher.alarms.after(regroup.delay, rested.settle)
        try:
            await rested
        finally:
            if alarm is not None:
                alarm.cancel()
    error: BaseException | None = None
    for cell in _in_turn(family, missing) if missing else regroup.targets:
        if cell.phase == HALTED:
            cell.lost().restarts += 1
        elif cell.phase != STARTING or (cell.ties is not None and cell.ties.started is not None):
            continue
        started = start(cell)
        if started is not None:
            try:
                await started
            except ActorStartEnded:  # stopped, or taken down by another restart: the others go on
                continue
            except Exception as raised:  # noqa: BLE001  # the restart failed: decided like any failure
                procedure = _drop(family, regroup)
                if on_failure(cell, family, raised) != "stop" or procedure is None:
                    return raised
                _keep(family, regroup, procedure)  # it ends, and the others go on without it
                error = raised if cell is origin else error
    _drop(family, regroup)
    return ActorStartEnded() if error is None and origin.phase == GONE else error


def _in_turn(family: Family, missing: Sequence[int]) -> Iterator[Cell]:
    """All children in start order. One that is missing is made when its turn comes: if one before it fails, it is still missing."""
    for index in range(len(family.places)):
        spec, placed = family.places[index]
        if index in missing and (placed is None or placed.phase == GONE):
            placed = family.parent.dispatcher.new_cell(spec, family.parent, family.free_name(spec))
            family.place(index, placed)
        if placed is not None:
            yield placed
    yield from family.dynamic()


def is_new(cell: Cell) -> bool:
    """Whether it starts right now, and somebody waits for that: such a child is left out when its group restarts."""
    return cell.ties is not None and cell.ties.started is not None and cell.ties.awaited


def _missing_places(family: Family, first_cell: Cell) -> list[int]:
    """Static children that ended before and come back with the restart of their group. A parent that starts sees to that itself."""
    if family.parent.phase != UP:
        return []
    first = 0
    if family.policy.strategy == "rest_for_one":
        if not family.is_static(first_cell):
            return []
        first = next(index for index, (_, placed) in enumerate(family.places) if placed is first_cell)
    return [
        index
        for index, (spec, placed) in enumerate(family.places)
        if index >= first and spec.restart != "temporary" and (placed is None or placed.phase == GONE)
    ]


def _take_down(cell: Cell, regroup: Regroup) -> list[Pending]:
    if cell.spec.restart == "temporary" and not regroup.alone:
        request_stop(cell)
        return [death_of(cell)]
    normally = cell is regroup.origin and regroup.reason.kind == "normal"
    over = request_halt(cell, regroup.cause, reason=regroup.reason if normally else SHUTDOWN)
    return [] if over is None else [over]
