"""
What happened before what (Lamport, "Time, clocks, and the ordering of events in a distributed system", 1978): the cone of an event, and
vector clocks.

Of two events on one node the earlier one counts as a cause of the later one: a node is one machine, and its actors share its disk and
its system. So a cone holds all that may have mattered, and nothing that can't have. What the network does with a message, and
faults of no node, have causes but are causes of nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .trace import Event

NETWORK: Final = "network"
"""The process, beside the nodes, to which vector clocks count what belongs to none."""


def process_of(event: Event) -> str:
    """Whose event it is: a node's name, or empty for the network's."""
    return "" if event.kind == "dropped" else event.node


def causes_of(events: Sequence[Event]) -> tuple[tuple[int, ...], ...]:
    """For each event the places of those right before it."""
    sent: dict[int, int] = {}
    last: dict[str, int] = {}
    causes: list[tuple[int, ...]] = []
    for place, event in enumerate(events):
        process = process_of(event)
        found = [last[process]] if process in last else []
        if event.kind in {"delivered", "dropped"} and event.number in sent:
            found.append(sent[event.number])
        causes.append(tuple(found))
        if process:
            last[process] = place
        if event.kind == "sent":
            sent[event.number] = place
    return tuple(causes)


def cone_of(causes: Sequence[tuple[int, ...]], place: int) -> frozenset[int]:
    """All that happened before an event, and itself."""
    cone = {place}
    left = [place]
    while left:
        fresh = [cause for cause in causes[left.pop()] if cause not in cone]
        cone.update(fresh)
        left += fresh
    return frozenset(cone)


def vector_clocks(events: Sequence[Event], causes: Sequence[tuple[int, ...]]) -> list[dict[str, int]]:
    """
    For each event how many events of each process had happened before it, or are it.

    Guarantees:
        * One event of a node happened before another of a node iff its clock is not above the other's in any process.
        * The clocks of one process never go back; so the network's events, though no causes, count as one after the other.
    """
    clocks: list[dict[str, int]] = []
    last_of_network: dict[str, int] = {}
    for place, event in enumerate(events):
        process = process_of(event)
        before = [clocks[cause] for cause in causes[place]] + ([] if process else [last_of_network])
        clock: dict[str, int] = {}
        for one in before:
            for name, count in one.items():
                clock[name] = max(count, clock.get(name, 0))
        name = process or NETWORK
        clock[name] = clock.get(name, 0) + 1
        clocks.append(clock)
        if not process:
            last_of_network = clock
    return clocks
