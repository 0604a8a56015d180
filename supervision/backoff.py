"""
How long to wait before a restart: exponential back-off with jitter, as data and three pure functions.

Beyond OTP, which restarts at once. After Pekko's BackoffSupervisor, with two differences: the attempt number stops
growing when the delay does (a float power overflows at n = 1024), and the jitter comes from a number that the caller
draws, so that a simulator owns the randomness.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen, validators

from .amounts import real


def _at_least_first(backoff: Backoff, _attribute: Attribute[Any], cap: float) -> None:
    if cap < backoff.first:
        raise ValueError(f"cap must be at least first, but cap={cap} and first={backoff.first}.")


@frozen
class Backoff:
    """
    The wait before the restart number *n* of a child: ``min(first * factor**n, cap) * (1 + draw * jitter)`` seconds.

    Guarantees:
        * Without jitter the delay never shrinks as n grows, starts at *first* and never exceeds *cap*.
        * No n overflows.

    Not guaranteed:
        * That a delay with jitter stays within *cap*: it may be ``cap * (1 + jitter)``.

    Args:
        first: Seconds before the first restart, at least 0.
        cap: Seconds that the delay grows to, at least *first*, finite.
        factor: What each further failure multiplies the delay by, at least 1.
        jitter: The part of the delay that randomness may add, at least 0: 0.2 is up to 20 % more.
        reset_after: Seconds without a failure after which the delay starts at *first* again; `math.inf` is never.
            None means the supervisor's `within`.

    Raises:
        ValueError: A number out of range, or NaN.
        TypeError: Not a number.
    """

    first: float = field(default=0.1, validator=real(0, finite=True))
    cap: float = field(default=30.0, validator=[real(0, finite=True), _at_least_first])
    factor: float = field(default=2.0, validator=real(1, finite=True))
    jitter: float = field(default=0.2, validator=real(0, finite=True))
    reset_after: float | None = field(default=None, validator=validators.optional(real(0)))

    def delay(self, n: int, draw: float) -> float:
        """
        Seconds to wait before the restart number *n*.

        Args:
            n: 0 for the first failure, then what `next_attempt` returned.
            draw: A random number from 0 to 1.
        """
        assert 0 <= draw <= 1, draw
        return self._grown(n) * (1.0 + draw * self.jitter)

    def saturates(self, n: int) -> bool:
        """Whether the delay of no later attempt is longer than that of *n*."""
        return self.first == 0 or self.factor == 1 or self._grown(n) >= self.cap

    def next_attempt(self, n: int, quiet: float, within: float) -> int:
        """
        The attempt number of a failure that follows the one numbered *n*.

        Returns 0 if the quiet lasted for `reset_after` or longer, n if the delay no longer grows, else n + 1.

        Args:
            n: The attempt number of the failure before.
            quiet: Seconds for which the child ran between the two. The wait for the restart does not belong to it: else
                a delay longer than `reset_after` would reset itself. 0 if the restart itself failed.
            within: The supervisor's `within`, in seconds: what a `reset_after` of None stands for.
        """
        if quiet >= (within if self.reset_after is None else self.reset_after):
            return 0
        return n if self.saturates(n) else n + 1

    def _grown(self, n: int) -> float:
        """The delay without jitter."""
        assert n >= 0, n
        try:
            return float(min(self.first * float(self.factor) ** n, self.cap))
        except OverflowError:
            return float(self.cap if self.first else 0)
