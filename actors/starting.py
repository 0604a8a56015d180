"""
How an actor comes up: an instance from its spec, its `on_start`, its static children; the same at every restart.

What takes time is a `Procedure`. A leaf that nothing hangs on is renewed on the spot: most restarts are of such.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard

import trio
from trio.lowlevel import enable_ki_protection as protected

from ..supervision import Exit, StartFailed, describe_cause
from .actor import Actor
from .cell import CLOSED, GONE, HALTED, HALTING, IDLE, READY, RUNNING, STARTING, STOPPING, UP, Cell
from .death import ActorStartEnded, die
from .ending import Ending
from .envelopes import Ask
from .errors import HandlerCutOff
from .family import Family
from .jobs import run_hook
from .life_facts import ActorRestarted, ActorStarted
from .opening import open_ask
from .pending import Pending, begin
from .stopping import SHUTDOWN, begin_ending, drop_instance, tear_down
from .table import Handler, HandlerTable

HOOKS_OF_A_RESTART: Final = frozenset(("on_restart", "on_start"))
"""Hooks that a restart would have to wait for."""


@protected
def start(cell: Cell, *, awaited: bool = False, in_turn: bool = False) -> Pending | None:
    """
    Makes an instance and brings it up. None: it is up. Else what is settled when it is, with the error if it is not.

    Args:
        awaited: Somebody waits for this start, and is told if it fails: then nothing is left of an actor that was never up.
            Else a failed start is one more failure of the actor, which keeps its mailbox.
        in_turn: This is the actor's turn, which goes on with the new instance if that is up at once: the state is RUNNING then.
    """
    cell.phase = STARTING
    cell.state = CLOSED
    if cell.ties is not None:
        cell.ties.escaped = None
    try:
        made: Any = _made(cell)
        kind: Any = type(made)  # pyright: ignore[reportUnknownVariableType]
        # To look at a slot that is empty costs as much as to make the instance: it is not looked at where it must be empty.
        if kind is not cell.spec.factory or not getattr(kind, "__is_made_anew__", False):
            _check(cell, made)
        made._cell = cell  # pyright: ignore[reportPrivateUsage]
        cell.instance = made
        table: HandlerTable = kind.__table__
        handlers: dict[type, Handler] = table.handlers
        cell.table = handlers
        cell.plain = table.plain
        if Ask not in handlers:
            handlers[Ask] = open_ask
    except BaseException as raised:  # noqa: BLE001  # the user's constructor: its failure is the failure to start
        failed = Pending(cell)
        error = raised if isinstance(raised, Exception) else HandlerCutOff(cell.path)
        if error is not raised:
            cell.dispatcher.interrupt(raised)
        cell.instance = None
        cell.phase = HALTED
        if awaited and not _was_up(cell):
            die(cell, Exit("failed", error), announce=False)
        failed.settle(error=error)
        return failed
    hooks: frozenset[str] = kind.__hooks__
    if not cell.spec.children and "on_start" not in hooks:
        came_up(cell)
        if in_turn:
            cell.state = RUNNING
        elif cell.ties is None and cell.queue is None:
            cell.state = IDLE
        else:
            let_go(cell)
        return None
    ties = cell.tied()
    started = ties.started = Pending(cell)
    ties.awaited = awaited
    begin(_starting(cell))
    return started


@trio.lowlevel.disable_ki_protection
def _made(cell: Cell) -> object:
    """A new instance, or whatever the factory makes. It is the user's code: Ctrl-C breaks a loop in it."""
    return cell.spec.factory(*cell.spec.args)


def _was_up(cell: Cell) -> bool:
    return cell.losses is not None and cell.losses.restarts > 0


def _is_actor(made: object) -> TypeGuard[Actor[Any]]:
    return isinstance(made, Actor)


def _check(cell: Cell, made: object) -> None:
    if not _is_actor(made):
        raise TypeError(f"The factory of {cell.path} made {made!r}, which is no Actor.")
    if getattr(made, "_cell", None) is not None:
        raise TypeError(f"The factory of {cell.path} returned an instance that is in use. It must make a new one at every call.")


