"""
Where the peers run: an environment for each library, with a Python that it runs on, and what the BEAM's need.

`NotHere` says in a sentence why a peer cannot be run on this machine, and what to do about it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from settings import Peer

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent
ENVIRONMENTS = ROOT / ".venv-bench-peers"
INSTALL_SECONDS_MAX = 900.0

HOW_TO_INSTALL = {
    "erlang": "Erlang is not on this machine: apt-get install erlang-base (Debian, Ubuntu), or brew install erlang",
    "elixir": "Elixir is not on this machine: apt-get install elixir (Debian, Ubuntu), or brew install elixir",
}


class NotHere(Exception):
    """Why a peer cannot be run on this machine."""


def command_of(peer: Peer, divisor: int) -> list[str]:
    """
    What runs a peer's program: the works follow it. Makes its environment if need be.

    Raises:
        NotHere: What it needs is not on this machine, or cannot be installed.
    """
    program = PEERS / peer.folder / "main"
    if peer.language == "erlang":
        beam = ["-noshell", "-noinput", "-env", "ERL_CRASH_DUMP_SECONDS", "0", "+P", "1000000"]
        return [_found("erl", "erlang"), *beam, "-pa", str(compiled()), "-run", "main", "main", *peer.arguments, str(divisor)]
    if peer.language == "elixir":
        return [_found("elixir", "elixir"), str(program.with_suffix(".exs")), str(divisor)]
    python = environment_of(peer) if peer.needs_environment else Path(sys.executable)
    return [str(python), str(program.with_suffix(".py")), *peer.arguments, "--divisor", str(divisor), "--works"]


def variables() -> dict[str, str]:
    """The environment variables of the peers' programs: they find the frame, the bare loop and, without installing it, trouper."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH", "VIRTUAL_ENV"}}
    path = os.pathsep.join(str(folder) for folder in (PEERS, PEERS.parent, ROOT / "src"))
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"}


def environment_of(peer: Peer) -> Path:
    """The Python of the environment of a peer, which is made anew if its requirements are others than when it was made."""
    folder = ENVIRONMENTS / peer.folder
    requirements = PEERS / peer.folder / "requirements.txt"
    interpreter = find_python(peer.python_min)
    stamp = folder / ".complete"
    wanted = hashlib.sha256(requirements.read_bytes() + interpreter.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        print(f"== {folder.relative_to(ROOT)}: an environment of its own, on {interpreter}", file=sys.stderr, flush=True)
        _run([interpreter, "-m", "venv", "--clear", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(requirements)])
        stamp.write_text(wanted, encoding="ascii")  # the last thing, so that one that was cut off is made anew
    return folder / "bin" / "python"


@cache
def compiled() -> Path:
    """The folder of the compiled Erlang program."""
    folder = ENVIRONMENTS / "otp"
    folder.mkdir(parents=True, exist_ok=True)
    _run([_found("erlc", "erlang"), "-o", str(folder), str(PEERS / "otp" / "main.erl")])
    return folder


@cache
def find_python(oldest: tuple[int, int]) -> str:
    """
    An interpreter of at least this version that works and can make environments: a pyenv shim may do neither.

    The one that runs this comes first, then that of PEERS_PYTHON, then the oldest one found that will do.
    """
    check = f"import ensurepip, sys, venv; sys.exit(sys.version_info < {oldest})"
    for candidate in _pythons(oldest):
        try:
            ran = subprocess.run([candidate, "-c", check], capture_output=True, timeout=60, check=False)  # noqa: S603  # interpreters
        except (OSError, subprocess.TimeoutExpired):
            continue
        if not ran.returncode:
            return candidate
    wanted = ".".join(map(str, oldest))
    raise NotHere(f"needs Python {wanted} or newer: name one with make bench-peers PEERS_PYTHON=/path/to/python{wanted}")


def _pythons(oldest: tuple[int, int]) -> Iterator[str]:
    yield sys.executable
    if named := os.environ.get("PEERS_PYTHON"):
        yield shutil.which(named) or named
    for minor in range(oldest[1], oldest[1] + 8):
        if found := shutil.which(f"python3.{minor}"):
            yield found
        versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
        yield from (str(folder / "bin" / "python") for folder in sorted(versions.glob(f"3.{minor}.*")))


def _found(program: str, language: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotHere(HOW_TO_INSTALL[language])
    return found


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)  # noqa: S603  # installers
    except subprocess.CalledProcessError as failed:
        said = [line for line in (failed.stderr or failed.stdout).splitlines() if line.strip()]
        raise NotHere(f"cannot be installed: {said[-1].strip()[:160] if said else failed}") from failed
    except subprocess.TimeoutExpired as late:
        raise NotHere(f"cannot be installed within {INSTALL_SECONDS_MAX:.0f} s") from late
