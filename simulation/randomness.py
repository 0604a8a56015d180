"""
What an actor gets as `context.random`: a standard generator whose numbers are draws on the tape.

Only `random()` is overridden: then the standard library derives all other methods from it alone, which is also what keeps them the
same in every version of Python that computes them alike.
"""

from __future__ import annotations

from random import Random

from .tape import Tape


class TapedRandom(Random):
    """
    Randomness of one node.

    Args:
        tape: Where its numbers are drawn.
        label: For what.
    """

    def __init__(self, tape: Tape, label: str) -> None:
        super().__init__(0)
        self._tape = tape
        self._label = label

    def random(self) -> float:
        """A number of 0.0 to below 1.0, on the tape."""
        return self._tape.fraction(self._label)


class EnumeratedRandom(TapedRandom):
    """
    Randomness of one node where every choice is explored: one of n is a draw out of n, not of the numbers between 0 and 1.

    `choice`, `randrange`, `randint`, `shuffle` and `sample` take it from here: the standard library has `_randbelow` for that.
    """

    def _randbelow(self, n: int) -> int:
        return self._tape.draw(n, self._label)
