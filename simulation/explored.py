"""How much of what can happen was explored."""

from __future__ import annotations

from attrs import define, field


@define(eq=False)
class Explored:
    """
    What an exploration of every order has covered.

    Args:
        bound: How many choices of one run were allowed to cost.
        runs: How many were made.
        left: How many are known that were not made; there may be more behind them.
        cut: How many of those that were made ended early, since what followed was known.
        is_complete: Whether nothing is left.
        states: How many states were told apart, if they were.
        unexplored: What the cluster asked for and every order has not in it, such as partitions.
    """

    bound: int
    runs: int = 0
    left: int = 0
    cut: int = 0
    is_complete: bool = False
    states: int | None = None
    unexplored: list[str] = field(factory=list[str])

    def __str__(self) -> str:
        known = self.runs + self.left
        of = f"{known}" if self.is_complete else f"at least {known}"
        text = f"explored {self.runs} of {of} runs at bound {self.bound}: {'complete' if self.is_complete else 'not complete'}"
        if self.states is not None:
            text += f", {self.states} states"
        if self.unexplored:
            text += f"; not explored: {', '.join(self.unexplored)}"
        return text
