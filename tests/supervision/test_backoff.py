"""Backoff: the delay's formula and limits, and when the attempt number grows, stays or starts again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trouper.supervision import Backoff

draws = st.floats(0, 1)
attempts = st.integers(0, 10_000)


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    first = draw(st.floats(0, 1e6))
    return Backoff(first, draw(st.floats(first, 1e9)), draw(st.floats(1, 1e6)), draw(st.floats(0, 10)), draw(st.none() | st.floats(0, 1e6)))


@pytest.mark.parametrize(("n", "seconds"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (5, 5.0), (1024, 5.0), (10**9, 5.0)])
def test_the_delay_doubles_from_first_up_to_the_cap(n: int, seconds: float) -> None:
    """min(first * factor**n, cap), at n = 1024 too, where a float power of two overflows."""
    assert Backoff(first=0.5, cap=5.0, factor=2.0, jitter=0.2).delay(n, draw=0.0) == seconds


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_the_jitter_adds_to_the_delay_and_may_exceed_the_cap(draw: float, seconds: float) -> None:
    """The capped delay times 1 + draw * jitter."""
    assert Backoff(first=4.0, cap=4.0, jitter=0.5).delay(0, draw) == seconds


def test_the_defaults_are_the_documented_ones() -> None:
    """A tenth of a second, doubled up to thirty seconds, a fifth of it random."""
    assert Backoff() == Backoff(first=0.1, cap=30.0, factor=2.0, jitter=0.2, reset_after=None)


@given(backoffs(), attempts, draws)
def test_no_delay_is_below_first_or_above_the_cap_with_its_jitter(backoff: Backoff, n: int, draw: float) -> None:
    """For every n, without overflow."""
    assert backoff.first <= backoff.delay(n, draw) <= backoff.cap * (1 + backoff.jitter)


@given(backoffs(), attempts)
def test_without_jitter_the_delay_never_shrinks(backoff: Backoff, n: int) -> None:
    """And once it saturates it never grows."""
    now, later = backoff.delay(n, 0.0), backoff.delay(n + 1, 0.0)
    assert now <= later
    if backoff.saturates(n):
        assert now == later == backoff.delay(n + 1000, 0.0)


@given(backoffs(), attempts)
def test_the_attempt_number_grows_by_one_only_while_the_delay_does(backoff: Backoff, n: int) -> None:
    """So it is bounded, however long a child keeps failing."""
    within = math.inf if backoff.reset_after is None else 5.0
    quiet = 0.0 if backoff.reset_after else -1.0  # a reset_after of 0 starts again at every failure
    assert backoff.next_attempt(n, quiet, within) == (n if backoff.saturates(n) else n + 1)


def test_the_attempt_number_stops_at_the_first_that_reaches_the_cap() -> None:
    """0.5, 1, 2, 4, and then 5 for ever."""
    backoff = Backoff(first=0.5, cap=5.0, factor=2.0)
    numbers = [0]
    while len(numbers) < 10:
        numbers.append(backoff.next_attempt(numbers[-1], quiet=0.0, within=5.0))
    assert numbers == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("backoff", [Backoff(first=0.0), Backoff(factor=1.0), Backoff(first=1.0, cap=1.0)])
def test_a_delay_that_cannot_grow_is_saturated_from_the_start(backoff: Backoff) -> None:
    """Zero stays zero, a factor of one changes nothing, and first may be the cap."""
    assert backoff.saturates(0)
    assert backoff.next_attempt(0, quiet=0.0, within=5.0) == 0
    assert backoff.delay(100_000, 0.0) == backoff.first


@pytest.mark.parametrize(("quiet", "expected"), [(0.0, 3), (9.999, 3), (10.0, 0), (10.001, 0), (math.inf, 0)])
def test_reset_after_seconds_without_failure_the_attempt_number_starts_again(quiet: float, expected: int) -> None:
    """The boundary included: ten seconds of quiet are enough; the supervisor's window does not matter."""
    assert Backoff(reset_after=10.0).next_attempt(2, quiet, within=5.0) == expected


@pytest.mark.parametrize(("quiet", "expected"), [(4.999, 3), (5.0, 0), (5.001, 0)])
def test_without_reset_after_the_supervisors_window_takes_its_place(quiet: float, expected: int) -> None:
    """None stands for `within`."""
    assert Backoff().next_attempt(2, quiet, within=5.0) == expected


def test_an_infinite_reset_after_never_starts_again() -> None:
    """However long the child ran."""
    assert Backoff(reset_after=math.inf).next_attempt(2, quiet=1e300, within=5.0) == 3


@pytest.mark.parametrize("field", ["first", "cap", "factor", "jitter", "reset_after"])
@pytest.mark.parametrize("value", [-0.001, -1, -math.inf, math.nan])
def test_negative_numbers_and_nan_are_refused(field: str, value: float) -> None:
    """Each error names the field."""
    with pytest.raises(ValueError, match=field):
        Backoff(**{field: value})


@pytest.mark.parametrize("field", ["first", "cap", "factor", "jitter"])
@pytest.mark.parametrize("value", [math.inf, 10**400])
def test_what_a_delay_is_made_of_is_finite(field: str, value: float) -> None:
    """There is no wait without a limit."""
    with pytest.raises(ValueError, match=field):
        Backoff(**{field: value})


@pytest.mark.parametrize("field", ["first", "cap", "factor", "jitter", "reset_after"])
@pytest.mark.parametrize("value", ["1", True, 1j])
def test_what_is_no_number_is_refused(field: str, value: Any) -> None:
    """A text, a bool and a complex number."""
    with pytest.raises(TypeError, match=field):
        Backoff(**{field: value})


def test_a_factor_below_one_and_a_cap_below_first_are_refused() -> None:
    """The limits themselves are allowed."""
    Backoff(first=2, cap=2, factor=1, jitter=0, reset_after=0)
    with pytest.raises(ValueError, match="factor"):
        Backoff(factor=0.999)
    with pytest.raises(ValueError, match=r"cap=1.999 and first=2"):
        Backoff(first=2, cap=1.999)
