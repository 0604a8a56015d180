"""
How messages get into a mailbox, and what becomes of those that do not.

Every way in leads through here but one: `ActorRef.tell` and `tell_nowait` append to a queue that has room themselves, since
they are the hot path. Nothing here waits.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import MailboxFull, compact, evict_oldest, message_type
from .cell import DEAD, IDLE, READY, Cell
from .envelopes import Ask, Delivery
from .errors import AskStopped


@protected
def has_room(cell: Cell) -> bool:
    """Whether a user message would be queued now. Shared facts are in nobody's way: where they seem to be, they are told apart."""
    queue = cell.queue
    if queue is None:
        return cell.limit > 0
    if len(queue) < cell.limit:
        return True
    ties = cell.ties
    return ties is not None and ties.subscribed and cell.dispatcher.stream.unshare(cell) and len(queue) < cell.limit


@protected
def enqueue(cell: Cell, item: Any) -> None:
    """Puts a user message or an ask into the queue. The caller has made sure that there is room."""
    queue = cell.queue
    if queue is None:
        dispatcher = cell.dispatcher
        if not dispatcher.is_awake and cell.state == IDLE:
            dispatcher.wake()  # first: it refuses other threads
        queue = cell.pool.pop() if cell.pool else new_queue(cell)
        queue.append(item)  # before anything is changed, since the key of a priority mailbox may raise
        cell.queue = queue
        if cell.state == IDLE:
            cell.state = READY
            dispatcher.ready.append(cell)
    else:
        queue.append(item)
    cell.accepted += 1


@protected
def new_queue(cell: Cell) -> Any:
    """An empty queue for an actor that has none: one from its pool, or a new one."""
    pool = cell.pool
    if pool is cell.dispatcher.deques and not pool:
        queue: deque[Any] = deque()
        return queue
    return pool.pop()


@protected
def deliver(cell: Cell, delivery: Delivery, *, first: bool = False) -> bool:
    """Queues what takes no slot. Returns False when the actor takes nothing more."""
    if cell.limit < 0:
        return False
    if cell.state == IDLE and not cell.dispatcher.is_awake:
        cell.dispatcher.wake()  # first: it refuses other threads
    queue = cell.queue
    if queue is None:
        cell.queue = queue = new_queue(cell)
    if first:
        queue.appendleft(delivery)
    else:
        queue.append(delivery)
    cell.limit += 1
    cell.accepted += 1
    if cell.state == IDLE:
        cell.state = READY
        cell.dispatcher.make_ready(cell)
    return True


@protected
def withdraw_delivery(cell: Cell, delivery: Delivery) -> None:
    """Takes a queued delivery back: it is skipped when met, and counts as withdrawn now."""
    delivery.withdrawn = True
    cell.lost().withdrawn += 1
    stash = None if cell.ties is None else cell.ties.stash
    if stash is None or not stash.discard(delivery):
        sweep(cell)


@protected
def discard(cell: Cell, item: Any) -> bool:
    """Takes *item* itself out of the queue, whatever equals it. Returns whether it was there, and not given up."""
    queue = cell.queue
    if queue is None or getattr(item, "withdrawn", False) or not any(queued is item for queued in queue):
        return False
    if isinstance(queue, deque):
        del queue[next(index for index, queued in enumerate(queue) if queued is item)]
    else:
        queue.remove(item)
    if isinstance(item, Delivery):
        cell.limit -= 1
    return True


@protected
def refuse(cell: Cell, item: Any) -> None:
    """What is sent to an actor that is dead or stopping is accepted and a dead letter at once."""
    cell.dispatcher.count_accepted(cell)
    cell.dispatcher.dead_letter(cell, item, "stopped")
    if isinstance(item, Ask):
        item.settle(error=AskStopped(cell.path, message_type(item)))


@protected
def put_nowait(cell: Cell, message: Any) -> None:
    """What `tell_nowait` does when it cannot simply append."""
    if has_room(cell):
        enqueue(cell, message)
    elif cell.limit < 0 or cell.state == DEAD:
        refuse(cell, message)
    else:
        _overflow(cell, message)


def _overflow(cell: Cell, message: Any) -> None:
    mailbox = cell.spec.mailbox
    if mailbox.on_full == "reject":
        raise MailboxFull(cell.path, mailbox.capacity, message_type(message))
    dispatcher = cell.dispatcher
    if mailbox.on_full == "drop_newest":
        dispatcher.count_accepted(cell)
        dispatcher.dead_letter(cell, message, "overflow")
        return
    assert cell.queue is not None
    cell.queue.append(message)  # first, since the key of a priority mailbox may raise
    evicted = evict_oldest(cell.queue)
    cell.accepted += 1
    dispatcher.dead_letter(cell, evicted, "overflow")
    if isinstance(evicted, Ask):
        evicted.place = "over"
        evicted.settle(error=MailboxFull(cell.path, mailbox.capacity, message_type(evicted)))


@protected
def admit(cell: Cell) -> None:
    """Moves the messages of waiting senders in, first come first served, while there is room."""
    ties = cell.ties
    if ties is None or not ties.waiters:
        return
    waiters = ties.waiters
    while waiters and has_room(cell):
        sender = next(iter(waiters))
        del waiters[sender]
        item = sender if isinstance(sender, Ask) else sender.message
        try:
            if not (isinstance(item, Ask) and item.place == "over"):  # a forwarded ask that was given up meanwhile
                enqueue(cell, item)
        except Exception as error:  # noqa: BLE001  # the key of a priority mailbox is the user's: it fails the sender
            sender.settle(error=error)
            continue
        if isinstance(item, Ask) and item.place != "over":
            item.place = "queue"
        if item is not sender:
            sender.settle()
    if waiters:
        cell.attention = True


@protected
def sweep(cell: Cell) -> None:
    """
    After a withdrawal: admits who waits, and compacts the queue when withdrawn entries may outnumber both the capacity and
    the others, so that the looking through costs each withdrawal a constant.
    """
    losses = cell.lost()
    losses.unswept += 1
    queue = cell.queue
    if queue is not None and losses.unswept > cell.spec.mailbox.capacity and 2 * losses.unswept > len(queue):
        losses.unswept = 0
        for item in queue:
            if isinstance(item, Delivery) and item.withdrawn:
                item.taken(cell)
        cell.limit -= compact(queue)
    admit(cell)


@protected
def wake_senders(cell: Cell) -> None:
    """Those who wait for room at an actor that takes nothing more go on: their messages are dead letters."""
    ties = cell.ties
    if ties is None or not ties.waiters:
        return
    waiters, ties.waiters = ties.waiters, None
    for sender in waiters:
        if isinstance(sender, Ask):
            sender.place = "over"
            refuse(cell, sender)
        else:
            refuse(cell, sender.message)
            sender.settle()


@protected
def unstash(cell: Cell) -> None:
    """Puts what was set aside in front of the queue, in the order in which it was set aside."""
    ties = cell.ties
    if ties is None or ties.stash is None or not len(ties.stash):
        return
    queue = cell.queue
    if queue is None:
        cell.queue = queue = new_queue(cell)
    items = ties.stash.drain()
    for item in reversed(items):
        if isinstance(item, Ask):
            item.place = "queue"
        elif isinstance(item, Delivery):
            cell.limit += 1
        queue.appendleft(item)
    if cell.state == IDLE:
        cell.state = READY
        cell.dispatcher.make_ready(cell)
