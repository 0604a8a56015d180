"""
Decisions about a queue whose slots are taken: which message makes room, and when given-up ones are swept out.

They work on both kinds of queue. What counts as a user message is decided here, once: a bare message, or an envelope that
takes a slot; one that was withdrawn counts no more, since it will never be handled.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from .envelope import Envelope
from .spec import Queue


def _holds_a_slot(item: object) -> bool:
    return not isinstance(item, Envelope) or (item.takes_slot and not item.withdrawn)


def _is_withdrawn(item: object) -> bool:
    return isinstance(item, Envelope) and item.withdrawn


def user_waiting(queue: Queue) -> int:
    """How many items of *queue* hold a slot. It counts them one by one: meant for assertions and statistics."""
    return sum(map(_holds_a_slot, queue))


def evict_oldest(queue: Queue) -> Any:
    """
    Remove and return the longest waiting item that holds a slot: what `on_full="drop_oldest"` gives up for a new message.

    Guarantees:
        * It is a bare message, or an envelope with `takes_slot` that was not withdrawn. Facts, timer messages and the news of
          a death are never evicted.
        * The others keep their order. In a priority queue, unstashed messages are the oldest, then arrival counts, not the key.

    Raises:
        LookupError: Nothing in the queue holds a slot; nothing was removed.
    """
    if not isinstance(queue, deque):
        return queue.take_oldest(_holds_a_slot)
    for index, item in enumerate(queue):
        if _holds_a_slot(item):
            del queue[index]
            return item
    raise LookupError("nothing in this queue holds a slot")


def compact(queue: Queue) -> int:
    """Remove all withdrawn envelopes from *queue*, in place; the others keep their order. Returns how many there were."""
    if not isinstance(queue, deque):
        return queue.remove_all(_is_withdrawn)
    kept = [item for item in queue if not _is_withdrawn(item)]
    removed = len(queue) - len(kept)
    if removed:
        queue.clear()
        queue.extend(kept)
    return removed
