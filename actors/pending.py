"""
An answer that is still to come, and whoever waits for it.

Everything in the runtime that takes time (a reply, room in a mailbox, a child's start or death) is a `Pending`. Three kinds
of code can wait for one: a handler that the runtime holds (its coroutine stays in its cell, no task is involved), a task of
trio, and a procedure of the runtime itself. Settling one is synchronous and never runs the waiting code of an actor: it only
makes it ready.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from .cell import Cell


class Pending:
    """
    One value or error, set once; the first settling wins.

    Attributes:
        target: The actor that has to act before this settles: the edge that a circle of waiting actors is made of.
        cell: The actor whose handler the runtime holds until this settles.
        task: The task of trio that is parked until this settles.
        procedure: The procedure of the runtime that goes on when this settles.
    """

    # Invariant: at most one of cell, task and procedure is set.
    __slots__ = ("cell", "done", "error", "procedure", "target", "task", "value")

    def __init__(self, target: Cell | None = None) -> None:
        self.done: bool = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.target: Cell | None = target
        self.cell: Cell | None = None
        self.task: trio.lowlevel.Task | None = None
        self.procedure: Procedure | None = None

    def settle(self, value: Any = None, error: BaseException | None = None) -> bool:
        """Sets the outcome and makes the one who waits go on. Returns False when it was settled before."""
        if self.done:
            return False
        self.done = True
        self.value = value
        self.error = error
        cell = self.cell
        if cell is not None:
            self.cell = None
            cell.resume()
        elif self.task is not None:
            task, self.task = self.task, None
            trio.lowlevel.reschedule(task)
        elif self.procedure is not None:
            procedure, self.procedure = self.procedure, None
            procedure.advance()
        return True

    def leave(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """The task that waited is cancelled: nobody waits any more."""
        self.task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def result(self) -> Any:
        """The value, or the error raised."""
        if self.error is not None:
            raise self.error
        return self.value

    def __await__(self) -> Generator[Pending, None, Any]:
        """Waits inside a procedure; actors and tasks wait through `waiting.wait`."""
        if not self.done:
            yield self
        return self.result()


class _Agenda(threading.local):
    """The procedures of this thread that can go on, and whether one of them runs."""

    def __init__(self) -> None:
        self.ready: deque[Procedure] = deque()
        self.is_running = False


_AGENDA = _Agenda()


class Procedure:
    """
    Several steps of the runtime, written as a coroutine that awaits nothing but `Pending`s.

    It runs on the stack that settles what it waits for: a task an actor would cost more than the actor. If that is the stack of
    another procedure, it runs when that one waits: a tree that is a thousand levels deep starts and stops without a stack that
    deep. It must not fail: what can fail (hooks, factories) arrives as the error of a `Pending` and is handled in the procedure.
    """

    __slots__ = ("_steps", "_waits_for", "is_abandoned")

    def __init__(self, steps: Coroutine[Any, Any, None]) -> None:
        self._steps = steps
        self._waits_for: Pending | None = None
        self.is_abandoned: bool = False

    def advance(self) -> None:
        """Runs up to the next `Pending` that is not settled: now, or as soon as no other procedure runs."""
        agenda = _AGENDA
        agenda.ready.append(self)
        if agenda.is_running:
            return
        agenda.is_running = True
        try:
            while agenda.ready:
                agenda.ready.popleft()._step()
        finally:
            agenda.is_running = False

    def _step(self) -> None:
        if self.is_abandoned:
            return
        try:
            pending = self._steps.send(None)
        except StopIteration:
            self._waits_for = None
            return
        assert pending.procedure is None, "a Pending has one who waits"
        pending.procedure = self
        self._waits_for = pending

    def abandon(self) -> None:
        """Ends it where it waits. What it waited for stays as it is."""
        self.is_abandoned = True
        if self._waits_for is not None:
            self._waits_for.procedure = None
            self._waits_for = None
        self._steps.close()


def begin(steps: Coroutine[Any, Any, None]) -> Procedure:
    """Makes a procedure and has it run up to its first wait."""
    procedure = Procedure(steps)
    procedure.advance()
    return procedure
