"""What is not deterministic is caught, and named by the actor that did it and the line where it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trouper.simulation import CheckFailed, Divergence, check_determinism
from trouper.simulation.witness import log_of
from trouper.system.cli import main

FOLDER = Path(__file__).parent
PLANTED = FOLDER / "planted.py"
planted: Any = import_module("planted")
raw_trio: Any = import_module("raw_trio")

ALL_PLANTED = (
    *("planted:order_of_a_set", "planted:hash_of_a_text", "planted:address_of_an_object", "planted:clock_that_is_held"),
    *("planted:random_that_is_held", "planted:bytes_that_are_held", "planted:thread_beside", "planted:draws_by_hash"),
    *("raw_trio:of_aborting", "raw_trio:of_set_of_objects", "raw_trio:of_set_of_enums", "raw_trio:of_weak_set"),
)
PROGRAM = """
import sys
from importlib import import_module
sys.path.insert(0, sys.argv[1])
from trouper.simulation import run_once
from trouper.simulation.witness import heap_noise
kept = heap_noise(int(sys.argv[2]))
for target in sys.argv[3:]:
    module, _, name = target.partition(":")
    print(target, *(run_once(getattr(import_module(module), name), seed).digest for seed in range(4)))
"""


def _digests(targets: Sequence[str], hash_seed: int, noise: int) -> dict[str, str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(FOLDER), str(noise), *targets],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return dict(line.split(" ", 1) for line in ended.stdout.splitlines())


def _line_of(text: str) -> int:
    return next(number for number, line in enumerate(PLANTED.read_text().splitlines(), 1) if text in line)


def _checked(name: str) -> Divergence:
    divergence = check_determinism(f"{PLANTED}:{name}", range(2))
    assert divergence is not None
    assert divergence.first != divergence.second
    assert "/user/sender Send" in divergence.after
    assert divergence.handler.endswith(f"planted.py:{_line_of('@handles(Send)')} in Sender.send")
    assert "is not deterministic" in str(divergence)
    return divergence


def test_what_is_planted_has_an_effect_on_the_hash_and_trio_in_all_ways_has_none() -> None:
    """
    Two processes disagree about all that is planted under some of four seeds, and about nothing else: nurseries, scopes that
    are cancelled together, channels, locks, generators, restarts, finalizers and weak references, all under faults.
    """
    targets = (*ALL_PLANTED, "planted:nothing", "raw_trio:every_way")
    one, other = (_digests(targets, hash_seed, noise) for hash_seed, noise in ((1, 0), (2, 50_000)))
    assert {target for target in one if one[target] != other[target]} == set(ALL_PLANTED)


def test_an_address_is_named_by_the_line_that_asks_for_it() -> None:
    """It does not depend on the hash seed."""
    found = _checked("address_of_an_object")
    assert found.cause == "process"
    assert any(suspect.startswith("id() at ") and f":{_line_of('id(self)')} in" in suspect for suspect in found.suspects)


def test_what_outlives_a_run_is_found_since_the_seeds_are_run_in_two_orders() -> None:
    """Alone the seed is deterministic."""
    found = _checked("count_of_runs")
    assert found.cause == "earlier runs"
    assert "outlives a run" in str(found)


def test_calls_by_references_that_nobody_replaced_are_seen_by_name_and_line() -> None:
    """A clock, the global generator and hash() and the collector, which no guard can refuse there."""
    for name, suspect, line in (
        ("clock_that_is_held", "time.time at ", "HELD[self.how]()"),
        ("random_that_is_held", "random.random at ", "HELD[self.how]()"),
        ("bytes_that_are_held", "os.urandom at ", '"urandom": lambda'),
        ("hash_of_a_text", "hash() at ", "hash(word)"),
        ("collected", "gc.collect() at ", "gc.collect()"),
    ):
        seen = [called for entry in log_of(getattr(planted, name), 1, "portfolio").entries for called in entry["suspects"]]
        assert any(called.startswith(suspect) and f"planted.py:{_line_of(line)} in" in called for called in seen), name
    assert not any(entry["suspects"] for entry in log_of(planted.nothing, 1, "portfolio").entries)


def test_a_draw_names_the_line_that_drew() -> None:
    """The numbers of `context.random` are events of the log: what differs first is found though nothing was sent yet."""
    drawn = [entry for entry in log_of(planted.draws_by_hash, 1, "portfolio").entries if "random:b" in entry["text"]]
    assert drawn
    assert all(f"planted.py:{_line_of('self.context.random.random()')} in Sender.send" in entry["site"] for entry in drawn)


def test_the_command_names_the_line_as_text_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The order of a set: exit code 1, the line that sends, the handler, and that it depends on the hash seed."""
    file = tmp_path / "found.json"
    assert main(["check-determinism", f"{PLANTED}:order_of_a_set", "--seeds", "2", "--quiet", "--json", str(file)]) == 1
    said = capsys.readouterr()
    line = f"planted.py:{_line_of('self.sink.tell_nowait')} in Sender.send"
    assert line in said.out
    assert "depends on the hash seed" in said.out
    assert not said.err
    found = json.loads(file.read_text())["divergence"]
    assert found["seeds"] == [0, 1]
    assert found["cause"] == "hash seed"
    assert found["where"].endswith(line)
    assert "sent" in found["first"]


def test_what_is_deterministic_is_not_accused(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; progress goes to the other stream. An interpreter more is a process more."""
    assert main(["check-determinism", f"{PLANTED}:nothing", "--seeds", "3", "--python", sys.executable]) == 0
    said = capsys.readouterr()
    assert "3 seeds gave the same traces in 3 processes each" in said.out
    assert "9/9 runs" in said.err


def test_a_target_or_an_interpreter_that_does_not_run_is_said() -> None:
    """What the process said last is in the error."""
    with pytest.raises(CheckFailed, match="has no nobody"):
        check_determinism(f"{PLANTED}:nobody", range(1))
    with pytest.raises(CheckFailed, match="nowhere/python did not start"):
        check_determinism(f"{PLANTED}:nothing", range(1), pythons=["nowhere/python"])
