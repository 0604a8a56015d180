"""When Python's collector comes while many runs are made: not by itself, which cost a third of a short run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

RUNS_A_COLLECTION: Final = 16
"""After so many runs what they have left is collected."""


@contextmanager
def collected_seldom() -> Generator[Callable[[], None]]:
    """The collector comes when as many runs have ended as are worth its while. What was there before is not looked through."""
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    ended = 0

    def collect() -> None:
        nonlocal ended
        ended += 1
        if ended % RUNS_A_COLLECTION == 0:
            gc.collect()

    try:
        yield collect
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
