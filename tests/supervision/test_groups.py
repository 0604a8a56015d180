"""affected and shuts_down: whom the end of one child concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trouper.supervision import AutoShutdown, Strategy, affected, shuts_down


@pytest.mark.parametrize(
    ("strategy", "failed", "expected"),
    [
        ("one_for_one", "a", "a"),
        ("one_for_one", "b", "b"),
        ("one_for_one", "c", "c"),
        ("one_for_all", "a", "abc"),
        ("one_for_all", "b", "abc"),
        ("one_for_all", "c", "abc"),
        ("rest_for_one", "a", "abc"),
        ("rest_for_one", "b", "bc"),
        ("rest_for_one", "c", "c"),
    ],
)
def test_the_strategy_chooses_who_is_restarted_with_the_failed_child(strategy: Strategy, failed: str, expected: str) -> None:
    """It alone, all, or it and those started after it; in start order."""
    assert affected(strategy, ["a", "b", "c"], failed) == tuple(expected)


@given(st.lists(st.integers(), min_size=1, unique=True), st.data(), st.sampled_from(get_args(Strategy)))
def test_the_affected_keep_their_start_order_and_include_the_failed(children: list[int], data: st.DataObject, strategy: Strategy) -> None:
    """For any number of children, the affected of one_for_one are among those of rest_for_one, and those among all."""
    failed = data.draw(st.sampled_from(children))
    chosen = affected(strategy, children, failed)
    assert failed in chosen
    assert list(chosen) == [child for child in children if child in chosen]
    one, rest, everyone = (set(affected(each, children, failed)) for each in ("one_for_one", "rest_for_one", "one_for_all"))
    assert one <= rest <= everyone


class Untouchable(Sequence[int]):
    """Children that may not be looked at."""

    def __getitem__(self, index: object) -> int:  # type: ignore[override]
        raise AssertionError(index)

    def __len__(self) -> int:
        raise AssertionError


def test_one_for_one_looks_at_no_sibling() -> None:
    """100,000 dynamic children cost a failure nothing."""
    assert affected("one_for_one", Untouchable(), 7) == (7,)


def test_rest_for_one_refuses_a_stranger() -> None:
    """A child that is not in the list has no place in the order."""
    with pytest.raises(ValueError, match="not in list"):
        affected("rest_for_one", [1, 2], 3)


@pytest.mark.parametrize(
    ("auto_shutdown", "ended_significant", "significant_left", "expected"),
    [
        ("never", True, 0, False),
        ("never", True, 1, False),
        ("never", False, 0, False),
        ("any_significant", True, 0, True),
        ("any_significant", True, 1, True),
        ("any_significant", False, 0, False),
        ("any_significant", False, 1, False),
        ("all_significant", True, 0, True),
        ("all_significant", True, 1, False),
        ("all_significant", True, 2, False),
        ("all_significant", False, 0, False),
        ("all_significant", False, 1, False),
    ],
)
def test_a_supervisor_shuts_down_when_its_significant_children_have_ended(
    auto_shutdown: AutoShutdown, ended_significant: bool, significant_left: int, expected: bool
) -> None:
    """Any: with the first. All: with the last. A child that is not significant never shuts its supervisor down."""
    assert shuts_down(auto_shutdown, ended_significant, significant_left) is expected
