"""A group of events is written by one statement, and still each of its writers gets what it is due."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from trouper.persistence import Encoded, Entry, WriteConflict
from trouper.persistence.database import Database, checksum
from trouper.persistence.journal_errors import JournalError, JournalFull
from trouper.persistence.sqlite_writer import BYTES_AT_ONCE, ROWS_AT_ONCE, SqliteWriter
from trouper.persistence.work_thread import Outcome

EVENT = Encoded("noted", 1, b"1")
NOTHING: Any = None


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(str(tmp_path / "bank.db"), 5.0)


@pytest.fixture
def writer(database: Database) -> Generator[SqliteWriter]:
    writer = SqliteWriter(database, database.open())
    yield writer
    writer.close()


def entry(identity: str, *payloads: bytes, after: int = 0, facts: int = 0) -> Entry:
    events = tuple(Encoded("noted", 1, payload) for payload in payloads or (b"1",))
    return Entry(identity, after, events, f"writer of {identity}", tuple(Encoded("told", 1, b"%d" % number) for number in range(facts)))


def read(database: Database, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(database.path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_groups_of_all_sizes_are_written_with_their_checksums(database: Database, writer: SqliteWriter) -> None:
    """A statement has room for more rows than there are: no row is left out, and none is made up."""
    written = 0
    for size in [*range(1, 40), 63, 64, 65, 127, 129, 200, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE + 17]:
        outcomes = writer.perform([entry(f"{size}-{number}", b'{"n":%d}' % number) for number in range(size)])
        assert outcomes == [Outcome(0)] * size
        written += size
    rows = read(database, "SELECT identity, sequence, type, version, payload, checksum, writer FROM events")
    assert len(rows) == written
    for identity, sequence, type_name, version, payload, expected, name in rows:
        assert isinstance(identity, str)
        assert isinstance(payload, bytes)
        number = identity.split("-")[1]
        assert (sequence, type_name, version, payload, name) == (1, "noted", 1, b'{"n":%s}' % number.encode(), f"writer of {identity}")
        assert expected == checksum(identity, 1, "noted", 1, payload)


@pytest.mark.parametrize(
    ("size", "payload", "expected"),
    [
        *[(size, b"1", ["INSERT OR ROLLBACK"]) for size in [*range(1, 40), 200, ROWS_AT_ONCE - 1, ROWS_AT_ONCE]],
        (ROWS_AT_ONCE + 1, b"1", ["BEGIN IMMEDIATE", "INSERT OR ROLLBACK", "INSERT OR ROLLBACK", "COMMIT"]),
        (1, b"1" * (BYTES_AT_ONCE + 1), ["INSERT OR ROLLBACK"]),
        (4, b"1" * (BYTES_AT_ONCE // 4), ["INSERT OR ROLLBACK"]),
        (3, b"1" * (BYTES_AT_ONCE // 2), ["BEGIN IMMEDIATE", *["INSERT INTO events"] * 3, "COMMIT"]),
    ],
)
def test_a_group_of_which_nothing_is_refused_takes_these_statements(
    database: Database, size: int, payload: bytes, expected: list[str]
) -> None:
    """It is not done again one by one, which would write the same. What is large goes row by row: SQLite would keep a copy of all of it."""
    connection = database.open()
    writer = SqliteWriter(database, connection)
    said: list[str] = []
    connection.set_trace_callback(said.append)
    assert writer.perform([entry(f"a-{number}", payload) for number in range(size)]) == [Outcome(0)] * size
    writer.close()
    assert [" ".join(statement.split()[: len(shown.split())]) for statement, shown in zip(said, expected, strict=True)] == expected
    assert read(database, "SELECT count(*), sum(length(payload)) FROM events") == [(size, size * len(payload))]


def test_events_and_their_facts_are_one_transaction(database: Database) -> None:
    """Also if there is one of each: a crash between two would leave an event of which nobody hears."""
    connection = database.open()
    writer = SqliteWriter(database, connection)
    said: list[str] = []
    connection.set_trace_callback(said.append)
    assert writer.perform([entry("a", facts=1)]) == [Outcome(1)]
    writer.close()
    assert [statement.split()[0] for statement in said] == ["BEGIN", "INSERT", "SELECT", "INSERT", "COMMIT"]


def test_of_large_events_one_that_is_refused_leaves_the_others(database: Database, writer: SqliteWriter) -> None:
    """They are written row by row, and still together or each by itself."""
    large = b"1" * (BYTES_AT_ONCE // 2)
    outcomes = writer.perform(
        [entry("a", large, facts=1), entry("b", large, large), entry("a", large, facts=1), entry("c", large, facts=1)]
    )
    assert [outcome.value for outcome in outcomes] == [1, 0, None, 2]
    assert isinstance(outcomes[2].error, WriteConflict)
    assert read(database, "SELECT identity, sequence FROM events") == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]


def test_what_is_acknowledged_is_committed_on_a_connection_that_begins_transactions_by_itself(database: Database) -> None:
    """As one does that `sqlite3.connect` makes, unless it is told not to."""

    def connect(path: str, busy_timeout: float) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=busy_timeout, check_same_thread=False)

    usual = Database(database.path, 5.0, connect)
    writer = SqliteWriter(usual, usual.open())
    try:
        for written, name in enumerate("abc", start=1):
            assert writer.perform([entry(name)]) == [Outcome(0)]
            assert read(database, "SELECT count(*) FROM events") == [(written,)]
        assert writer.perform([entry("d", facts=1)]) == [Outcome(1)]
        assert isinstance(writer.perform([entry("a")])[0].error, WriteConflict)
    finally:
        writer.close()
    assert read(database, "SELECT count(*) FROM events") == [(4,)]


def test_many_events_and_facts_of_one_entry_keep_their_order(database: Database, writer: SqliteWriter) -> None:
    """More than one statement takes: all of them are in one transaction."""
    payloads = [b"%d" % number for number in range(3 * ROWS_AT_ONCE)]
    outcomes = writer.perform([entry("a", facts=2), entry("b", *payloads, facts=2 * ROWS_AT_ONCE), entry("c"), entry("d", facts=1)])
    assert [outcome.value for outcome in outcomes] == [1, 3, 0, 3 + 2 * ROWS_AT_ONCE]
    assert [payload for (payload,) in read(database, "SELECT payload FROM events WHERE identity = 'b' ORDER BY sequence")] == payloads
    facts = read(database, "SELECT fact_offset, identity, payload FROM facts ORDER BY fact_offset")
    assert [offset for offset, _, _ in facts] == list(range(1, 4 + 2 * ROWS_AT_ONCE))
    assert [payload for _, identity, payload in facts if identity == "b"] == [b"%d" % number for number in range(2 * ROWS_AT_ONCE)]


@pytest.mark.parametrize("facts", [0, 1], ids=["events alone", "with facts"])
@pytest.mark.parametrize("place", [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE + 20])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (entry("taken", b"2"), "writer of taken"),
        (entry("\ud800"), "surrogates"),
        (Entry(NOTHING, 0, (EVENT,), "me"), "NOT NULL"),
        (entry("a", after=2**63), "too large"),
        (Entry("a", 0, (EVENT,), NOTHING), "NOT NULL"),
        (Entry("a", 0, (EVENT, EVENT._replace(payload=NOTHING)), "me"), "bytes"),
        (Entry("a", 0, (EVENT,), "me", (EVENT, EVENT._replace(version=NOTHING))), "NOT NULL"),
    ],
    ids=["taken", "no text", "no identity", "no number", "no name", "no payload", "no version"],
)
def test_of_a_group_only_the_one_that_is_wrong_is_refused(  # noqa: PLR0917  # fixtures, and three things that vary
    database: Database, writer: SqliteWriter, wrong: Entry, says: str, place: int, facts: int
) -> None:
    """Whatever is wrong with it and wherever it stands, all others are written, once, and facts have no gap."""
    assert writer.perform([entry("taken")]) == [Outcome(0)]
    group = [entry(f"other-{number}", facts=facts) for number in range(ROWS_AT_ONCE + 40)]
    group.insert(place, wrong)
    outcomes = writer.perform(group)
    refused = outcomes.pop(place)
    assert isinstance(refused.error, WriteConflict if wrong.identity == "taken" else JournalError)
    assert says in str(refused.error)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    assert [outcome.value for outcome in outcomes] == ([*range(1, len(outcomes) + 1)] if facts else [0] * len(outcomes))
    assert read(database, "SELECT count(*), count(DISTINCT identity) FROM events WHERE identity LIKE 'other-%'") == [(len(outcomes),) * 2]
    assert read(database, "SELECT count(*) FROM events") == [(len(outcomes) + 1,)]
    assert read(database, "SELECT count(*), coalesce(max(fact_offset), 0) FROM facts") == [(len(outcomes) * facts,) * 2]
    assert writer.perform([entry("later", facts=1)]) == [Outcome(len(outcomes) * facts + 1)]


def test_what_is_mixed_is_done_in_order_and_each_for_itself(database: Database, writer: SqliteWriter) -> None:
    """A function sees what came before it, and what one piece undoes the others do not."""

    def count(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM events")
        raise KeyError("mine")

    outcomes = writer.perform([entry("a"), count, entry("a"), fail, count, entry("b"), count])
    assert [outcome.value for outcome in outcomes] == [0, 1, None, None, 1, 0, 2]
    assert isinstance(outcomes[2].error, WriteConflict)
    assert isinstance(outcomes[3].error, KeyError)
    assert read(database, "SELECT identity FROM events ORDER BY identity") == [("a",), ("b",)]


@pytest.mark.parametrize("facts", [0, 1], ids=["events alone", "with facts"])
def test_a_group_that_the_disk_has_no_room_for_leaves_nothing_and_the_next_one_is_written(database: Database, facts: int) -> None:
    """Each of its writers is told, and the connection is opened anew."""
    limit = [12]

    def connect(path: str, busy_timeout: float) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA max_page_count = {limit[0]}")
        return connection

    full = Database(database.path, 5.0, connect)
    writer = SqliteWriter(full, full.open())
    try:
        outcomes = writer.perform([entry(f"a-{number}", b"x" * 3_000, facts=facts) for number in range(40)])
        assert {type(outcome.error) for outcome in outcomes} == {JournalFull}
        assert len({id(outcome.error) for outcome in outcomes}) == 40
        limit[0] = 1_000_000
        assert writer.perform([entry("b", facts=1)]) == [Outcome(1)]
    finally:
        writer.close()
    assert read(database, "SELECT identity FROM events") == [("b",)]


def test_two_writers_of_one_file_take_turns(database: Database) -> None:
    """Offsets go on where the other's ended, and a number that the other has taken is a conflict."""
    one, other = SqliteWriter(database, database.open()), SqliteWriter(database, database.open())
    try:
        for after in range(5):
            assert one.perform([entry("a", after=after, facts=2)]) == [Outcome(4 * after + 1)]
            assert other.perform([entry("b", after=after, facts=2)]) == [Outcome(4 * after + 3)]
        (refused, done) = other.perform([entry("a", after=4), entry("c")])
        assert isinstance(refused.error, WriteConflict)
        assert done == Outcome(0)
    finally:
        one.close()
        other.close()
