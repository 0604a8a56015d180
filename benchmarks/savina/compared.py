"""
The same program on another library: a process in an environment of its own, which prints what it found and how long it took.

The sizes are the same and so are the checks. The other libraries stay out of trouper's environment: `make savina-peers` makes theirs.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from . import big
from .frame import Program, WrongResult

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-peers"
PLAY = Path(__file__).with_name("peers") / "play.py"

LIBRARIES = ("pykka", "everything-is-an-actor")
PROGRAMS = frozenset({"pingpong", "count", "fjcreate", "threadring", "chameneos", "big"})

HOW_TO_COMPARE = "for pykka and everything-is-an-actor beside it: make savina-peers PEERS_PYTHON=python3.12 (or newer)"


@frozen
class Peer:
    """
    What came of a run on another library.

    Args:
        seconds: Until every actor had ended; None if it did not come to an end.
        versions: Of the library and its Python, or why it did not come to an end.
    """

    seconds: float | None
    versions: str


def python() -> Path | None:
    """The Python of the peers' environment, if it was made."""
    found = ENVIRONMENT / "bin" / "python"
    return found if (ENVIRONMENT / ".complete").exists() else None


def run(interpreter: Path, library: str, program: Program[Any, Any], parameters: Any, patience: float = 600.0) -> Peer:
    """
    Runs *program* on *library*, for at most *patience* seconds, and checks what it found.

    Raises:
        WrongResult: It found something else.
    """
    command = [str(interpreter), str(PLAY), library, program.name, json.dumps(asdict(parameters))]
    try:
        ran = subprocess.run(command, cwd=PLAY.parent, capture_output=True, text=True, timeout=patience, check=False)  # noqa: S603  # our own
    except subprocess.TimeoutExpired:
        return Peer(None, f"{library} took more than {patience:.0f} s for {program.name}")
    if ran.returncode:
        return Peer(None, f"{library} failed at {program.name}: {ran.stderr.strip().splitlines()[-1:]}")
    found = json.loads(ran.stdout)
    result = big.Result(**found["result"]) if program is big.PROGRAM else found["result"]
    try:
        program.check(parameters, result)
    except WrongResult as wrong:
        raise WrongResult(f"{program.name} on {library}: {wrong}") from wrong
    return Peer(found["seconds"], f"{library} {found['version']} on Python {found['python']}")
