"""A payment that was acknowledged survives kills and failures of the disk, and the harness that says so would notice if it did not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

HARNESS = Path(__file__).with_name("crash_harness.py")
WHOLE = "Nothing acknowledged is lost, nothing is there twice, and all books agree.\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the harness as `make crash` does."""
    return subprocess.run([sys.executable, HARNESS, *arguments], capture_output=True, text=True, timeout=150, check=False)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A database over which a program was killed ten times, and what the harness said."""
    folder = tmp_path_factory.mktemp("killed")
    return folder, run("--kills", "10", "--seed", "3", "--folder", folder)


def test_a_program_that_pays_and_is_killed_ten_times_loses_nothing(killed: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """
    Every acknowledged payment is in the file once, with the answer that was given; offsets and sequence numbers have no gap; each account
    is the sum of its events; the projection agrees with the log, also in the middle; and the program's own actors say the same.
    """
    _, ran = killed
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.startswith("10 kills (")
    assert ran.stdout.endswith(WHOLE)


def test_whichever_call_of_sqlite_fails_no_payment_is_lost_or_made_twice() -> None:
    """Of the journal and of the read model, every 31st call; it fails, or its outcome is lost. Accounts and books come back."""
    ran = run("--faults", "--step", "31")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.endswith(WHOLE)


Damage = Callable[[Path], None]


def statement(file: str, sql: str) -> Damage:
    """Changes a database."""

    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(folder / file)) as connection, connection:
            assert connection.execute(sql).rowcount == 1

    return damage


def forge(folder: Path) -> None:
    """Has the program acknowledge what it did not pay."""
    with (folder / "acknowledged.txt").open("a", encoding="utf-8") as file:
        file.write("0-999999 PaymentCompleted 1\n")


def deny(folder: Path) -> None:
    """Has the program say two things about one payment."""
    with (folder / "acknowledged.txt").open("a", encoding="utf-8") as file:
        file.write("0-0 PaymentDeclined 1\n")


def receive_again(folder: Path) -> None:
    """Has a receipt kept a second time, as if a delivery had not been known again."""
    with closing(sqlite3.connect(folder / "bank.db")) as connection, connection:
        identity, payload, last = connection.execute(
            "SELECT identity, payload, (SELECT max(sequence) FROM events WHERE identity = e.identity) FROM events e WHERE type = 'Receipt'"
        ).fetchone()
        checksum = crc32(payload, crc32(f"{identity}\0{last + 1}\0Receipt\x001".encode()))
        connection.execute("INSERT INTO events VALUES (?, ?, 'Receipt', 1, ?, ?, 'me', 0.0)", (identity, last + 1, payload, checksum))


A_COPY = (
    "INSERT INTO facts SELECT (SELECT max(fact_offset) + 1 FROM facts), identity, type, version, payload, checksum, at "
    "FROM facts WHERE fact_offset = 1"
)

DAMAGES = {
    "is lost": forge,
    "order 0-0 was": deny,
    "fact 8 comes after fact 6": statement("bank.db", "DELETE FROM facts WHERE fact_offset = 7"),
    "row 7 of account": statement("bank.db", "UPDATE facts SET payload = x'00' WHERE fact_offset = 7"),
    "is not what its checksum says": statement("bank.db", A_COPY),
    "2 times there is the receipt": receive_again,
    "events and": statement(
        "bank.db",
        "DELETE FROM events WHERE identity = 'account 0-0' AND sequence = (SELECT max(sequence) FROM events "
        "WHERE identity = 'account 0-0')",
    ),
    "where event 1 should be": statement("bank.db", "DELETE FROM events WHERE identity = 'account 0-0' AND sequence = 1"),
    "its accounts do not agree": statement("bank.db.books.1", "UPDATE accounts SET cents = cents + 1 WHERE account = '0-0'"),
    "what it knows of declined": statement("bank.db.books.1", "UPDATE accounts SET declined = declined + 1 WHERE account = '0-0'"),
    "its invoices are": statement("bank.db.books.1", "DELETE FROM invoices WHERE number = 3"),
    "it is at": statement("bank.db.books.1", "UPDATE trouper_projection SET next_offset = next_offset + 100000"),
}


@pytest.mark.parametrize("noticed", DAMAGES)
def test_the_harness_notices_what_is_wrong(killed: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, noticed: str) -> None:
    """Each of its checks is one: with the damage planted it says so, and exits with 1."""
    folder = tmp_path / "damaged"
    shutil.copytree(killed[0], folder)
    assert run("--check", folder).stdout == WHOLE
    DAMAGES[noticed](folder)
    ran = run("--check", folder)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert noticed in ran.stdout
