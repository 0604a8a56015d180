"""
SIGTERM stops every open system in order.

One receiver a process, in the main thread: the first system to open installs it, the last to close restores what was there
before. SIGINT stays trio's, which raises KeyboardInterrupt.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import trio

_listeners: dict[object, tuple[trio.lowlevel.TrioToken, Callable[[], None]]] = {}
_before: list[Any] = []


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    for token, stop in list(_listeners.values()):
        try:
            token.run_sync_soon(stop, idempotent=True)
        except trio.RunFinishedError:  # its run ended between the signal and now
            continue


def listen(owner: object, stop: Callable[[], None]) -> None:
    """Has *stop* called in the present trio run when SIGTERM comes. Does nothing outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return
    if not _listeners:
        _before.append(signal.signal(signal.SIGTERM, _on_sigterm))
    _listeners[owner] = (trio.lowlevel.current_trio_token(), stop)


def stop_listening(owner: object) -> None:
    """Takes `listen` back."""
    if _listeners.pop(owner, None) is not None and not _listeners:
        signal.signal(signal.SIGTERM, _before.pop())
