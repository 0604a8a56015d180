"""
What threads do for a run of trio: counted, so that the runtime knows when one may be in want of the interpreter's lock.

A thread that comes back from the disk has to wait for that lock, for five milliseconds as long as actors run without a pause; and who waits
for its answer waits with it. The dispatcher naps between two slices while something is under way.
"""

from __future__ import annotations

from typing import Final

import trio
from attrs import define


@define(eq=False)
class ThreadsWork:
    """The work of all threads of one run of trio. Changed by the run's own thread only."""

    under_way: int = 0
    """Pieces that were handed over, and of which the outcome has not come back."""


_OF_THIS_RUN: Final = trio.lowlevel.RunVar[ThreadsWork]("trouper_threads_work")


def threads_work() -> ThreadsWork:
    """That of the run of trio from which it is called."""
    try:
        return _OF_THIS_RUN.get()
    except LookupError:
        work = ThreadsWork()
        _OF_THIS_RUN.set(work)
        return work
