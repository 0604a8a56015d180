"""A fault that lasts, as a `with` block: by hand, or entered and left by the driver of faults."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import final


@final
class Scope:
    """
    A fault, from the beginning of a block to its end, or to the end of all faults if that is sooner.

    Args:
        begin: Does it.
        end: Undoes it; called once.
        open_ones: Those that last now, in the order in which they began.
    """

    def __init__(self, begin: Callable[[], object], end: Callable[[], object], open_ones: dict[Scope, None]) -> None:
        self._begin = begin
        self._end = end
        self._open_ones = open_ones

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.end()

    def begin(self) -> None:
        """It begins. Raises RuntimeError if it lasts already."""
        if self in self._open_ones:
            raise RuntimeError("This fault lasts already: a block of its own needs one of its own.")
        self._begin()
        self._open_ones[self] = None

    def end(self) -> None:
        """It is over. Idempotent."""
        if self in self._open_ones:
            del self._open_ones[self]
            self._end()
