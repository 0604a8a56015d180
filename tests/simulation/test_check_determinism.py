"""What is not deterministic is caught, and named by the actor that did it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trouper.simulation import CheckFailed, check_determinism
from trouper.system.cli import main

PLANTED = Path(__file__).parent / "planted.py"


@pytest.mark.parametrize("what", ["order_of_a_set", "hash_of_a_text", "address_of_an_object"])
def test_a_planted_nondeterminism_is_caught_and_its_actor_is_named(what: str) -> None:
    """The first event that differs is what the sender sent, and the step before it is the sender's."""
    divergence = check_determinism(f"{PLANTED}:{what}", range(6))
    assert divergence is not None
    assert divergence.first != divergence.second
    assert "/user/sender Send" in divergence.after
    assert "is not deterministic" in str(divergence)


def test_what_is_deterministic_is_not_accused(capsys: pytest.CaptureFixture[str]) -> None:
    """The command says so, and exits with 0; with 1 when something was found."""
    assert main(["check-determinism", f"{PLANTED}:nothing", "--seeds", "5"]) == 0
    assert "same traces" in capsys.readouterr().out
    assert main(["check-determinism", f"{PLANTED}:order_of_a_set", "--seeds", "5"]) == 1
    assert "/user/sender" in capsys.readouterr().out


def test_a_target_that_does_not_run_is_said() -> None:
    """What the process said last is in the error."""
    with pytest.raises(CheckFailed, match="has no nobody"):
        check_determinism(f"{PLANTED}:nobody", range(1))
