"""
A turn: up to so many messages of one actor, in the actor's own contextvars, until something has to wait.

This is the hot path, and with `ActorRef.tell` the only place that is written for speed first. A message is taken, its handler
looked up by its type, called, and if that made a coroutine, the coroutine is driven one step: most end there. One that does
not is suspended: held by the runtime if it waits for a `Pending`, else handed to the worker that runs this turn.

`turn` returns None when the worker may go on with other actors, or what the coroutine in `cell.held` yielded to trio: then
the worker has to stay with it.
"""

from __future__ import annotations

from types import CoroutineType
from typing import Any, Final

import trio
from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import Envelope, message_type
from ..supervision import describe_cause
from .cell import BLOCKED, CLOSED, HELD, IDLE, READY, RUNNING, Cell
from .door import admit
from .envelopes import Ask, DeathNotice, Delivery, SetAside
from .errors import AskError, AskFailed, AskStopped, DeathPact, HandlerCutOff, Unhandled
from .jobs import Job
from .opening import open_envelope
from .reply import Reply
from .starting import let_go
from .stashing import take_back
from .stopping import begin_ending
from .supervising import failed, shut_down_by_child, stopped_itself
from .waiting import HOLD, PAUSE

COROUTINE: Final[Any] = CoroutineType  # Any: to a type checker, a comparison would narrow what a handler returned to no type at all
DONE: Final = object()
"""What a coroutine that ended is told apart by from one that yielded."""
CUT: Final = object()
"""For the worker: throw trio's Cancelled into the handler in `cell.held`."""
RUN_CANCELLED: Final = object()
"""For the worker: run the hook in `cell.held` from its start in a cancelled scope."""
NOT_PLAIN: Final = (Ask, SetAside, Job)
"""What may be in the hand and is no bare message."""
NOTHING: Final[dict[type, Any]] = {}
"""A table that has no handler, looked at while senders wait: the miss lets them in, at no cost to a turn that nobody waits for."""


@protected
def turn(cell: Cell) -> object | None:
    """
    Handles messages of *cell* until its share is over, nothing waits, or the handler is suspended.

    The last message stays in `cell.hand` for the worker, who may have to name it, and takes it out.
    """
    if cell.held is not None:
        trap = _go_on(cell)
        if trap is not None or cell.state != RUNNING:
            return trap
    elif cell.ties is not None and cell.ties.job is not None:
        return _run_job(cell)
    if cell.attention and not cross(cell):
        return None
    queue = cell.queue
    if queue is None:
        cell.state = IDLE
        return None
    instance = cell.instance
    table = NOTHING if cell.attention else cell.table
    handled = 0
    left = cell.dispatcher.turn_length
    while queue and left:
        left -= 1
        cell.hand = message = queue.popleft()
        try:
            handler = table[type(message)]
        except KeyError:
            handler = _resolve(cell, message)
        try:
            if handler is open_envelope:
                cell.handled += handled
                handled = 0
                trap = _special(cell, message)
                if trap is not None or cell.state != RUNNING:
                    return trap
            else:
                result = handler(instance, message)
                if result is not None and type(result) is COROUTINE:
                    if cell.dispatcher.is_full:
                        cell.handled += handled
                        cell.held = result.__await__()
                        return block(cell)
                    steps = result.__await__()
                    trap = next(steps, DONE)
                    if trap is not DONE:
                        cell.handled += handled
                        cell.held = steps
                        return _suspend(cell, trap)
                handled += 1
        except BaseException as error:  # noqa: BLE001  # supervision takes it
            cell.handled += handled
            handled = 0
            handler_failed(cell, error)
            if cell.state != RUNNING:
                return None
            instance = cell.instance  # most failures are of an actor that goes on at once, with a new instance
            table = cell.table
        if cell.attention:
            cell.handled += handled - (type(cell.hand) is SetAside)
            handled = 0
            cell.hand = None
            if not cross(cell):
                return None
            queue = cell.queue
            if queue is None:
                cell.state = IDLE
                return None
            instance = cell.instance
            table = NOTHING if cell.attention else cell.table
    cell.handled += handled
    if queue:
        cell.state = READY
        cell.dispatcher.ready.append(cell)
    else:
        cell.queue = None
        cell.pool.append(queue)
        cell.state = IDLE
    return None


