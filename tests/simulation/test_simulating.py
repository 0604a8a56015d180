"""A simulation as a test: what the reader of a failure is told, and the files that are left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trouper.simulation import Simulation, SimulationFailed, run_once, simulate
from trouper.simulation.files import load

SOURCES = Path(sys.modules["trouper"].__path__[0]).parent

PING = """
from attrs import define, frozen
from trouper import Actor, actor, handles
from trouper.simulation import Faults, Simulation, simulate

@frozen
class Ping:
    number: int

@define(eq=False)
class Counter(Actor[Ping]):
    seen: int = 0

    @handles(Ping)
    def ping(self, ping: Ping) -> None:
        self.seen += 1

@define(eq=False)
class Sender(Actor[Ping]):
    to: object

    def on_start(self) -> None:
        for number in range(10):
            self.context.after(number / 10, Ping(number))

    @handles(Ping)
    def send(self, ping: Ping) -> None:
        self.to.tell_nowait(ping)

def none_comes_twice(sim: Simulation) -> None:
    assert all(counter.seen <= 10 for counter in sim.actors(Counter)), "somebody counted more than was sent"

def clean(sim: Simulation) -> None:
    sim.node("counter", actor(Counter, name="counter"))
    sim.node("sender", actor(Sender, sim.ref("counter", "/user/counter"), name="sender"))
    sim.always(none_comes_twice)

@simulate(seeds=100, shrink_runs=60)
def test_doubled(sim: Simulation) -> None:
    clean(sim)
    sim.faults(Faults.swarm(crashes=False, pauses=False, partitions=False, loss=False))

test_clean = simulate(seeds=5)(clean)
"""


def _run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_failure_in_pytest_tells_the_seed_what_broke_the_program_and_the_files(tmp_path: Path) -> None:
    """
    The message has the seed, the strategy, the oracle and its text, the shrunk program and the commands; the record replays, and the
    program runs by itself, from another folder, and exits with 1; with 0, when no choices are left in it.
    """
    package = tmp_path / "pings" / "checks"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "numbers.py").write_text(PING)
    (package / "test_pings.py").write_text(
        "from .numbers import clean, test_clean, test_doubled as doubled\nfrom trouper.simulation import *\n"
    )
    with (package / "test_pings.py").open("a") as file:
        file.write("@simulate(seeds=100, shrink_runs=60)\ndef test_doubled(sim):\n    doubled.simulation(sim)\n")
    ended = _run("-m", "pytest", "-q", "-p", "no:cacheprovider", "pings", folder=tmp_path)
    shown = ended.stdout
    assert "1 failed, 1 passed" in shown, shown
    folder = tmp_path / ".simulations"
    (script,) = folder.glob("*.py")
    stem = script.stem
    assert f"test_doubled, seed {stem.rpartition('-')[2]} (" in shown
    assert "always none_comes_twice is broken at" in shown
    assert "somebody counted more than was sent" in shown
    assert "CHOICES = {" in shown
    assert "'duplicate: sender>counter': " in shown
    for line in (f"trouper replay .simulations/{stem}.json", f"python .simulations/{stem}.py", f".simulations/{stem}.html"):
        assert line in shown
    assert sorted(path.name for path in folder.iterdir()) == sorted([".gitignore", f"{stem}.json", f"{stem}.py", f"{stem}.html"])
    alone = _run(str(script), folder=package)
    assert alone.returncode == 1, alone.stderr
    assert alone.stdout.splitlines()[-1].startswith("always none_comes_twice is broken at")
    replayed = _run("-m", "trouper", "replay", f".simulations/{stem}.json", folder=tmp_path)
    assert replayed.returncode == 1, replayed.stderr
    assert "left its record" not in replayed.stdout
    script.write_text(script.read_text().replace("CHOICES, keeps", "{}, keeps"))
    calm = _run(str(script), folder=tmp_path)
    assert (calm.returncode, calm.stdout.splitlines()[-1]) == (0, "nothing breaks any more")


def lost(sim: Simulation) -> None:
    """Broken from the beginning."""
    sim.at_the_end(lambda: False)


def test_files_that_were_changed_by_hand_stay_and_those_that_were_not_are_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has edited a program finds it as it was after the test has failed again."""
    monkeypatch.setenv("TROUPER_SIMULATIONS", str(tmp_path))

    def failed() -> SimulationFailed:
        with pytest.raises(SimulationFailed) as caught:
            simulate(seeds=3)(lost)()
        return caught.value

    script = Path(failed().script)
    assert failed().script == str(script)
    script.write_text("mine", encoding="utf-8")
    assert failed().script == str(tmp_path / "lost-0-2.py")
    assert script.read_text(encoding="utf-8") == "mine"


def test_a_simulation_inside_a_function_fails_without_a_program_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process can import it; the rest is there, in the folder that the environment names."""
    monkeypatch.setenv("TROUPER_SIMULATIONS", str(tmp_path / "here"))

    def hidden(sim: Simulation) -> None:
        sim.at_the_end(lambda: False)

    with pytest.raises(SimulationFailed) as failed:
        simulate(seeds=3)(hidden)()
    assert "hidden is not at the top of" in str(failed.value)
    assert not failed.value.program
    assert "python" not in str(failed.value).replace("test_simulating.py", "")
    page = Path(failed.value.diagram)
    assert page.parent == tmp_path / "here"
    assert "at the end" in page.read_text(encoding="utf-8")
    recording = load(page.with_suffix(".json"))
    assert run_once(hidden, 99, record=recording.draws).digest == recording.digest
    assert not page.with_suffix(".py").exists()
