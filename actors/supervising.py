"""
What happens to children: a failure is decided here, by the runtime from the parent's data, in whatever turn it is noticed.

The decisions themselves are pure functions of the room `supervision/`; this file carries them out. A parent that is busy
delays nothing, since its own code has no part in it.
"""

from __future__ import annotations

from trio.lowlevel import enable_ki_protection as protected

from ..supervision import Directive, Exit, RestartLimitReached, affected, directive_for, shuts_down
from ..supervision import restarts_after as ends_in_restart
from .cell import CLOSED, GONE, HALTED, HALTING, RUNNING, STARTING, STOPPING, UP, Cell
from .death import ActorStartEnded, fail_deferred
from .errors import RestartRequested
from .family import Family
from .life_facts import ActorFailed
from .pending import Pending, begin
from .regrouping import Regroup, begin_regroup, is_new
from .starting import can_renew, renew
from .stopping import SHUTDOWN, begin_ending, cut, death_of, end_those_that_start, request_stop


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
    if cell.phase in (HALTING, HALTED) or ties.failure is not None or ties.escaped is not None:
        cell.dispatcher.report(ActorFailed, cell, error, "restart")
        return
    ties.failure = error
    cut(cell)
    cell.attend()
    if cell.phase == STARTING and ties.family is not None:
        begin(end_those_that_start(ties.family, error))


@protected
def failed(cell: Cell, error: BaseException) -> None:
    """
    *cell* has failed in its turn, which is RUNNING: what becomes of it. The state is still RUNNING if it goes on at once, be it
    with a new instance.
    """
    ties = cell.ties
    if ties is not None and ties.ending is not None:  # nothing restarts after a stop was asked, and a restart is under way anyway
        ending = ties.ending
        cell.dispatcher.report(ActorFailed, cell, error, "restart" if ending.restart else "stop")
        ending.error = error
        ending.drain = False
        if not ending.begun:
            begin_ending(cell)
        return
    parent = cell.parent
    if parent is None or parent.parent is None:
        cell.state = CLOSED
        cell.tied().escaped = Exit("failed", error)
        cell.dispatcher.collapse(error)
        return
    _decide(cell, parent, error)


def _decide(cell: Cell, parent: Cell, error: BaseException) -> Directive:
    """What becomes of a child that failed, said and done."""
    family = family_of(parent) if parent.ties is None else parent.ties.family or family_of(parent)
    passed_on = error
    is_plain = parent.phase == UP and not family.judges and cell.spec.restart != "temporary"
    directive: Directive = "restart" if is_plain else _directive(cell, family, error)
    if directive == "restart":  # counted before it is said: what is said is what happens
        limit = family.count_restart(error)
        if limit is not None:
            directive, passed_on = "escalate", limit
    dispatcher = cell.dispatcher
    if dispatcher.stream.wants(ActorFailed):
        dispatcher.stream.publish(ActorFailed(cell.path, error, directive))
    if dispatcher.failure_log.says_in_full(directive):
        dispatcher.log.error("%s failed: %s", cell.path, directive, exc_info=error)
    if directive == "resume":
        cell.state = RUNNING
        resume_children(cell)
        return directive
    if cell.ties is not None:
        fail_deferred(cell, error)
    if directive == "restart":
        if is_plain and family.renews and cell.phase == UP and can_renew(cell):
            not_up = renew(cell, error)
            if not_up is not None:
                begin(await_start(cell, family, not_up))
        else:
            _restart(cell, family, error, Exit("failed", error))
    elif directive == "stop":
        _end(cell, Exit("failed", error))
    else:
        _leave_to_parent(cell, family, Exit("failed", error), passed_on)
    return directive


def _directive(cell: Cell, family: Family, error: BaseException) -> Directive:
    if isinstance(error, RestartLimitReached) and cell.dispatcher.is_guardian(family.parent):
        return "escalate" if family.is_static(cell) else "stop"
    directive = directive_for(error, family.policy.directives, cell.spec.restart)
    if directive == "resume" and cell.phase != UP:
        return "restart" if cell.spec.restart != "temporary" else "stop"  # what never started cannot go on
    if directive == "restart" and family.parent.phase == STOPPING:
        return "stop"
    return directive


def _end(cell: Cell, reason: Exit) -> None:
    """Takes down a cell in which nothing runs, for good."""
    cell.state = CLOSED
    cell.tied().escaped = reason
    request_stop(cell, reason=reason)
    _then_ended(cell)


def _then_ended(cell: Cell) -> None:
    async def wait_for_the_end() -> None:
        await death_of(cell)
        ended(cell)

    begin(wait_for_the_end())


def _leave_to_parent(cell: Cell, family: Family, reason: Exit, passed_on: BaseException) -> None:
    cell.state = CLOSED
    cell.tied().escaped = reason
    fail_from_outside(family.parent, passed_on)


