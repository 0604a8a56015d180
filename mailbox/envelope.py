"""
What waits in a mailbox: a user message as it is, or an envelope around what is more than a message.

A plain tell allocates nothing: its message is queued bare and takes a slot. Whatever the runtime has to recognise again in
the queue (an ask that may be given up, a fact, a timer's message, the news of a death) is an envelope, of a class of the
room that sends it. The two class attributes are all that a mailbox has to know about one.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Lane = Literal["user", "early", "late"]
"""
Where a priority mailbox puts an envelope: "user" among user messages by its key, "early" before all of them, "late" behind
those that already wait. A FIFO mailbox keeps the order of arrival whatever the lane.
"""


class Envelope:
    """
    The base of everything in a mailbox that is not a bare user message.

    A subclass sets the class attributes, declares its own `__slots__` (with "withdrawn": this base has none, so that a subclass may
    have another base too), and sets `withdrawn = False` in its `__init__`: a base `__init__` would cost every ask a second call.

    Attributes:
        takes_slot: Whether it counts against the capacity and may be evicted. True for an ask, whose message is a user message.
        lane: Where a priority mailbox puts it.
        withdrawn: Set when it was given up while it waits: it must not be handled any more, and takes no slot.
        message: What the actor is given. A subclass of the lane "user" must have it, since it is what `key` sees.
    """

    __slots__ = ()

    takes_slot: ClassVar[bool] = False
    lane: ClassVar[Lane]

    withdrawn: bool
    message: Any


def message_type(item: object) -> str:
    """The name of the type of a user message, for errors: of the bare message, or of the one that an ask carries."""
    return type(item.message if isinstance(item, Envelope) else item).__name__
