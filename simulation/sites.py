"""Where in the user's code something was done: the file and line that a report names."""

from __future__ import annotations

import site
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from attrs import frozen

RUNTIME: Final = frozenset(("trouper", "trio", "outcome", "attr", "attrs"))
"""Modules whose lines are never the answer."""

LIBRARIES: Final = tuple(f"{folder}/" for folder in {*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


@frozen
class Site:
    """
    One line.

    Args:
        file: Its path, relative to the present folder if it is below that. Empty: nobody knows.
        line: From 1.
        function: In which function it is.
    """

    file: str = ""
    line: int = 0
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}" if self.file else ""


def is_end_of_simulated(frame: FrameType) -> bool:
    """Whether from here on outwards it is trio's loop, and whoever started the run."""
    return frame.f_code.co_name == "unrolled_run" and frame.f_globals.get("__name__") == "trio._core._run"


def site_of(frame: FrameType | None) -> Site:
    """The innermost line of the user's, from *frame* outwards; of a library if the user has none there."""
    library: Site | None = None
    while frame is not None and not is_end_of_simulated(frame):
        top = frame.f_globals.get("__name__", "").partition(".")[0]
        file = frame.f_code.co_filename
        if top not in RUNTIME and top not in sys.stdlib_module_names and not file.startswith("<"):
            here = Site(shown(file), frame.f_lineno, frame.f_code.co_qualname)
            if not file.startswith(LIBRARIES):
                return here
            library = library or here
        frame = frame.f_back
    return library or Site()


def site_of_function(function: Any) -> Site:
    """Where a function is defined."""
    code = getattr(function, "__code__", None)
    return Site(shown(code.co_filename), code.co_firstlineno, code.co_qualname) if isinstance(code, CodeType) else Site()


def shown(file: str) -> str:
    """A path as a terminal in the present folder would have it."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
