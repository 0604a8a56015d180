"""The payments demo with `--durable FILE` is killed, started again with the same file, and goes on where it was."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

DEMO = "payments/main.py"
ORDERS = 2_000
PATIENCE = 60.0


@pytest.fixture
def small(tmp_path: Path, run: Run) -> Path:
    """2,000 orders, and seven lines that are none."""
    file = tmp_path / "small.csv"
    file.write_text(run("payments/make_orders.py", str(ORDERS), "7").stdout, encoding="utf-8")
    return file


def decided(file: Path) -> int:
    """How many facts are in the file, read from outside; 0 while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM facts").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(count)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_day_that_is_killed_goes_on_with_the_same_file(run: Run, examples: Path, small: Path, tmp_path: Path) -> None:
    """
    Killed with SIGKILL when a few hundred orders are decided, and started again: none of these is decided anew, the others are, all
    totals reconcile, and the projection agrees with the log. A third run has nothing to do.
    """
    file = tmp_path / "payments.db"
    process = subprocess.Popen([sys.executable, examples / DEMO, small, "--durable", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + PATIENCE
        while decided(file) < 200:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        assert process.communicate(timeout=60) == (b"", b"")
    before = decided(file)
    assert 200 <= before < ORDERS

    for decided_before, decided_now in ((before, ORDERS - before), (ORDERS, 0)):
        ran = run(DEMO, small, "--durable", file)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
        assert f"\npayments.db: {decided_before:,} orders were decided before, {decided_now:,} now, in " in ran.stdout
        assert ran.stdout.count("   ok\n") == 9
        assert ran.stdout.endswith("\nTotals reconcile, and the projection in payments.db.books agrees with the log.\n")


def test_books_that_were_deleted_are_made_anew(run: Run, small: Path, tmp_path: Path) -> None:
    """The books are no more than what the log says."""
    file = tmp_path / "payments.db"
    first = run(DEMO, small, "--durable", file)
    assert first.returncode == 0, first.stdout + first.stderr
    (tmp_path / "payments.db.books.1").unlink()
    assert run(DEMO, small, "--durable", file).returncode == 0


def test_payments_that_belong_to_another_day_do_not_reconcile(run: Run, small: Path, tmp_path: Path) -> None:
    """Each check is one: over the file of other orders the report says so, and the exit code does."""
    file = tmp_path / "payments.db"
    assert run(DEMO, small, "--durable", file).returncode == 0
    other = tmp_path / "other.csv"
    other.write_text("".join(small.read_text(encoding="utf-8").splitlines(keepends=True)[:1001]), encoding="utf-8")
    ran = run(DEMO, other, "--durable", file)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert ran.stdout.count("DOES NOT AGREE\n") == 7
    assert ran.stdout.endswith("\nSomething does not reconcile: see above.\n")


def test_a_file_that_is_no_journal_is_refused(run: Run, small: Path, tmp_path: Path) -> None:
    """One line, exit code 2, and the file is as it was."""
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary, " * 100, encoding="utf-8")
    ran = run(DEMO, small, "--durable", diary)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "diary.txt is no journal that can be read" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert diary.read_text(encoding="utf-8") == "Dear diary, " * 100
