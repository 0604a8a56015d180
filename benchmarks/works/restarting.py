"""
Restarting: how long it is from a failure in a handler to the next message handled by the new instance.

Messages that fail and messages that are counted wait in the mailbox by turns, so one operation is: a handler raises,
supervision decides, a new instance takes the place of the old one, and the next message is handled. No hooks, no back-off; the
failures are not logged, since writing a traceback costs more than all that.
"""

import logging
from time import perf_counter

from attrs import define

from trouper import Actor, actor, handles, open_system, supervisor

from .counting import HOW_MANY, NOTE, HowMany, Note
from .work import Work

BURST = 500
"""Failures that wait in the mailbox at once."""


class Crash:
    """The message that fails."""

    __slots__ = ()


class Crashed(Exception):
    """What the handler raises."""


CRASH = Crash()


@define(eq=False)
class Phoenix(Actor[Crash | Note | HowMany]):
    """Fails when it is told to. What it has counted outlives it."""

    handled: list[int]
    is_new: bool = True

    @handles(Crash)
    def crash(self, _crash: Crash) -> None:
        """Fails."""
        raise Crashed

    @handles(Note)
    def take(self, _note: Note) -> None:
        """Counts the first message of a new instance."""
        assert self.is_new
        self.is_new = False
        self.handled[0] += 1

    @handles(HowMany)
    def how_many(self, _question: HowMany) -> int:
        """Says how many instances have handled a message."""
        return self.handled[0]


async def restart(failures: int) -> tuple[int, float]:
    """So many failures, each with a message behind it."""
    sent = handled = 0
    phoenix = actor(Phoenix, [0], mailbox=2 * BURST + 1)
    log = logging.getLogger("trouper")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        async with open_system(supervisor("nest", [phoenix], max_restarts=failures, within=60.0)) as system:
            ref = system.ref(phoenix)
            began = perf_counter()
            while sent < failures:
                burst = min(BURST, failures - sent)
                for _ in range(burst):
                    ref.tell_nowait(CRASH)
                    ref.tell_nowait(NOTE)
                sent += burst
                handled = await ref.ask(HOW_MANY)
            seconds = perf_counter() - began
            restarts = next(node.restarts for node in system.tree() if node.path == ref.path)
    finally:
        log.setLevel(level)
    assert handled == restarts == failures, (handled, restarts, failures)
    return failures, seconds


WORKS = (Work("restart", "failure to the next message handled, def handlers", "restarts", restart, 20_000),)
