"""
What happens to children: a failure is decided here, by the runtime from the parent's data, in whatever turn it is noticed.

The decisions themselves are pure functions of the room `supervision/`; this file carries them out. A parent that is busy
delays nothing, since its own code has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import trio
from attrs import frozen

from ..registry import NameTaken
from ..supervision import ChildSpec, Directive, Exit, RestartLimitReached, StartFailed, affected, describe_cause, directive_for, shuts_down
from ..supervision import restarts_after as ends_in_restart
from .cell import CLOSED, GONE, HALTED, STARTING, UP, Cell
from .death import ActorStartEnded, die, fail_deferred
from .errors import ActorGone, RestartRequested
from .family import Family
from .life_facts import ActorFailed
from .lifecycle import SHUTDOWN, begin_ending, can_renew, cut, death_of, let_go, renew, request_halt, request_stop, start
from .pending import Pending, Procedure, begin

protected = trio.lowlevel.enable_ki_protection


def family_of(cell: Cell) -> Family:
    """The children of *cell*, made now if it had none."""
    ties = cell.tied()
    if ties.family is None:
        ties.family = Family(cell)
    return ties.family


@protected
def fail_from_outside(cell: Cell, error: BaseException) -> None:
    """*cell* fails for a reason outside of its turn: its running handler is cancelled at once, then its parent's policy decides."""
    if cell.phase == GONE:
        return
    ties = cell.tied()
    if ties.ending is not None and ties.ending.begun:
        ties.ending.error = error
        cell.dispatcher.report(ActorFailed, cell, error, "restart" if ties.ending.restart else "stop")
        return
    if cell.phase == HALTED or ties.failure is not None or ties.escaped is not None:
        cell.dispatcher.report(ActorFailed, cell, error, "restart")
        return
    ties.failure = error
    cut(cell)
    cell.attend()


@protected
def failed(cell: Cell, error: BaseException) -> None:
    """*cell* has failed and nothing runs in it: what becomes of it."""
    ties = cell.ties
    ending = None if ties is None else ties.ending
    if ending is not None:  # nothing restarts after a stop was asked, and a restart is under way anyway
        cell.dispatcher.report(ActorFailed, cell, error, "restart" if ending.restart else "stop")
        ending.error = error
        ending.drain = False
        if not ending.begun:
            begin_ending(cell)
        return
    parent = cell.parent
    if parent is None or parent.parent is None:
        cell.state = CLOSED
        cell.tied().escaped = error
        cell.dispatcher.collapse(error)
        return
    family = family_of(parent)
    directive = _directive(cell, family, error)
    cell.dispatcher.report(ActorFailed, cell, error, directive)
    cell.dispatcher.log_failure(cell, error, directive)
    _carry_out(cell, family, error, directive)


def _directive(cell: Cell, family: Family, error: BaseException) -> Directive:
    if isinstance(error, RestartLimitReached) and cell.dispatcher.is_guardian(family.parent):
        return "escalate" if family.is_static(cell) else "stop"
    directive = directive_for(error, family.policy.directives, cell.spec.restart)
    if directive == "resume" and cell.phase != UP:
        return "restart" if cell.spec.restart != "temporary" else "stop"  # what never started cannot go on
    return directive


def _carry_out(cell: Cell, family: Family, error: BaseException, directive: Directive) -> None:
    if directive == "resume":
        let_go(cell)
        resume_children(cell)
        return
    fail_deferred(cell, error)
    if directive == "stop":
        _end(cell, Exit("failed", error))
    elif directive == "escalate":
        _leave_to_parent(cell, family, error, error)
    else:
        _restart(cell, family, error, Exit("failed", error))


def _end(cell: Cell, reason: Exit) -> None:
    """Takes down a cell in which nothing runs, for good."""
    cell.state = CLOSED
    cell.tied().escaped = reason.cause or RestartRequested(cell.path, "ended")
    request_stop(cell, reason=reason)
    _then_ended(cell)


def _then_ended(cell: Cell) -> None:
    async def wait_for_the_end() -> None:
        await death_of(cell)
        ended(cell)

    begin(wait_for_the_end())


def _leave_to_parent(cell: Cell, family: Family, error: BaseException, passed_on: BaseException) -> None:
    cell.state = CLOSED
    cell.tied().escaped = error
    fail_from_outside(family.parent, passed_on)


