"""Which figures there are of the simulator, and how each is had: from `simulation.py`, in a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SIMULATED: Final[Mapping[str, tuple[str, str]]] = {
    "simulation_ring": ("messages around five simulated nodes", "messages/CPU s"),
    "simulation_raft_seeds": ("8 simulated seconds of Raft", "seeds/CPU s"),
    "simulation_two_jobs": ("seeds in two processes, to one", "times"),
}
"""By id: what is measured, and in which unit."""


def measured(name: str, divisor: int) -> float:
    """One figure; its size is divided by *divisor*."""
    command = [sys.executable, str(Path(__file__).with_name("simulation.py")), "--one", name, "--divisor", str(divisor)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our program, by its own Python
    if ran.returncode:
        raise RuntimeError(f"The process that measures {name} ended with {ran.returncode}:\n{ran.stderr}")
    return float(ran.stdout)
