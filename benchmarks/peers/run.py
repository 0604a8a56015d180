"""
Compares trouper with other libraries and with the BEAM: `make bench-peers`, or `python benchmarks/peers/run.py`.

Each round runs every peer once, in a process of its own, with the bare loop before and after each work in the same process; so a machine
that is slower for a while slows all of them. A peer that hangs or fails in a work is reported there, and does not run that work again.
Memory is weighed once, in a process that has done nothing else. Prints the table, writes it into docs/performance.md between its markers,
and merges the figures into benchmarks/results.json.
"""

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve, frozen

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))  # for the bare loop

from bare import bare_seconds
from comparing import Cell, Column, Comparison, text, write_page, write_results
from environments import ROOT, NotHere, command_of, variables
from processes import Outcome, run_process
from settings import BYTES, PEERS, ROWS, Peer

ROUNDS = 5
QUICK = 100
BARE_MESSAGES = 400_000
PATIENCE_SECONDS = 60.0
"""A process that says nothing for so long hangs. No row takes more than ten seconds on a slow machine."""


@frozen
class Plan:
    """What is run, how often, by what every number is divided, and where the results go."""

    peers: Sequence[Peer]
    rows: Sequence[str]
    rounds: int
    divisor: int
    results: Path | None
    page: Path | None


def plan_from(arguments: Sequence[str]) -> Plan:
    """The plan that the command line asks for."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(description="Compares trouper with its peers: the same work, round by round.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is run; the median counts (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", metavar="PEER", choices=names, help=f"only these: {', '.join(names)}")
    parser.add_argument("--works", nargs="+", metavar="ID", choices=list(ROWS), help=f"only these: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help=f"a {QUICK}th of everything, once, only printed: to see that it runs")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results.json", help="the JSON that the figures go into")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md", help="the page that the table goes into")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1:
        parser.error("--rounds must be at least 1")
    peers = [peer for peer in PEERS if peer.name in (chosen.only or names)]
    rows = [row for row in ROWS if row in (chosen.works or ROWS)]
    if chosen.quick:
        return Plan(peers, rows, 1, QUICK, None, None)
    return Plan(peers, rows, chosen.rounds, 1, chosen.results, chosen.page)


def compare(plan: Plan) -> Comparison:
    """Runs the plan."""
    columns = [Column(peer) for peer in plan.peers]
    commands: dict[str, list[str]] = {}
    for column in columns:
        try:
            commands[column.peer.name] = command_of(column.peer, plan.divisor)
        except NotHere as reason:
            column.absent = str(reason)
            print(f"{column.peer.title}: not run: {reason}", file=sys.stderr)
    rated = [row for row in plan.rows if row != BYTES]
    for number in range(1, plan.rounds + 1):
        for column in columns:
            if column.absent is None:
                say(f"round {number} of {plan.rounds}: {column.peer.title}")
                measure(column, commands[column.peer.name], rated)
    if BYTES in plan.rows:
        for column in columns:
            if column.absent is None:
                say(f"memory: {column.peer.title}")
                measure(column, commands[column.peer.name], [BYTES])
    say("")
    return Comparison(columns, plan.rows, plan.rounds, platform.python_version())


def measure(column: Column, command: Sequence[str], rows: Sequence[str]) -> None:
    """One round of one peer: of the rows that it has, those that have not failed yet."""
    peer = column.peer
    due = [row for row in rows if row not in peer.missing and column.cell(row).failure is None]
    while due:
        if peer.language == "python":
            works = due
            outcome = run_process([*command, *works], works, variables(), PATIENCE_SECONDS)
        else:  # the BEAM has no bare loop of its own, so each work has a process and is measured beside that of this one
            works = due[:1]
            outcome = beside_the_bare_loop(command, works)
        column.versions = outcome.versions or column.versions
        for row in outcome.rows:
            cell = column.cell(row.work)
            cell.each.append(row.each)
            if row.bare_seconds is not None:
                cell.bare.append(row.bare_seconds)
            cell.note = row.note
        if outcome.failure is not None:
            failed = works[len(outcome.rows)]
            column.cells[failed] = Cell(failure=f"{failed} on {peer.title}: {outcome.failure}")
            print(f"\n{column.cells[failed].failure}", file=sys.stderr)
            due = due[len(outcome.rows) + 1 :]
        else:
            due = due[len(works) :]


def beside_the_bare_loop(command: Sequence[str], works: Sequence[str]) -> Outcome:
    """Runs a program that is not Python, with the bare loop in this process before and after."""
    before = bare_seconds(BARE_MESSAGES // 2)
    outcome = run_process([*command, *works], works, variables(), PATIENCE_SECONDS)
    bare = (before + bare_seconds(BARE_MESSAGES // 2)) / BARE_MESSAGES
    return evolve(outcome, rows=[evolve(row, bare_seconds=bare) for row in outcome.rows])


def say(doing: str) -> None:
    """Where it is now, for somebody who watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{doing}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Compares, prints the table, and writes it where it belongs."""
    plan = plan_from(arguments)
    comparison = compare(plan)
    print(text(comparison))
    if plan.results is not None and plan.page is not None:
        write_results(plan.results, comparison)
        write_page(plan.page, comparison)
        print(f"\nwritten to {plan.results} and {plan.page}")


if __name__ == "__main__":
    main(sys.argv[1:])