def _restart(cell: Cell, family: Family, cause: BaseException, reason: Exit) -> None:
    """Takes a child, or its group, down and starts it again, in several steps. It is counted already."""
    cell.state = CLOSED
    cell.tied().escaped = reason
    if family.parent.phase not in (STARTING, UP):  # which is taken down, and takes this one down when its turn comes
        return
    alone = family.policy.strategy == "one_for_one"
    delay = _delay(cell, family)
    order = [cell] if alone else [child for child in family.in_start_order() if family.is_reached(child) and not is_new(child)]
    targets = affected(family.policy.strategy, order, cell)
    if family.regroup is not None and not alone:
        family.regroup.abandon()  # what it had still to do is part of this one
        concerned = {*targets, *family.regrouped}
        targets = tuple(child for child in order if child in concerned)
    begin_regroup(family, Regroup(targets, cell, cause, reason, delay, alone), _restart_failed)


def _restart_if_allowed(cell: Cell, family: Family, cause: BaseException, ended: Exit) -> None:
    """Restarts an actor that ended without a failure, which counts as one does."""
    limit = family.count_restart(cause)
    if limit is None:
        _restart(cell, family, cause, ended)
    else:
        _leave_to_parent(cell, family, ended, limit)


def _delay(cell: Cell, family: Family) -> float | None:
    backoff = family.policy.backoff
    if backoff is None:
        return 0.0 if cell.phase == HALTED else None  # others run before a restart that failed is tried again
    ties = cell.tied()
    now = cell.dispatcher.now()
    quiet = now - ties.since if cell.phase == UP else 0.0
    ties.attempt = 0 if ties.attempt < 0 else backoff.next_attempt(ties.attempt, quiet, family.policy.within)
    return backoff.delay(ties.attempt, cell.dispatcher.random.random())


async def await_start(cell: Cell, family: Family, not_up: Pending) -> None:
    """A procedure: a start that nobody waits for; if it fails, that is a failure of the child."""
    try:
        await not_up
    except ActorStartEnded:  # stopped, or taken down by another restart
        return
    except Exception as error:  # noqa: BLE001  # the restart failed
        _restart_failed(cell, family, error)


@protected
def restart_by_hand(cell: Cell) -> Pending:
    """Takes a running actor down and starts it again, which costs no budget. What is returned is settled when it is up."""
    assert cell.parent is not None
    done = Pending(cell)
    cause = RestartRequested(cell.path, "was restarted by hand")
    begin_regroup(family_of(cell.parent), Regroup((cell,), cell, cause, SHUTDOWN, None, alone=True, done=done), _restart_failed)
    return done


def _restart_failed(cell: Cell, family: Family, error: BaseException) -> Directive:
    """An attempt to start again has failed: it counts, and is decided by the same policy as any failure."""
    cell.state = CLOSED
    return _decide(cell, family.parent, error)


@protected
def stopped_itself(cell: Cell) -> None:
    """The actor asked to stop, and its handler has ended: a normal exit, after which a permanent one is started again."""
    family = None if cell.parent is None else family_of(cell.parent)
    if family is not None and ends_in_restart(Exit("normal"), cell.spec.restart):
        _restart_if_allowed(cell, family, RestartRequested(cell.path, "stopped by itself and is permanent"), Exit("normal"))
    else:
        _end(cell, Exit("normal"))


@protected
def leave_drained(cell: Cell) -> None:
    """The actor, which is not permanent, asked to stop when its queue is handled: a normal exit too."""
    if cell.tied().ending is None:
        request_stop(cell, drain=True, reason=Exit("normal"))
        _then_ended(cell)


@protected
def shut_down_by_child(parent: Cell) -> None:
    """A significant child has ended: the parent ends too, and its own restart type decides what follows."""
    family = None if parent.parent is None else family_of(parent.parent)
    if family is not None and not parent.dispatcher.is_guardian(parent) and ends_in_restart(SHUTDOWN, parent.spec.restart):
        _restart_if_allowed(parent, family, RestartRequested(parent.path, "was shut down with its significant children"), SHUTDOWN)
    else:
        _end(parent, SHUTDOWN)


@protected
def ended(cell: Cell) -> None:
    """A child has ended by itself and is not restarted: automatic shutdown, if its parent has it."""
    parent = cell.parent
    if parent is None or parent.ties is None or parent.ties.family is None or parent.phase not in (STARTING, UP):
        return
    if shuts_down(parent.ties.family.policy.auto_shutdown, cell.spec.significant, parent.ties.family.significant):
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
    """*cell* was resumed although a child's failure had reached it: the child is restarted if its type allows, at no cost."""
    ties = cell.ties
    if ties is None or ties.family is None or ties.family.regroup is not None:  # a group that restarts has them all
        return
    family = ties.family
    for child in family.in_start_order():
        reason = None if child.ties is None else child.ties.escaped
        if reason is None:
            continue
        if not ends_in_restart(reason, child.spec.restart):
            _end(child, reason)
            continue
        cause = reason.cause or RestartRequested(child.path, "stopped by itself and is permanent")
        begin_regroup(family, Regroup((child,), child, cause, reason, None, alone=True), _restart_failed)
