"""The curves are measured at their first points, each of which checks by itself that all was handled. Nothing is timed here."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
SCALE = importlib.import_module("scale")
CURVES = {curve.name: curve for curve in SCALE.CURVES}


def test_every_line_of_every_curve_is_measured_and_written_for_the_plot(tmp_path: Path) -> None:
    """The script measures each line that a panel names, prints it, and writes median, least and most by size."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, "benchmarks/scale/run.py", "--quick", "--passes", "1", "--results", str(tmp_path / "curves.json")]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    written = json.loads((tmp_path / "curves.json").read_text(encoding="utf-8"))
    assert written.keys() == CURVES.keys()
    for name, curve in CURVES.items():
        panels = {heading: list(lines) for heading, lines in curve.panels.items()}
        assert written[name]["panels"] == panels
        assert written[name]["lines"].keys() == {line for lines in panels.values() for line in lines}
        for line, points in written[name]["lines"].items():
            assert f"\n| {line} | x" in ran.stdout
            ((size, middle, least, most),) = points
            assert size == curve.sizes[0]
            assert 0 < least <= middle <= most


def test_the_curves_go_as_far_as_they_say() -> None:
    """A million actors, and 100,000 messages, subscribers and children, each in steps of ten."""
    assert {name: curve.sizes[-1] for name, curve in CURVES.items()} == {
        "actors": 1_000_000,
        "mailboxes": 100_000,
        "fan-out": 100_000,
        "trees": 100_000,
    }
    for curve in CURVES.values():
        assert all(after == 10 * before for before, after in zip(curve.sizes, curve.sizes[1:], strict=False))
