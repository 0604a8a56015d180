"""The runtime's own facts: what happens to actors and to messages, published on the event stream like any other fact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from ..supervision import Directive, Exit

if TYPE_CHECKING:
    from .ref import ActorRef

DeadLetterReason = Literal["stopped", "overflow", "unhandled", "stash"]


@frozen
class ActorStarted:
    """An actor started for the first time, its `on_start` and its static children included."""

    path: str


@frozen
class ActorStopped:
    """An actor is dead. Its name is free again."""

    path: str
    reason: Exit


@frozen
class ActorFailed:
    """An actor failed, and what was decided about it. A failure while it stops has the directive "stop"."""

    path: str
    cause: BaseException
    directive: Directive


@frozen
class ActorRestarted:
    """An actor has a new instance and goes on. *attempt* counts its restarts from 1."""

    path: str
    attempt: int


@frozen
class DeadLetter:
    """
    A message that was accepted and will never be handled.

    Args:
        message: The message itself.
        recipient: Whom it was for.
        reason: "stopped": the actor is dead or stopping. "overflow": its mailbox was full. "unhandled": it handles no such
            message. "stash": it was set aside when the actor ended.
    """

    message: Any
    recipient: ActorRef[Any]
    reason: DeadLetterReason


@frozen
class SlowHandler:
    """
    A handler took longer than `open_system(slow_handler=...)`.

    Not guaranteed:
        * That a plain `def` handler is named exactly when several messages of its actor were handled in one turn.

    Args:
        path: The actor.
        message_type: The name of the message's type.
        seconds: How long it took.
    """

    path: str
    message_type: str
    seconds: float
