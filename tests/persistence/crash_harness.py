"""
Kills a program that pays, again and again over one database, and looks from outside for what was lost: `make crash KILLS=1000`.

It knows nothing of trouper: it reads the file with the standard library's SQLite, without changing it, and compares what is there
with what the program said before each kill. What an honest file looks like is written here once more, and simply.

    crash_harness.py --kills 1000 [--seed 1] [--folder FOLDER]
    crash_harness.py --faults [--folder FOLDER]         SQLite fails at its 1st, 2nd, 3rd call, each in a run over a new database
    crash_harness.py --check FOLDER                     looks once more at what a run has left there

It exits with 1 if there was a violation. SIGKILL takes the process and not the machine: what the disk does with a sync that it has
acknowledged is beyond this.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias
from zlib import crc32

PROGRAM = Path(__file__).with_name("crash_program.py")
PAYERS = 24
OPENING_CENTS = 1_500_00
SECONDS_MAX = 90.0
"""What one run may take until its first payment, and a run that ends by itself until its end."""

DUE = "ReminderDue"
"""In the place of a decision: a reminder has fired. It is acknowledged when it is set, and is due a moment later."""

Totals: TypeAlias = dict[str, tuple[int, int]]


class Payment(NamedTuple):
    """One row: whose, which order, what came of it, how much."""

    identity: str
    order: str
    decision: str
    cents: int


def is_made(file: Path) -> bool:
    """Whether there is something to be read. Killed while it was made, a file is put right by who may write to it: it has no rows yet."""
    return file.exists() and not file.with_name(f"{file.name}-journal").exists()


@contextmanager
def reading(file: Path) -> Generator[sqlite3.Connection]:
    """A connection that changes nothing: the program finds its files as the kill left them."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        yield connection


def payment_of(identity: str, number: int, row: tuple[str, int, bytes, int]) -> Payment:
    """Reads a row of events or facts. Raises ValueError if it is not what was written."""
    kind, version, payload, checksum = row
    if crc32(payload, crc32(f"{identity}\0{number}\0{kind}\0{version}".encode())) != checksum:
        raise ValueError(f"row {number} of {identity} is not what its checksum says")
    fields = json.loads(payload)
    if kind == "trouper.reminder-due":
        return Payment(identity, fields["key"], DUE, 0)
    return Payment(identity, fields["order"], kind, fields["cents"])


