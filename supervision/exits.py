"""
Why an actor ended: the one value that `on_stop`, `Terminated` and `ActorStopped` all carry.

OTP has an open set of exit reasons of which `normal` and `shutdown` are special; here the kind is closed, so that
every supervision decision is a finite table, and the cause stands beside it.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, field, frozen

from .causes import describe_cause
from .words import one_of

ExitKind = Literal["normal", "shutdown", "killed", "failed"]


def _agrees_with_kind(ended: Exit, _attribute: Attribute[Any], cause: object) -> None:
    if cause is not None and not isinstance(cause, BaseException):
        raise TypeError(f"cause must be an exception or None, not {cause!r}.")
    if ended.kind == "failed" and cause is None:
        raise ValueError("A failed exit needs the exception that caused it: Exit('failed', error).")
    if ended.kind in ("normal", "shutdown") and cause is not None:
        raise ValueError(f"An exit of kind {ended.kind!r} has no cause, but {cause!r} was given. Use Exit('failed', error).")


@frozen
class Exit:
    """
    How an actor ended, and what ended it.

    Guarantees:
        * A failed exit has a cause; a normal exit and a shutdown have none; a killed one may have.
        * ``str()`` is one line for people: ``failed: ValueError: no such account``.

    Args:
        kind: ``normal``: it stopped itself. ``shutdown``: it was told to stop, and ended in time. ``killed``: it was
            cut off when its `stop_timeout` ran out. ``failed``: *cause* ended it.
        cause: The exception, compared by identity.

    Raises:
        ValueError: An unknown kind, or a kind that does not agree with the cause.
        TypeError: The cause is not an exception.
    """

    kind: ExitKind = field(validator=one_of(ExitKind))
    cause: BaseException | None = field(default=None, eq=id, validator=_agrees_with_kind)

    def __str__(self) -> str:
        return self.kind if self.cause is None else f"{self.kind}: {describe_cause(self.cause)}"
