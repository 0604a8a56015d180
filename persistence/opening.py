"""
`open_journal`: the journal of the systems that are opened in its block.

A journal is no actor and no argument of one: it outlives the tree. Actors find it in their contextvars, which a system takes from
whoever opens it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from os import PathLike
from typing import Final

from .arguments import check_journal
from .journal import Journal
from .sqlite_journal import SqliteJournal

JOURNAL: Final[ContextVar[Journal | None]] = ContextVar("trouper_journal", default=None)


@asynccontextmanager
async def open_journal(where: str | PathLike[str] | Journal, *, busy_timeout: float = 5.0) -> AsyncGenerator[Journal]:
    """
    Gives a journal to every system that is opened in its block: ``async with open_journal("bank.db"), open_system(BANK): ...``.

    Args:
        where: A file, which is made if there is none; or a journal, such as `InMemoryJournal()`.
        busy_timeout: Seconds for which to wait for another process that holds the file.

    Raises:
        NewerSchema, JournalCorrupt, JournalError: The file cannot be used. It was not touched.
        TypeError: *where* is neither.
    """
    if isinstance(where, str | PathLike):
        async with SqliteJournal(where, busy_timeout=busy_timeout) as journal:
            with use_journal(journal):
                yield journal
    else:
        with use_journal(where):
            yield where


@contextmanager
def use_journal(journal: Journal) -> Generator[None]:
    """
    Gives a journal that is open to every system that is opened in its block. Nodes of a simulation are surrounded by it:
    ``sim.node("bank", BANK, within=lambda: use_journal(DiskJournal(sim.disk("bank"))))``.
    """
    check_journal(journal)
    token = JOURNAL.set(journal)
    try:
        yield
    finally:
        JOURNAL.reset(token)
