"""
What every Python peer shares: the command line, the bare loop before and after, the clock's figures as lines of JSON.

Needs nothing but the standard library, since it runs in the environment of each peer. A peer's `main.py` says what its works are and
calls `run_peer`. The first line that a process prints says the versions, and then comes one a row, as soon as the row is measured, so
that a peer that hangs loses only the row it hangs in. What the libraries themselves print goes to stderr.
"""

import argparse
import gc
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import IO, Any

from bare import bare_seconds

BARE_MESSAGES = 400_000
WARM_UP = 100
"""A measurement is preceded by a hundredth of it."""

Run = Callable[[int], tuple[int, float]]
"""Does about so many operations, checks that every message was handled, returns how many there were and the seconds."""

Weigh = Callable[[int], float]
"""The bytes of one of so many idle actors, each of which has handled one message."""

BYTES = "bytes_idle_100k"


def resident_bytes() -> int:
    """What this process occupies in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_peer(
    distribution: str | None,
    works: Mapping[str, tuple[int, Run]],
    *,
    weigh: tuple[int, Weigh] | None = None,
    arguments: list[str] | None = None,
) -> None:
    """
    Runs the works that the command line names, and prints a line for each.

    Args:
        distribution: Whose version is printed; None for Python's.
        works: By id: how many operations make a measurement, and what does them.
        weigh: How many idle actors are weighed, and what weighs them.
        arguments: Instead of the command line's.
    """
    signal.signal(signal.SIGTERM, _stop)
    parser = argparse.ArgumentParser()
    parser.add_argument("--works", nargs="+", required=True)
    parser.add_argument("--divisor", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as lines:
        os.dup2(2, 1)
        python = platform.python_version()
        _print(lines, {"version": version(distribution) if distribution else python, "python": python})
        for name in chosen.works:
            if name == BYTES:
                assert weigh is not None
                actors = max(1, weigh[0] // chosen.divisor)
                _print(lines, {"work": name, "operations": actors, "bytes_each": weigh[1](actors)})
            else:
                _print(lines, _measured(name, *works[name], chosen.divisor))


def _stop(_number: int, _frame: FrameType | None) -> None:
    sys.exit("stopped")  # what the library has started ends with it


def _measured(name: str, operations: int, run: Run, divisor: int) -> Mapping[str, Any]:
    run(max(1, operations // max(WARM_UP, divisor)))
    gc.collect()
    bare = BARE_MESSAGES // divisor
    before = bare_seconds(bare // 2)
    done, seconds = run(max(1, operations // divisor))
    after = bare_seconds(bare // 2)
    return {"work": name, "operations": done, "seconds_each": seconds / done, "bare_seconds": (before + after) / bare}


def _print(lines: IO[str], row: Mapping[str, Any]) -> None:
    print(json.dumps(row), file=lines, flush=True)
