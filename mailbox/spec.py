"""What a mailbox is told to be, as data: its order, its capacity, and what a `tell_nowait` meets when it is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

from attrs import Attribute, field, frozen

from .capacity import is_slot_count
from .priority import PriorityQueue

OnFull = Literal["reject", "drop_newest", "drop_oldest"]

Queue: TypeAlias = deque[Any] | PriorityQueue
"""What the runtime queues messages in. Both kinds have the methods of a deque that it uses."""


def _is_on_full(_instance: object, _attribute: Attribute[Any], value: object) -> None:
    allowed = get_args(OnFull)
    if value not in allowed:
        raise ValueError(f"on_full must be one of {', '.join(map(repr, allowed))}, not {value!r}.")


def _is_key(_instance: object, _attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        raise TypeError(f"key must be a function from a message to something that sorts, not {value!r}.")


@frozen
class Fifo:
    """
    A mailbox in the order of arrival. `mailbox=64` in a spec means `Fifo(64)`.

    Args:
        capacity: Slots for user messages, at least 1. Facts, timer messages and the news of a death take none.
        on_full: What `tell_nowait` does when no slot is free: "reject" raises `MailboxFull`, "drop_newest" makes the
            new message a dead letter, "drop_oldest" the one that waits longest.

    Raises:
        TypeError: The capacity is no int.
        ValueError: The capacity is less than 1, or `on_full` is none of the above.
    """

    capacity: int = field(default=1000, validator=is_slot_count)
    on_full: OnFull = field(default="reject", validator=_is_on_full)

    def new_queue(self) -> deque[Any]:
        """An empty queue for one actor. The capacity is not the queue's matter but that of whoever appends to it."""
        return deque()


@frozen
class Priority:
    """
    A mailbox in the order of a key: the smallest comes first.

    Guarantees:
        * Messages with equal keys keep their order of arrival.
        * Facts and timer messages come before user messages; the news of a death comes after those queued at the death.

    Not guaranteed:
        * Any order between messages of different keys, be they of one sender.
        * That a message with a large key is ever handled while smaller ones keep coming.

    Args:
        capacity: Slots for user messages, at least 1.
        key: From a user message to something that sorts, such as a number; called once, when the message is queued. What
            it raises comes out at the sender, and the message is not queued.
        on_full: As for `Fifo`. "Oldest" is the longest waiting, not the least urgent.

    Raises:
        TypeError: The capacity is no int, or the key is missing or cannot be called.
        ValueError: The capacity is less than 1, or `on_full` is unknown.
    """

    capacity: int = field(default=1000, validator=is_slot_count)
    key: Callable[[Any], Any] = field(kw_only=True, validator=_is_key)
    on_full: OnFull = field(default="reject", kw_only=True, validator=_is_on_full)

    def new_queue(self) -> PriorityQueue:
        """An empty queue for one actor. The capacity is not the queue's matter but that of whoever appends to it."""
        return PriorityQueue(self.key)


MailboxSpec: TypeAlias = Fifo | Priority


def mailbox_spec(value: int | MailboxSpec) -> MailboxSpec:
    """
    The spec that `mailbox=value` means: a number is the capacity of a FIFO mailbox.

    Raises:
        TypeError: It is neither an int nor a spec.
        ValueError: It is an int less than 1.
    """
    if isinstance(value, (Fifo, Priority)):
        return value
    if isinstance(value, bool) or not isinstance(value, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"mailbox must be a capacity (an int), Fifo(...) or Priority(...), not {value!r}.")
    return Fifo(value)
