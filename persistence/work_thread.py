"""
One thread that works for a run of trio, and takes everything that waits at once.

A database blocks, and a commit costs the same for one as for many: so whoever has work hands it over and waits, and the thread
does all that has gathered while it was busy. Neither side polls. Those that wait are actors that the runtime holds, at no task
each, or tasks of trio.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import trio

from ..actors.pending import Pending
from ..actors.threads import threads_work
from ..actors.waiting import wait
from .journal_errors import JournalClosed

W = TypeVar("W")


class Outcome(NamedTuple):
    """What became of one piece of work: its value, or its error."""

    value: Any = None
    error: BaseException | None = None


class _Ticket(Pending):
    """One piece of work, and whoever waits for its outcome."""

    __slots__ = ("work",)

    def __init__(self, work: Any) -> None:
        Pending.__init__(self)
        self.work: Any = work


class WorkThread(Generic[W]):
    """
    Does work of one kind in a thread of its own.

    Guarantees:
        * Work is done in the order in which it was handed over.
        * A wait that is cancelled takes its work back if the thread has not begun with it; else the wait goes on to its outcome.

    Args:
        name: The thread's name, and whose it is, for the text of errors.
        perform: Called in the thread with all that waits, at least one; returns an outcome for each. It never raises.
        clean_up: Called last in the thread.
    """

    # Invariant: a ticket is in _waiting, or in the hands of the thread, or settled.

    def __init__(self, name: str, perform: Callable[[Sequence[W]], Sequence[Outcome]], clean_up: Callable[[], None]) -> None:
        self._name = name
        self._perform = perform
        self._clean_up = clean_up
        self._changed = threading.Condition(threading.Lock())
        self._waiting: list[_Ticket] = []
        self._is_idle = False
        self._is_open = True
        self._threads_work = threads_work()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, work: W) -> Any:
        """Has *work* done, and returns its value or raises its error. Raises JournalClosed."""
        ticket = _Ticket(work)
        with self._changed:
            if not self._is_open:
                raise JournalClosed(self._name, "it was closed")
            self._waiting.append(ticket)
            self._threads_work.under_way += 1
            if self._is_idle:
                self._changed.notify()
        try:
            return await wait(ticket)
        except (trio.Cancelled, KeyboardInterrupt):
            if self._took_back(ticket):
                raise
        with trio.CancelScope(shield=True):
            return await wait(ticket)

    async def close(self) -> None:
        """Does what waits, and ends the thread."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._thread.join)

    def _took_back(self, ticket: _Ticket) -> bool:
        with self._changed:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
            self._threads_work.under_way -= 1
            return True

    def _run(self) -> None:
        while batch := self._next_batch():
            outcomes = self._perform([ticket.work for ticket in batch])
            try:
                self._token.run_sync_soon(self._deliver, batch, outcomes)
            except trio.RunFinishedError:  # nobody is left who waits
                break
        self._clean_up()

    def _next_batch(self) -> list[_Ticket]:
        """Everything that waits; nothing when it is closed."""
        with self._changed:
            while not self._waiting and self._is_open:
                self._is_idle = True
                self._changed.wait()
            self._is_idle = False
            batch, self._waiting = self._waiting, []
            return batch

    def _deliver(self, batch: Sequence[_Ticket], outcomes: Sequence[Outcome]) -> None:
        self._threads_work.under_way -= len(batch)
        for ticket, outcome in zip(batch, outcomes, strict=True):
            ticket.settle(outcome.value, outcome.error)