@protected
def cross(cell: Cell) -> bool:
    """
    Looks at what was asked of the actor, between two messages. Returns whether its turn may go on; if not, the state is set.
    """
    assert cell.held is None
    cell.attention = False
    ties = cell.ties
    if ties is None:
        return True
    if ties.waiters:
        admit(cell)
    if ties.failure is not None:
        error, ties.failure = ties.failure, None
        failed(cell, error)
        if cell.state == RUNNING:
            let_go(cell)
        return False
    ending = ties.ending
    if ending is not None:
        if ending.drain and cell.queue:
            cell.attention = True
            return True
        begin_ending(cell)
        return False
    if ties.leaving:
        ties.leaving = False
        stopped_itself(cell)
        return False
    if ties.shut_down:
        ties.shut_down = False
        shut_down_by_child(cell)
        return False
    return True


def _resolve(cell: Cell, message: object) -> Any:
    """
    The handler for a type that the table has not met; `open_envelope` for envelopes and for what is not handled.

    Who waits for room gets the slot of *message* first: its handler could take it for a message to itself, for ever.
    """
    kind = type(message)
    if cell.attention and not (isinstance(message, Envelope) and (message.withdrawn or not message.takes_slot)):
        admit(cell)
    if isinstance(message, Envelope):
        cell.table[kind] = open_envelope
        return open_envelope
    return find_handler(cell, kind) or open_envelope


@protected
def find_handler(cell: Cell, kind: type) -> Any:
    """The handler for messages of exactly this class, as the actor is now."""
    handler = cell.table.get(kind)
    if handler is None:
        ties = cell.ties
        table = cell.handler_table
        if ties is not None and ties.behaviours and table.vocabulary.admits(kind):
            behaviour = ties.behaviours[-1]
            handler = cell.table[kind] = lambda _instance, message: behaviour(message)
        else:  # also what the runtime sends by itself, whatever the actor has become
            handler = table.resolve(kind)
    return handler


# What is not a plain message


def _special(cell: Cell, item: Any) -> object | None:
    """
    Handles an envelope, or a message that nothing handles, up to its end or its first wait. What the handler raises goes through.
    Returns as `turn` does; the state is RUNNING if the turn goes on.
    """
    if isinstance(item, Ask):
        if item.withdrawn:
            cell.limit -= 1
            cell.hand = None
            return None
        item.place = "hand"
    elif isinstance(item, Delivery):
        cell.limit -= 1
        item.taken(cell)
        if item.withdrawn:
            cell.hand = None
            return None
    else:
        _unhandled(cell, item)
        return None
    message: object = item.message
    kind = type(message)
    handler = cell.table.get(kind) or find_handler(cell, kind)
    if handler is None:
        if not isinstance(item, DeathNotice):
            _unhandled(cell, item)
            return None
        handler = _on_terminated
    result = handler(cell.instance, message)
    if type(result) is not COROUTINE:
        _finish(cell, result)
        return None
    cell.held = result.__await__()
    return block(cell) if cell.dispatcher.is_full else _step(cell)


def _on_terminated(instance: Any, terminated: Any) -> Any:
    if instance._cell.overrides("on_terminated"):
        return instance.on_terminated(terminated)
    raise DeathPact(instance.context.path, str(terminated.ref), str(terminated.reason))


def _unhandled(cell: Cell, item: Any) -> None:
    cell.hand = None
    message = item.message if isinstance(item, Delivery) else item
    cell.dispatcher.dead_letter(cell, message, "unhandled")
    if isinstance(item, Ask):
        item.place = "over"
        item.settle(error=Unhandled(cell.path, message_type(item), type(cell.instance).__name__))


def _step(cell: Cell) -> object | None:
    """One step of the coroutine in `cell.held`."""
    assert cell.held is not None
    try:
        trap = cell.held.send(None)
    except StopIteration as stop:
        cell.held = None
        _finish(cell, stop.value)
        return None
    except BaseException:
        cell.held = None
        raise
    return _suspend(cell, trap)


def _go_on(cell: Cell) -> object | None:
    """Goes on with the handler that the runtime held, whatever it waited for."""
    if cell.attention and is_doomed(cell) and (cell.pending is None or not cell.pending.done):  # what was settled is not taken back
        return CUT
    try:
        return _step(cell)
    except BaseException as error:  # noqa: BLE001  # supervision takes it
        handler_failed(cell, error)
        return None


def _suspend(cell: Cell, trap: object) -> object | None:
    """The handler waits: for a Pending, for its next turn, or for trio."""
    if trap is HOLD:
        pending = cell.pending
        assert pending is not None
        if cell.attention and is_doomed(cell):
            pending.cell = None
            return CUT
        cell.state = HELD
        return None
    if trap is PAUSE:
        cell.state = READY
        cell.dispatcher.make_ready(cell)
        return None
    return trap