def _restart(cell: Cell, family: Family, cause: BaseException, reason: Exit) -> None:
    if family.parent.phase not in (STARTING, UP):  # which is taken down, and takes this one down when its turn comes
        cell.state = CLOSED
        cell.tied().escaped = cause
        return
    dispatcher = cell.dispatcher
    now = dispatcher.now()
    family.causes.append(cause)
    if not family.window.admit(family.history, now):
        policy = family.policy
        limit = RestartLimitReached(family.parent.path, policy.max_restarts, policy.within, tuple(family.causes))
        limit.__cause__ = cause
        _leave_to_parent(cell, family, cause, limit)
        return
    delay = _delay(cell, family, now)
    if family.policy.strategy == "one_for_one" and not delay and reason.kind == "failed" and cell.phase == UP and can_renew(cell):
        not_up = renew(cell, cause)
        if not_up is None:
            return
        begin(_await_start(cell, family, not_up))
        return
    cell.state = CLOSED
    cell.tied().escaped = cause
    order = [child for child in family.in_start_order() if not _is_new(child)] if family.policy.strategy != "one_for_one" else [cell]
    targets = affected(family.policy.strategy, order, cell)
    if family.regroup is not None and family.policy.strategy != "one_for_one":
        family.regroup.abandon()  # what it had still to do is part of this one
    alone = family.policy.strategy == "one_for_one"
    _begin_regroup(family, Regroup(targets, cell, cause, reason, delay, alone))


def _delay(cell: Cell, family: Family, now: float) -> float:
    backoff = family.policy.backoff
    if backoff is None:
        return 0.0
    ties = cell.tied()
    quiet = now - ties.since if cell.phase == UP else 0.0
    ties.attempt = 0 if ties.attempt < 0 else backoff.next_attempt(ties.attempt, quiet, family.policy.within)
    return backoff.delay(ties.attempt, cell.dispatcher.random.random())


@frozen(eq=False)
class Regroup:
    """
    Several children to be taken down and started again because of one of them.

    Args:
        targets: In start order.
        origin: The one that failed.
        cause: What `on_restart` is told.
        reason: How the origin ends: failed, or normal if it stopped itself.
        delay: Seconds to wait between the two.
        alone: Concerns the origin only: others of the family may be restarted at the same time.
        done: Settled at the end, with the error if the start failed.
    """

    targets: Sequence[Cell]
    origin: Cell
    cause: BaseException
    reason: Exit
    delay: float
    alone: bool
    done: Pending | None = None


def _begin_regroup(family: Family, regroup: Regroup) -> None:
    """Several steps in time, kept with the family, so that a stop can abandon them."""
    procedure = Procedure(_regroup(family, regroup))
    if regroup.alone:
        if family.regroups is None:
            family.regroups = {}
        family.regroups[regroup.origin] = procedure
    else:
        family.regroup = procedure
    procedure.advance()


async def _await_start(cell: Cell, family: Family, not_up: Pending) -> None:
    try:
        await not_up
    except Exception as error:  # noqa: BLE001  # the restart failed
        _restart_failed(cell, family, error)


async def _regroup(family: Family, regroup: Regroup) -> None:
    error: BaseException | None = ActorStartEnded()  # what is said when it is abandoned
    try:
        error = await _take_down_and_start(family, regroup)
    finally:
        if regroup.done is not None:
            regroup.done.settle(error=error)


async def _take_down_and_start(family: Family, regroup: Regroup) -> BaseException | None:
    """Returns why the origin is not up; None: it is."""
    origin = regroup.origin
    dispatcher = origin.dispatcher
    missing = [] if regroup.alone else _missing_places(family, origin)
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
    if regroup.delay:
        rested = Pending()
        alarm = dispatcher.alarms.after(regroup.delay, rested.settle)
        try:
            await rested
        finally:
            if alarm is not None:
                alarm.cancel()
    failure: tuple[Cell, BaseException] | None = None
    for cell in _in_turn(family, missing) if missing else regroup.targets:
        if cell.phase == HALTED:
            cell.lost().restarts += 1
        elif cell.phase != STARTING or (cell.ties is not None and cell.ties.started is not None):
            continue
        started = start(cell)
        if started is not None:
            try:
                await started
            except Exception as raised:  # noqa: BLE001  # the restart failed: decided like any failure
                failure = (cell, raised)
                break
    if regroup.alone:
        if family.regroups:
            family.regroups.pop(origin, None)
    else:
        family.regroup = None
    if failure is not None and failure[0].phase != GONE:
        _restart_failed(failure[0], family, failure[1])
    if failure is not None:
        return failure[1]
    return ActorStartEnded() if origin.phase == GONE else None


def _in_turn(family: Family, missing: Sequence[int]) -> Iterator[Cell]:
    """All children in start order. One that is missing is made when its turn comes: if one before it fails, it is still missing."""
    for index in range(len(family.places)):
        spec, placed = family.places[index]
        if index in missing and (placed is None or placed.phase == GONE):
            placed = family.parent.dispatcher.new_cell(spec, family.parent, family.free_name(spec))
            family.children[placed.name] = placed
            family.replace(index, placed)
        if placed is not None:
            yield placed
    yield from family.dynamic()


def _is_new(cell: Cell) -> bool:
    """Whether it starts right now on somebody's behalf, who waits for that: such a child is left out when its group restarts."""
    if cell.phase != STARTING:
        return False
    return cell.losses is None or not cell.losses.restarts or (cell.parent is not None and cell.parent.phase != UP)


def _missing_places(family: Family, failed_cell: Cell) -> list[int]:
    """Static children that ended before and come back with the restart of their group. A parent that starts sees to that itself."""
    if family.parent.phase != UP:
        return []
    first = 0
    if family.policy.strategy == "rest_for_one":
        if not family.is_static(failed_cell):
            return []
        first = next(index for index, (_, placed) in enumerate(family.places) if placed is failed_cell)
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


