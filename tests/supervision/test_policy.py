"""Supervision: defaults, immutability, and what it refuses."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from attrs import evolve

from trouper.supervision import Backoff, Directive, Supervision


def test_the_default_policy_is_the_documented_one() -> None:
    """Three restarts in five seconds, one for one, at once, without directives, never shutting itself down."""
    assert Supervision() == Supervision(
        strategy="one_for_one", max_restarts=3, within=5.0, backoff=None, directives={}, auto_shutdown="never"
    )


def test_a_policy_is_a_value() -> None:
    """Equal, hashable, unchanged by its source, and the same after pickle and evolve."""
    directives: dict[type[Exception], Directive] = {ValueError: "resume"}
    policy = Supervision("rest_for_one", 0, math.inf, Backoff(), directives, "any_significant")
    directives[KeyError] = "stop"
    assert policy.directives == {ValueError: "resume"}
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert hash(evolve(policy)) == hash(policy)
    assert evolve(policy, max_restarts=1) != policy
    with pytest.raises(TypeError):
        policy.directives[KeyError] = "stop"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize(
    ("field", "allowed"),
    [
        ("strategy", "'one_for_one', 'one_for_all', 'rest_for_one'"),
        ("auto_shutdown", "'never', 'any_significant', 'all_significant'"),
    ],
)
@pytest.mark.parametrize("word", ["one-for-one", "", None, 1, ["never"]])
def test_an_unknown_word_is_refused_and_the_allowed_are_named(field: str, allowed: str, word: Any) -> None:
    """Whatever its type."""
    wrong: dict[str, Any] = {field: word}
    with pytest.raises(ValueError, match=f"{field}=.*{allowed}"):
        Supervision(**wrong)


@pytest.mark.parametrize(("field", "value"), [("max_restarts", -1), ("within", 0), ("within", -0.1), ("within", math.nan)])
def test_numbers_out_of_range_are_refused_by_the_policy(field: str, value: float) -> None:
    """The error names the field."""
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=field):
        Supervision(**wrong)


@pytest.mark.parametrize(("field", "value"), [("max_restarts", 1.5), ("within", "5"), ("backoff", 0.1), ("directives", {1: "stop"})])
def test_values_of_the_wrong_type_are_refused_by_the_policy(field: str, value: Any) -> None:
    """The error names the field."""
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(TypeError, match=field):
        Supervision(**wrong)
