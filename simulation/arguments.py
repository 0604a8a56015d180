"""What those who describe a simulation hand over: what cannot be meant is refused where it enters, before a run looks clean for it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Generator
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any


def check_seconds(what: str, seconds: Any, *, above_zero: bool = False) -> None:
    """Raises ValueError unless *seconds* is a length of time, which *what* takes."""
    if not _is_finite(seconds) or seconds < 0 or (above_zero and not seconds):
        least = "more than" if above_zero else "at least"
        raise ValueError(f"{what} takes seconds, {least} 0 and not infinitely many, not {seconds!r}.")


def check_rate(what: str, rate: Any) -> None:
    """Raises ValueError unless *rate* is how fast a clock may run."""
    if not _is_finite(rate) or rate <= 0:
        raise ValueError(f"{what} is how fast a clock runs, a number above 0 such as 1.05, not {rate!r}.")


def check_choice(what: str, chosen: object, choices: Collection[str]) -> None:
    """Raises ValueError unless *chosen* is one of *choices*."""
    if chosen not in choices:
        raise ValueError(f"{what} is one of {', '.join(choices)}, not {chosen!r}.")


def check_function(what: str, function: Callable[..., object]) -> None:
    """Raises TypeError unless *function* is one that is done when it returns. Of others nothing would be run, and nothing found."""
    if not callable(function):
        raise TypeError(f"{what} takes a function, not {function!r}.")
    for one in (function, getattr(function, "__call__", None)):  # noqa: B004  # an instance may have one that is async
        if iscoroutinefunction(one) or isgeneratorfunction(one) or isasyncgenfunction(one):
            raise TypeError(f"{what} takes a plain function: {getattr(function, '__name__', function)!s} is async, or yields.")


def is_unfinished(result: object) -> bool:
    """Whether a function has only begun when it returned *result*, which is always true. It is not going to be run."""
    if isinstance(result, (Coroutine, Generator)):
        result.close()
    return isinstance(result, (Coroutine, Generator, AsyncGenerator))


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
