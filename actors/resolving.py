"""
How a pickled ref finds its actor: by address, in the system in whose name it is unpickled.

Inside a handler that is the actor's system; elsewhere it is said with `with system.current():`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .cell import CURRENT, Background, Cell

if TYPE_CHECKING:
    from ..registry import Address
    from .ref import ActorRef
    from .runtime import Runtime

HERE: ContextVar[Runtime | None] = ContextVar("trouper_here", default=None)
"""The system that refs are resolved in, outside of actors."""


def current_runtime() -> Runtime | None:
    """The runtime of the actor whose code this is, else the one of `with system.current()`."""
    current = CURRENT.get()
    if isinstance(current, Cell):
        return current.dispatcher
    if isinstance(current, Background):
        return current.cell.dispatcher
    return HERE.get()


def resolve(address: Address) -> ActorRef[Any]:
    """
    The ref of the actor at *address*; one that leads nowhere if that actor is dead.

    Raises:
        LookupError: Nothing says which system is meant.
        ForeignRef: The address is of another system.
    """
    runtime = current_runtime()
    if runtime is None:
        raise LookupError(
            f"The ref of {address.path} was unpickled where no system is at hand. Do it in a handler, or inside 'with system.current():'."
        )
    return runtime.resolve(address)
