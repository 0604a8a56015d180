"""
How an exception that ended an actor is said in one line.

The exception is the user's, and its ``__str__`` may itself raise: that must break neither a log line nor the text of
another error.
"""

from __future__ import annotations


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
