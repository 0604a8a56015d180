"""
Which of the messages that actors have handlers for came in a run: what never comes in any seed is not tested, however many seeds are clean.

A handler for a class is reached by instances of its subclasses too. The runtime's own actors do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from attrs import frozen

from ..actors.cell import Cell
from ..actors.table import HandlerTable


@frozen
class Coverage:
    """
    Names of classes of messages.

    Args:
        declared: Those that actors of the run have handlers for.
        handled: Those of them that some actor was given.
    """

    declared: frozenset[str] = frozenset()
    handled: frozenset[str] = frozenset()


def coverage_of(cells: Iterable[Cell], stepped: Iterable[type]) -> Coverage:
    """What *cells* declare, and what of it came, if *stepped* is all that any actor was given."""
    factories: list[Any] = [cell.spec.factory for cell in cells]
    declared = frozenset[type]().union(*map(_declared_by, {kind for kind in factories if isinstance(kind, type)}))
    reached = {base for kind in stepped for base in kind.__mro__}
    return Coverage(frozenset(kind.__name__ for kind in declared), frozenset(kind.__name__ for kind in declared if kind in reached))


@lru_cache(maxsize=1024)
def _declared_by(kind: type) -> frozenset[type]:
    table: HandlerTable | None = getattr(kind, "__table__", None)
    if table is None or kind.__module__.partition(".")[0] == "trouper":
        return frozenset()
    return frozenset(table.marked if table.receive is None else table.vocabulary.members)
