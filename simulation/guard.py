"""
What no seed decides is refused inside of a simulation: wall clocks, global randomness, threads, sockets.

The functions of the standard library are replaced for the time of a run, and only for its thread; code of the runtime, of trio and
of Python itself that needs them goes on to have them. What is refused raises an error that names the substitute.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import get_ident
from types import FrameType
from typing import Any, Final

from ..actors.cell import CURRENT
from .errors import NotSimulated

NOW: Final = "self.context.now()"
RANDOM: Final = "self.context.random"
TASKS: Final = "self.context.start_soon(...), or another actor"
SLEEP: Final = "await self.context.sleep(...) or await trio.sleep(...)"
MESSAGES: Final = "messages to actors on other nodes"

REFUSED: Final[tuple[tuple[Any, str, str], ...]] = (
    *((time, name, NOW) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")),
    (time, "sleep", SLEEP),
    *((random, name, RANDOM) for name in ("random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform")),
    *((random, name, RANDOM) for name in ("gauss", "expovariate", "getrandbits", "betavariate", "normalvariate", "seed")),
    *((uuid, name, f"uuid.UUID(int={RANDOM}.getrandbits(128), version=4)") for name in ("uuid1", "uuid4")),
    (os, "urandom", f"{RANDOM}.randbytes(...)"),
    (threading.Thread, "start", TASKS),
    (socket, "create_connection", MESSAGES),
    (socket.socket, "connect", MESSAGES),
    (socket.socket, "bind", MESSAGES),
)
"""Where, what, and what to use instead."""


_caller: Final[Callable[[int], FrameType]] = sys._getframe  # pyright: ignore[reportPrivateUsage]  # the stack is walked at every call


def _refusing(name: str, original: Callable[..., Any], substitute: str, thread: int) -> Callable[..., Any]:
    def refuse(*arguments: Any, **options: Any) -> Any:
        if get_ident() == thread:
            current: Any = CURRENT.get()
            if current is not None and not _is_own(_caller(1).f_globals.get("__name__", "")):
                cell = getattr(current, "cell", current)
                raise NotSimulated(cell.path, name, substitute)
        return original(*arguments, **options)

    return refuse


def _is_own(module: str) -> bool:
    """Whether the caller is the runtime or trio, which know what they do."""
    return module.partition(".")[0] in ("trouper", "trio", "logging", "threading")


@contextmanager
def guarded() -> Generator[None]:
    """In this block, in this thread, code of actors that asks for what no seed decides gets an error."""
    thread = get_ident()
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in REFUSED]
    for (owner, name, substitute), (_, _, original) in zip(REFUSED, before, strict=True):
        said = f"{getattr(owner, '__name__', owner)}.{name}"
        setattr(owner, name, _refusing(said, original, substitute, thread))
    try:
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)
