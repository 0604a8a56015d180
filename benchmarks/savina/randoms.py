"""
The two sources of numbers that the suite's programs are written for, so that their published results can be met.

`PseudoRandom` is the suite's own: 16 bits, and a `next_double` that is nearly always nearly 0. `JavaRandom` is `java.util.Random`, by
the algorithm that its documentation prescribes: a 48 bit linear congruential generator (Knuth, TAOCP 2, 3.2.1).
"""

import math
from typing import Final

PSEUDO_SEED: Final = 74755

_MASK: Final = (1 << 48) - 1
_MULTIPLIER: Final = 0x5DEECE66D


class PseudoRandom:
    """The suite's generator of numbers in 0..65535."""

    __slots__ = ("_value",)

    def __init__(self, seed: int = PSEUDO_SEED) -> None:
        self._value = seed

    def next_long(self) -> int:
        """The next number, 0 to 65535."""
        self._value = value = (self._value * 1309 + 13849) & 65535
        return value

    def next_int(self, limit: int) -> int:
        """The next number, modulo *limit*."""
        return self.next_long() % limit

    def next_double(self) -> float:
        """One over the next number and 1: as the suite has it, far from uniform."""
        return 1.0 / (self.next_long() + 1)


class JavaRandom:
    """`java.util.Random`: the same numbers for the same seed."""

    __slots__ = ("_gaussian", "_seed")

    def __init__(self, seed: int) -> None:
        self._seed = (seed ^ _MULTIPLIER) & _MASK
        self._gaussian: float | None = None

    def _next(self, bits: int) -> int:
        """The upper *bits* of the next state, unsigned."""
        self._seed = seed = (self._seed * _MULTIPLIER + 0xB) & _MASK
        return seed >> (48 - bits)

    def next_any_int(self) -> int:
        """Any int of 32 bits, with its sign."""
        value = self._next(32)
        return value - (1 << 32) if value >= 1 << 31 else value

    def next_int(self, limit: int) -> int:
        """An int of at least 0 and below *limit*."""
        if limit & -limit == limit:
            return (limit * self._next(31)) >> 31
        while True:
            bits = self._next(31)
            value = bits % limit
            if bits - value + (limit - 1) < 1 << 31:
                return value

    def next_boolean(self) -> bool:
        """True or false."""
        return self._next(1) != 0

    def next_double(self) -> float:
        """A float of at least 0 and below 1, uniform."""
        return ((self._next(26) << 27) + self._next(27)) / (1 << 53)

    def next_gaussian(self) -> float:
        """A normally distributed float, mean 0, deviation 1 (the polar method)."""
        if self._gaussian is not None:
            value, self._gaussian = self._gaussian, None
            return value
        while True:
            first = 2 * self.next_double() - 1
            second = 2 * self.next_double() - 1
            square = first * first + second * second
            if 0 < square < 1:
                factor = math.sqrt(-2 * math.log(square) / square)
                self._gaussian = second * factor
                return first * factor
