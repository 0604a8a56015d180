"""
The last moment of an actor: its name is free before anybody hears of it, and nothing that was accepted is lost silently.
"""

from __future__ import annotations

from typing import Any

from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import Envelope, message_type
from ..supervision import Exit, describe_cause
from .cell import CLOSED, DEAD, EMPTY_PLAIN, EMPTY_TABLE, GONE, REFUSES, Cell
from .door import wake_senders
from .envelopes import Ask, Delivery
from .errors import AskFailed, AskStopped
from .life_facts import ActorStopped, DeadLetterReason
from .sharing import SharedFact
from .watching import end_watches, tell_of_death


@protected
def die(cell: Cell, reason: Exit, *, announce: bool = True) -> None:
    """
    Ends *cell*. The order is the promise: free its name, then clear its mailbox, then tell the others.

    Args:
        announce: False for an actor that never came up: then it leaves nothing, not even a fact.
    """
    dispatcher = cell.dispatcher
    ties = cell.tied()
    ties.exit = reason
    cell.state = CLOSED
    cell.phase = GONE
    cell.limit = REFUSES
    parent = cell.parent
    if parent is not None and parent.ties is not None and parent.ties.family is not None:
        parent.ties.family.lose(cell)
    if ties.family is not None:
        ties.family.give_up_places()
    dispatcher.forget(cell)
    _clear_mailbox(cell)
    end_watches(cell)
    cell.instance = None
    cell.context_object = None
    cell.table = EMPTY_TABLE
    cell.plain = EMPTY_PLAIN
    dispatcher.keep_accounts(cell)
    cell.state = DEAD  # what is counted from now on is the system's
    if ties.watchers:
        watchers, ties.watchers = ties.watchers, None
        for watcher in watchers:
            tell_of_death(watcher, cell)
    if announce:
        dispatcher.report(ActorStopped, cell, reason)
    started, ties.started = ties.started, None
    ending, ties.ending = ties.ending, None
    down, ties.down = ties.down, []
    if started is not None:
        started.settle(error=ActorStartEnded())
    if ending is not None:
        ending.is_over()
    for pending in down:
        pending.settle()
    _break_circles(cell)


def _break_circles(cell: Cell) -> None:
    """Frees the memory of the dead now: what refers back to the cell would keep it until the collector comes, which costs more."""
    cell.ref_object = None
    cell.contextvars = None
    ties = cell.tied()
    ties.family = None
    ties.behaviours = None  # methods of the instance, most of them


class ActorStartEnded(Exception):  # internal: it becomes the cause of a StartFailed
    """The actor was stopped before it had started."""

    def __str__(self) -> str:
        return "it was stopped before it had started"


@protected
def fail_deferred(cell: Cell, cause: BaseException | None) -> None:
    """Those whose replies the actor owes are told: it failed, or it stopped."""
    ties = cell.ties
    if ties is None or not ties.deferred:
        return
    deferred, ties.deferred = ties.deferred, None
    for ask in deferred:
        if cause is None:
            ask.settle(error=AskStopped(cell.path, message_type(ask)))
        else:
            error = AskFailed(cell.path, message_type(ask), describe_cause(cause))
            error.__cause__ = cause
            ask.settle(error=error)


def _clear_mailbox(cell: Cell) -> None:
    queue, cell.queue = cell.queue, None
    if queue is not None:
        for item in list(queue):
            _bury(cell, item, "stopped")
        queue.clear()
        cell.pool.append(queue)
    ties = cell.ties
    if ties is None:
        return
    if ties.stash is not None:
        for item in ties.stash.drain():
            _bury(cell, item, "stash")
    wake_senders(cell)
    fail_deferred(cell, None)


def _bury(cell: Cell, item: Any, reason: DeadLetterReason) -> None:
    if isinstance(item, Envelope):
        if isinstance(item, Delivery):
            item.taken(cell)
            if not item.withdrawn:
                cell.lost().withdrawn += 1
            return
        if isinstance(item, SharedFact):
            cell.lost().withdrawn += 1
            return
        if item.withdrawn:
            return
    cell.dispatcher.dead_letter(cell, item, reason)
    if isinstance(item, Ask):
        item.place = "over"
        item.settle(error=AskStopped(cell.path, message_type(item)))