class Outside:
    """What is known of one database, and what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "bank.db"
        self.violations: list[str] = []
        self.acknowledged: dict[str, tuple[str, int]] = {}
        self.next: defaultdict[int, int] = defaultdict(int)
        """The payment with which each payer goes on."""
        self.unheard: set[str] = set()
        """Payments that were there after a kill, when nobody had been told of them."""
        self._begin()

    def _begin(self) -> None:
        self._unchecked: dict[str, tuple[str, int]] = dict(self.acknowledged)
        self._facts: list[Payment] = []
        self._decided: dict[str, Payment] = {}
        self._projected = 0
        self._totals: Totals = {}
        self._declined: Counter[str] = Counter()
        self.receipts = 0

    def hear(self, lines: list[str]) -> None:
        """What the program said, now or in an earlier run of the harness."""
        for line in lines:
            order, decision, cents = line.split()
            said = decision, int(cents)
            if self.acknowledged.setdefault(order, said) != said:
                self.violations.append(f"order {order} was {self.acknowledged[order]} and is {said}")
            self._unchecked[order] = said
            payer, number = map(int, order.split("-")[-2:])
            self.next[payer] = max(self.next[payer], number + 1)

    def look(self, *, at_the_end: bool = False) -> None:
        """What is looked at after every kill: the new facts, what was acknowledged since, and the tables of the projection."""
        known = len(self._facts)
        if is_made(self.file) and not self._guarded("facts", self._read_facts):
            return
        self.unheard.update(payment.order for payment in self._facts[known:] if payment.order not in self.acknowledged)
        unchecked, self._unchecked = self._unchecked, {}
        for order, said in unchecked.items():
            found = self._decided.get(order)
            if found is None and said[0] == DUE and not at_the_end:
                self._unchecked[order] = said
            elif found is None:
                self.violations.append(f"order {order} was acknowledged, and is lost")
            elif (found.decision, found.cents) != said:
                self.violations.append(f"order {order} was acknowledged as {said}, and is {found}")
        self._guarded("projection", self._look_at_projection)

    def look_at_all(self) -> None:
        """Everything there is, from the first fact and the first event on."""
        self._begin()
        self.look()
        if is_made(self.file):
            self._guarded("events", self._look_at_events)

    def _guarded(self, what: str, look: Callable[[], None]) -> bool:
        try:
            look()
        except (sqlite3.Error, ValueError, KeyError) as error:
            self.violations.append(f"{what}: {error!r}")
            return False
        return True

    def _read_facts(self) -> None:
        with reading(self.file) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'facts'").fetchall():
                return  # killed before it had made its tables
            rows = connection.execute(
                "SELECT fact_offset, identity, type, version, payload, checksum FROM facts WHERE fact_offset > ? ORDER BY fact_offset",
                (len(self._facts),),
            ).fetchall()
        for offset, identity, *row in rows:
            payment = payment_of(identity, offset, tuple(row))
            if offset != len(self._facts) + 1:
                raise ValueError(f"fact {offset} comes after fact {len(self._facts)}")
            if payment.order in self._decided:
                raise ValueError(f"order {payment.order} is in the log twice, the second time as fact {offset}")
            self._facts.append(payment)
            self._decided[payment.order] = payment

    def _look_at_projection(self) -> None:
        file = self.folder / "bank.db.books.1"
        if not is_made(file):
            return
        with reading(file) as connection:
            connection.execute("BEGIN")
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'trouper_projection'").fetchall():
                return
            ((after,),) = connection.execute("SELECT next_offset FROM trouper_projection").fetchall()
            rows = connection.execute("SELECT account, paid, cents, declined FROM accounts").fetchall()
            invoices = connection.execute("SELECT count(*), coalesce(max(number), 0), coalesce(sum(cents), 0) FROM invoices").fetchone()
        if not self._projected < after <= len(self._facts) + 1:
            raise ValueError(f"it is at {after}, was past {self._projected}, and the log ends with {len(self._facts)}")
        for payment in self._facts[self._projected : after - 1]:
            if payment.decision == DUE:
                continue
            account = payment.identity.removeprefix("account ")
            count, cents = self._totals.setdefault(account, (0, 0))
            if payment.decision == "PaymentCompleted":
                self._totals[account] = count + 1, cents + payment.cents
            else:
                self._declined[account] += 1
        self._projected = after - 1
        if {account: (paid, cents) for account, paid, cents, _ in rows} != self._totals:
            raise ValueError(f"its accounts do not agree with the log up to fact {after - 1}")
        if {account: declined for account, _, _, declined in rows if declined} != self._declined:
            raise ValueError(f"what it knows of declined orders does not agree with the log up to fact {after - 1}")
        paid, total = (sum(column) for column in zip((0, 0), *self._totals.values(), strict=True))
        if tuple(invoices) != (paid, paid, total):
            raise ValueError(f"its invoices are {invoices}, and the log has {paid} payments of {total} cents")

    def _look_at_events(self) -> None:
        with reading(self.file) as connection:
            (healthy,) = connection.execute("PRAGMA integrity_check").fetchone()
            if healthy != "ok":
                raise ValueError(healthy)
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'events'").fetchall():
                return
            rows = connection.execute(
                "SELECT identity, sequence, type, version, payload, checksum FROM events "
                "WHERE identity LIKE 'account %' OR type = 'Receipt' ORDER BY identity, sequence"
            )
            found = [(identity, sequence, payment_of(identity, sequence, tuple(row))) for identity, sequence, *row in rows]
        events = [one for one in found if one[2].decision != "Receipt"]
        self._look_at_receipts([payment for _, _, payment in found if payment.decision == "Receipt"])
        expected: Counter[str] = Counter()
        left: defaultdict[str, int] = defaultdict(lambda: OPENING_CENTS)
        for identity, sequence, payment in events:
            expected[identity] += 1
            if sequence != expected[identity]:
                raise ValueError(f"event {sequence} of {identity} is where event {expected[identity]} should be")
            decision = "PaymentCompleted" if payment.cents <= left[identity] else "PaymentDeclined"
            if payment.decision != decision:
                raise ValueError(f"event {sequence} of {identity} is {payment.decision}, and {left[identity]} cents were left")
            left[identity] -= payment.cents if decision == "PaymentCompleted" else 0
        payments = [payment for _, _, payment in events]
        facts = [fact for fact in self._facts if fact.decision != DUE]
        if len(payments) != len(facts) or set(payments) != set(facts):
            raise ValueError(f"{len(payments)} events and {len(facts)} facts are not about the same payments")
        in_order = sorted(facts, key=lambda fact: fact.identity)  # stable: those of one account stay in the order of the log
        if in_order != payments:
            raise ValueError("the facts of an account are not in the order of its events")

    def _look_at_receipts(self, receipts: list[Payment]) -> None:
        """Each is of a decision, at its account's, with its cents, and there once; at the end there is one of each decision."""
        self.receipts = len(receipts)
        expected = {(f"receipts {fact.identity.removeprefix('account ')}", fact.order, fact.cents) for fact in self._facts}
        found = Counter((receipt.identity, receipt.order, receipt.cents) for receipt in receipts)
        for receipt, times in found.items():
            if times > 1 or receipt not in expected:
                raise ValueError(f"{times} times there is the receipt {receipt}")

    def ask(self) -> None:
        """Starts the program a last time, and compares what its actors say with what is in the file."""
        ended = subprocess.run(
            [sys.executable, PROGRAM, "sum", self.folder], capture_output=True, text=True, timeout=SECONDS_MAX * 4, check=False
        )
        said: dict[str, Totals] = {"accounts": {}, "books": {}}
        for who, account, count, cents in (line.split() for line in ended.stdout.splitlines()):
            said[who][account] = int(count), int(cents)
        if ended.returncode:
            self.violations.append(f"the program cannot come back: {ended.stderr[-2000:]}")
        self.look(at_the_end=True)
        self._guarded("events", self._look_at_events)
        decisions = sum(fact.decision != DUE for fact in self._facts)
        if self.receipts != decisions:
            self.violations.append(f"there are {self.receipts} receipts for {decisions} decisions")
        for who, totals in said.items():
            if totals != self._totals:
                self.violations.append(f"the {who} do not agree with the sum of the events")


