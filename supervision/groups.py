"""Whom the end of one child concerns: its siblings by strategy, and its supervisor by automatic shutdown. Both are OTP's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .words import AutoShutdown, Strategy

K = TypeVar("K")


def affected(strategy: Strategy, children: Sequence[K], failed: K) -> tuple[K, ...]:
    """
    The children to restart when one failed, in start order; they stop in the reverse order.

    Guarantees:
        * ``one_for_one`` looks at no sibling: its cost does not grow with the number of children.

    Args:
        children: All children in start order.
        failed: The one that failed, one of *children*.

    Raises:
        ValueError: Under ``rest_for_one``, *failed* is not among *children*.
    """
    if strategy == "one_for_one":
        return (failed,)
    if strategy == "one_for_all":
        return tuple(children)
    return tuple(children[children.index(failed) :])


def shuts_down(auto_shutdown: AutoShutdown, ended_significant: bool, significant_left: int) -> bool:
    """
    Whether a supervisor stops itself because a child ended by itself and is not restarted.

    Args:
        ended_significant: Whether the child that ended was significant.
        significant_left: How many significant children are still there, the one that ended not counted.
    """
    if auto_shutdown == "never" or not ended_significant:
        return False
    return auto_shutdown == "any_significant" or significant_left == 0
