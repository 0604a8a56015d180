"""restarts_after: the whole grid of restart types and exits."""

from __future__ import annotations

import pytest

from trouper.supervision import Exit, Restart, restarts_after

EXITS = [Exit("normal"), Exit("shutdown"), Exit("killed"), Exit("failed", ValueError())]


@pytest.mark.parametrize(
    ("restart", "expected"),
    [
        ("permanent", [True, True, True, True]),
        ("transient", [False, False, True, True]),
        ("temporary", [False, False, False, False]),
    ],
)
def test_the_restart_type_and_the_exit_decide_together(restart: Restart, expected: list[bool]) -> None:
    """OTP's grid; a kill is as abnormal as a failure."""
    assert [restarts_after(ended, restart) for ended in EXITS] == expected
