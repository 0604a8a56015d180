"""
Causal chains: which step of a run led to which, and the chain each belongs to.

A step is caused by the step that sent the message it takes. A chain is a row of steps, each caused by the one before; the first message
that a step sends goes on with its chain, the others begin chains of their own. They are formed while the run goes on, and only for a
strategy that asks for them.

Exact are the causes of what comes from another node, message or reply, and of what wakes an idle actor on the same one. What had to wait
in a mailbox behind other messages of the same node, and timers, count as caused by the last step of their actor: the runtime does not
say who sent them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..actors.cell import Cell


class Step(NamedTuple):
    """The step at a *place* of a *chain*."""

    chain: int
    place: int


class Chains:
    """
    The chains of one run.

    Args:
        number_of: Gives the number under which the message came over the network that a cell takes next; 0: it did not.
    """

    # Invariant: of each chain only the last step is gone on from, so that its steps are caused one by the other.

    def __init__(self, number_of: Callable[[Cell], int]) -> None:
        self._number_of = number_of
        self._lengths: list[int] = []
        self._last: dict[Cell, Step] = {}
        self._next: dict[Cell, Step] = {}
        self._roused: dict[Cell, Step] = {}
        self._senders: dict[int, Step] = {}
        self._running: Cell | None = None

    def sent(self, number: int, sender: object) -> None:
        """A message, or a reply, goes to another node."""
        step = self._last.get(sender) if isinstance(sender, Cell) else None
        if step is not None:
            self._senders[number] = step

    def replied(self, number: int, asker: Cell | None) -> None:
        """A reply has come to who waits for it."""
        step = self._senders.get(number)
        if asker is not None and step is not None:
            self._roused[asker] = step

    def is_ready(self, cell: Cell) -> None:
        """A cell has become ready."""
        running = self._running
        if running is not None and running is not cell and running in self._last:
            self._roused.setdefault(cell, self._last[running])

    def rest(self) -> None:
        """Nobody runs: time passes."""
        self._running = None

    def chain_of_next(self, cell: Cell) -> int:
        """The chain of the step that a ready cell makes next."""
        step = self._next.get(cell)
        if step is None:
            step = self._next[cell] = self._new_step(cell)
        return step.chain

    def step(self, cell: Cell) -> None:
        """A cell runs."""
        self.chain_of_next(cell)
        self._last[cell] = self._next.pop(cell)
        self._running = cell

    def _new_step(self, cell: Cell) -> Step:
        number = self._number_of(cell)
        roused = self._roused.pop(cell, None)
        cause = (self._senders.get(number) if number else roused) or self._last.get(cell)
        lengths = self._lengths
        if cause is not None and lengths[cause.chain] == cause.place + 1:
            chain = cause.chain
        else:
            chain = len(lengths)
            lengths.append(0)
        step = Step(chain, lengths[chain])
        lengths[chain] += 1
        return step
