"""The fields of an object, read in one call."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

Reader = Callable[[Any], tuple[Any, ...]]


def reader_of(names: tuple[str, ...]) -> Reader:
    """Reads the attributes *names* of an object, in this order; `attrgetter` alone gives one value bare, and cannot read none."""
    if not names:
        return lambda _value: ()
    if len(names) == 1:
        alone = attrgetter(names[0])
        return lambda value: (alone(value),)
    return attrgetter(*names)
