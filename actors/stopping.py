"""
How an actor is taken down: to die, or to be started again.

Requests are synchronous and only note what is wanted; what takes time is a `Procedure`, begun when no handler runs. The last
hooks are the user's code and run as turns of the actor, like messages.
"""

from __future__ import annotations

from typing import Final

from trio.lowlevel import enable_ki_protection as protected

from ..supervision import Directive, Exit
from .cell import (
    ASKED,
    BLOCKED,
    CLOSED,
    DRIVEN,
    EMPTY_PLAIN,
    EMPTY_TABLE,
    GONE,
    HALTED,
    HALTING,
    HELD,
    READY,
    REFUSES,
    RUNNING,
    STARTING,
    STOPPING,
    Cell,
)
from .death import ActorStartEnded, die, fail_deferred
from .door import unstash, wake_senders
from .ending import Ending
from .family import Family
from .jobs import run_hook
from .life_facts import ActorFailed
from .pending import Pending, begin
from .watching import unwatch

STOPPED_AT_ONCE_MAX: Final = 64
"""Dynamic children that are told to stop before others run: the end of a hundred thousand takes a second."""

SHUTDOWN = Exit("shutdown")


@protected
def request_stop(cell: Cell, *, drain: bool = False, reason: Exit = SHUTDOWN) -> None:
    """Stops *cell*: its running handler may end, then it is taken down. Idempotent; without drain after a drain, no more is drained."""
    if cell.phase == GONE:
        return
    ties = cell.tied()
    ending = ties.ending
    if ending is not None and not ending.restart:
        if not drain and ending.drain:
            ending.drain = False
            cell.attend()
        return
    cell.limit = REFUSES
    if ties.subscribed:
        cell.dispatcher.stream.forget(cell)
    wake_senders(cell)
    if cell.phase == HALTED:
        cell.dispatcher.supervising.skip_restart(cell)
        ties.ending = Ending(ties.escaped or reason, restart=False)
        begin_ending(cell)
        return
    if ending is not None:  # it was to be restarted: the same taking-down leads to its end now
        ending.restart = False
        ending.exit = reason
        return
    _begin(cell, Ending(reason, restart=False, drain=drain))


@protected
def request_halt(cell: Cell, cause: BaseException, *, reason: Exit = SHUTDOWN) -> Pending | None:
    """
    Takes *cell* down for a restart: its ref and its mailbox stay. None: it is down already.
    """
    if cell.phase in (GONE, HALTED):
        return None
    ties = cell.tied()
    if ties.ending is None:
        _begin(cell, Ending(reason, restart=True, cause=cause))
    return None if ties.ending is None else ties.ending.until_over()


def _begin(cell: Cell, ending: Ending) -> None:
    ties = cell.tied()
    ties.ending = ending
    ending.start_clock(cell.dispatcher.alarms, 0.0 if cell.dispatcher.is_killing else cell.spec.stop_timeout, lambda: out_of_time(cell))
    if ties.escaped is not None:  # it ended by itself and waits for its parent, with no handler
        ending.exit, ties.escaped = ties.escaped, None
        ending.cause = ending.exit.cause or ending.cause
        begin_ending(cell)
    elif cell.phase == STARTING:
        if ties.family is not None:
            begin(end_those_that_start(ties.family, ending.cause if ending.restart else None))
    else:
        cell.attend()


async def end_those_that_start(family: Family, cause: BaseException | None) -> None:
    """
    Children whose parent cannot start any more, for *cause*, or is to stop.

    A procedure, so that the stop of a tree that starts goes down without a stack as deep as the tree.
    """
    for child in list(family.children.values()):
        if child.phase != STARTING:
            continue
        if cause is not None and child.losses is not None and child.losses.restarts:  # it keeps its mailbox for the next attempt
            request_halt(child, cause)
        else:
            request_stop(child)


@protected
def out_of_time(cell: Cell) -> None:
    """The stop timeout is over: what still runs is cancelled, and nothing more is drained."""
    ties = cell.ties
    ending = None if ties is None else ties.ending
    if ending is None or ending.killed or cell.phase == GONE:
        return
    ending.killed = True
    ending.drain = False
    ending.stop_clock()
    cut(cell)
    cell.attend()


@protected
def cut(cell: Cell) -> None:
    """Cancels the handler or hook that is suspended in *cell*, at once, and nothing else."""
    state = cell.state
    if state == DRIVEN:
        assert cell.worker is not None
        cell.worker.cut()
    elif state in (HELD, BLOCKED) or (state == READY and cell.held is not None):
        cell.dispatcher.cut_held(cell)
    elif state in (RUNNING, ASKED):
        cell.attention = True


