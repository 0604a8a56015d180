"""What publishers and subscribers can be told."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


@define(eq=False)
class MutableFact(TrouperError):
    """
    A fact that could change after it was published was refused. It was not published.

    Args:
        fact_type: The name of its class.
    """

    fact_type: str

    def __str__(self) -> str:
        return (
            f"{self.fact_type} is not immutable, and a fact is: many actors hold the same object. Make the class @frozen (attrs), "
            "@dataclass(frozen=True), or a NamedTuple."
        )


@define(eq=False)
class SubscriptionFull(TrouperError):
    """
    A subscriber with ``on_full="fail"`` was too slow: as many facts wait as its subscription may hold. It fails with this.

    Args:
        path: The subscriber.
        fact_type: The name of the class that it subscribed to.
        capacity: Facts that may wait.
    """

    path: str
    fact_type: str
    capacity: int

    def __str__(self) -> str:
        return (
            f"{self.path} has {self.capacity} of {self.capacity} facts of {self.fact_type} waiting, so one more was dropped and the "
            f"subscriber fails, as its on_full='fail' says. Raise the limit: subscribe({self.fact_type}, capacity={self.capacity * 2})."
        )
