"""What is no argument of a journal is refused where it enters, by a text that names it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen

from trouper.persistence import Encoded, Entry, InMemoryJournal, Journal, SqliteJournal, follow, open_journal, use_journal

FILE = "bank.db"


@frozen
class Paid:
    cents: int


async def opened(where: Any, **options: Any) -> object:
    async with open_journal(where, **options) as journal:
        return journal


async def used(journal: Any) -> None:
    with use_journal(journal):
        await trio.lowlevel.checkpoint()


@pytest.fixture(params=["in memory", "in a file"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Journal]:
    async with open_journal(InMemoryJournal() if request.param == "in memory" else tmp_path / FILE) as journal:
        yield journal


@pytest.mark.parametrize("limits", [{"keep": -1}, {"keep_bytes": -1}, {"keep": True}, {"keep_bytes": "9"}, {"older_than": float("nan")}])
async def test_limits_that_are_none_forget_nothing(journal: Journal, limits: dict[str, Any]) -> None:
    """Negative, no number, or not a number: the facts stay, and the name of the limit is said."""
    await journal.append(Entry("a", 0, (Encoded("e", 1, b"1"),), "me", (Encoded("f", 1, b"1"),)))
    with trio.fail_after(10):
        with pytest.raises((ValueError, TypeError), match=next(iter(limits))):
            await journal.forget_facts(**limits)
        assert len(await journal.facts(0, 10)) == 1


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (partial(opened, 3), TypeError, "This takes a journal"),
        (partial(opened, None), TypeError, "not None"),
        (partial(opened, FILE, busy_timeout=-1), ValueError, "busy_timeout must be a number at least 0"),
        (partial(opened, FILE, busy_timeout="5"), TypeError, "busy_timeout must be a number at least 0"),
        (partial(used, FILE), TypeError, f"not '{FILE}'"),
    ],
)
async def test_what_is_no_journal_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[], Awaitable[object]], kind: type[Exception], says: str
) -> None:
    """And no file is made."""
    monkeypatch.chdir(tmp_path)
    with trio.fail_after(10), pytest.raises(kind, match=says):
        await call()
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (("bank.db", Paid), TypeError, "This takes a journal"),
        ((InMemoryJournal(), 3), TypeError, "takes a class of facts"),
        ((InMemoryJournal(), Paid | None), TypeError, "takes a class of facts"),
        ((InMemoryJournal(), Paid, -1), ValueError, "from_offset must be a number at least 0"),
        ((InMemoryJournal(), Paid, "1"), TypeError, "from_offset must be a number at least 0"),
    ],
)
def test_what_cannot_be_followed_is_refused_at_the_call(arguments: tuple[Any, ...], kind: type[Exception], says: str) -> None:
    """And not by the iteration, which may be somewhere else."""
    with pytest.raises(kind, match=says):
        follow(*arguments)


def test_a_journal_outside_of_its_block_is_still_a_journal(tmp_path: Path) -> None:
    """It is refused by what it says when it is used, not for its class."""
    assert follow(SqliteJournal(tmp_path / FILE), Paid).offset == 1
