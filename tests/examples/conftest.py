"""What the tests of the examples share: running one as its reader does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

sys.path.insert(0, str(EXAMPLES))  # test_simulated.py also imports the packages there, to plant mistakes in them

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def examples() -> Path:
    """Where they are."""
    return EXAMPLES


@pytest.fixture
def run() -> Run:
    """Runs a script in a process of its own: ``run("payments/main.py", "orders.csv", PYTHONSAFEPATH="1")``."""

    def run(script: str | Path, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        return subprocess.run(
            [sys.executable, EXAMPLES / script, *arguments],
            env=inherited | {"PYTHONUTF8": "1"} | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def story(run: Run) -> Callable[[str], list[str]]:
    """What a script prints, line by line, when it ends well and has nothing to complain about."""

    def story(script: str) -> list[str]:
        ran = run(script)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout.splitlines()

    return story
