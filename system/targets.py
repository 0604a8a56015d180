"""What a command line names as ``MODULE:NAME`` or ``FILE.py:NAME``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
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
        raise TargetError(f"{target!r} is not of the form MODULE:NAME, such as bank.main:BANK or bank/main.py:BANK.")
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise TargetError(f"There is no file {place}.")
        sys.path.insert(0, str(path.parent.resolve()))
        found: Any = getattr(_module_of(path.resolve()), name, None)
    else:
        sys.path.insert(0, str(Path.cwd()))
        try:
            found = getattr(importlib.import_module(place), name, None)
        except ModuleNotFoundError as error:
            raise TargetError(f"The module {place} cannot be imported: {error}.") from error
    if found is None:
        raise TargetError(f"{place} has no {name}.")
    return found


def _module_of(path: Path) -> ModuleType:
    """The module that a file is, imported once, under a name by which pickle finds its classes; in a package, as a part of it."""
    if (path.parent / "__init__.py").is_file():
        return _module_in_package(path)
    for name in (path.stem, f"{path.stem} in {path.parent}"):
        known = sys.modules.get(name)
        if known is None:
            break
        if getattr(known, "__file__", None) == str(path):
            return known
    loading = importlib.util.spec_from_file_location(name, path)
    assert loading is not None
    assert loading.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(loading)
    try:
        loading.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_in_package(path: Path) -> ModuleType:
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(root))
    return importlib.import_module(".".join(names[:-1] if path.stem == "__init__" else names))