class Run:
    """One run of the program, which is killed."""

    def __init__(self, outside: Outside, seed: int) -> None:
        self._outside = outside
        self._said = bytearray()
        self.has_paid = threading.Event()
        with (outside.folder / "stderr.txt").open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, PROGRAM, "pay", outside.folder, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
            )
        assert self._process.stdin is not None
        starts = {payer: max(outside.next[payer] - 2, 0) for payer in range(PAYERS)}  # what may be unacknowledged, and what is not
        self._process.stdin.write("".join(f"{payer} {start}\n" for payer, start in starts.items()).encode())
        self._process.stdin.close()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while said := os.read(self._process.stdout.fileno(), 1 << 16):
            self._said += said
            self.has_paid.set()
        self.has_paid.set()

    def kill(self) -> int:
        """Kills it, and takes down what it has said. Returns how many payments that were."""
        self._process.send_signal(signal.SIGKILL)
        code = self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        lines = self._said.decode().splitlines()
        self._outside.hear(lines)
        with (self._outside.folder / "acknowledged.txt").open("ab") as file:
            file.write(self._said)
        if code != -signal.SIGKILL:
            stderr = (self._outside.folder / "stderr.txt").read_text(encoding="utf-8")
            self._outside.violations.append(f"the program ended by itself with {code}: {stderr[-2000:]}")
        return len(lines)


