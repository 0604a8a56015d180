"""`trouper simulate`: progress, reports, exit codes, and what goes wrong in processes."""

from __future__ import annotations

import io
import json
import multiprocessing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from trouper.simulation import Report, RunFailed, WorkerDied, explore, run_once
from trouper.simulation.files import load
from trouper.simulation.progress import Progress, line_of
from trouper.system.cli import main

troubled: Any = import_module("troubled")
FILE = troubled.__file__


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# Progress


def test_the_line_holds_what_fits_and_the_bar_goes_first() -> None:
    """No line is wider than its terminal; the widest has everything."""
    report = explore(troubled.wrong, 3)
    lines = {width: line_of(report, 12, 1.5, width) for width in range(10, 161)}
    assert all(len(line) <= width for width, line in lines.items())
    assert lines[160] == "[#######.......................]  25%  3/12 seeds  3 violations  2 seeds/s  0:04 left  faults 1/3  messages 1/2"
    assert lines[60] == " 25%  3/12 seeds  3 violations  2 seeds/s  0:04 left"
    assert lines[24] == " 25%  3/12 seeds"
    assert line_of(Report("nothing", "fifo"), 12, 0.0, 80).endswith("  0%  0/12 seeds  0 violations  0 seeds/s")


def test_a_terminal_has_one_line_and_a_log_only_what_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of a terminal is cleared at the end; a log has no control characters; both tell of the first violation at once."""
    now = [0.0]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("trouper.simulation.progress.time.monotonic", lambda: now[0])
    for stream in (_Terminal(), io.StringIO()):
        report = Report("wrong", "portfolio")
        progress = Progress(report, 200, stream)
        for seed in range(200):
            outcome = evolve(_OUTCOMES[seed % 2], seed=seed)
            report.add(outcome)
            now[0] += 0.06
            progress(outcome)
        progress.close()
        text = stream.getvalue()
        assert text.count("seed 1: at the end <lambda> is broken") == 1
        assert "seed 3: " not in text
        if stream.isatty():
            assert text.count("\r\x1b[K") > 90
            assert text.endswith("\r\x1b[K")
        else:
            assert "\x1b" not in text
            assert "\r" not in text
            assert len(text.splitlines()) == 2  # the violation, and one line after ten seconds


_OUTCOMES = run_once(troubled.fine, 0), run_once(troubled.wrong, 1)


# Reports


def test_the_report_tells_programs_what_was_found_and_what_was_not_covered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the standard output there is nothing but JSON; every record in the folder replays; what never came has its name."""
    assert main(["simulate", f"{FILE}:wrong", "--seeds", "12", "--json", "-", "--record", str(tmp_path), "--quiet"]) == 1
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert (report["version"], report["target"], report["strategy"], report["ended"]) == (1, f"{FILE}:wrong", "portfolio", "all seeds")
    assert (report["seeds"], report["violations"], report["oracles"]) == (12, 12, {"at the end <lambda>": 12})
    assert [one["seed"] for one in report["found"]] == list(range(10))
    assert all(load(Path(one["record"])).digest == one["digest"] for one in report["found"])
    assert {one["oracle"] for one in report["found"]} == {"at the end <lambda>"}
    faults, messages = report["faults"], report["message_types"]
    assert faults["possible"] == ["loss", "partitions", "pauses"]
    assert faults["never"] == ["loss", "partitions"]
    assert faults["drawn"]["pauses"] >= faults["fired_in"]["pause"] > 0
    assert faults["fired"]["pause"] >= faults["fired_in"]["pause"]
    assert (messages["declared"], messages["never"]) == (["Farewell", "Ping"], ["Farewell"])
    assert report["virtual_seconds"] == pytest.approx(6.0)
    assert report["cpu_seconds"] > 0
    assert "never seen: Farewell" in shown.err
    assert "faults that never came: loss, partitions" in shown.err


