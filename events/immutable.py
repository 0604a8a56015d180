"""Whether a fact can change: looked at once a class, since it is asked at every publication."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import attrs

from .errors import MutableFact

MUTABLE: Final = (list, dict, set, bytearray)
"""Builtin containers that are certainly mutable."""


@attrs.frozen
class _Frozen:
    """All frozen classes of attrs share one `__setattr__`, by which attrs itself knows them."""


def check_immutable(kind: type[Any]) -> None:
    """
    Refuses classes whose instances are known to be mutable.

    Not guaranteed:
        * That what a frozen instance holds is immutable too, or that a class which is neither of attrs nor a dataclass is.

    Raises:
        MutableFact: An attrs class or a dataclass that is not frozen, or a builtin container that is mutable.
    """
    if attrs.has(kind):
        frozen = kind.__setattr__ is _Frozen.__setattr__
    elif dataclasses.is_dataclass(kind):
        frozen = bool(getattr(kind, "__dataclass_params__").frozen)  # noqa: B009  # typeshed does not know it
    else:
        frozen = not issubclass(kind, MUTABLE)
    if not frozen:
        raise MutableFact(kind.__name__)