def kill_often(outside: Outside, kills: int, seed: int) -> None:
    """Most are killed while they pay; one in four at any moment from the start on, so also while it opens, and comes back."""
    chance = random.Random(seed)
    began = time.monotonic()
    early = number = 0
    for number in range(1, kills + 1):
        run = Run(outside, chance.randrange(1_000_000))
        if chance.random() < 0.25:
            time.sleep(chance.uniform(0.0, 1.0))
        elif not run.has_paid.wait(SECONDS_MAX):
            outside.violations.append(f"no payment in {SECONDS_MAX} s")
        else:
            time.sleep(chance.uniform(0.0, 0.3))
        early += run.kill() == 0
        outside.look()
        if number % 100 == 0:
            outside.look_at_all()
            print(f"  {number:,} kills, {len(outside.acknowledged):,} payments acknowledged", flush=True)
        if outside.violations:
            print(f"kill {number} of seed {seed} broke something")
            break
    minutes = (time.monotonic() - began) / 60
    outside.look_at_all()
    if not outside.violations:
        outside.ask()
    print(f"{number:,} kills ({number / minutes:.0f} a minute), {early:,} of them before the first payment of a run")
    print(f"{len(outside.acknowledged):,} payments acknowledged")
    print(f"{len(outside.unheard):,} were there after a kill before anybody was told, which is allowed")


def fail_often(folder: Path, step: int) -> list[str]:
    """SQLite fails at one call after the other, until a run is over before it is that call's turn."""
    ended = subprocess.run(
        [sys.executable, PROGRAM, "fail", folder, str(step)], capture_output=True, text=True, timeout=SECONDS_MAX * 20, check=False
    )
    violations = [f"the program ended with {ended.returncode}: {ended.stderr[-2000:]}"] if ended.returncode else []
    runs: list[tuple[str, list[str]]] = []
    for line in ended.stdout.splitlines():
        if line.startswith("run "):
            runs.append((line.split()[1], []))
        else:
            runs[-1][1].append(line)
    acknowledged = 0
    for name, lines in runs:
        outside = Outside(folder / name)
        outside.hear([line for line in lines if not line.startswith("refused")])
        outside.look_at_all()
        acknowledged += len(outside.acknowledged)
        violations += [f"call {name}: {violation}" for violation in outside.violations]
    refused = sum(lines[-1:] == ["refused"] for _, lines in runs)
    print(f"{len(runs):,} runs, in each of which one call of SQLite fails; {refused:,} of them could not open the file, and said so")
    print(f"{acknowledged:,} payments acknowledged")
    return violations


def main() -> int:
    """0: nothing is lost. 1: something is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--step", type=int, default=1, help="of the calls that fail, only each so many-th")
    parser.add_argument("--folder", type=Path, help="where the database is made, and left")
    parser.add_argument("--check", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder: Path = arguments.check or arguments.folder or Path(made)
        folder.mkdir(exist_ok=True)
        outside = Outside(folder)
        violations = outside.violations
        if arguments.check:
            outside.hear((folder / "acknowledged.txt").read_text(encoding="utf-8").splitlines())
            outside.look_at_all()
        elif arguments.faults:
            violations = fail_often(folder, arguments.step)
        else:
            kill_often(outside, arguments.kills, arguments.seed)
    for violation in violations[:20]:
        print(f"VIOLATION: {violation}")
    print(f"{len(violations):,} violations" if violations else "Nothing acknowledged is lost, nothing is there twice, and all books agree.")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
