"""
Whether a history can be explained: is there one order of its operations, each at one moment between its beginning and its end, in
which the model gives every answer that was given?

The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memory of the configurations that were tried
("Testing for linearizability", 2017), each independent part of the object by itself (Horn and Kroening, "Faster
linearizability checking via P-compositionality", 2015). An operation without an answer may take effect at any time after its
beginning, or never.

The question is NP-complete, so three things keep it small. An operation that may come next, gives its answer, and could not change
anything anywhere comes next: no order is lost by that. One without an answer that would change nothing now is not tried now. Of several
without an answer that do the same, the one that began first is taken first. What is still too much is given up, and said to be.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from attrs import frozen

from .history import Operation
from .models import Model

CONFIGURATIONS_MAX: Final = 100_000
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


@frozen
class Undecided:
    """
    The search was given up: whether an order explains the history is not known.

    Args:
        part: Of the object.
        operations: How many that part has.
        configurations: How many were tried.
    """

    part: Hashable
    operations: int
    configurations: int

    def __str__(self) -> str:
        about = "" if self.part is None else f" of {self.part!r}"
        return (
            f"whether an order explains the {self.operations} operations{about} was not found out in {self.configurations} configurations; "
            "use fewer operations, or fewer at once, or a model with parts"
        )


def judge(operations: Sequence[Operation], model: Model) -> NotLinearizable | Undecided | None:
    """What cannot be explained by *model*, or what the search was given up for if there is no such part; None if all can be explained."""
    parts: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        parts.setdefault(model.part(operation.kind, operation.argument), []).append(operation)
    undecided: Undecided | None = None
    for part, of_part in parts.items():
        search = _Search(sorted(of_part, key=lambda operation: operation.invoked), model)
        verdict = search.run()
        if verdict is False:
            return NotLinearizable(part, tuple(of_part), search.explained)
        if verdict is None and undecided is None:
            undecided = Undecided(part, len(of_part), CONFIGURATIONS_MAX)
    return undecided


class _Search:
    """
    The search for an order of the operations of one part.

    Args:
        operations: In the order of their beginnings.
        model: Of the object.
    """

    def __init__(self, operations: list[Operation], model: Model) -> None:
        self.explained: int = 0
        self._operations = operations
        self._model = model
        answered = [index for index, operation in enumerate(operations) if operation.returned is not None]
        self._ends: list[int] = sorted(answered, key=lambda index: operations[index].returned or 0)
        self._twins: list[int] = _twins(operations)
        changes_nothing: Callable[[str, Any], bool] = getattr(model, "changes_nothing", _may_change)
        self._reads: list[bool] = [changes_nothing(operation.kind, operation.result) for operation in operations]

    def run(self) -> bool | None:
        """Whether there is one; None if the search was given up."""
        operations, ends = self._operations, self._ends
        seen: set[tuple[int, Hashable]] = set()
        untried: list[tuple[int, Hashable, int]] = [(0, self._model.initial(), 0)]  # taken, as bits; state; place in ends
        while untried:
            taken, state, place = untried.pop()
            if (taken, state) in seen:
                continue
            if len(seen) == CONFIGURATIONS_MAX:
                return None
            seen.add((taken, state))
            while place < len(ends) and taken >> ends[place] & 1:
                place += 1
            if place == len(ends):
                return True
            self.explained = max(self.explained, taken.bit_count())
            first_end = operations[ends[place]].returned
            assert first_end is not None
            untried += [(taken | 1 << index, after, place) for index, after in self._next(taken, state, first_end)]
        return False

    def _next(self, taken: int, state: Hashable, first_end: int) -> list[tuple[int, Hashable]]:
        """The operations that may come next, with the state after each; the most promising last."""
        unanswered: list[tuple[int, Hashable]] = []
        answered: list[tuple[int, Hashable]] = []
        operations = self._operations
        index = ((taken + 1) & ~taken).bit_length() - 1  # the first that is not taken
        while index < len(operations) and operations[index].invoked < first_end:
            operation = operations[index]
            if not taken >> index & 1:
                after, result = self._model.apply(state, operation.kind, operation.argument)
                if operation.returned is None:
                    twin = self._twins[index]
                    if after != state and (twin < 0 or taken >> twin & 1):
                        unanswered.append((index, after))
                elif operation.result == result:
                    if self._reads[index]:
                        return [(index, after)]
                    answered.append((index, after))
            index += 1
        answered.sort(key=lambda candidate: -(operations[candidate[0]].returned or 0))
        return unanswered[::-1] + answered


def _may_change(_kind: str, _result: object) -> bool:
    return False


def _twins(operations: list[Operation]) -> list[int]:
    """For each operation without an answer the one before it that does the same; -1 if there is none."""
    twins = [-1] * len(operations)
    latest: list[int] = []  # of each kind and argument, which need not be hashable
    for index, operation in enumerate(operations):
        if operation.returned is not None:
            continue
        for place, other in enumerate(latest):
            if (operations[other].kind, operations[other].argument) == (operation.kind, operation.argument):
                twins[index], latest[place] = other, index
                break
        else:
            latest.append(index)
    return twins
