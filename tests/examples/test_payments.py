"""The payments demo agrees with itself to the cent, says what is wrong with a file, and notices when something does not add up."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import frozen

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

DEMO = "payments/main.py"
HEADER = "order,account,email,item,quantity,unit_price\n"


@pytest.fixture
def small(tmp_path: Path, run: Run) -> Path:
    """2,000 orders, and seven lines that are none."""
    file = tmp_path / "small.csv"
    file.write_text(run("payments/make_orders.py", "2000", "7").stdout, encoding="utf-8")
    return file


def test_the_committed_orders_are_what_their_script_makes(run: Run, examples: Path) -> None:
    """Anybody can make them anew, on any machine."""
    assert run("payments/make_orders.py").stdout == (examples / "payments" / "orders.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("environment", [{}, {"PYTHONSAFEPATH": "1"}], ids=["path of the script", "safe path"])
def test_a_day_of_20000_orders_reconciles(run: Run, environment: dict[str, str]) -> None:
    """
    Accounts, ledger and invoices agree with a plain recomputation; every crash and what it cost is accounted for; the
    fraud checker saw every payment of the second half; the runtime's statistics add up. Whatever sys.path is.
    """
    ran = run(DEMO, **environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = ran.stdout
    assert report.endswith("\nEverything reconciles.\n")
    assert "DOES NOT AGREE" not in report
    for line in (
        "orders.csv: 20,007 lines = 20,000 orders + 7 refused   ok",
        "  line 2,502: the quantity is 'two', not a whole number from 1 to 9999",
        "  recomputed from the file, without actors      17,584    1,062,632.20",
        "  the accounts' own books                       17,584    1,062,632.20   ok",
        "  the ledger, from facts                        17,584    1,062,632.20   ok",
        "  the invoices                                  17,584    1,062,632.20   ok",
        "  fraud checker, started at half-time: saw 7,647 payments, all since then, and flagged 33   ok",
        "What went wrong, and what it cost: 67 crashes   ok",
        "    17,555 receipts delivered + 29 lost = 17,584 payments   ok",
        "    10,119 orders in the figures + 9,881 lost with them = 20,000 placed   ok",
        "  280,103 handled + 67 failed + 0 withdrawn + 0 dead letters + 0 waiting",
    ):
        assert f"\n{line}\n" in f"\n{report}"
    restarted = {line.split()[-8]: int(line.split()[-1]) for line in report.splitlines() if " restarts " in line}
    assert (restarted["invoices"], restarted["mailer"], restarted["analytics"], restarted["journal"]) == (4, 29, 3, 0)


def test_each_line_of_a_file_is_an_order_or_refused_with_its_number_and_a_reason(run: Run, tmp_path: Path) -> None:
    """A byte-order mark, another order of the columns, one column more, blank lines and Windows line ends are no mistakes."""
    file = tmp_path / "theirs.csv"
    file.write_bytes(
        b"\xef\xbb\xbfaccount,order,email,item,quantity,unit_price,note\r\n"
        b"a,1,ann@example.com,lamp,1,2.50,\r\n"
        b"\r\n"
        b'a,2,ann@example.com,"lamp, blue",3,10,in a hurry\r\n'
        b'a,3,ann@example.com,"lamp,1,10,\r\n'
        b"a,4,ann@example.com,lamp,0,10,\r\n"
        b"a,5,ann@example.com,lamp,1,-10,\r\n"
        b"a/b,6,ann@example.com,lamp,1,10,\r\n"
        b"a,7,ann@example.com,l\xe4mp,1,10,\r\n"
        b"a,2,ann@example.com,lamp,1,10,\r\n"
        b"a,8,ann@example.com,lamp,1\r\n"
        b"a,9,,lamp,1,10,"
    )
    ran = run(DEMO, file)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[:10] == [
        "theirs.csv: 10 lines = 2 orders + 8 refused   ok",
        "  line 5: it is not CSV: unexpected end of data",
        "  line 6: the quantity is '0', not a whole number from 1 to 9999",
        "  line 7: the unit_price is '-10', not a price such as 12.90",
        "  line 8: the account is 'a/b', not letters, digits and hyphens",
        "  line 9: the item is not UTF-8",
        "  line 10: order 2 was on line 4 already",
        "  line 11: 5 fields where there should be 7",
        "  line 12: the email is missing",
        ran.stdout.splitlines()[9],
    ]
    assert ran.stdout.splitlines()[9].startswith("2 paid, 0 declined, ")
    assert "  the ledger, from facts                             2           32.50   ok" in ran.stdout


def test_a_file_without_orders_reconciles_too(run: Run, tmp_path: Path) -> None:
    """Zero is a number."""
    file = tmp_path / "quiet.csv"
    file.write_text(HEADER, encoding="utf-8")
    ran = run(DEMO, file)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("quiet.csv: 0 lines = 0 orders + 0 refused   ok\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "orders.csv cannot be read: No such file or directory."),
        ("", "it lacks order, account, email, item, quantity, unit_price."),
        ("order,account,item,unit_price\n", "it lacks email, quantity."),
    ],
    ids=["missing", "empty", "other columns"],
)
def test_what_is_no_file_of_orders_is_refused(run: Run, tmp_path: Path, text: str | None, complaint: str) -> None:
    """One line, and exit code 2."""
    file = tmp_path / "orders.csv"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    ran = run(DEMO, file)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.endswith(f"{complaint}\n")
    assert ran.stderr.count("\n") == 1


@frozen
class Mistake:
    """A wrong edit of the shop, and the line of the report that must notice it."""

    noticed: str
    file: str
    right: str
    wrong: str


MISTAKES = [
    Mistake("the ledger, from facts", "listeners.py", "self._cents += fact.cents", "self._cents += fact.cents + (self._count == 1)"),
    Mistake("inventory, from facts", "listeners.py", "del self._set_aside[fact.order]", "pass"),
    Mistake("orders in the figures", "listeners.py", "self._ordered.total() + 1", "self._ordered.total()"),
    Mistake("fraud checker", "watchers.py", "self._seen += 1", "self._seen += fact.cents % 2"),
    Mistake("the accounts' own books", "accounts.py", "in await self.journal.ask(PaymentsOf(self.account)):", "in ():"),
    Mistake("the invoices", "services.py", "for invoice in await self._journal.ask(Invoices())", "for invoice in ()"),
    Mistake("invoices are numbered", "services.py", "len(self._issued) + 1", "len(self._issued)"),
    Mistake("receipts delivered", "services.py", "len(self.provider.delivered)", "len(self.provider.delivered) - 1"),
    Mistake("the accounts' own books", "services.py", "ATTEMPTS = 5", "ATTEMPTS = 1"),
    Mistake("2,007 lines", "orders.py", "yield BadRow(line, str(error))", "pass"),
    Mistake("What went wrong", "world.py", "self.struck.add((place, order))", "self.struck.update({(place, order), (place, 'X')})"),
]

A_WORSE_DAY = [
    Mistake("", "day.py", "PATIENCE = 10.0", "PATIENCE = 1.0"),
    Mistake("", "accounts.py", "OPENING_CENTS = 1_500_00", "OPENING_CENTS = 100_00"),
    Mistake("", "world.py", "2_000", "200"),
    Mistake("", "world.py", "7_000", "700"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.wrong)
def test_a_mistake_in_the_shop_does_not_reconcile(run: Run, examples: Path, small: Path, tmp_path: Path, mistake: Mistake) -> None:
    """Each check of the report is one: with a mistake planted its line says so, the end says so, and the exit code is 1."""
    shutil.copytree(examples / "payments", tmp_path / "payments")
    for edit in (*A_WORSE_DAY, mistake):
        file = tmp_path / "payments" / edit.file
        text = file.read_text(encoding="utf-8")
        assert edit.right in text
        file.write_text(text.replace(edit.right, edit.wrong), encoding="utf-8")
    ran = run(tmp_path / DEMO, small)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert any(mistake.noticed in line and line.endswith("DOES NOT AGREE") for line in ran.stdout.splitlines()), ran.stdout
    assert ran.stdout.endswith("\nSomething does not reconcile: see above.\n")


class OnATerminal:
    """The demo with a terminal to draw on, which is read as it is written."""

    def __init__(self, script: Path, orders: Path) -> None:
        self.screen, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, script, orders], stdout=subprocess.PIPE, stderr=terminal, text=True, encoding="utf-8"
        )
        os.close(terminal)

    def written(self) -> Iterator[str]:
        """What comes, until the process has closed its side."""
        while True:
            try:
                chunk = os.read(self.screen, 4096)
            except OSError:  # how Linux says that the other side is closed
                return
            if not chunk:
                return
            yield chunk.decode()


@pytest.fixture
def on_a_terminal(examples: Path, small: Path) -> Iterator[OnATerminal]:
    """The small day, started."""
    demo = OnATerminal(examples / DEMO, small)
    try:
        yield demo
    finally:
        demo.process.kill()
        demo.process.communicate(timeout=60)
        os.close(demo.screen)


def test_the_progress_bar_is_drawn_on_a_terminal_and_wiped_before_the_report(on_a_terminal: OnATerminal) -> None:
    """It ends full; elsewhere nothing is written to standard error, as the other tests show."""
    drawn = "".join(on_a_terminal.written())
    report, _ = on_a_terminal.process.communicate(timeout=60)
    assert on_a_terminal.process.returncode == 0
    assert f"\r[{'=' * 20}{' ' * 20}] 1,000 of 2,000 orders " in drawn
    assert drawn.endswith(f"\r[{'=' * 40}] 2,000 of 2,000 orders \r\x1b[K")
    assert report.endswith("\nEverything reconciles.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_day_that_is_cut_short_ends_in_order_and_without_a_traceback(on_a_terminal: OnATerminal, number: signal.Signals) -> None:
    """The system stops in order; there is no report, and the exit code says so."""
    screen = on_a_terminal.written()
    assert next(screen)
    on_a_terminal.process.send_signal(number)
    drawn = "".join(screen)
    report, _ = on_a_terminal.process.communicate(timeout=60)
    assert (on_a_terminal.process.returncode, report) == (130, "")
    assert drawn.endswith("The shop was closed before closing time, in order: no report.\r\n")
    assert "Traceback" not in drawn
