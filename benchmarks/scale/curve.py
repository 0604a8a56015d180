"""A family of curves as data, and how one point is measured: as multiples of the bare loop that runs right before and after it."""

import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import process_time
from typing import Final

from attrs import frozen
from bare import bare_seconds

Multiples = Mapping[str, Sequence[float]]
"""By the name of a line: how many times the bare loop an operation took, each time that it was measured."""

BARE_MESSAGES: Final = 100_000
REPEATED_SECONDS: Final = 1.0
"""How long one slow operation is repeated at most."""


@frozen
class Curve:
    """
    What becomes of some costs as something grows.

    Args:
        name: Its id on the command line, and its part of the picture's name.
        title: What it shows.
        grows: What is on the x axis.
        each: What one operation is, for the y axis.
        panels: The pictures side by side: a heading, and the lines in it.
        sizes: The points of the x axis.
        measure: Measures all lines at one size; the second argument is how often each.
    """

    name: str
    title: str
    grows: str
    each: str
    panels: Mapping[str, Sequence[str]]
    sizes: Sequence[int]
    measure: Callable[[int, int], Awaitable[Multiples]]


Step = Callable[[], Awaitable[tuple[int, float]]]
"""Does something so many times, and returns how many, and the seconds that they took."""


async def multiple_of_bare(step: Step) -> float:
    """How many times the bare loop one operation of *step* took."""
    before = bare_seconds(BARE_MESSAGES, process_time)
    operations, seconds = await step()
    after = bare_seconds(BARE_MESSAGES, process_time)
    return seconds / operations * 2 * BARE_MESSAGES / (before + after)


async def multiples_of_bare(step: Step, times: int) -> list[float]:
    """The same, several times in a row, without what was garbage before."""
    gc.collect()
    return [await multiple_of_bare(step) for _ in range(times)]


def repeated(operation: Callable[[int], Awaitable[None]], most: int) -> Step:
    """A step that does *operation* with 0, 1, 2 ... as often as it may, or until it has taken long enough."""

    async def step() -> tuple[int, float]:
        began = process_time()
        seconds = 0.0
        done = 0
        while done < most and seconds < REPEATED_SECONDS:
            await operation(done)
            done += 1
            seconds = process_time() - began
        return done, seconds

    return step
