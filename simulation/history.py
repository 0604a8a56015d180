"""The history: what clients asked of a cluster and what they were told, in the order in which they saw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

from attrs import define, field


@final
class _Unknown:
    """Nobody knows whether the operation had its effect: no answer came."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""The result of an operation without an answer: it may have had its effect, may have it later, or never."""


@define(eq=False)
class Operation:
    """
    One operation of one client.

    Args:
        client: Whose.
        kind: What it does, such as "write".
        argument: With what.
        invoked: Its place among all beginnings and ends.
        returned: The place of its end; None while nobody knows that it ended.
        result: What it was answered, or `UNKNOWN`.
    """

    client: str
    kind: str
    argument: Any
    invoked: int
    returned: int | None = None
    result: Any = UNKNOWN

    def __str__(self) -> str:
        argument = "" if self.argument is None else repr(self.argument)
        return f"{self.client}: {self.kind}({argument}) -> {self.result!r}"


def _nobody_asks(_what: str) -> None:
    """Who explores every order asks what a step touches; nobody else does."""


@define(eq=False)
class History:
    """All operations of a run."""

    on_place: Callable[[str], object] = field(default=_nobody_asks, repr=False)
    """Called with "begin" or "end" when there is one: the order of beginnings among themselves is nobody's business."""
    operations: list[Operation] = field(factory=list[Operation], init=False)
    _places: int = field(default=0, init=False)

    def begin(self, client: str, kind: str, argument: Any) -> Operation:
        """A client asks for something."""
        self._places += 1
        self.on_place("begin")
        operation = Operation(client, kind, argument, self._places)
        self.operations.append(operation)
        return operation

    def end(self, operation: Operation, result: Any) -> None:
        """It was answered. `UNKNOWN` leaves it open for ever."""
        self._places += 1
        self.on_place("end")
        if result is not UNKNOWN:
            operation.returned = self._places
            operation.result = result
