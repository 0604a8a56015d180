"""Every example is run as its reader runs it: as a script, in a process of its own, from the root of the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = [*sorted((ROOT / "examples").glob("*.py")), ROOT / "examples" / "payments" / "main.py"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.relative_to(ROOT)))
def test_every_example_runs_to_its_end(example: Path) -> None:
    """The script ends by itself, without an error, and has shown something. A script may import the files beside it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    ran = subprocess.run([sys.executable, example], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.strip()
