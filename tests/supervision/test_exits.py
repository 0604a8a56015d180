"""Exit: the four kinds, and which of them have a cause."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import define
from attrs.exceptions import FrozenInstanceError

from trouper.supervision import Exit, ExitKind, describe_cause


@define
class EqualErrors(Exception):
    """Exceptions of users may be equal to each other, and cannot be hashed then."""

    number: int


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.mark.parametrize("kind", ["normal", "shutdown", "killed"])
def test_an_exit_without_a_cause_prints_as_its_kind(kind: ExitKind) -> None:
    """All kinds but failed do without a cause."""
    assert Exit(kind).cause is None
    assert str(Exit(kind)) == kind


@pytest.mark.parametrize("kind", ["killed", "failed"])
def test_an_exit_with_a_cause_prints_the_cause_after_its_kind(kind: ExitKind) -> None:
    """The text names the exception's type and what it says."""
    assert str(Exit(kind, ValueError("no such account"))) == f"{kind}: ValueError: no such account"


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("failed", None), ("normal", ValueError()), ("shutdown", ValueError()), ("crashed", None), (None, None), ([], None)],
)
def test_a_kind_that_is_unknown_or_disagrees_with_the_cause_is_refused(kind: Any, cause: BaseException | None) -> None:
    """Failed has a cause, normal and shutdown have none, and there is no fifth kind."""
    with pytest.raises(ValueError, match=r"cause|'normal', 'shutdown', 'killed', 'failed'"):
        Exit(kind, cause)


def test_a_cause_that_is_no_exception_is_refused() -> None:
    """A text is not a cause."""
    with pytest.raises(TypeError, match="'boom'"):
        Exit("failed", "boom")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_exits_are_equal_if_kind_and_cause_are_the_same_objects() -> None:
    """Causes are compared and hashed by identity, also those that define equality and so cannot be hashed."""
    error = EqualErrors(1)
    assert Exit("failed", error) == Exit("failed", error)
    assert hash(Exit("failed", error)) == hash(Exit("failed", error))
    assert Exit("failed", error) != Exit("failed", EqualErrors(1))
    assert Exit("normal") == Exit("normal")
    assert Exit("normal") != Exit("shutdown")


def test_an_exit_is_immutable_and_survives_pickle() -> None:
    """It passes between actors, and later between processes."""
    ended = Exit("failed", ValueError("boom"))
    with pytest.raises(FrozenInstanceError):
        ended.kind = "normal"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert str(pickle.loads(pickle.dumps(ended))) == "failed: ValueError: boom"


def test_a_cause_is_described_in_one_line_whatever_it_does() -> None:
    """No text, several lines, and a str() that raises."""
    assert describe_cause(ValueError()) == "ValueError"
    assert describe_cause(ValueError("one\n  two")) == "ValueError: one two"
    assert describe_cause(Unspeakable()) == "Unspeakable: <its str() failed>"
