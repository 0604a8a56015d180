"""What a number of slots may be: nothing in trouper is unbounded, and nothing has room for less than one message."""

from __future__ import annotations

from typing import Any


def is_slot_count(instance: object, attribute: Any, value: Any) -> None:
    """
    An attrs validator: the value is a whole number of at least 1.

    Raises:
        TypeError: It is no int; a bool counts as none.
        ValueError: It is less than 1.
    """
    what = f"{attribute.name} of {type(instance).__name__}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {value!r}.")
    if value < 1:
        raise ValueError(f"{what} must be at least 1, not {value}. It cannot be unbounded: choose a large number instead.")
