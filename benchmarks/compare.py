"""
Compares two revisions: `python benchmarks/compare.py BASE` says which works became slower since then, and exits with 1 if one did.

The base is checked out into a worktree of its own, which is removed at the end, come what may; what is here now, committed or not, is
copied, so that it may be edited meanwhile. Both do the same work: the works that are here now. Every round runs every work in both,
one right after the other and each in a process of its own, by turns in this order and in the other; what counts is the ratio to the bare
loop of the same process.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from attrs import frozen
from verdict import Compared, NotCompared, Verdict, is_failed, verdict_table
from works import WORKS, Work

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
QUICK = 100


class Refused(Exception):
    """What was asked for cannot be done, and the text says why."""


@frozen
class Side:
    """One of the two revisions: what it is called, and where its package is."""

    name: str
    source: Path


def git(*arguments: str | Path, cwd: Path) -> str:
    """What git says. Raises Refused with what it complains about."""
    command = ["git", *arguments]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603  # revisions follow --end-of-options
    if ran.returncode:
        raise Refused(f"git {arguments[0]}: {ran.stderr.strip()}")
    return ran.stdout.strip()


def commit_of(revision: str, root: Path) -> str:
    """The commit that *revision* names. Raises Refused."""
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", cwd=root)
    except Refused:
        raise Refused(f"{revision!r} is no revision of this repository: give a commit, a branch or a tag, such as BASE=HEAD~1") from None


@contextmanager
def both_sides(commit: str, root: Path) -> Generator[tuple[Side, Side, Path]]:
    """The two sides and the folder of the benchmarks, all in a temporary folder of which nothing is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        base, now = Path(folder, "base"), Path(folder, "now")
        try:
            git("worktree", "add", "--quiet", "--detach", base, commit, cwd=root)
            shutil.copytree(root / "src", now / "src")
            shutil.copytree(root / "benchmarks" / "works", now / "benchmarks" / "works")
            for name in ("bare.py", "measure_one.py"):
                shutil.copy(root / "benchmarks" / name, now / "benchmarks" / name)
            yield Side("base", base / "src"), Side("now", now / "src"), now / "benchmarks"
        finally:
            if base.exists():
                git("worktree", "remove", "--force", base, cwd=root)


def measured(side: Side, work: Work, script: Path, divisor: int) -> float | str:
    """The work's multiple of the bare loop in a new process, or the last thing that this said before it failed."""
    family = getattr(work.run, "func", work.run).__module__.rpartition(".")[2]
    command = [sys.executable, str(script), family, work.name, str(divisor)]
    environment = {**os.environ, "PYTHONPATH": str(side.source)}
    ran = subprocess.run(command, env=environment, cwd=side.source, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    if ran.returncode:
        return (ran.stderr.strip() or f"exit code {ran.returncode}").splitlines()[-1]
    return float(ran.stdout)


def compare(works: Sequence[Work], sides: tuple[Side, Side], script: Path, rounds: int, divisor: int) -> list[Verdict]:
    """Runs every work in both, so many times."""
    figures: dict[tuple[str, str], list[float]] = {(side.name, work.name): [] for side in sides for work in works}
    reasons: dict[tuple[str, str], str] = {}
    for number in range(rounds):
        for work in works:
            for side in sides if number % 2 else sides[::-1]:
                key = (side.name, work.name)
                if key in reasons:
                    continue
                say(f"round {number + 1} of {rounds}: {work.name}, {side.name}")
                found = measured(side, work, script, divisor)
                if isinstance(found, str):
                    reasons[key] = found
                else:
                    figures[key].append(found)
    say("")
    return [verdict_on(work.name, figures, reasons) for work in works]


def verdict_on(name: str, figures: dict[tuple[str, str], list[float]], reasons: dict[tuple[str, str], str]) -> Verdict:
    """What the rounds of one work say."""
    base, now = ("base", name), ("now", name)
    if base in reasons or now in reasons:
        return NotCompared(name, base in reasons, now in reasons, reasons.get(now) or reasons[base])
    return Compared(name, figures[base], figures[now])


def say(text: str) -> None:
    """Where it is now, for somebody who watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def end(_signal: int, _frame: FrameType | None) -> None:
    """Ends in order, as Ctrl-C does."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Compares, prints the table, and says with its exit code whether something became slower."""
    names = [work.name for work in WORKS]
    parser = argparse.ArgumentParser(description="Says which works became slower since another revision.")
    parser.add_argument("base", nargs="?", default="", metavar="BASE", help="the revision to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often every work is run in both (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", metavar="ID", choices=names, help=f"only these: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help=f"a {QUICK}th of everything, to see that it runs: the figures mean nothing")
    chosen = parser.parse_args(arguments)
    if not chosen.base.strip():
        parser.error("which revision is it compared with? make bench-compare BASE=HEAD~1")
    if chosen.rounds < 1:
        parser.error("--rounds must be at least 1")
    signal.signal(signal.SIGTERM, end)
    works = [work for work in WORKS if work.name in (chosen.only or names)]
    try:
        commit = commit_of(chosen.base, ROOT)
        with both_sides(commit, ROOT) as (base, now, benchmarks):
            verdicts = compare(works, (base, now), benchmarks / "measure_one.py", chosen.rounds, QUICK if chosen.quick else 1)
    except Refused as refused:
        parser.error(str(refused))
    except KeyboardInterrupt:
        print("\ninterrupted: nothing is compared, and the worktree is removed", file=sys.stderr)
        return 130
    print(f"base: {chosen.base} ({commit[:10]}); now: this checkout; multiples of the bare loop, medians of {chosen.rounds} rounds\n")
    print(verdict_table(verdicts))
    slower = [one for one in verdicts if isinstance(one, Compared) and one.is_regression]
    print(f"\n{len(slower)} of {len(verdicts)} slower by more than 10 % beyond noise")
    return 1 if is_failed(verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
