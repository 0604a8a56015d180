"""
A recorded run as a program that runs it: the choices that are not benign, for people to read and to change.

It finds the simulation by a path from its own place, so that it runs from everywhere, and still does when both are moved together.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any, Final

from ..errors import TrouperError
from .files import Recording

TEMPLATE: Final = '''"""
{violation}

A simulated run of {name}, as a program: it prints what happened and what is broken, and exits with 1; or 0, if nothing breaks any more.
CHOICES has the values of each kind of choice in order. What is missing is 0, the benign value: change them and see.
"""

import sys
from pathlib import Path

from trouper.simulation.run import run_streams
from trouper.system.targets import find_target

CHOICES = {{
{choices}}}

target = find_target(f"{{Path(__file__).resolve().parent / {file!r}}}:{name}")
outcome = run_streams(getattr(target, "simulation", target), CHOICES, keeps=True)
for event in outcome.events:
    print(event)
print(outcome.violation or "nothing breaks any more")
sys.exit(outcome.violation is not None)
'''


class NotImportable(TrouperError):
    """A program of its own cannot import a simulation; the text says why."""


def place_of(target: Callable[..., object]) -> str:
    """
    Where a function is that describes a cluster, as ``FILE.py:NAME``.

    Raises:
        NotImportable: It is no function at the top of a file.
    """
    code: Any = getattr(target, "__code__", None)
    name: str = getattr(target, "__qualname__", repr(target))
    if not isinstance(code, CodeType):
        raise NotImportable(f"{name} is no function, so no other process can find it. Give it a name: def cluster(sim): ...")
    if not name.isidentifier():
        raise NotImportable(f"{name} is not at the top of {code.co_filename}, where other processes could import it. Move it there.")
    return f"{code.co_filename}:{name}"


def script_of(recording: Recording, path: Path) -> str:
    """
    The program.

    Args:
        recording: The run.
        path: Where the program will be.

    Raises:
        NotImportable: The module of the recording's target is not found.
    """
    streams: dict[str, list[int]] = {}
    for draw in recording.draws:
        streams.setdefault(draw.label, []).append(draw.value)
    lines = [f"    {label!r}: {_shortened(values)},\n" for label, values in streams.items() if any(values)]
    file, _, name = recording.target.rpartition(":")
    away = Path(os.path.relpath(_file_of(file), path.resolve().parent)).as_posix()
    violation = recording.violation.replace("\\", "\\\\").replace('"""', "'''")
    return TEMPLATE.format(violation=violation, name=name, file=away, choices="".join(lines))


def _file_of(place: str) -> Path:
    if place.endswith(".py"):
        return Path(place).resolve()
    found = importlib.util.find_spec(place)
    if found is None or found.origin is None:
        raise NotImportable(f"The module {place} has no file that a program could import.")
    return Path(found.origin).resolve()


def _shortened(values: list[int]) -> list[int]:
    """Without the zeros at the end, which go without saying."""
    last = max(place for place, value in enumerate(values) if value)
    return values[: last + 1]
