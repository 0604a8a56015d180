"""
Whole protocols: the broken one is found within 1,000 seeds under default settings, its correct twin is clean.

How many seeds the correct ones are clean in is measured by hand with more; here it is a matter of time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trouper.simulation import explore, run_once

PROTOCOLS = Path(__file__).parent / "protocols"
NAMES = sorted(file.stem for file in PROTOCOLS.glob("*.py"))
CLEAN_SEEDS = 200
UNNOTICED_SEEDS = 100


def _protocol(name: str) -> Any:
    sys.path.insert(0, str(PROTOCOLS))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(PROTOCOLS))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_with_a_protocol_is_found_within_1000_seeds(name: str) -> None:
    """With default settings; and the seed that shows it shows it again, as does its tape."""
    broken = _protocol(name).broken
    report = explore(broken, 1000, stops_at_first=True)
    assert report.first is not None
    assert report.first.violation is not None
    again = run_once(broken, report.first.seed)
    assert (again.digest, str(again.violation)) == (report.first.digest, str(report.first.violation))
    replayed = run_once(broken, 0, record=report.first.draws)
    assert replayed.digest == report.first.digest


@pytest.mark.parametrize("name", NAMES)
def test_the_correct_twin_of_a_protocol_gives_no_alarm(name: str) -> None:
    """Under the same faults nothing is found in what is right."""
    report = explore(_protocol(name).correct, CLEAN_SEEDS)
    assert report.violations == 0, str(report)


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(_protocol(name), "unnoticed")])
def test_some_bugs_are_shown_by_one_kind_of_fault_alone(name: str) -> None:
    """Under all other faults the broken protocol is clean: for such bugs there is that fault."""
    report = explore(_protocol(name).unnoticed, UNNOTICED_SEEDS)
    assert report.violations == 0, str(report)
    assert sum(report.fired.values()) > UNNOTICED_SEEDS
