"""
Checks of the numbers that policy is made of: counts, and real numbers with a lower limit; as attrs validators, and for arguments.

attrs' own ``ge`` accepts True as a count and says nothing of infinity; these refuse what is no number with TypeError,
and what is out of range, NaN included, with ValueError.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def count(_instance: object, attribute: Any, value: Any) -> None:
    """An attrs validator: a whole number, at least 0."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be a whole number, at least 0, not {value!r}.")
    if value < 0:
        raise ValueError(f"{attribute.name} must be at least 0, not {value}.")


def real(limit: float, *, or_equal: bool = True, finite: bool = False) -> Callable[[Any, Any, Any], None]:
    """
    An attrs validator: an int or float in range, never NaN.

    Args:
        limit: The lower limit.
        or_equal: Whether the limit itself is allowed.
        finite: Whether infinity is refused.
    """

    def validate(_instance: object, attribute: Any, value: Any) -> None:
        check_real(attribute.name, value, limit, or_equal=or_equal, finite=finite)

    return validate


def check_real(name: str, value: Any, limit: float, *, or_equal: bool = True, finite: bool = False) -> None:
    """What `real` validates, of an argument called *name*."""
    wanted = f"a {'finite ' if finite else ''}number {'at least' if or_equal else 'above'} {limit}"
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be {wanted}, not {value!r}.")
    above_limit = value >= limit if or_equal else value > limit  # both are False for NaN
    if not above_limit or (finite and value > sys.float_info.max):
        raise ValueError(f"{name} must be {wanted}, not {value}.")
