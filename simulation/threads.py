"""
`context.run_sync` in a simulation: the work is done at once, after a drawn time in which the rest of the cluster goes on.

A real thread would end when no seed decides. That the work takes time is kept, since what happens meanwhile is what goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from ..actors.resolving import current_runtime

if TYPE_CHECKING:
    from .world import World

THREAD_SECONDS_MAX: Final = 0.01
"""How long work in a thread takes at most, in virtual seconds."""


async def run_in_turn(world: World, call: Callable[..., Any], *arguments: Any) -> Any:
    """
    Calls *call* as trio's thread would: once begun it is not cut short by a cancellation, but a crash of its node ends it.

    Args:
        world: Where its time is drawn; 0 is none.
        call: The work.
        arguments: For it.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    with trio.CancelScope(shield=True):
        await trio.sleep(THREAD_SECONDS_MAX * world.tape.fraction("thread"))
    node: Any = current_runtime()
    if world.is_over or node is None or node.is_dead:
        await trio.sleep_forever()  # what has crashed is cancelled
    return call(*arguments)
