"""
The bare reference loop: the least that one message can cost in this Python.

A message goes into a deque, comes out of it, and is handed to a bound method that does nothing, with no runtime around it.
Every figure of the benchmarks is a multiple of this, taken in the same second: that travels between machines, nanoseconds do
not. The actors of the benchmarks count their messages and this one does not, so the multiples include the counting.
"""

from collections import deque
from collections.abc import Callable
from time import perf_counter


class Note:
    """The message."""

    __slots__ = ()


class Receiver:
    """What the messages are handed to."""

    __slots__ = ()

    def take(self, _note: Note) -> None:
        """Handles one message."""


def bare_seconds(messages: int, clock: Callable[[], float] = perf_counter) -> float:
    """How long the bare loop takes for so many messages, in seconds of *clock*."""
    note = Note()
    take = Receiver().take
    queue: deque[Note] = deque()
    began = clock()
    for _ in range(messages):
        queue.append(note)
        take(queue.popleft())
    return clock() - began
