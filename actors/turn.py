"""
A turn: up to so many messages of one actor, in the actor's own contextvars, until something has to wait.

This is the hot path, and with `ActorRef.tell` the only place that is written for speed first. A message is taken, its handler
looked up by its type and called, and if that made a coroutine, it is awaited: most end there without a wait. When one waits,
the whole driver is suspended with it: held by the runtime if it waits for a `Pending`, else kept by the worker that runs it,
which goes on with another driver. (Awaiting in a generator that lives on costs half of what stepping each coroutine by hand does.)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, Final, TypeAlias, TypeVar, cast

import trio
from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import Queue, message_type
from ..supervision import describe_cause
from .cell import BLOCKED, CLOSED, DRIVEN, HELD, IDLE, READY, RUNNING, Cell
from .door import admit
from .envelopes import Ask, SetAside
from .errors import AskError, AskFailed, AskStopped, HandlerCutOff
from .jobs import Job
from .opening import resolve
from .reply import Reply
from .starting import let_go
from .stashing import take_back
from .stopping import begin_ending
from .supervising import failed, shut_down_by_child, stopped_itself
from .waiting import HOLD, PAUSE

COROUTINE: Final[Any] = CoroutineType  # Any: to a type checker, a comparison would narrow what a handler returned to no type at all
Driver: TypeAlias = Generator[Any, Any, Any]
D = TypeVar("D", bound=Callable[..., Driver])
CUT: Final = object()
"""For the worker: throw trio's Cancelled into the handler in `cell.held`."""
RUN_CANCELLED: Final = object()
"""For the worker: run the hook in `cell.held` from its start in a cancelled scope."""
BLOCK: Final = object()
"""For the worker: the async handler in `cell.held` may not begin, since too many are suspended."""
NOT_PLAIN: Final = (Ask, SetAside, Job)
"""What may be in the hand and is no bare message."""
NOTHING: Final[dict[type, Any]] = {}
"""A table that has no handler, looked at while senders wait: the miss lets them in, at no cost to a turn that nobody waits for."""


def awaiting(driver: D) -> D:
    """Lets a generator await coroutines, by `yield from`."""
    return cast("D", coroutine(driver))


@protected
@awaiting
def drive() -> Driver:
    """
    A driver: it runs turn after turn, each of another actor, and is suspended with a handler that waits.

    It is sent a cell whose state is RUNNING, handles messages until its share is over, nothing waits or its life changes, sets the
    state, and yields None. Anything else that it yields comes from a handler that waits: then the driver stays in `cell.held` until
    that handler ends. If a worker stayed with it, the driver ends as the handler did; else it goes on with the turn.

    The last message stays in `cell.hand` for the worker, who may have to name it, and takes it out.
    """
    result: Any
    cell: Any = yield None
    while True:
        queue = cell.queue
        table = cell.table
        if queue is None or cell.attention:
            queue = _cross_over(cell)
            if cell.attention:
                table = NOTHING
        if queue is not None:
            instance = cell.instance
            for _ in cell.dispatcher.share:
                if not queue:
                    cell.queue = None
                    cell.pool.append(queue)
                    cell.state = IDLE
                    break
                cell.hand = message = queue.popleft()
                try:
                    handler = table[type(message)]
                except (KeyError, TypeError):  # not met yet, or not hashable
                    handler = resolve(cell, message)
                try:
                    result = handler(instance, message)
                    if result is not None and type(result) is COROUTINE:
                        if cell.dispatcher.is_full:
                            yield from _yields_first(BLOCK, result)
                        result = yield from result  # pyright: ignore[reportUnknownVariableType]  # most end without having waited
                        if cell.held is not None:
                            if cell.state == DRIVEN:
                                return result  # pyright: ignore[reportUnknownVariableType]
                            cell.held = None
                            cell.attention = True
                except BaseException as error:
                    if cell.state != RUNNING:
                        raise  # to the worker's scope, where trio takes its Cancelled out, or to who closes the driver
                    handler_failed(cell, error)
                    if cell.state != RUNNING:
                        break
                    instance = cell.instance  # most failures are of an actor that goes on at once, with a new instance
                else:
                    if not cell.attention:
                        cell.handled += 1
                        continue
                    _finish(cell, result)
                    if not cell.attention:
                        continue
                queue = _cross_over(cell)
                if queue is None:
                    break
                cell.hand = message
                table = NOTHING if cell.attention else cell.table
            else:
                cell.state = READY
                cell.dispatcher.ready.append(cell)
        cell = queue = table = message = handler = instance = result = None  # a driver that waits keeps nothing alive
        cell = yield None


@protected
@awaiting
def alone(cell: Cell, call: Callable[..., Any], *arguments: Any, job: Job | None = None) -> Driver:
    """
    A driver for one hook, or for a coroutine that was made in place and is no message's of a turn: it yields PAUSE before that
    begins. The driver ends with it.
    """
    if job is not None:
        cell.hand = job
    result: Any
    try:
        result = call(*arguments)
        if type(result) is COROUTINE:
            if job is None:
                yield from _yields_first(PAUSE, result)
            elif job.cancelled:
                yield from _yields_first(RUN_CANCELLED, result)
            result = yield from result  # pyright: ignore[reportUnknownVariableType]
    except BaseException as error:
        if cell.state != RUNNING:
            raise  # as in a turn
        ended(cell, None, error)
    else:
        if cell.state == DRIVEN:
            return result  # pyright: ignore[reportUnknownVariableType]
        ended(cell, result, None)
    if job is not None and cell.held is None:
        cell.hand = job  # for the worker, as in a turn
    return None


@protected
def _yields_first(mark: object, steps: Coroutine[Any, Any, Any]) -> Generator[Any, Any, None]:
    """Yields *mark* before *steps* begins. If it is never to begin, nothing is left of it."""
    try:
        yield mark
    except BaseException:
        steps.close()
        raise


def _cross_over(cell: Cell) -> Queue | None:
    """Crosses from one message to the next. Returns the queue to go on with; None if the turn is over, with the state set."""
    cell.hand = None
    if not cross(cell):
        return None
    if cell.queue is None:
        cell.state = IDLE
    return cell.queue


@protected
def cross(cell: Cell) -> bool:
    """
    Looks at what was asked of the actor, between two messages. Returns whether its turn may go on; if not, the state is set.
    """
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


# A handler that waits


@protected
def suspend(cell: Cell, trap: object) -> object | None:
    """
    What is in `cell.held` waits: for a Pending, for its next turn, for a place among the suspended, or for trio.

    Returns None when the worker may go on with other actors, else what to hand to trio: then it has to stay with this one.
    """
    if trap is HOLD:
        if cell.attention:
            if is_doomed(cell):
                assert cell.pending is not None
                cell.pending.cell = None
                return CUT
            cell.attention = cell.ties is not None
        cell.state = HELD
        return None
    if trap is PAUSE:
        cell.state = READY
        cell.dispatcher.make_ready(cell)
        return None
    if trap is BLOCK:
        cell.state = BLOCKED
        cell.dispatcher.block(cell)
        return None
    return trap


@protected
def is_doomed(cell: Cell) -> bool:
    """Whether what is suspended in the cell is to be cancelled: its actor failed from outside, or is out of time."""
    ties = cell.ties
    return ties is not None and (ties.failure is not None or (ties.ending is not None and ties.ending.killed))


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
            if cell.ties is None:
                cell.attention = False  # it was set for the reply
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
