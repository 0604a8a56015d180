"""A reply that is sent later, by the actor that was asked or by whoever it hands it to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from ..mailbox import message_type
from ..supervision import describe_cause
from .errors import AlreadyReplied, AskFailed

if TYPE_CHECKING:
    from .cell import Cell
    from .envelopes import Ask

R = TypeVar("R")

protected = trio.lowlevel.enable_ki_protection


class Reply(Generic[R]):
    """
    The reply that an actor owes, made by `context.defer(command)`.

    Guarantees:
        * The asker gets the first outcome: what is sent here, or `AskFailed` or `AskStopped` when the actor that deferred it
            fails or stops before.
        * Sending to an asker that has given up, or for a command that was only told, does nothing.

    Raises:
        AlreadyReplied: `send` or `fail` was called before.
    """

    __slots__ = ("_ask", "_cell", "_message_type", "_sent")

    def __init__(self, cell: Cell, ask: Ask | None, kind: str) -> None:
        self._cell = cell
        self._ask = ask
        self._message_type = kind
        self._sent = False

    @protected
    def send(self, value: R) -> None:
        """Answers with *value*."""
        ask = self._take()
        if ask is not None:
            ask.settle(value)

    @protected
    def fail(self, error: BaseException) -> None:
        """Answers with `AskFailed`, *error* being its cause."""
        if not isinstance(error, BaseException):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"fail() takes an exception, not {error!r}. To answer with a value: reply.send(...).")
        ask = self._take()
        if ask is not None:
            failed = AskFailed(self._cell.path, message_type(ask), describe_cause(error))
            failed.__cause__ = error
            ask.settle(error=failed)

    def _take(self) -> Ask | None:
        if self._sent:
            raise AlreadyReplied(self._cell.path, self._message_type)
        self._sent = True
        ask = self._ask
        ties = self._cell.ties
        if ask is not None and ties is not None and ties.deferred is not None:
            ties.deferred.pop(ask, None)
        return ask


@protected
def defer(cell: Cell, command: object) -> Reply[Any]:
    """
    The reply to the command in hand, to be sent later. The handler's own end answers nothing any more.

    Raises:
        LookupError: *command* is not the message in hand.
    """
    item = cell.hand_as_item()
    message = getattr(item, "message", item) if item is not None else None
    if item is None or message is not command:
        raise LookupError(
            f"{cell.path} does not have this {type(command).__name__} in hand: defer() takes the message that is being handled."
        )
    place = getattr(item, "place", None)
    if place != "hand":
        return Reply(cell, None, type(command).__name__)
    ties = cell.tied()
    if ties.deferred is None:
        ties.deferred = {}
    ties.deferred[item] = None
    item.place = "deferred"
    if item.target is cell:
        item.target = None  # anyone may answer from now on: its asker does not wait for this actor
    return Reply(cell, item, type(command).__name__)
