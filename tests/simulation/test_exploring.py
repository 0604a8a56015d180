"""Many seeds: reports, files, the command line, and tests made of simulations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import define, frozen

from trouper import Actor, actor, handles
from trouper.simulation import Faults, NoRecording, Simulation, UnknownStrategy, explore, run_once, simulation
from trouper.simulation.files import load, recording_of, save
from trouper.system.cli import main


@frozen
class Ping:
    number: int


@define(eq=False)
class Player(Actor[Ping]):
    """Sends every ping back."""

    other: object
    seen: int = 0

    def on_start(self) -> None:
        self.context.after(0.01, Ping(0))

    @handles(Ping)
    def ping(self, ping: Ping) -> None:
        self.seen += 1
        self.other.tell_nowait(Ping(ping.number + 1))  # type: ignore[attr-defined]


def _game(sim: Simulation) -> None:
    sim.node("a", actor(Player, sim.ref("b", "/user/player"), name="player"))
    sim.node("b", actor(Player, sim.ref("a", "/user/player"), name="player"))
    sim.duration = 0.5
    sim.faults(Faults.swarm(duplication=False))  # doubled pings would be pinged back for ever, each


@simulation
def game(sim: Simulation) -> None:
    """Nothing is wrong with it."""
    _game(sim)
    sim.eventually(lambda: len(sim.actors(Player)) == 2, within=1.0)


@simulation
def lost_game(sim: Simulation) -> None:
    """Somebody plays less than a hundred times under most seeds."""
    _game(sim)
    sim.at_the_end(lambda: all(player.seen > 100 for player in sim.actors(Player)))


@simulation
def endless_game(sim: Simulation) -> None:
    """What shall come true does not."""
    _game(sim)
    sim.eventually(lambda: False, within=0.2)


def test_a_report_does_not_depend_on_how_many_processes_made_it() -> None:
    """Two processes find what one finds, and count the same."""
    alone, together = explore(lost_game, 40), explore(lost_game, 40, jobs=2)
    plain, shared = alone.as_json(), together.as_json()
    for report in (plain, shared):
        del report["cpu_seconds"]
    assert plain == shared
    assert alone.violations > 0
    assert alone.message_types["Ping"] > 100


def test_what_shall_come_true_must_come_true_in_time() -> None:
    """A broken `eventually` is reported at the end of its time, counted from the end of the faults."""
    outcome = run_once(endless_game, 1)
    assert outcome.violation is not None
    assert outcome.violation.kind == "eventually"
    assert outcome.violation.time == pytest.approx(0.7)
    assert run_once(game, 1).violation is None


def test_swarms_differ_from_seed_to_seed_and_count_what_they_did() -> None:
    """Of 60 seeds some have crashes and some have none; all kinds of faults fire."""
    mixes = [run_once(game, seed) for seed in range(60)]
    assert {"crashes" in outcome.mix for outcome in mixes} == {True, False}
    assert {kind for outcome in mixes for kind in outcome.fired} >= {"crash", "restart", "partition", "pause", "loss", "slow"}


def test_a_circle_of_messages_without_a_fault_is_a_clean_run() -> None:
    """A portfolio of strategies runs in turn; an unknown one is refused."""
    for strategy in ("random", "fifo", "pct", "pct:5", "pctcp:2", "delay:1", "portfolio"):
        assert run_once(game, 3, strategy=strategy).violation is None
    for strategy in ("pct:0", "pct:x", "pctcp:0", "quantum", "fifo:3"):
        with pytest.raises(UnknownStrategy, match="pct:DEPTH"):
            run_once(game, 3, strategy=strategy)


def test_the_command_line_finds_records_and_replays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`trouper simulate` exits with 1 when something was found, writes a report and a recording, and `trouper replay` shows it again."""
    target, report, file = f"{__file__}:lost_game", tmp_path / "report.json", tmp_path / "run.json"
    assert main(["simulate", target, "--seeds", "20", "--json", str(report), "--record", str(file), "--quiet"]) == 1
    written = json.loads(report.read_text())
    assert written["seeds"] == 20
    assert written["violations"] > 0
    assert "violations" in capsys.readouterr().out
    assert main(["replay", str(file)]) == 1
    shown = capsys.readouterr()
    assert load(file).violation in shown.out
    assert "left its record" not in shown.out
    assert "not the one that was recorded" not in shown.out


def test_the_command_line_is_content_with_what_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    """`trouper simulate` exits with 0 when nothing was found; a log is not filled with progress."""
    assert main(["simulate", f"{__file__}:game", "--seeds", "50", "--strategy", "pct:3"]) == 0
    shown = capsys.readouterr()
    assert "50 seeds, 0 violations" in shown.out
    assert not shown.err


@pytest.mark.parametrize("arguments", [["simulate", "nowhere.py:game"], ["replay", "nowhere.json"], ["simulate", f"{__file__}:json"]])
def test_what_leads_nowhere_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A target or a file that is none gives the exit code 2."""
    assert main(arguments) == 2
    assert "trouper" in capsys.readouterr().err


def test_a_file_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    """Whatever is wrong with it, it is one error."""
    file = tmp_path / "file.json"
    for text in ("", "[]", "{}", '{"version": 2, "labels": [], "draws": []}'):
        file.write_text(text)
        with pytest.raises(NoRecording):
            load(file)


def test_a_simulation_takes_the_simulation() -> None:
    """A function of nothing describes no cluster."""
    with pytest.raises(TypeError, match="one argument"):
        simulation(lambda: None)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


BROKEN_RECORDS: list[tuple[str, object]] = [
    ("version", 2),
    ("version", "1"),
    ("seed", "x"),
    ("seed", 1.5),
    ("strategy", None),
    ("target", 5),
    ("draws", [[0, 2, -1]]),
    ("draws", [[0, 2, 2]]),
    ("draws", [[-1, 2, 1]]),
    ("draws", [[0, 2.0, 0.5]]),
    ("draws", [[0, 2]]),
    ("draws", 3),
]


@pytest.mark.parametrize(("name", "value"), BROKEN_RECORDS)
def test_a_record_that_is_none_is_refused_when_it_is_read(tmp_path: Path, name: str, value: object) -> None:
    """Not somewhere in a run: what was edited, or comes from elsewhere, may say anything."""
    file = tmp_path / "run.json"
    save(recording_of(run_once(_game, 3, keeps=True), "game.py:game"), file)
    assert load(file).seed == 3
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    with pytest.raises(NoRecording):
        load(file)


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "x:y", "--json", "."],
        ["check-determinism", "x:y", "--json", "."],
        ["shrink", "x", "-o", "."],
        ["replay", "x", "--events", "0"],
    ],
)
def test_what_cannot_be_written_or_shown_is_said_before_the_work(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An hour of seeds must not end in an error about its report."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: argument" in capsys.readouterr().err
