"""
Whether a history can be explained: is there one order of its operations, each at one moment between its beginning and its end, in
which the model gives every answer that was given?

The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memory of the configurations that were tried
("Testing for linearizability", 2017), each independent part of the object by itself (Horn and Kroening, "Faster
linearizability checking via P-compositionality", 2015). An operation without an answer may take effect at any time after its
beginning, or never.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from attrs import frozen

from .history import UNKNOWN, Operation
from .models import Model

CONFIGURATIONS_MAX: Final = 2_000_000
"""Configurations that are tried for one part before the search is given up, without a verdict."""


@frozen
class NotLinearizable:
    """
    No order explains the history.

    Args:
        part: Of the object.
        operations: Of that part, in the order of their beginnings.
        explained: How many of them the best attempt explained.
    """

    part: Hashable
    operations: tuple[Operation, ...]
    explained: int

    def __str__(self) -> str:
        about = "" if self.part is None else f" of {self.part!r}"
        listed = "\n".join(f"  {_span(operation)} {operation}" for operation in self.operations)
        return f"no order explains the {len(self.operations)} operations{about} (the best attempt explains {self.explained}):\n{listed}"


def _span(operation: Operation) -> str:
    return f"[{operation.invoked}, {'...' if operation.returned is None else operation.returned}]"


def judge(operations: Sequence[Operation], model: Model) -> NotLinearizable | None:
    """What cannot be explained by *model*; None if all can, or if the search was given up."""
    parts: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        parts.setdefault(model.part(operation.kind, operation.argument), []).append(operation)
    for part, of_part in parts.items():
        explained = _explained(of_part, model)
        if explained is not None:
            return NotLinearizable(part, tuple(of_part), explained)
    return None


def _explained(operations: list[Operation], model: Model) -> int | None:
    """None if there is an order; else how many operations the longest attempt took."""
    answered = sum(1 << index for index, operation in enumerate(operations) if operation.returned is not None)
    seen: set[tuple[int, Hashable]] = set()
    open_ends: list[tuple[int, Hashable]] = [(0, model.initial())]
    best = 0
    while open_ends:
        taken, state = configuration = open_ends.pop()
        if configuration in seen:
            continue
        seen.add(configuration)
        if taken & answered == answered:
            return None
        best = max(best, taken.bit_count())
        if len(seen) > CONFIGURATIONS_MAX:
            return None
        first_end = min(
            operation.returned for index, operation in enumerate(operations) if operation.returned is not None and not taken >> index & 1
        )
        for index in range(len(operations) - 1, -1, -1):
            operation = operations[index]
            if taken >> index & 1 or operation.invoked > first_end:
                continue
            after, result = model.apply(state, operation.kind, operation.argument)
            if operation.result is UNKNOWN or operation.result == result:
                open_ends.append((taken | 1 << index, after))
    return best
