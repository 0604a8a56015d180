"""
Runs the benchmarks: `python benchmarks/run.py` measures everything, prints one table, and writes results.json beside this file.

The rounds are interleaved: every round runs every work once, between two halves of the bare loop, and the ratio is taken
within the round. So a machine that is slower for a while slows both, and a work that got all the bad luck of one minute shows it
as spread instead of as its median. Memory is measured once, since it does not vary.
"""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import trio
from attrs import frozen
from bare import bare_seconds
from memory import bytes_an_idle_actor
from report import Finding, Rate, Weight, table, write_json
from works import WORKS, Work

ROUNDS = 7
BARE_MESSAGES = 400_000
WORK_SECONDS_MAX = 120.0
"""A work that takes longer has lost a message that it waits for."""

QUICK = 100
"""By how much `--quick` divides every number."""

WEIGHED = {"bytes_idle_100k": 100_000, "bytes_idle_1m": 1_000_000}
"""How many idle actors are weighed, by the work's id."""


@frozen
class Plan:
    """What is run: the works, the crowds that are weighed, the rounds, and by how much every number is divided."""

    works: Sequence[Work]
    weighed: Sequence[str]
    rounds: int
    divisor: int


def plan_from(arguments: Sequence[str]) -> tuple[Plan, Path]:
    """The plan that the command line asks for, and where the results go."""
    names = [*(work.name for work in WORKS), *WEIGHED]
    parser = argparse.ArgumentParser(description="Measures trouper against the bare loop: a deque and a method call.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often every work is run; the median counts (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", metavar="ID", choices=names, help=f"only these: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help=f"a {QUICK}th of everything, to see that it runs: the figures mean nothing")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("results.json"), help="where the JSON goes")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 1:
        parser.error("--rounds must be at least 1")
    wanted = chosen.only or names
    works = [work for work in WORKS if work.name in wanted]
    weighed = [name for name in WEIGHED if name in wanted]
    return Plan(works, weighed, chosen.rounds, QUICK if chosen.quick else 1), chosen.results


def measure(plan: Plan) -> Iterator[Finding]:
    """Runs the plan."""
    seconds: dict[str, list[float]] = {work.name: [] for work in plan.works}
    bare: dict[str, list[float]] = {work.name: [] for work in plan.works}
    for work in plan.works:  # once for nothing: the interpreter has seen each function before it counts
        say(f"warming up: {work.name}")
        trio.run(run_work, work, QUICK)
    messages = BARE_MESSAGES // plan.divisor
    for number in range(1, plan.rounds + 1):
        for work in plan.works:
            say(f"round {number} of {plan.rounds}: {work.name}")
            gc.collect()
            bare_before = bare_seconds(messages // 2)
            operations, taken = trio.run(run_work, work, plan.divisor)
            bare_after = bare_seconds(messages // 2)
            seconds[work.name].append(taken / operations)
            bare[work.name].append((bare_before + bare_after) / messages)
    for work in plan.works:
        yield Rate(work.name, work.does, work.unit, seconds[work.name], bare[work.name], work.is_reported)
    for name in plan.weighed:
        actors = WEIGHED[name] // plan.divisor
        say(f"memory: {name}")
        yield Weight(name, f"one of {actors:,} idle actors", bytes_an_idle_actor(actors))
    say("")


async def run_work(work: Work, divisor: int) -> tuple[int, float]:
    """Runs a work at its size or a part of it. Returns how many operations it did, and the seconds that they took."""
    with trio.fail_after(WORK_SECONDS_MAX):
        return await work.run(max(1, work.operations // divisor))


def say(text: str) -> None:
    """Where it is now, for somebody who watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Measures, prints the table, and writes the results."""
    plan, results = plan_from(arguments)
    findings = list(measure(plan))
    print(table(findings, plan.rounds))
    write_json(findings, results)
    print(f"\nwritten to {results}")


if __name__ == "__main__":
    main(sys.argv[1:])
