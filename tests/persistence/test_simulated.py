"""
What persistence promises, on simulated nodes that crash, over a network that loses and doubles, with disks that lose what was not synced.

Each protocol is clean, and each of the mistakes that people make with it is found; so are mistakes that are planted into the room itself.
How many seeds the clean ones are clean in is measured by hand with more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from trouper.simulation import Report, explore

PROTOCOLS = Path(__file__).parent / "simulated"
CLEAN_SEEDS = 60

disk_journal: Any = import_module("trouper.persistence.disk_journal")
doors: Any = import_module("trouper.persistence.entities")  # the package has a function of that name
projections: Any = import_module("trouper.persistence.projection")


def _protocol(name: str) -> Any:
    sys.path.insert(0, str(PROTOCOLS))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(PROTOCOLS))


def _found(target: Any) -> str:
    """What is found within 1,000 seeds, with default settings."""
    report: Report = explore(target, 1000, stops_at_first=True)
    assert report.first is not None
    return str(report.first.violation)


@pytest.mark.parametrize("name", ["outbox", "entities_at_rest", "balances"])
def test_what_is_right_gives_no_alarm(name: str) -> None:
    """Nodes crash, messages are lost and come twice; nothing that was acknowledged is, and nothing counts twice."""
    report = explore(_protocol(name).correct, CLEAN_SEEDS)
    assert report.violations == 0, str(report)
    assert report.fired.get("crash")


@pytest.mark.parametrize(
    ("name", "mistake", "broken"),
    [
        ("outbox", "hasty", "all_that_is_paid_is_shipped"),
        ("outbox", "careless", "all_that_is_paid_is_shipped"),
        ("outbox", "trusting", "nothing_is_shipped_twice"),
        ("outbox", "forgetful", "nothing_is_shipped_twice"),
        ("outbox", "lazy", "eventually|nothing_acknowledged_is_lost"),
        ("entities_at_rest", "forgetful", "linearizable"),
    ],
)
def test_a_mistake_in_the_use_of_it_is_found(name: str, mistake: str, broken: str) -> None:
    """An effect before the event, a delivery that nobody confirms, no de-duplication, one in memory, a disk that lies, no events."""
    found = _found(getattr(_protocol(name), mistake))
    assert any(one in found for one in broken.split("|")), found


async def _rests_at_once(door: Any) -> None:
    """In place of a door's rest that waits until its entity has nothing to do, and has handled all."""
    live = door._live
    if live is not None:
        door._live = None
        door.house.rested(door)
        await door.context.stop(live)


def _place_apart(*, first: bool) -> Callable[..., Any]:
    """In place of a fold whose place in the log is kept in the same transaction."""
    place = projections.set_next_offset

    async def fold_more(folding: Any, *, wait: bool = True) -> None:
        facts = await folding.following.several(wait=wait)
        after = folding.following.offset

        def fold(connection: Any) -> None:
            for followed in facts:
                folding.owner.fold(followed.fact, connection)

        def keep_place(connection: Any) -> None:
            place(connection, after)

        works = [keep_place, fold]
        for work in works if first else reversed(works):
            await folding.work.do(work)

    return fold_more


async def _unsynced(journal: Any, record: Any) -> int:
    """In place of a write that waits for its sync."""
    journal._count += 1
    text = disk_journal.json.dumps(record)
    journal.disk.write(journal._key(journal._count), f"{disk_journal.crc32(text.encode()):08x}{text}")
    return int(await journal._take(record))


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "planted"),
    [
        ("balances", projections._Folding, "fold_more", _place_apart(first=True)),
        ("balances", projections._Folding, "fold_more", _place_apart(first=False)),
        ("outbox", disk_journal.DiskJournal, "_write", _unsynced),
        ("entities_at_rest", disk_journal.DiskJournal, "_write", _unsynced),
        ("entities_at_rest", doors._Door, "_rest_if_idle", _rests_at_once),
    ],
    ids=["place first", "place last", "outbox unsynced", "entities unsynced", "rest without waiting"],
)
def test_a_mistake_in_the_room_itself_is_found(name: str, owner: Any, attribute: str, planted: Any) -> None:
    """A place that is kept apart from its tables, an append that is acknowledged before the disk has it, a rest that loses messages."""
    with patch.object(owner, attribute, planted):
        assert _found(_protocol(name).correct)
