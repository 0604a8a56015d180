"""What tests of robustness look at when the storm is over: the accounts, and the invariants that the engine states beside its fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import cast

import pytest
from attrs import astuple

from trouper import System
from trouper.actors.cell import BLOCKED, DEAD, DRIVEN, GONE, HELD, IDLE, READY, UP, Cell
from trouper.actors.sharing import SharedFact
from trouper.mailbox import Envelope
from trouper.system.statistics import Counts, cells_of

Check = Callable[[System], None]


def adds_up(counts: Counts) -> bool:
    """Promise 4: every accepted message ended in exactly one place, or waits."""
    return counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting


def is_counted_beside(item: object) -> bool:
    """Whether an entry of a queue raises its limit: it takes no slot, and is not in the queues of others too."""
    return isinstance(item, Envelope) and not isinstance(item, SharedFact) and (item.withdrawn or not item.takes_slot)


def _check_statistics(system: System) -> None:
    statistics = system.statistics()
    for path, counts in statistics.actors.items():
        assert adds_up(counts), (path, counts)
        assert min(astuple(counts)) >= 0, (path, counts)
    assert adds_up(statistics), statistics


def _check_invariants(system: System) -> None:
    runtime = system._runtime  # pyright: ignore[reportPrivateUsage]
    ready = Counter(id(cell) for cell in cast("Iterable[Cell]", runtime.ready))
    drivers = 0
    for cell in cells_of(runtime):
        items = [] if cell.queue is None else list(cell.queue)
        where = (cell.path, cell.state, cell.phase, cell.limit, cell.attention, items)
        assert cell.state != DEAD, where
        assert cell.phase != GONE, where
        assert ready[id(cell)] == (cell.state == READY), where
        if cell.state == IDLE:
            assert cell.queue is None, where
            assert not cell.attention, where
            assert cell.phase == UP, where
        assert (cell.worker is not None) == (cell.state == DRIVEN), where
        drivers += cell.worker is not None
        assert (cell in runtime.blocked) == (cell.state == BLOCKED), where
        if cell.state == HELD:
            assert cell.pending is not None, where
            assert not cell.pending.done, where
            assert cell.pending.cell is cell, where
        if cell.limit >= 0:
            slotless = sum(1 for item in items if is_counted_beside(item))
            assert cell.limit == cell.spec.mailbox.capacity + slotless, (*where, cell.limit, slotless)
        if cell.ties is not None and cell.ties.waiters and cell.state != READY:
            assert len(items) >= cell.limit, (*where, len(items), cell.limit)
    assert runtime.suspended == drivers
    assert not runtime.ready or runtime.is_awake


@pytest.fixture
def check_statistics() -> Check:
    """Asserts that the accounts of each living actor and of the system add up. Valid at any moment in which no handler runs."""
    return _check_statistics


@pytest.fixture
def check_invariants() -> Check:
    """Asserts what the comments beside the engine's fields claim, between two steps of trio."""
    return _check_invariants
