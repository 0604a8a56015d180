"""Shrinking: the same oracle is broken in a smaller run, which is a record and a program."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trouper.simulation import NothingToShrink, explore, run_once, shrink
from trouper.simulation.files import load, recording_of, save
from trouper.simulation.run import run_streams
from trouper.simulation.shrinking import RUNS_MAX
from trouper.system.cli import main

PROTOCOLS = Path(__file__).parent / "protocols"
SOURCES = Path(sys.modules["trouper"].__path__[0]).parent


def _protocol(name: str) -> Any:
    sys.path.insert(0, str(PROTOCOLS))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(PROTOCOLS))


@pytest.mark.parametrize(
    ("name", "runs_max"),
    [("lease", 600), ("lock_release", RUNS_MAX), ("restarted_sequence", 300), ("retried_counter", 300), ("overflow", 300)],
)
def test_a_shrunk_run_breaks_the_same_and_the_correct_twin_is_right_in_it(name: str, runs_max: int) -> None:
    """
    The same oracle, at most a quarter of the events, after no more runs than were allowed; its record replays it. It shows what is wrong
    with the protocol, not what was left out: with these choices the correct protocol breaks nothing.
    """
    target = _protocol(name).broken
    found = explore(target, 1000, stops_at_first=True).first
    assert found is not None
    assert found.violation is not None
    shrunk = shrink(target, found.draws, runs_max=runs_max)
    after = shrunk.after
    assert after.violation is not None
    assert (after.violation.kind, after.violation.name) == (found.violation.kind, found.violation.name)
    assert shrunk.before.count == found.count
    assert after.count <= found.count / 4
    assert shrunk.runs <= runs_max
    assert run_once(target, 5, record=after.draws).digest == after.digest
    streams: dict[str, list[int]] = {}
    for draw in after.draws:
        streams.setdefault(draw.label, []).append(draw.value)
    assert run_streams(target, streams).violation == after.violation
    assert run_streams(_protocol(name).correct, streams).violation is None
    assert "events" in str(shrunk)


def test_a_tape_of_nothing_is_the_calmest_run() -> None:
    """Without any choice nothing is lost, nobody crashes, and a protocol that is wrong only under faults is right."""
    outcome = run_streams(_protocol("retried_counter").broken, {})
    assert outcome.violation is None
    assert outcome.fired == {}


def test_what_breaks_nothing_cannot_be_shrunk() -> None:
    """It is said, and not shrunk to something else."""
    calm = run_streams(_protocol("retried_counter").broken, {}, keeps=True)
    with pytest.raises(NothingToShrink, match="breaks nothing"):
        shrink(_protocol("retried_counter").broken, calm.draws)


def test_the_command_writes_a_smaller_record_and_a_program_that_runs_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`trouper shrink FILE --script FILE.py`: the program prints the events and what is broken."""
    place = f"{PROTOCOLS / 'lost_update.py'}:broken"
    found = explore(_protocol("lost_update").broken, 100, stops_at_first=True).first
    assert found is not None
    file, script = tmp_path / "run.json", tmp_path / "run.py"
    save(recording_of(found, place), file)
    assert main(["shrink", str(file), "--script", str(script), "--runs", "100"]) == 1
    assert "events" in capsys.readouterr().out
    smaller = load(tmp_path / "run.small.json")
    ended = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.endswith(f"{smaller.violation}\n")
