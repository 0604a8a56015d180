"""What a test is told whose simulation broke something: the seed, what broke, the shrunk program, and where it is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from attrs import define, evolve

from ..errors import TrouperError
from .diagram import diagram_of
from .diagram_page import page_of
from .files import Recording, recording_of, text_of_recording
from .report import Report
from .run import Outcome, Target, run_once
from .scripts import NotImportable, place_of, script_of
from .shrinking import NothingToShrink, shrink

SHRINK_RUNS: Final = 500
"""How many runs a failing test may take to shrink what it found, by default."""

FOLDER: Final = ".simulations"
"""Where the files go, unless the environment says otherwise."""

FOLDER_VARIABLE: Final = "TROUPER_SIMULATIONS"
"""The variable of the environment that names another folder."""


@define(eq=False)
class SimulationFailed(TrouperError, AssertionError):
    """
    A simulated cluster broke what it promises under some seed.

    Args:
        target: Its name.
        seed: The first that broke something.
        strategy: Who proposed who runs.
        violation: What broke.
        seeds: How many were run.
        violations: How many of these broke something.
        shrunk: What came of shrinking.
        program: The shrunk run as a program; empty: there is none, and *shrunk* says why.
        script: The file of it.
        file: The record of the shrunk run.
        diagram: The file in which it is drawn.
    """

    target: str
    seed: int
    strategy: str
    violation: str
    seeds: int
    violations: int
    shrunk: str
    program: str
    script: str
    file: str
    diagram: str

    def __str__(self) -> str:
        lines = [
            f"{self.target}, seed {self.seed} ({self.strategy}): {self.violation}",
            f"{self.violations} of {self.seeds} seeds broke something.",
            f"shrunk:  {self.shrunk}",
            f"diagram: {self.diagram}",
        ]
        if self.program:
            lines += [f"replay:  trouper replay {self.file}", f"program: python {self.script}", "", self.program]
        return "\n".join(lines)


def failure_of(target: Target, report: Report, shrink_runs: int) -> SimulationFailed:
    """Shrinks the first violation of *report*, keeps it in files, and tells of it."""
    found = report.first
    assert found is not None
    name = getattr(target, "__name__", "simulation")
    smallest, shrunk = _shrunk(target, found, shrink_runs)
    try:
        recording, hindrance = recording_of(smallest, place_of(target)), ""
    except NotImportable as error:
        recording, hindrance = recording_of(smallest, name), f" (no program: {error})"
    drawn = run_once(target, smallest.seed, strategy=smallest.strategy, record=smallest.draws, keeps_states=True)
    page = page_of(diagram_of(drawn, name))
    folder = Path(os.environ.get(FOLDER_VARIABLE) or FOLDER)
    file, script, diagram, program = _kept(folder, f"{name}-{found.seed}", recording, page, is_program=not hindrance)
    return SimulationFailed(
        name,
        found.seed,
        found.strategy,
        str(found.violation),
        report.seeds,
        report.violations,
        shrunk + hindrance,
        program,
        str(script),
        str(file),
        str(diagram),
    )


def _shrunk(target: Target, found: Outcome, shrink_runs: int) -> tuple[Outcome, str]:
    try:
        shrunk = shrink(target, found.draws, runs_max=shrink_runs)
    except NothingToShrink:
        return found, "not at all, for its record breaks nothing: look at it with 'trouper check-determinism'"
    return evolve(shrunk.after, seed=found.seed), str(shrunk)


def _kept(folder: Path, stem: str, recording: Recording, page: str, *, is_program: bool) -> tuple[Path, Path, Path, str]:
    """Writes the files, under the first name where nothing else is: the record, the program and the diagram; and the program's text."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    number = 1
    while True:
        base = folder / (stem if number == 1 else f"{stem}-{number}")
        file, script, diagram = (Path(f"{base}{suffix}") for suffix in (".json", ".py", ".html"))
        program = script_of(recording, script) if is_program else ""
        texts = {file: text_of_recording(recording), script: program, diagram: page}
        if all(not path.exists() or path.read_text(encoding="utf-8") == text for path, text in texts.items()):
            break
        number += 1
    for path, text in texts.items():
        if text:
            path.write_text(text, encoding="utf-8")
    return file, script, diagram, program
