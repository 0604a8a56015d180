"""What the tests of persistence share: a file for a journal, and each kind of journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trouper.persistence import InMemoryJournal, Journal, SqliteJournal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a journal may be."""
    return tmp_path / "bank.db"


@pytest.fixture(params=["in memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, file: Path) -> AsyncIterator[Journal]:
    """One journal of each kind, open."""
    if request.param == "in memory":
        yield InMemoryJournal()
    else:
        async with SqliteJournal(file) as journal:
            yield journal
