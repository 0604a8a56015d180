"""
What was sent and is in nobody's hands yet: on the network, or waiting for its receiver.

Nothing is kept for this while messages travel. It is read off the world's agenda and the mailboxes when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ..mailbox import Envelope
from .packing import unpack

if TYPE_CHECKING:
    from ..actors.cell import Cell
    from .cluster import Cluster

T = TypeVar("T")


def in_flight(cluster: Cluster, kind: type[T], *, in_hand: bool) -> list[T]:
    """
    The messages of *kind* that are on their way; see `Simulation.in_flight`.

    Args:
        cluster: Between whose nodes, and to whose actors.
        kind: A class; its subclasses are included.
        in_hand: Whether a message counts too while its handler waits for something.
    """
    return [message for message in _all(cluster, in_hand=in_hand) if isinstance(message, kind)]


def _all(cluster: Cluster, *, in_hand: bool) -> Iterator[Any]:
    runtimes = list(cluster.up.values())
    for packed in cluster.travelling():
        yield runtimes[0].here.run(unpack, packed) if runtimes else unpack(packed)
    for runtime in runtimes:
        for cell in runtime.cells:
            yield from _waiting(cell)
            if in_hand and cell.in_hand():
                yield _message(cell.hand)


def _waiting(cell: Cell) -> Iterator[Any]:
    ties = cell.ties
    for item in cell.queue or ():
        if not (isinstance(item, Envelope) and item.withdrawn):
            yield _message(item)
    if ties is not None:
        for item in ties.stash or ():
            yield _message(item)
        for waiter in ties.waiters or ():
            yield waiter.message


def _message(item: Any) -> Any:
    return item.message if isinstance(item, Envelope) else item
