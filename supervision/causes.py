"""
What ended an actor: how the exception is said in one line, and what it consists of.

The exception is the user's, and its ``__str__`` may itself raise: that must break neither a log line nor the text of
another error.
"""

from __future__ import annotations

from collections.abc import Iterator


def describe_cause(error: BaseException) -> str:
    """
    The exception's type and text: ``ValueError: no such account``, or only the type if it says nothing.

    Guarantees:
        * One line, and never an exception.
    """
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - whatever the user's __str__ raises
        text = "<its str() failed>"
    return f"{name}: {text}" if text else name


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group that are no groups. Without recursion: a group may be nested deeper than the stack."""
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop()
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        else:
            yield current