@protected
def is_doomed(cell: Cell) -> bool:
    """Whether what is suspended in the cell is to be cancelled: its actor failed from outside, or is out of time."""
    ties = cell.ties
    return ties is not None and (ties.failure is not None or (ties.ending is not None and ties.ending.killed))


@protected
def block(cell: Cell) -> None:
    """Too many handlers are suspended: the coroutine in `cell.held` starts when one of them has ended."""
    cell.state = BLOCKED
    cell.dispatcher.block(cell)


# How it ends


@protected
def ended(cell: Cell, value: Any, error: BaseException | None) -> None:
    """The handler or hook that a worker stayed with has ended. The cell goes on."""
    cell.held = None
    cell.state = RUNNING
    if error is None:
        try:
            _finish(cell, value)
        except BaseException as raised:  # noqa: BLE001  # supervision takes it
            error = raised
    if error is not None:
        handler_failed(cell, error)
    else:
        cell.hand = None
    if cell.state == RUNNING:
        let_go(cell)


def _finish(cell: Cell, value: Any) -> None:
    """The handler returned: its message is accounted for, and answered if it was asked. The worker takes it out of the hand."""
    item = cell.hand
    if isinstance(item, Ask):
        cell.handled += 1
        if item.place == "hand" and not isinstance(value, Reply):
            item.place = "over"
            item.settle(value)
            if item.asker is None:
                cell.dispatcher.end_slice_early()
    elif isinstance(item, Job):
        cell.state = CLOSED
        item.settle(value)
    elif isinstance(item, SetAside):
        cell.hand = None  # it is counted where it went
    else:
        cell.handled += 1


def handler_failed(cell: Cell, error: BaseException) -> None:
    """
    The handler raised, or was cut off: its message is accounted for, and supervision decides. The state is RUNNING if the turn may
    go on, with another instance maybe.
    """
    item, cell.hand = cell.hand, None
    cell.held = None
    ties = cell.ties
    if ties is None and item is not None and isinstance(error, Exception) and not isinstance(item, NOT_PLAIN):
        losses = cell.losses or cell.lost()
        losses.failed += 1
        failed(cell, error)
        return
    outside = None if ties is None else ties.failure
    if not isinstance(error, Exception):  # first: to look for a Cancelled costs as much as all the rest
        if isinstance(error, trio.Cancelled):
            cut_off = HandlerCutOff(cell.path)
            cut_off.__cause__ = outside
            error = cut_off
        else:
            cell.dispatcher.interrupt(error)  # KeyboardInterrupt and its like are no failure of the actor: the system stops
    if isinstance(item, Job):
        cell.state = CLOSED
        item.settle(error=error if isinstance(error, Exception) else HandlerCutOff(cell.path))
        return
    if isinstance(item, SetAside):  # it is not retried: a failing message is not kept either
        item = item.item if take_back(cell, item.item) else None
    if item is not None:
        cell.lost().failed += 1
    if isinstance(item, Ask) and item.place == "hand":
        item.place = "over"
        item.settle(error=_why_no_reply(cell, item, outside or error))
    if outside is not None and ties is not None:
        ties.failure = None
        failed(cell, outside)
    elif not isinstance(error, Exception):
        let_go(cell)
    elif isinstance(error, HandlerCutOff) and ties is not None and ties.ending is not None:
        cross(cell)
    else:
        failed(cell, error)


def _why_no_reply(cell: Cell, ask: Ask, cause: BaseException) -> AskError:
    """What the asker of the message in hand is told: the actor stops and cut it off, or it failed."""
    ending = None if cell.ties is None else cell.ties.ending
    if isinstance(cause, HandlerCutOff) and ending is not None and not ending.restart:
        return AskStopped(cell.path, message_type(ask))
    failure = AskFailed(cell.path, message_type(ask), describe_cause(cause))
    failure.__cause__ = cause
    return failure


def _run_job(cell: Cell) -> object | None:
    ties = cell.tied()
    job, ties.job = ties.job, None
    assert job is not None
    cell.hand = job
    try:
        result = job.call(*job.arguments)
        if type(result) is not COROUTINE:
            _finish(cell, result)
            return None
        cell.held = result.__await__()
        return RUN_CANCELLED if job.cancelled else _step(cell)
    except BaseException as error:  # noqa: BLE001  # the hook's failure is the procedure's to judge
        handler_failed(cell, error)
        return None
