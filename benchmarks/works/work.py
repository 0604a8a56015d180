"""One thing that is timed, as data."""

from collections.abc import Awaitable, Callable

from attrs import frozen


@frozen
class Work:
    """
    One thing that is timed.

    Args:
        name: Its id on the command line and in the results.
        does: What it is, for the table.
        unit: What one operation is, in the plural.
        run: Does about so many operations, checks that all were done, and returns how many there were and the seconds that they took.
        operations: How many make a measurement.
    """

    name: str
    does: str
    unit: str
    run: Callable[[int], Awaitable[tuple[int, float]]]
    operations: int
