"""`trouper run MODULE:SPEC`, as its user starts it: in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trouper.system.cli import INTERRUPTED, TargetError, load_spec, main

PROGRAM = """
from attrs import define, frozen
from trouper import Actor, actor, handles, supervisor

@frozen
class Tick:
    pass

@define(eq=False)
class Clock(Actor[Tick]):
    ticks: int
    limit: int

    def on_start(self) -> None:
        self.context.every(0.01, Tick())

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        self.ticks += 1
        print(f"tick {self.ticks}", flush=True)
        if self.ticks == self.limit:
            self.context.stop_self()

    def on_stop(self, reason: object) -> None:
        print(f"stopped: {reason}", flush=True)

@define(eq=False)
class Broken(Actor[Tick]):
    def on_start(self) -> None:
        raise OSError("no such device")

    @handles(Tick)
    def tick(self, _tick: Tick) -> None: ...

ENDS = supervisor(
    "top", [actor(Clock, 0, 3, restart="transient", significant=True)], auto_shutdown="any_significant", restart="transient"
)
RUNS_ON = supervisor("top", [actor(Clock, 0, -1)])
BROKEN = actor(Broken, name="broken")
NO_SPEC = 7
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file with specs."""
    path = tmp_path / "clock_program.py"
    path.write_text(PROGRAM)
    return path


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trouper", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("place", ["clock_program.py", "clock_program"])
def test_a_root_that_ends_by_itself_ends_the_run_with_exit_code_0(program: Path, place: str) -> None:
    """Its tree and its accounts are on the log at the end; a module and a file are named alike."""
    done = run("run", f"{place}:ENDS", folder=program.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["tick 1", "tick 2", "tick 3", "stopped: normal"]
    assert "running /user/top" in done.stderr
    assert "= handled" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 0)])
def test_a_signal_stops_the_tree_in_order(program: Path, number: signal.Signals, code: int) -> None:
    """Hooks run. Ctrl-C has the exit code of the shells, SIGTERM is an orderly end."""
    with subprocess.Popen(
        [sys.executable, "-m", "trouper", "run", "--quiet", "clock_program.py:RUNS_ON"],
        cwd=program.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "tick 1\n"
        process.send_signal(number)
        printed, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert printed.splitlines()[-1] == "stopped: shutdown"


def test_a_root_that_does_not_start_is_exit_code_1_with_the_cause(program: Path) -> None:
    """The log has the whole chain."""
    done = run("run", "clock_program.py:BROKEN", folder=program.parent)
    assert done.returncode == 1
    assert "no such device" in done.stderr
    assert "StartFailed" in done.stderr


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("clock_program", "not of the form MODULE:NAME"),
        ("nowhere:SPEC", "cannot be imported"),
        ("nowhere.py:SPEC", "There is no file nowhere.py"),
        ("clock_program.py:NOTHING", "has no NOTHING"),
        ("clock_program.py:NO_SPEC", "is 7, which is no spec"),
    ],
)
def test_a_target_that_leads_nowhere_is_said_and_exit_code_2(
    program: Path, target: str, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started."""
    monkeypatch.chdir(program.parent)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(TargetError, match=what):
        load_spec(target)
    assert main(["run", target]) == 2
    assert what in capsys.readouterr().err
