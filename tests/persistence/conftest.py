"""What the tests of persistence share: a file for a journal, each kind of journal, and a disk that does not fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from trouper.persistence import DiskJournal, InMemoryJournal, Journal, SqliteJournal


@define(eq=False)
class DictDisk:
    """A disk that keeps everything."""

    values: dict[str, Any] = field(factory=dict[str, Any])

    def write(self, key: str, value: Any, /) -> None:
        self.values[key] = value

    def read(self, key: str, /) -> Any:
        return self.values.get(key)

    def sync(self) -> None:
        pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a journal may be."""
    return tmp_path / "bank.db"


@pytest.fixture(params=["in memory", "on a disk", "sqlite"])
async def journal(request: pytest.FixtureRequest, file: Path) -> AsyncIterator[Journal]:
    """One journal of each kind, open."""
    if request.param == "in memory":
        yield InMemoryJournal()
    elif request.param == "on a disk":
        yield DiskJournal(DictDisk(), sync_seconds=0.0)
    else:
        async with SqliteJournal(file) as journal:
            yield journal
