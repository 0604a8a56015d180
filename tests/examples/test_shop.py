"""The order process is killed again and again, and every order ends shipped or cancelled, with nothing half done."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

SHOP = "shop/main.py"
ORDERS = 300
PATIENCE = 60.0


def facts(file: Path) -> list[tuple[str, str]]:
    """The log, read from outside: what happened to which order; empty while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT type, substr(identity, length('order ') + 1) FROM facts ORDER BY fact_offset").fetchall()
    except sqlite3.OperationalError:
        return []


def end_after(count: int, script: Path, file: Path, number: signal.Signals) -> tuple[int, bytes]:
    """Starts the shop, and ends it when there are so many facts. Returns its exit code, and what it said on standard error."""
    process = subprocess.Popen([sys.executable, script, file, str(ORDERS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + PATIENCE
        while len(facts(file)) < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert stdout == b""
    return process.returncode, stderr


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_orders_end_shipped_or_cancelled_whatever_is_killed(run: Run, examples: Path, tmp_path: Path) -> None:
    """
    Killed with SIGKILL three times, at a tenth, at half and near the end of it: the fourth run closes every order once, the steps of each
    are in order, and stock, purses and parcels are what was shipped. The page of a fifth run is the same.
    """
    file = tmp_path / "shop.db"
    for count in (100, 500, 900):
        assert end_after(count, examples / SHOP, file, signal.SIGKILL) == (-signal.SIGKILL, b"")
    half_done = Counter(kind for kind, _ in facts(file))
    assert half_done["OrderShipped"] + half_done["OrderCancelled"] < ORDERS

    ran = run(SHOP, file, str(ORDERS))
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert ran.stdout.count("   ok\n") == 4
    steps: defaultdict[str, list[str]] = defaultdict(list)
    for kind, order in facts(file):
        steps[order].append(kind)
    forward = ["OrderPlaced", "StockReserved", "PaymentTaken", "OrderShipped"]
    undone = [[*forward[:done], "StepRefused", "OrderCancelled"] for done in (1, 2, 3)]
    assert len(steps) == ORDERS
    assert all(taken in (forward, *undone) for taken in steps.values())
    assert all(way in steps.values() for way in (forward, *undone)), "each way was taken"

    again = run(SHOP, file, str(ORDERS))
    assert again.stdout.splitlines()[1:] == ran.stdout.splitlines()[1:]


SHIPS = "await self.persist(Taken(request.order, 1))"

MISTAKES = {
    "payment is not given back": ("process.py", "if self._is_paid:\n            await", "if not self._is_paid:\n            await"),
    "stock is not given back": ("process.py", "if self._is_reserved:\n            await", "if not self._is_reserved:\n            await"),
    "a purse has no bottom": ("participants.py", "if request.amount > self.limit - sum", "if request.amount > 10**9 - sum"),
    "a carrier ships everywhere, and says no": ("participants.py", "in NOT_TO:\n", f"in NOT_TO:\n{' ' * 12}{SHIPS}\n"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_saga_with_a_mistake_does_not_add_up(run: Run, examples: Path, tmp_path: Path, mistake: str) -> None:
    """Each check of the end is one."""
    shutil.copytree(examples / "shop", tmp_path / "shop")
    name, right, wrong = MISTAKES[mistake]
    file = tmp_path / "shop" / name
    text = file.read_text(encoding="utf-8")
    assert text.count(right) == 1
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    ran = run(tmp_path / SHOP, tmp_path / "shop.db", str(ORDERS))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "DOES NOT ADD UP" in ran.stdout


def test_a_shop_that_is_told_to_terminate_says_that_it_goes_on(run: Run, examples: Path, tmp_path: Path) -> None:
    """In order, and the next run is as good as any."""
    file = tmp_path / "shop.db"
    closed = b"The shop was closed: start it again, and it goes on.\n"
    assert end_after(200, examples / SHOP, file, signal.SIGTERM) == (130, closed)
    assert run(SHOP, file, str(ORDERS)).returncode == 0


def test_a_file_that_is_no_journal_is_refused(run: Run, tmp_path: Path) -> None:
    """One line, and exit code 2."""
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary, " * 100, encoding="utf-8")
    ran = run(SHOP, diary)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_shop_wants_a_file(run: Run, arguments: list[str]) -> None:
    """It says how it is started, and exits with 2; what looks like an option is no file."""
    ran = run(SHOP, *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "usage: python examples/shop/main.py FILE [ORDERS]\n"
