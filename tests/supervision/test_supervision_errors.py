"""The errors of supervision: their texts, and that they pickle."""

from __future__ import annotations

import pickle

import pytest

from trouper.errors import TrouperError
from trouper.supervision import RestartLimitReached, StartFailed

CAUSES = (ValueError("first"), KeyError("last"))


@pytest.mark.parametrize("error", [StartFailed("/user/bank/a", "its name is taken"), RestartLimitReached("/user/bank", 3, 5.0, CAUSES)])
def test_the_errors_are_public_and_survive_pickle(error: TrouperError) -> None:
    """With the same text."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_a_failed_start_says_what_where_and_what_is_left() -> None:
    """The path and the reason."""
    assert str(StartFailed("/user/bank/a", "on_start raised ValueError: boom")) == (
        "/user/bank/a did not start: on_start raised ValueError: boom. "
        "Nothing of it is left, so it can be started again once the cause is removed."
    )


@pytest.mark.parametrize(("max_restarts", "advice"), [(0, "max_restarts=1,"), (1, "max_restarts=2,"), (3, "max_restarts=6,")])
def test_giving_up_says_the_numbers_the_last_cause_and_how_to_allow_more(max_restarts: int, advice: str) -> None:
    """The line to paste has a higher limit."""
    error = RestartLimitReached("/user/bank", max_restarts, 5.0, CAUSES)
    assert error.causes == CAUSES
    assert str(error).startswith(f"/user/bank gave up: its children needed more than max_restarts={max_restarts} restarts within 5.0 s.")
    assert "The last cause was KeyError: 'last'." in str(error)
    assert advice in str(error)


def test_supervisors_that_gave_up_one_after_the_other_say_once_what_began_it() -> None:
    """The first cause, whom it brought down on its way up, and one piece of advice."""
    kitchen = RestartLimitReached("/user/plant/kitchen", 3, 5.0, (ValueError("The oven burns."),))
    plant = RestartLimitReached("/user/plant", 2, 60.0, (kitchen,))
    said = str(RestartLimitReached("/user", 3, 5.0, (plant,)))
    assert "The last cause was ValueError: The oven burns, for which /user/plant/kitchen and /user/plant gave up before." in said
    assert said.count("gave up:") == said.count("allow more") == 1


def test_giving_up_without_a_cause_has_a_text_too() -> None:
    """A permanent child that keeps ending normally spends the budget without any exception."""
    assert "cause was" not in str(RestartLimitReached("/user/bank", 3, 5.0, ()))
