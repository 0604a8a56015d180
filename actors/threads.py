"""
What threads do for a run of trio: counted, so that the runtime knows when one may be in want of the interpreter's lock.

A thread that comes back from the disk has to wait for that lock, each time that it wants it; beside actors that run without a pause seconds
pass, and who waits for its answer waits with it. So the runtime naps between two slices while something is under way.
"""

from __future__ import annotations

import time
from typing import Final

import trio

NAP_SECONDS: Final = 1e-5
"""For how long the interpreter's lock is given away at the end of a slice when threads are at work."""


class ThreadsWork:
    """
    The work of all threads of one run of trio, those of `trio.to_thread` and those that count for themselves.

    Attributes:
        under_way: Pieces of work that were handed to a thread of ours, and of which the outcome has not come back. Changed by the run's own
            thread only.
    """

    __slots__ = ("_limiter", "under_way")

    def __init__(self) -> None:
        self.under_way: int = 0
        self._limiter = trio.to_thread.current_default_thread_limiter()

    def nap(self) -> None:
        """Gives the interpreter's lock away, if a thread may wait for it."""
        if self.under_way or self._limiter.borrowed_tokens:
            time.sleep(NAP_SECONDS)


_OF_THIS_RUN: Final = trio.lowlevel.RunVar[ThreadsWork]("trouper_threads_work")


def threads_work() -> ThreadsWork:
    """That of the run of trio from which it is called."""
    try:
        return _OF_THIS_RUN.get()
    except LookupError:
        work = ThreadsWork()
        _OF_THIS_RUN.set(work)
        return work
