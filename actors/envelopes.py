"""
What waits in a mailbox and is more than a bare message: asks, the news of a death, and what the runtime delivers.

A plain tell queues its message as it is; everything here is told apart from it by its type, which no handler table contains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import trio

from ..mailbox import Envelope, Lane
from .errors import AskTimeout
from .pending import Pending

if TYPE_CHECKING:
    from .alarms import Alarm
    from .cell import Cell


class Ask(Pending, Envelope):
    """
    A message whose sender waits for the reply, and that reply.

    It is made by the asker, waits in the mailbox (or for room in it), is handled, deferred or stashed, and is settled by
    whoever answers first. One that is given up while it waits is withdrawn: it is skipped when its turn comes.
    """

    __slots__ = ("asked", "asker", "copies", "deadline", "message", "place", "timeout", "withdrawn")

    takes_slot: ClassVar[bool] = True
    lane: ClassVar[Lane] = "user"

    # Where it is: "door" (waits for room, not accepted), "queue", "hand" (the handler has it), "stash", "deferred", "forwarded",
    # or "over".
    place: str

    timeout: float
    """Seconds; set with the deadline."""

    def __init__(self, message: Any, target: Cell, asker: Cell | None, place: str = "door") -> None:
        self.done: bool = False  # the fields of Pending, without a call: there is an Ask for every question
        self.value: Any = None
        self.error: BaseException | None = None
        self.target: Cell | None = target
        self.asked: Cell = target
        self.cell: Cell | None = None
        self.task: trio.lowlevel.Task | None = None  # no procedure ever asks
        self.withdrawn: bool = False
        self.message: Any = message
        self.asker: Cell | None = asker
        self.place = place
        self.deadline: dict[Ask, float] | Alarm | None = None
        self.copies: dict[Forwarded, None] | None = None

    def settle(self, value: Any = None, error: BaseException | None = None) -> bool:
        """Answers; an ask that was answered leaves no deadline behind."""
        if self.done:
            return False
        deadline = self.deadline
        if deadline is not None:
            self.deadline = None
            if isinstance(deadline, dict):
                deadline.pop(self, None)
            else:
                deadline.cancel()
        self.done = True
        self.value = value
        self.error = error
        cell = self.cell
        if cell is not None:
            self.cell = None
            cell.resume()
        elif self.task is not None:
            task, self.task = self.task, None
            trio.lowlevel.reschedule(task)
        return True

    def time_out(self) -> None:
        """Gives up because the time is over."""
        if not self.done:
            error = AskTimeout(self.asked.path, type(self.message).__name__, self.timeout)
            self.withdraw()
            self.settle(error=error)

    def withdraw(self) -> None:
        """Takes the message back if it still waits. A reply that comes later is dropped."""
        if self.copies:
            for copy in list(self.copies):
                copy.withdraw()
        else:
            self.asked.withdraw(self)


class Forwarded(Ask):
    """A copy of an ask that a router passed on: what answers it answers the original, whose asker waits for the copies' targets."""

    __slots__ = ("origin",)

    def __init__(self, origin: Ask, target: Cell) -> None:
        Ask.__init__(self, origin.message, target, origin.asker)
        self.origin: Ask = origin
        if origin.copies is None:
            origin.copies = {}
        origin.copies[self] = None

    def settle(self, value: Any = None, error: BaseException | None = None) -> bool:
        """Answers the original: a reply at once, an error only if no other copy can still reply."""
        if not Ask.settle(self, value, error):
            return False
        copies = self.origin.copies
        assert copies is not None
        copies.pop(self, None)
        return not (error is not None and copies) and self.origin.settle(value, error)

    def drop(self) -> None:
        """It is not passed on after all. If no other copy is, the router answers with its own end."""
        self.done = True
        copies = self.origin.copies
        assert copies is not None
        copies.pop(self, None)
        if not copies:
            self.origin.place = "hand"


class Sender(Pending):
    """A sender of a told message, waiting for room. The message is not accepted yet."""

    __slots__ = ("message",)

    def __init__(self, message: Any, target: Cell) -> None:
        Pending.__init__(self, target)
        self.message: Any = message


class Delivery(Envelope):
    """
    A message that comes from the runtime or the event stream. It takes no slot in the mailbox; its source has bounds of its own.
    """

    __slots__ = ("message", "withdrawn")

    takes_slot: ClassVar[bool] = False
    lane: ClassVar[Lane] = "early"

    def __init__(self, message: Any) -> None:
        self.withdrawn: bool = False
        self.message: Any = message

    def taken(self, cell: Cell) -> None:
        """It leaves the queue: to be handled, or because the actor is gone."""

    def set_aside(self) -> None:
        """It is in the stash: it waits again."""


class SetAside:
    """In the hand of a handler whose message is in the stash: its end is not the message's."""

    __slots__ = ("item",)

    counts: ClassVar[bool] = False
    """The message is counted where it is, not in the hand."""

    def __init__(self, item: Any) -> None:
        self.item: Any = item


class DeathNotice(Delivery):
    """A `Terminated` on its way: behind all that the dead actor had told the watcher."""

    __slots__ = ("subject",)

    lane: ClassVar[Lane] = "late"

    def __init__(self, message: Any, subject: Cell) -> None:
        Delivery.__init__(self, message)
        self.subject: Cell = subject

    def taken(self, cell: Cell) -> None:
        """The watch is over."""
        ties = cell.ties
        if ties is not None and ties.watching is not None and ties.watching.get(self.subject) is self:
            del ties.watching[self.subject]
