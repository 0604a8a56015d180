"""
Runs the Savina suite: `python benchmarks/savina/run.py` prints for each program its messages, actors, seconds and messages a second.

Beside six of them stands what the same program takes on pykka and on everything-is-an-actor, if there is an environment for those. All
times are those of one run, from the first message until every actor has ended: the suite is for finding out what a runtime can do and
how it behaves, and for seeing a factor; `benchmarks/run.py` measures single steps, in rounds.
"""

import argparse
import gc
import logging
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import frozen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the suite is a package of the folder above

from savina import PROGRAMS, compared
from savina.frame import Outcome, Program, Size

HEADINGS = ("", "program", "messages", "actors", "seconds", "messages/s", *compared.LIBRARIES)
WIDTHS = (2, 12, 11, 8, 9, 11, 18, 22)


@frozen
class Plan:
    """What is run: the programs, their size, and the Python of the other libraries, if they are run beside."""

    programs: Sequence[Program[Any, Any]]
    size: Size
    peers_python: Path | None


def plan_from(arguments: Sequence[str]) -> Plan:
    """The plan that the command line asks for."""
    names = [program.name for program in PROGRAMS]
    parser = argparse.ArgumentParser(description="Runs the 30 programs of the Savina actor benchmark suite, and checks what they find.")
    sizes = ("default", "here", "small")
    parser.add_argument("--size", choices=sizes, default="here", help="default: the suite's; here: minutes in all (default); small: a test")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"only these: {', '.join(names)}")
    parser.add_argument("--alone", action="store_true", help="without pykka and everything-is-an-actor")
    chosen = parser.parse_args(arguments)
    wanted = chosen.only or names
    return Plan([program for program in PROGRAMS if program.name in wanted], chosen.size, None if chosen.alone else compared.python())


def row(*cells: str) -> str:
    """A line of the table: the first two cells to the left, numbers to the right."""
    aligned = [
        cell.ljust(width) if column == 1 else cell.rjust(width) for column, (cell, width) in enumerate(zip(cells, WIDTHS, strict=False))
    ]
    return "  ".join(aligned).rstrip()


def line(program: Program[Any, Any], outcome: Outcome[Any], peers: Sequence[compared.Peer]) -> str:
    """What is said of one program. A peer's time comes with how many times trouper's it is."""
    beside = ["did not end" if peer.seconds is None else f"{peer.seconds:.3f} ({peer.seconds / outcome.seconds:.1f} x)" for peer in peers]
    rate = outcome.messages / outcome.seconds
    counts = f"{outcome.messages:,}", f"{outcome.actors:,}", f"{outcome.seconds:.3f}", f"{rate:,.0f}"
    return row(f"{program.number:02}", program.name, *counts, *beside)


def main(arguments: Sequence[str]) -> None:
    """Runs, and prints a line for each program as it ends."""
    plan = plan_from(arguments)
    logging.getLogger("trouper").setLevel(logging.ERROR)  # where a program leaves dead letters, its file says why
    notes: dict[str, None] = {}
    print(f"Savina, size {plan.size}; trouper on {platform.python_implementation()} {platform.python_version()}; every result is checked\n")
    print(row(*HEADINGS))
    print(row(*("-" * width for width in WIDTHS)), flush=True)
    for program in plan.programs:
        parameters = program.sizes.of(plan.size)
        gc.collect()
        outcome = trio.run(program.run, parameters)
        peers: list[compared.Peer] = []
        if plan.peers_python is not None and program.name in compared.PROGRAMS:
            peers = [compared.run(plan.peers_python, library, program, parameters) for library in compared.LIBRARIES]
            notes.update(dict.fromkeys(peer.versions for peer in peers))
        print(line(program, outcome, peers), flush=True)
    if plan.peers_python is None:
        notes[compared.HOW_TO_COMPARE] = None
    print("", *notes, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
