"""
``trouper journal``: looks at the file of a journal, and changes nothing in it.

``check`` reads everything there is and names what is broken, ``show`` prints the events of one identity, ``export`` prints all of them
as JSON, a line an event. It needs no class of the program that wrote them.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ..errors import TrouperError
from .database import SCHEMA_VERSION, checksum, journal_error
from .journal_errors import JournalCorrupt, NewerSchema

BUSY_SECONDS: Final = 5.0

Row = tuple[Any, ...]


def open_to_read(file: str) -> sqlite3.Connection:
    """
    A connection that cannot write.

    Raises:
        FileNotFoundError: There is no such file.
        NewerSchema, JournalCorrupt: It is no journal that this trouper knows.
        sqlite3.Error: It cannot be opened.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    connection = sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _check_schema(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_schema(connection: sqlite3.Connection, file: str) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'trouper_schema'").fetchall():
        raise JournalCorrupt(file, "it has no tables of a journal")
    (version,) = connection.execute("SELECT version FROM trouper_schema").fetchone()
    if version > SCHEMA_VERSION:
        raise NewerSchema(file, version, SCHEMA_VERSION)


def problems_of(connection: sqlite3.Connection) -> Iterator[str]:
    """Everything that is broken in a journal, a line each."""
    for (found,) in connection.execute("PRAGMA integrity_check"):
        if found != "ok":
            yield f"SQLite: {found}"
    before: tuple[str, int] = ("", 0)
    events = "SELECT identity, sequence, type, version, payload, checksum FROM events ORDER BY identity, sequence"
    for identity, sequence, *rest in connection.execute(events):
        expected = before[1] + 1 if identity == before[0] else 1
        if sequence != expected:
            yield f"event {expected} of {identity} is missing: after {expected - 1} comes {sequence}"
        yield from _damage(f"event {sequence} of {identity}", (identity, sequence, *rest))
        before = identity, sequence
    snapshots = "SELECT identity, sequence, type, version, payload, checksum FROM snapshots ORDER BY identity, sequence"
    for identity, sequence, *rest in connection.execute(snapshots):
        yield from _damage(f"the snapshot after event {sequence} of {identity}", (identity, sequence, *rest))
    last: int | None = None
    facts = "SELECT identity, fact_offset, type, version, payload, checksum FROM facts ORDER BY fact_offset"
    for identity, offset, *rest in connection.execute(facts):
        if last is not None and offset != last + 1:
            yield f"fact {last + 1} is missing: after {last} comes {offset}"
        yield from _damage(f"fact {offset}", (identity, offset, *rest))
        last = offset


def _damage(place: str, record: Sequence[Any]) -> Iterator[str]:
    *_, type_name, _, payload, expected = record
    if checksum(*record[:-1]) != expected:
        yield f"{place} ({type_name}) is not what was written: its checksum does not match"
        return
    try:
        json.loads(payload)
    except ValueError as error:
        yield f"{place} ({type_name}) is no JSON: {error}"


def check(file: str) -> int:
    """Prints what is broken. Returns 0 if nothing is, 1 if something is."""
    with closing(open_to_read(file)) as connection:
        problems = 0
        for problem in problems_of(connection):
            problems += 1
            print(problem)
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("events", "snapshots", "facts")]  # noqa: S608
        (identities,) = connection.execute("SELECT count(DISTINCT identity) FROM events").fetchone()
    events, snapshots, facts = (_count_of(number, noun) for number, noun in zip(counts, ("event", "snapshot", "fact"), strict=True))
    whose = f"{identities:,} {'identity' if identities == 1 else 'identities'}"
    print(f"{events} of {whose}, {snapshots}, {facts}: {_count_of(problems, 'problem') if problems else 'no problems'}")
    return 1 if problems else 0


def _count_of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show(file: str, identity: str | None) -> int:
    """Prints the events of one identity, or who has events. Returns 1 if there are none."""
    with closing(open_to_read(file)) as connection:
        if identity is None:
            rows = connection.execute("SELECT identity, count(*), max(at) FROM events GROUP BY identity ORDER BY identity").fetchall()
            for name, count, at in rows:
                print(f"{_time(at)}  {count:>9,}  {name}")
        else:
            rows = connection.execute(
                "SELECT sequence, at, type, version, payload FROM events WHERE identity = ? ORDER BY sequence", (identity,)
            ).fetchall()
            for sequence, at, type_name, version, payload in rows:
                print(f"{sequence:>9,}  {_time(at)}  {type_name} v{version}  {payload.decode('utf-8', 'backslashreplace')}")
    if not rows:
        print(f"trouper journal: {file} has no events" + (f" of {identity!r}" if identity else ""), file=sys.stderr)
        return 1
    return 0


def export(file: str) -> int:
    """Prints every event as a line of JSON. What is broken is said on the error output, and left out; then it returns 1."""
    broken = 0
    with closing(open_to_read(file)) as connection:
        rows: Iterator[Row] = connection.execute(
            "SELECT identity, sequence, at, type, version, payload, checksum FROM events ORDER BY identity, sequence"
        )
        for identity, sequence, at, type_name, version, payload, expected in rows:
            damage = list(_damage(f"event {sequence} of {identity}", (identity, sequence, type_name, version, payload, expected)))
            if damage:
                broken += 1
                print(*damage, sep="\n", file=sys.stderr)
                continue
            named = {"identity": identity, "sequence": sequence, "at": _time(at), "type": type_name, "version": version}
            print(json.dumps(named | {"event": json.loads(payload)}, ensure_ascii=False))
    return 1 if broken else 0


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def main(arguments: Sequence[str]) -> int:
    """``trouper journal``, which is the first word of *arguments*. Returns the exit code: 0 well, 1 broken or missing, 2 called wrongly."""
    parser = argparse.ArgumentParser(prog="trouper journal", description="Looks at the file of a journal, and changes nothing in it.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("check", "read everything, and name what is broken"),
        ("show", "print the events of one identity, or who has events"),
        ("export", "print every event as a line of JSON"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("file", metavar="FILE", help="the journal")
        if name == "show":
            command.add_argument("identity", metavar="ID", nargs="?", help="whose events, such as /user/bank/account-A-1")
    chosen = parser.parse_args(arguments[1:])
    try:
        if chosen.command == "check":
            return check(chosen.file)
        return show(chosen.file, chosen.identity) if chosen.command == "show" else export(chosen.file)
    except (FileNotFoundError, TrouperError) as error:
        print(f"trouper journal: {error}", file=sys.stderr)
    except sqlite3.Error as error:
        print(f"trouper journal: {journal_error(chosen.file, error)}", file=sys.stderr)
    return 1
