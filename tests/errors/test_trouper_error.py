"""What a public error promises to whoever prints, catches, copies or pickles it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import cloudpickle  # type: ignore[import-untyped]
import pytest
from attrs import define

from trouper.errors import TrouperError


@define(eq=False)
class TillEmpty(TrouperError):
    """A sample error with the shape of every public one."""

    path: str
    cents_missing: int

    def __str__(self) -> str:
        return f"{self.path} is {self.cents_missing} cents short. Refill it with 'await till.tell(Refill())'."


@define(eq=False)
class TillBroken(TillEmpty):
    """A sample error that adds a field to another one."""

    part: str


def pickled(error: TillEmpty) -> TillEmpty:
    """The error as another process receives it through pickle."""
    copied: TillEmpty = pickle.loads(pickle.dumps(error))
    return copied


def cloudpickled(error: TillEmpty) -> TillEmpty:
    """The error as another process receives it through cloudpickle."""
    copied: TillEmpty = pickle.loads(cloudpickle.dumps(error))  # pyright: ignore[reportUnknownMemberType]
    return copied


copies = pytest.mark.parametrize("copied", [pickled, cloudpickled, copy.copy, copy.deepcopy])


@copies
def test_a_copied_error_has_the_fields_the_text_and_the_notes_of_the_original(copied: Callable[[TillEmpty], TillEmpty]) -> None:
    """Every way to copy an error keeps its type, fields, text and notes; a copy is not equal to the original."""
    error = TillEmpty("/user/till", 250)
    error.add_note("seen at closing time")
    twin = copied(error)
    assert type(twin) is TillEmpty
    assert (twin.path, twin.cents_missing) == ("/user/till", 250)
    assert str(twin) == str(error) == "/user/till is 250 cents short. Refill it with 'await till.tell(Refill())'."
    assert twin.__notes__ == ["seen at closing time"]
    assert twin != error


@copies
def test_an_error_with_a_cause_is_copied_without_it(copied: Callable[[TillEmpty], TillEmpty]) -> None:
    """A cause, which may not be picklable, never hinders the copy: the copy has none."""
    error = TillEmpty("/user/till", 250)
    error.__cause__ = ValueError(lambda: "unpicklable")
    twin = copied(error)
    assert str(twin) == str(error)
    assert twin.__cause__ is None


@copies
def test_an_error_that_extends_another_is_copied_with_all_its_fields(copied: Callable[[TillEmpty], TillEmpty]) -> None:
    """Inherited fields come first and survive too."""
    twin = copied(TillBroken("/user/till", 250, "drawer"))
    assert isinstance(twin, TillBroken)
    assert (twin.path, twin.cents_missing, twin.part) == ("/user/till", 250, "drawer")


def test_a_copy_does_not_share_its_notes_when_the_original_is_pickled() -> None:
    """A note added to the unpickled error does not appear on the original."""
    error = TillEmpty("/user/till", 1)
    error.add_note("first")
    pickled(error).add_note("second")
    assert error.__notes__ == ["first"]


def test_every_public_error_is_caught_as_a_trouper_error() -> None:
    """`except TrouperError` is enough, and a KeyboardInterrupt is not among what it catches."""
    with pytest.raises(TrouperError, match="250 cents short"):
        raise TillEmpty("/user/till", 250)
    assert not issubclass(KeyboardInterrupt, TrouperError)