def test_tapes_that_no_report_keeps_are_not_sent_from_process_to_process() -> None:
    """Of forty violations the ten of the lowest seeds have their tapes, however many processes there are."""
    report = explore(troubled.wrong, 40, jobs=3)
    assert report.violations == 40
    assert [one.seed for one in report.found] == list(range(10))
    assert all(one.draws for one in report.found)


# What goes wrong


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_target_that_raises_ends_the_exploration_with_its_seed_and_its_line(jobs: int) -> None:
    """However many processes there are, and if it is an exit too."""
    with pytest.raises(RunFailed, match="no luck") as failed:
        explore(troubled.raising, 60, jobs=jobs)
    assert failed.value.seed == troubled.UNLUCKY
    assert 'raise ValueError("no luck")' in str(failed.value)
    assert isinstance(failed.value.__cause__, ValueError)
    with pytest.raises(RunFailed, match="SystemExit"):
        explore(troubled.exiting, 60, jobs=jobs)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("target", "how"), [(troubled.killing, "SIGKILL: was the system out of memory"), (troubled.vanishing, "exit code 0")]
)
def test_a_process_that_dies_is_told_with_the_seed_that_it_was_at(target: Any, how: str) -> None:
    """By a signal, or without a word; no other process outlives the exploration."""
    with pytest.raises(WorkerDied, match=how) as died:
        explore(target, 200, jobs=2)
    assert died.value.seed == troubled.UNLUCKY
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("name", "jobs"), [("interrupting", "1"), ("interrupting_the_parent", "2")])
def test_ctrl_c_ends_with_the_report_so_far(name: str, jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 130, and the report says that it is not complete."""
    file = tmp_path / "report.json"
    assert main(["simulate", f"{FILE}:{name}", "--seeds", "5000", "--jobs", jobs, "--json", str(file), "--quiet"]) == 130
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["ended"] == "interrupted"
    assert report["seeds"] < 5000
    if jobs == "1":
        assert report["seeds"] == troubled.UNLUCKY + 1  # the run in which it was pressed is part of it
    assert "interrupted after" in capsys.readouterr().out
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_that_could_not_be_made_is_no_violation(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2, after the report so far."""
    assert main(["simulate", f"{FILE}:raising", "--seeds", "60", "--jobs", jobs, "--quiet"]) == 2
    shown = capsys.readouterr()
    assert "stopped by an error after" in shown.out
    assert "seed 37, could not be run: ValueError: no luck" in shown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "0"], "'0' is no whole number of at least 1"),
        (["--seeds", "-3"], "'-3' is no whole number of at least 1"),
        (["--jobs", "many"], "'many' is no whole number of at least 1"),
        (["--jobs", "257"], "257 processes are too many, 256 are allowed"),
        (["--strategy", "luck"], "'luck' is no strategy"),
        (["--json", "nowhere/report.json"], "there is no folder nowhere"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_runs(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code 2, and what is wrong with it."""
    with pytest.raises(SystemExit) as ended:
        main(["simulate", f"{FILE}:fine", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("text", "said"), [("1 / 0", "ZeroDivisionError: division by zero"), ("import sys; sys.exit(0)", "SystemExit: 0")])
def test_a_file_that_cannot_be_imported_is_told_with_its_line(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a function of two arguments is no simulation, nor is a class."""
    file = tmp_path / "unlucky_target.py"
    file.write_text(f"\n{text}\n", encoding="utf-8")
    assert main(["simulate", f"{file}:target"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "unlucky_target.py, line 2" in shown
    for name in ("of_two", "Ping"):
        assert main(["simulate", f"{FILE}:{name}"]) == 2
        assert "no function of one argument" in capsys.readouterr().err


def test_more_processes_than_there_are_are_refused() -> None:
    """And fewer than one."""
    for jobs in (0, -1, 257):
        with pytest.raises(ValueError, match="from 1 to 256"):
            explore(troubled.fine, 3, jobs=jobs)