@protected
def begin_ending(cell: Cell) -> None:
    """No handler runs any more: the taking-down begins."""
    ties = cell.tied()
    ending = ties.ending
    assert ending is not None
    assert not ending.begun
    ending.begun = True
    cell.state = CLOSED
    cell.attention = False
    begin(_halting(cell, ending) if ending.restart else _stopping(cell, ending))


async def _stopping(cell: Cell, ending: Ending) -> None:
    cell.phase = STOPPING
    await tear_down(cell, ending)
    if cell.instance is not None and cell.overrides("on_stop"):
        await _last_hook(cell, ending, "on_stop", ending.final_exit())
    die(cell, ending.final_exit())


async def _halting(cell: Cell, ending: Ending) -> None:
    cell.phase = HALTING
    await tear_down(cell, ending)
    if cell.instance is not None:
        if ending.exit.kind == "normal" or not ending.restart:
            if cell.overrides("on_stop"):
                await _last_hook(cell, ending, "on_stop", ending.final_exit())
        elif cell.overrides("on_restart"):
            await _last_hook(cell, ending, "on_restart", ending.cause)
    drop_instance(cell, ending.cause)
    ties = cell.tied()
    if not ending.restart:  # it was asked to stop meanwhile: the children that waited for its restart end too
        cell.phase = STOPPING
        await tear_down(cell, ending)
        die(cell, ending.final_exit())
        return
    cell.phase = HALTED
    ties.ending = None
    started, ties.started = ties.started, None
    ending.is_over()
    if started is not None:
        started.settle(error=ActorStartEnded())


async def tear_down(cell: Cell, ending: Ending) -> None:
    """Ends what hangs on the instance: timers, background tasks, children."""
    ties = cell.tied()
    if ties.timers:
        for timer in list(ties.timers.values()):
            timer.cancel()
    if ties.task_scopes:
        ties.tasks_over = over = Pending()
        for scope in list(ties.task_scopes):
            scope.cancel()
        await over
    if ties.family is not None and ties.family.children:
        ending.pause_clock()
        await _end_children(ties.family, ending)
        ending.resume_clock()


async def _end_children(family: Family, ending: Ending) -> None:
    """Dynamic children first, in parallel, then the static ones right to left: to die, or to wait for their parent's restart."""
    family.abandon_restarts()
    dynamic = family.dynamic()
    for number, child in enumerate(dynamic, 1):
        if ending.restart:  # the parent's new instance knows nothing of them
            unwatch(family.parent, child)
        request_stop(child, drain=ending.drain)
        if number % STOPPED_AT_ONCE_MAX == 0:
            others_ran = Pending()
            family.parent.dispatcher.alarms.after(0.0, others_ran.settle)
            await others_ran
    for child in dynamic:
        await death_of(child)
    for child in reversed(family.static()):
        if ending.restart:
            over = request_halt(child, ending.cause or ActorStartEnded())
            if over is not None:
                await over
        if not ending.restart:
            request_stop(child, drain=ending.drain)
            await death_of(child)


def death_of(cell: Cell) -> Pending:
    """What is settled when *cell* is dead."""
    dead = Pending(cell)
    if cell.phase == GONE:
        dead.settle()
    else:
        cell.tied().down.append(dead)
    return dead


async def _last_hook(cell: Cell, ending: Ending, name: str, argument: object) -> None:
    """A hook that cannot change what happens: what it raises is published and logged."""
    job = run_hook(cell, getattr(cell.instance, name), argument, cancelled=ending.killed)
    try:
        await job
    except Exception as error:  # the user's hook
        directive: Directive = "restart" if ending.restart else "stop"
        cell.dispatcher.report(ActorFailed, cell, error, directive)
        cell.dispatcher.log.exception("%s of %s raised; the %s goes on", name, cell.path, directive)


def drop_instance(cell: Cell, cause: BaseException | None) -> None:
    """The old instance and what hung on it are gone: replies that it owed, what it became, what it had set aside."""
    cell.instance = None
    cell.context_object = None
    cell.table = EMPTY_TABLE
    cell.plain = EMPTY_PLAIN
    ties = cell.tied()
    fail_deferred(cell, cause)
    ties.behaviours = None
    ties.leaving = False
    ties.shut_down = False
    if ties.stash is not None and len(ties.stash):
        unstash(cell)