async def _starting(cell: Cell) -> None:
    ties = cell.tied()
    error: BaseException | None = None
    if ties.family is not None:
        ties.family.reached = 0
    if cell.overrides("on_start"):
        job = run_hook(cell, cell.instance.on_start)
        try:
            await job
        except Exception as raised:  # noqa: BLE001  # becomes the failure to start
            error = raised
    if error is None and cell.spec.children:
        error = await _start_children(cell)
    if ties.failure is not None:  # a background task failed meanwhile
        error, ties.failure = ties.failure, None
    if error is None and ties.ending is None:
        came_up(cell)
        let_go(cell)
        started, ties.started = ties.started, None
        if started is not None:
            started.settle()
        return
    if error is None:
        cell.phase = UP
        begin_ending(cell)
        return
    cell.phase = HALTING
    again = _was_up(cell)  # then its static children wait with it for the next attempt
    await tear_down(cell, Ending(SHUTDOWN, restart=again))
    drop_instance(cell, error)
    cell.phase = HALTED
    if ties.ending is not None and not ties.ending.restart:
        ties.ending.error = error
        cell.phase = STOPPING
        await tear_down(cell, ties.ending)  # children that waited for its restart
        die(cell, ties.ending.final_exit())
        return
    ending, ties.ending = ties.ending, None
    started, ties.started = ties.started, None
    if ending is not None:
        ending.is_over()
    if ties.awaited and not again:
        die(cell, Exit("failed", error), announce=False)
    if started is not None:  # who took it down meanwhile decides what becomes of it, not who started it
        started.settle(error=error if ending is None else ActorStartEnded())


async def _start_children(cell: Cell) -> BaseException | None:
    """Static children, left to right, each after the one before has started. Returns what the first failure was."""
    ties = cell.tied()
    family = ties.family
    if family is None:
        family = ties.family = Family(cell)
    else:
        family.start_count_again()
    for index, (spec, placed) in enumerate(family.places):
        if ties.ending is not None:
            return None
        family.reached = index + 1
        child = placed
        if child is None or child.phase == GONE:
            child = cell.dispatcher.new_cell(spec, cell, family.free_name(spec))
            family.place(index, child)
        if child.phase == HALTED:  # it waited for its parent's restart, and is restarted with it
            child.lost().restarts += 1
        elif child.phase != STARTING:
            continue
        started = start(child, awaited=True)
        if started is None:
            continue
        try:
            await started
        except Exception as error:  # noqa: BLE001  # the child's failure to start is the parent's
            if ties.ending is not None:
                return None
            return start_failed(child, error)
    return None


@protected
def start_failed(cell: Cell, error: BaseException) -> StartFailed:
    """What the one who waited for a start is told when it failed."""
    reason = StartFailed(cell.path, describe_cause(error))
    reason.__cause__ = error
    return reason


@protected
def came_up(cell: Cell) -> None:
    """It has started, and takes messages from now on; whether it is ready or goes on with its turn is the caller's matter."""
    cell.phase = UP
    dispatcher = cell.dispatcher
    assert cell.parent is not None
    supervision = cell.parent.spec.supervision
    if supervision is not None and supervision.backoff is not None:  # somebody wants to know for how long it has been up
        cell.tied().since = dispatcher.now()
    losses = cell.losses
    if losses is None or not losses.restarts:
        if dispatcher.stream.wants(ActorStarted):
            dispatcher.stream.publish(ActorStarted(cell.path))
    elif dispatcher.stream.wants(ActorRestarted):
        dispatcher.stream.publish(ActorRestarted(cell.path, losses.restarts))


@protected
def let_go(cell: Cell) -> None:
    """Nothing runs in it now: it is ready if something waits, else idle."""
    if cell.ties is not None and cell.ties.waiters:
        cell.attention = True
    if cell.queue is not None or cell.attention:
        cell.state = READY
        cell.dispatcher.make_ready(cell)
    else:
        cell.state = IDLE


@protected
def can_renew(cell: Cell) -> bool:
    """Whether a restart has nothing to wait for: no hook, no child, no task, no timer, no stash."""
    if cell.spec.children or not cell.instance.__hooks__.isdisjoint(HOOKS_OF_A_RESTART):
        return False
    ties = cell.ties
    if ties is None:
        return True
    family = ties.family
    return not (
        ties.timers
        or ties.task_scopes
        or ties.ending is not None
        or (family is not None and family.children)
        or (ties.stash is not None and len(ties.stash))
    )


@protected
def renew(cell: Cell, cause: BaseException) -> Pending | None:
    """Puts a new instance in the place of the old one, within its turn. None: it is up. Else the failed start."""
    if cell.ties is not None:
        drop_instance(cell, cause)
    cell.instance = None
    cell.context_object = None
    losses = cell.losses or cell.lost()
    losses.restarts += 1
    return start(cell, in_turn=True)
