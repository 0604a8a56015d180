"""The benchmarks are run at a hundredth of their size: each checks by itself that every message was handled. Nothing is timed here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

RATED = {
    "tell_nowait_def",
    "tell_nowait_async",
    "tell_def",
    "tell_async",
    "tell_handler_def",
    "tell_handler_async",
    "ping_pong_def",
    "ping_pong_async",
    "ask_def",
    "ask_handler_async",
    "ask_outside_async",
    "ask_outside_async_200",
    "spawn_told",
    "publish_def_1",
    "publish_def_10",
    "publish_def",
    "publish_async_1",
    "publish_async_10",
    "publish_async",
    "restart",
}
MEASURED = {
    "bytes_idle_100k": "bytes",
    "bytes_idle_1m": "bytes",
    "million_told_and_asked_gb": "GB",
    "timer_late_p99_ms": "ms",
    "to_thread_p99_ms": "ms",
    "socket_echo_p99_ms": "ms",
    "subprocess_p50_ms": "ms",
    "simulation_ring": "messages/CPU s",
    "simulation_raft_seeds": "seeds/CPU s",
    "simulation_two_jobs": "times",
}
"""What is no multiple of the bare loop, and its unit."""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the benchmarks as their reader does, from the root of the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, "benchmarks/run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_every_benchmark_handles_all_its_messages_and_stands_in_the_results(tmp_path: Path) -> None:
    """Every work runs and finds its counts right; the table shows it, and the JSON holds the four fields of each."""
    ran = run("--quick", "--rounds", "1", "--results", tmp_path / "results.json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == "", "progress is for terminals"
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    by_work = {result["work"]: result for result in results}
    assert len(results) == len(by_work)
    assert by_work.keys() == RATED | MEASURED.keys()
    for work, result in by_work.items():
        assert result.keys() == {"work", "multiple_of_bare", "rate", "unit"}
        assert f"\n{work} " in ran.stdout
        assert result["rate"] > 0
        if work in RATED:
            assert result["multiple_of_bare"] > 0
            assert result["unit"].endswith("/s")
        else:
            assert result["multiple_of_bare"] is None
            assert result["unit"] == MEASURED[work]


def test_only_what_is_named_is_run(tmp_path: Path) -> None:
    """`--only` takes ids, of works and of crowds to weigh, and the table follows its own order."""
    ran = run("--quick", "--rounds", "2", "--only", "ask_def", "tell_def", "--results", tmp_path / "results.json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [result["work"] for result in results] == ["tell_def", "ask_def"]


@pytest.mark.parametrize(("arguments", "said"), [(["--only", "tell"], "tell_nowait_def"), (["--rounds", "0"], "at least 1")])
def test_what_cannot_be_run_is_said(arguments: list[str], said: str) -> None:
    """An unknown id is answered with those that there are, and there is no run without a round."""
    ran = run(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
