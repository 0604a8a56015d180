"""RestartWindow: OTP's sliding window, both sides of its boundary, and against a model without forgetting."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trouper.supervision import RestartWindow


def admitted(window: RestartWindow, times: list[float]) -> list[bool]:
    history: deque[float] = deque()
    answers: list[bool] = []
    for now in times:
        answers.append(window.admit(history, now))
        assert len(history) <= window.max_restarts + 1
        assert history[-1] == now
    return answers


@pytest.mark.parametrize("max_restarts", [0, 1, 3])
def test_up_to_max_restarts_are_admitted_and_one_more_is_not(max_restarts: int) -> None:
    """All at the same moment."""
    assert admitted(RestartWindow(max_restarts, 5.0), [7.0] * (max_restarts + 1)) == [True] * max_restarts + [False]


@pytest.mark.parametrize(("later", "answer"), [(4.999, False), (5.0, False), (5.001, True)])
def test_a_restart_exactly_within_seconds_old_still_counts(later: float, answer: bool) -> None:
    """The boundary is included, as in OTP."""
    assert admitted(RestartWindow(1, 5.0), [0.0, later]) == [True, answer]


def test_the_window_slides() -> None:
    """It is no counter that is cleared: the oldest restart leaves when its own time is over."""
    assert admitted(RestartWindow(2, 10.0), [0.0, 6.0, 11.0, 16.0]) == [True, True, True, False]


def test_a_refused_restart_counts_towards_the_next() -> None:
    """A caller that goes on after a refusal gets the same answer as from a history that forgot nothing."""
    assert admitted(RestartWindow(1, 5.0), [0.0, 1.0, 5.5, 11.0]) == [True, False, False, True]


def test_an_infinite_window_forgets_nothing() -> None:
    """So max_restarts are all that there will ever be."""
    assert admitted(RestartWindow(2, math.inf), [0.0, 1e9, 2e18]) == [True, True, False]


@given(
    st.integers(0, 5),
    st.integers(1, 10) | st.floats(0.001, 10),
    st.lists(st.integers(0, 4) | st.floats(0, 10), max_size=50),
)
def test_the_window_agrees_with_a_model_that_keeps_every_restart(max_restarts: int, within: float, steps: list[float]) -> None:
    """The rule as OTP words it: not more than max_restarts in the last within seconds."""
    times: list[float] = []
    for step in steps:
        times.append((times[-1] if times else 0.0) + step)
    naive = [sum(now - t <= within for t in times[: i + 1]) <= max_restarts for i, now in enumerate(times)]
    assert admitted(RestartWindow(max_restarts, within), times) == naive


@pytest.mark.parametrize(("max_restarts", "within"), [(-1, 5.0), (3, 0), (3, 0.0), (3, -1.0), (3, math.nan)])
def test_numbers_out_of_range_are_refused(max_restarts: int, within: float) -> None:
    """No restarts is a limit; no time is not."""
    with pytest.raises(ValueError, match="max_restarts" if max_restarts < 0 else "within"):
        RestartWindow(max_restarts, within)


@pytest.mark.parametrize(("max_restarts", "within"), [(2.0, 5.0), (True, 5.0), ("3", 5.0), (3, "5"), (3, None)])
def test_what_is_no_number_is_refused_by_the_window(max_restarts: Any, within: Any) -> None:
    """A count is a whole number, and no bool."""
    with pytest.raises(TypeError, match=r"max_restarts|within"):
        RestartWindow(max_restarts, within)
