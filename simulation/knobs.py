"""
The knobs of a cluster: what a shrinker may turn, and no run draws.

A node that is not there, or comes late; an operation that a client skips; a run that is shorter. They are on a record only where they
are turned (see `Tape.knob`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .nodes import SimulatedNode
    from .tape import Tape
    from .world import World

ABSENT: Final = "absent node: "
"""Whether a node never starts."""

LATE: Final = "late node: "
"""How many milliseconds after the others a node starts first."""

ABSENT_CLIENT: Final = "absent client: "
"""Whether a client does nothing."""

LATE_CLIENT: Final = "late client: "
"""How many milliseconds after the others a client begins."""

SKIPPED: Final = "skips: "
"""Which operations a client skips."""

SKIPPED_CALLS: Final = "skips: sim.at"
"""Which calls of `Simulation.at` are not made."""

SHORTENED: Final = "shortened: the run"
"""How many milliseconds before its time the faults of a run end."""

OF_NODES: Final = (ABSENT, LATE)
OF_CLIENTS: Final = (ABSENT_CLIENT, LATE_CLIENT)
ALL: Final = (*OF_NODES, *OF_CLIENTS, SKIPPED, SHORTENED)


def is_knob(label: str) -> bool:
    """Whether *label* is that of a knob."""
    return label.startswith(ALL)


def turned(streams: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """The knobs among *streams* that are turned."""
    return {label: list(values) for label, values in streams.items() if is_knob(label) and any(values)}


def shortened(tape: Tape, seconds: float) -> float:
    """How long a run is that is *seconds* long unless a shrinker wants it shorter."""
    return seconds - tape.knob(max(1, int(seconds * 1000)), SHORTENED) / 1000


def start(
    world: World, nodes: Iterable[SimulatedNode], clients: Iterable[SimulatedNode], seconds: float, ended: Callable[[], object]
) -> None:
    """Starts nodes and clients at once, unless a shrinker wants some late, or never; *ended* is called for each client of these."""
    tape, latest = world.tape, max(1, int(seconds * 1000))
    for node in nodes:
        node.is_absent = tape.knob(2, ABSENT + node.name) == 1
        _start_after(world, node, tape.knob(latest, LATE + node.name))
    for client in clients:
        client.is_absent = tape.knob(2, ABSENT_CLIENT + client.name) == 1
        _start_after(world, client, tape.knob(latest, LATE_CLIENT + client.name))
        if client.is_absent:
            ended()


def _start_after(world: World, node: SimulatedNode, milliseconds: int) -> None:
    if milliseconds and not node.is_absent:
        world.at(milliseconds / 1000, node.start)
    else:
        node.start()
