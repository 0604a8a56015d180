"""Telling and asking where it is not a mere append: waiting for room, replies, and asks that are run in place."""

from __future__ import annotations

import math
from collections.abc import Generator
from types import coroutine
from typing import Any

from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import message_type
from .cell import ASKED, BLOCKED, CURRENT, DEAD, IDLE, READY, RUNNING, Cell
from .circles import asking_cell, refuse_circle
from .door import enqueue, has_room, refuse
from .envelopes import Ask, Sender, SetAside
from .errors import AskStopped
from .starting import let_go
from .table import Handler
from .turn import COROUTINE, alone, handler_failed, suspend
from .waiting import HOLD, parked, wait


@protected
async def tell_with_room(cell: Cell, message: Any) -> None:
    """Tells once there is room."""
    if has_room(cell):
        enqueue(cell, message)
        return
    if cell.limit < 0 or cell.state == DEAD:
        refuse(cell, message)
        return
    await wait_for_room(cell, message)


@protected
async def wait_for_room(cell: Cell, item: Any) -> None:
    """Waits until *item* is let in, behind those who wait already. Raises Deadlock if that would be for ever."""
    asker = asking_cell()
    refuse_circle(asker, cell)
    sender = Sender(item, cell)
    _wait_at_the_door(cell, sender, asker)
    try:
        await wait(sender)
    except BaseException:
        if sender.done and sender.error is None:
            return  # it was let in before the cancellation came: nothing may raise after that
        if cell.ties is not None and cell.ties.waiters is not None:
            cell.ties.waiters.pop(sender, None)
        raise


def _wait_at_the_door(cell: Cell, sender: Ask | Sender, asker: Cell | None) -> None:
    ties = cell.tied()
    if ties.waiters is None:
        ties.waiters = {}
    ties.waiters[sender] = None
    cell.attention = True
    if cell.state == BLOCKED and asker is not None:
        cell.dispatcher.unblock(cell)


class StillToCome(Exception):
    """For the asker: its question was begun in place, and the reply is still to come."""

    def __init__(self, ask: Ask) -> None:
        self.ask: Ask = ask


@protected
def ask_in_place(cell: Cell, handler: Handler, message: Any) -> Any:
    """
    Runs a plain handler of an idle actor on the asker's stack. Returns the reply, or raises `StillToCome`.

    An ask is made an envelope only when it has to be: when it is deferred, stashed, or fails.
    """
    cell.state = ASKED
    cell.accepted += 1
    cell.hand = message
    try:
        result = handler(cell.instance, message)
    except BaseException as error:  # noqa: BLE001  # supervision takes it
        ask = _in_hand(cell, message)
        cell.state = RUNNING
        handler_failed(cell, error)
        if cell.state == RUNNING:
            let_go(cell)
    else:
        if cell.hand is message and type(result) is not COROUTINE:
            cell.hand = None
            cell.handled += 1
            if cell.queue is not None or cell.attention:
                let_go(cell)
            else:
                cell.state = IDLE
            return result
        ask = _begun_in_place(cell, message, result)
    raise StillToCome(ask)


def _begun_in_place(cell: Cell, message: Any, result: Any) -> Ask:
    """The handler returned, and the reply is not, or not simply, what it returned."""
    ask = _in_hand(cell, message)
    cell.state = RUNNING
    if type(result) is COROUTINE:  # it is not plain after all
        cell.held = driver = alone(cell, lambda: result)
        suspend(cell, next(driver))  # until its turn: not on the stack of who asks
        return ask
    cell.handled += not isinstance(cell.hand, SetAside)
    cell.hand = None
    let_go(cell)
    if ask.place == "hand":
        ask.place = "over"
        ask.settle(result)
    return ask


def _in_hand(cell: Cell, message: Any) -> Ask:
    """The ask in hand, made an envelope now if it was none."""
    hand = getattr(cell.hand, "item", cell.hand) if cell.hand is not message else message
    if isinstance(hand, Ask):
        return hand
    ask = Ask(message, cell, None)
    ask.place = "hand"
    if cell.hand is message:
        cell.hand = ask
    return ask


def check_timeout(timeout: float) -> None:
    """Refuses what is no time to wait."""
    if not isinstance(timeout, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"timeout must be seconds, a number, or math.inf for ever, not {timeout!r}.")
    if isinstance(timeout, bool) or not timeout >= 0:
        raise ValueError(f"timeout must be seconds, at least 0, or math.inf for ever, not {timeout!r}.")


@protected
@coroutine
def answer(cell: Cell, message: Any, timeout: float | None, posted: Ask | None = None) -> Generator[Any, Any, Any]:
    """
    Queues an ask, or has it wait for room, and waits for the reply. If the waiting is given up, the message is taken back.

    Args:
        posted: The ask, if it was made already.
    """
    dispatcher = cell.dispatcher
    asker = CURRENT.get()
    if asker is not None and (type(asker) is not Cell or asker.state != RUNNING):
        asker = asking_cell()
    if posted is not None:
        ask = posted
        ask.asker = asker
    elif cell.state == IDLE and cell.pool:  # as in `tell`; who is idle waits for nobody
        if not dispatcher.is_awake:
            dispatcher.wake()
        ask = Ask(message, cell, asker, "queue")
        cell.queue = queue = cell.pool.pop()
        queue.append(ask)
        cell.accepted += 1
        cell.state = READY
        dispatcher.ready.append(cell)
    else:
        ask = _post(cell, message, asker)
    try:
        if timeout is None:
            timeout = dispatcher.ask_timeout
        if timeout != math.inf and not ask.done:
            if asker is not None and dispatcher.is_awake:
                dispatcher.alarms.arm_later(ask, timeout)
            else:
                dispatcher.alarms.arm(ask, timeout)
        if ask.done:
            return ask.result()
        if asker is None or asker.state != RUNNING or not asker.dispatcher.may_hold():
            return (yield from parked(ask, asker))
        asker.pending = ask
        ask.cell = asker
        yield HOLD  # as in `wait`, without a layer more
    except BaseException:
        if asker is not None and asker.pending is ask:
            asker.pending = ask.cell = None
        if not ask.done:
            ask.withdraw()
            ask.settle()
        raise
    asker.pending = None
    if ask.error is not None:
        raise ask.error
    return ask.value


def _post(cell: Cell, message: Any, asker: Cell | None) -> Ask:
    """Queues an ask, or has it wait for room. Raises AskStopped if nothing is taken any more, and Deadlock."""
    if cell.limit < 0:
        refuse(cell, message)
        raise AskStopped(cell.path, message_type(message))
    if asker is not None:
        refuse_circle(asker, cell)
    ask = Ask(message, cell, asker)
    if has_room(cell):
        enqueue(cell, ask)
        ask.place = "queue"
        if cell.state == BLOCKED and asker is not None:
            cell.dispatcher.unblock(cell)
    else:
        _wait_at_the_door(cell, ask, asker)
    return ask
