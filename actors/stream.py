"""What this room needs of the event stream, which is built in a room above."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from .cell import Cell

OnFullFacts = Literal["drop_oldest", "drop_newest", "latest", "fail"]
"""What a subscription does when its capacity of facts waits."""


class Stream(Protocol):
    """Where facts go."""

    def publish(self, fact: object) -> None:
        """Takes a fact; never waits."""

    def wants(self, fact_type: type[Any]) -> bool:
        """Whether anybody subscribes to facts of exactly this class."""
        ...

    def subscribe_actor(
        self, cell: Cell, fact_type: type[Any], where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int
    ) -> None:
        """Subscribes an actor."""

    def unsubscribe_actor(self, cell: Cell, fact_type: type[Any]) -> None:
        """Takes a class out of what an actor gets."""

    def settle(self) -> None:
        """Puts into the accounts of actors what they have accepted from the stream since the last time."""

    def unshare(self, cell: Cell) -> bool:
        """Gives each fact that waits for the actor in a shared envelope one of its own, that takes no slot. False: there was none."""
        ...

    def forget(self, cell: Cell) -> None:
        """The actor is dead, or takes nothing more."""


class Silence:
    """The stream of a system that has none yet: nobody publishes, nobody listens."""

    def publish(self, fact: object) -> None:
        """Nobody hears it."""

    def wants(self, fact_type: type[Any]) -> bool:  # noqa: ARG002
        """Nobody does."""
        return False

    def subscribe_actor(
        self, cell: Cell, fact_type: type[Any], where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int
    ) -> None:
        """There is nothing to subscribe to."""

    def unsubscribe_actor(self, cell: Cell, fact_type: type[Any]) -> None:
        """There is nothing to unsubscribe from."""

    def settle(self) -> None:
        """Nothing is accepted from it."""

    def unshare(self, cell: Cell) -> bool:  # noqa: ARG002
        """Nothing is shared."""
        return False

    def forget(self, cell: Cell) -> None:
        """Nobody is known."""
