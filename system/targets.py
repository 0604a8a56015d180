"""What a command line names as ``MODULE:NAME`` or ``FILE.py:NAME``."""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

from ..errors import TrouperError


class TargetError(TrouperError):
    """MODULE:NAME does not lead to what was wanted; the text says where it ended."""


def find_target(target: str) -> Any:
    """
    The object that ``MODULE:NAME`` or ``FILE.py:NAME`` names. Modules are also looked for in the present folder.

    Raises:
        TargetError: There is no such module or name.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise TargetError(f"{target!r} is not of the form MODULE:SPEC, such as bank.main:BANK or bank/main.py:BANK.")
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise TargetError(f"There is no file {place}.")
        sys.path.insert(0, str(path.parent.resolve()))
        found: Any = runpy.run_path(place).get(name)
    else:
        sys.path.insert(0, str(Path.cwd()))
        try:
            found = getattr(importlib.import_module(place), name, None)
        except ModuleNotFoundError as error:
            raise TargetError(f"The module {place} cannot be imported: {error}.") from error
    if found is None:
        raise TargetError(f"{place} has no {name}.")
    return found