@protected
def restart_by_hand(cell: Cell) -> Pending:
    """Takes a running actor down and starts it again, which costs no budget. What is returned is settled when it is up."""
    assert cell.parent is not None
    done = Pending(cell)
    cause = RestartRequested(cell.path, "was restarted by hand")
    _begin_regroup(family_of(cell.parent), Regroup((cell,), cell, cause, SHUTDOWN, 0.0, alone=True, done=done))
    return done


def _restart_failed(cell: Cell, family: Family, error: BaseException) -> None:
    """An attempt to start again has failed: it counts, and is decided by the same policy as any failure."""
    cell.state = CLOSED
    directive = _directive(cell, family, error)
    cell.dispatcher.report(ActorFailed, cell, error, directive)
    cell.dispatcher.log_failure(cell, error, directive)
    _carry_out(cell, family, error, directive)


@protected
def stopped_itself(cell: Cell) -> None:
    """The actor asked to stop, and its handler has ended: a normal exit, after which a permanent one is started again."""
    family = None if cell.parent is None else family_of(cell.parent)
    if family is not None and ends_in_restart(Exit("normal"), cell.spec.restart):
        _restart(cell, family, RestartRequested(cell.path, "stopped by itself and is permanent"), Exit("normal"))
    else:
        _end(cell, Exit("normal"))


@protected
def shut_down_by_child(parent: Cell) -> None:
    """A significant child has ended: the parent ends too, and its own restart type decides what follows."""
    family = None if parent.parent is None else family_of(parent.parent)
    if family is not None and not parent.dispatcher.is_guardian(parent) and ends_in_restart(SHUTDOWN, parent.spec.restart):
        _restart(parent, family, RestartRequested(parent.path, "was shut down with its significant children"), SHUTDOWN)
    else:
        _end(parent, SHUTDOWN)


@protected
def ended(cell: Cell) -> None:
    """A child has ended by itself and is not restarted: automatic shutdown, if its parent has it."""
    parent = cell.parent
    if parent is None or parent.ties is None or parent.ties.family is None or parent.phase not in (STARTING, UP):
        return
    if shuts_down(parent.ties.family.policy.auto_shutdown, cell.spec.significant, parent.ties.family.significant_left()):
        parent.tied().shut_down = True
        parent.attend()


@protected
def skip_restart(cell: Cell) -> None:
    """*cell* waits for a restart and is stopped by hand instead."""
    parent = cell.parent
    if parent is not None and parent.ties is not None and parent.ties.family is not None:
        family = parent.ties.family
        if family.regroups and cell in family.regroups:
            family.regroups.pop(cell).abandon()


@protected
def resume_children(cell: Cell) -> None:
    """*cell* was resumed although a child's failure had reached it: the child is restarted, which costs no budget."""
    ties = cell.ties
    if ties is None or ties.family is None:
        return
    family = ties.family
    for child in family.in_start_order():
        escaped = None if child.ties is None else child.ties.escaped
        if escaped is not None and child.phase in (UP, HALTED):
            _begin_regroup(family, Regroup((child,), child, escaped, Exit("failed", escaped), 0.0, alone=True))


# Starting children


@protected
def start_failed(cell: Cell, error: BaseException, *, again: bool = False) -> StartFailed:
    """A first start has failed: the actor leaves nothing, and its starter gets the error. One that starts *again* keeps its mailbox."""
    reason = StartFailed(cell.path, describe_cause(error))
    reason.__cause__ = error
    if cell.phase != GONE and not again:
        if cell.ties is not None and cell.ties.family is not None and cell.ties.family.children:
            request_stop(cell)
        else:
            die(cell, Exit("failed", error), announce=False)
    return reason


@protected
def new_child(parent: Cell, spec: ChildSpec[Any], verb: str) -> Cell:
    """
    A cell for *spec* under *parent*, not started.

    Raises:
        TypeError: It is no spec.
        ActorGone: The parent is dead, or stops.
        NameTaken: A living child has the name.
    """
    if not isinstance(spec, ChildSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{verb}() starts what a spec describes, such as actor(...) returns, not {spec!r}.")
    if parent.phase not in (UP, STARTING) or parent.limit < 0 or parent.instance is None:
        raise ActorGone(parent.path, verb)
    family = family_of(parent)
    name = family.free_name(spec)
    if name in family.children:
        raise NameTaken(name, family.children[name].path)
    cell = parent.dispatcher.new_cell(spec, parent, name)
    family.children[name] = cell
    return cell


@protected
def spawn_nowait(parent: Cell, spec: ChildSpec[Any]) -> Cell:
    """Starts a child; a failed first start is a failure of the child."""
    cell = new_child(parent, spec, "spawn_nowait")
    not_up = start(cell)
    if not_up is not None:
        begin(_await_start(cell, family_of(parent), not_up))
    return cell
