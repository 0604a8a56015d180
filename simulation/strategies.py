"""
Who runs next: strategies, which propose one of the ready actors. The tape records what was chosen, so a replay needs none of them.

`pct` is "A randomized scheduler with probabilistic guarantees of finding bugs" (Burckhardt et al., ASPLOS 2010): a random order of
priorities and *depth* - 1 moments at which the one that would run falls behind all others; a bug of that depth is found
with a probability that is bounded from below. `pctcp` is "Randomized testing of distributed systems with probabilistic guarantees"
(Ozkan et al., OOPSLA 2018): there the priorities are of causal chains of messages. `delay` is "Delay-bounded scheduling" (Emmi et al.,
POPL 2011): first come first served, but for so many moments at which the first waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, Protocol

from attrs import define, frozen

from ..actors.cell import Cell
from ..errors import TrouperError
from .chains import Chains

STEPS_EXPECTED: Final = (50, 200, 1_000, 5_000)
"""Choices among which the moments of `pct` and `delay` are spread: one of these, by seed, since nobody knows how long a run will be."""

STRATEGIES: Final = "portfolio, random, fifo, pct:DEPTH, pctcp:DEPTH, delay:MOMENTS, exhaustive:BOUND and states:BOUND"

ANY_ORDER: Final = "any order"
"""The first draw of a run in which every order is possible: its bound and one, or 0."""

BOUND_MAX: Final = 62
"""Of one run; far beyond what can be explored."""

DEPTH: Final = 3
"""Of a strategy that names none."""

DEPTH_MAX: Final = 1000
"""Changes of who comes first, or moments of delay, in one run: more than that is chance."""


class Strategy(Protocol):
    """Proposes who runs next."""

    follows_chains: bool
    """Whether it looks at the causal chains of the run, which are formed only then."""

    def follow(self, chains: Chains) -> None:
        """Gives it the chains of the run, if it looks at them."""
        ...

    def pick(self, ready: Sequence[Cell]) -> int:
        """The index of one of the ready, of which there are at least two, in the order in which they became ready."""
        ...


def _moments(random: Callable[[], float], count: int) -> set[int]:
    expected = STEPS_EXPECTED[int(random() * len(STEPS_EXPECTED))]
    return {1 + int(random() * expected) for _ in range(count)}


class Chainless:
    """The base of strategies that do not look at causal chains."""

    follows_chains: bool = False

    def follow(self, chains: Chains) -> None:
        """Never called."""


class RandomStrategy(Chainless):
    """Each of the ready with the same probability."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed ^ 0x5EED).random

    def pick(self, ready: Sequence[Cell]) -> int:
        """Any."""
        return int(self._random() * len(ready))


class FifoStrategy(Chainless):
    """First come first served, as in production."""

    def pick(self, ready: Sequence[Cell]) -> int:  # noqa: ARG002
        """The first."""
        return 0


class PctStrategy(Chainless):
    """
    The highest priority first.

    Args:
        seed: Of the priorities and the moments.
        depth: How many orderings a bug may need; *depth* - 1 moments change priorities.
    """

    def __init__(self, seed: int, depth: int) -> None:
        self._random = Random(seed ^ 0x9C7).random
        self._priorities: dict[Cell, float] = {}
        self._moments = _moments(self._random, depth - 1)
        self._step = 0
        self._lowest = 0.0

    def pick(self, ready: Sequence[Cell]) -> int:
        """The one of the highest priority, unless this is its moment to fall behind."""
        self._step += 1
        best = self._best(ready)
        if self._step in self._moments:
            self._lowest -= 1.0
            self._priorities[ready[best]] = self._lowest
            best = self._best(ready)
        return best

    def _best(self, ready: Sequence[Cell]) -> int:
        priorities = self._priorities
        for cell in ready:
            if cell not in priorities:
                priorities[cell] = self._random()
        return max(range(len(ready)), key=lambda index: priorities[ready[index]])


class PctcpStrategy:
    """
    The next step of the causal chain with the highest priority first.

    Args:
        seed: Of the priorities and the moments.
        depth: How many orderings a bug may need; *depth* - 1 moments change the priority of the chain that would go on.
    """

    follows_chains: bool = True

    def __init__(self, seed: int, depth: int) -> None:
        self._random = Random(seed ^ 0xC4A1).random
        self._priorities: list[float] = []
        self._moments = _moments(self._random, depth - 1)
        self._step = 0
        self._lowest = 0.0
        self._chains: Chains | None = None

    def follow(self, chains: Chains) -> None:
        """The chains of the run."""
        self._chains = chains

    def pick(self, ready: Sequence[Cell]) -> int:
        """The cell whose next step is of the chain of the highest priority, unless this is its moment to fall behind."""
        self._step += 1
        chains = self._chains
        assert chains is not None
        following = [chains.chain_of_next(cell) for cell in ready]
        priorities = self._priorities
        while len(priorities) <= max(following):
            priorities.append(self._random())
        best = _highest(following, priorities)
        if self._step in self._moments:
            self._lowest -= 1.0
            priorities[following[best]] = self._lowest
            best = _highest(following, priorities)
        return best


def _highest(following: Sequence[int], priorities: Sequence[float]) -> int:
    return max(range(len(following)), key=lambda index: priorities[following[index]])


class DelayStrategy(Chainless):
    """
    First come first served, with *delays* moments at which the second goes first.

    Args:
        seed: Of the moments.
        delays: How many.
    """

    def __init__(self, seed: int, delays: int) -> None:
        random = Random(seed ^ 0xDE1A).random
        self._moments = _moments(random, delays)
        self._step = 0

    def pick(self, ready: Sequence[Cell]) -> int:  # noqa: ARG002
        """The first, or at a moment the second."""
        self._step += 1
        return int(self._step in self._moments)


@frozen
class AnyOrderStrategy(Chainless):
    """
    Of runs in which every order is possible: first come, first served, where nobody explores.

    Args:
        bound: How many choices of one run may be other than free, see `any_order`.
        counts_states: Whether states are told apart, instead of orders.
    """

    bound: int
    counts_states: bool

    def pick(self, ready: Sequence[Cell]) -> int:  # noqa: ARG002
        """The first."""
        return 0


@define(eq=False)
class UnknownStrategy(TrouperError):
    """There is no such strategy."""

    text: str

    def __str__(self) -> str:
        return f"{self.text!r} is no strategy. There are: {STRATEGIES}, such as pct:3."


@frozen
class StrategyChoice:
    """
    A strategy by name: ``random``, ``fifo``, ``pct:3``, ``pctcp:3``, ``delay:2``, or ``portfolio``, which takes several in turn from
    seed to seed.

    Raises:
        UnknownStrategy: There is none of that name.
    """

    text: str = "portfolio"

    def __attrs_post_init__(self) -> None:
        self.for_seed(0)

    def for_seed(self, seed: int) -> Strategy:
        """The strategy of the run with this seed."""
        name, _, number = self.text.partition(":")
        if name in ("exhaustive", "states") and (not number or (number.isdecimal() and int(number) <= BOUND_MAX)):
            return AnyOrderStrategy(int(number or 0), name == "states")
        if number and (not number.isdecimal() or not 1 <= int(number) <= DEPTH_MAX):
            raise UnknownStrategy(self.text)
        depth = int(number) if number else DEPTH
        if name == "portfolio" and not number:
            return PORTFOLIO[seed % len(PORTFOLIO)].for_seed(seed)
        if name == "random" and not number:
            return RandomStrategy(seed)
        if name == "fifo" and not number:
            return FifoStrategy()
        if name == "pct":
            return PctStrategy(seed, depth)
        if name == "pctcp":
            return PctcpStrategy(seed, depth)
        if name == "delay":
            return DelayStrategy(seed, depth)
        raise UnknownStrategy(self.text)


PORTFOLIO: Final[tuple[StrategyChoice, ...]] = (
    StrategyChoice("random"),
    StrategyChoice("pct:3"),
    StrategyChoice("pctcp:3"),
    StrategyChoice("delay:3"),
)
"""Of `portfolio`: no single strategy finds every kind of bug."""
