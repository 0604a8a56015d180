"""
Runs the benchmarks: `python benchmarks/run.py` measures everything, prints one table, and writes results.json beside this file.

The rounds are interleaved: every round runs every work once, between two halves of the bare loop, and the ratio is taken
within the round. So a machine that is slower for a while slows both, and a work that got all the bad luck of one minute shows it
as spread instead of as its median. Memory is measured once, since it does not vary; how long a program waits beside busy actors is measured
in fewer rounds of hundreds of samples.
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
from million import ACTORS, a_crowd_of
from report import Figure, Finding, Rate, table, write_json
from simulated import SIMULATED, measured
from starvation import BUSY, IDLE, PROBES, Probe, Starved, run_probe, starvation_table
from works import WORKS, Work

ROUNDS = 7
BARE_MESSAGES = 400_000
WORK_SECONDS_MAX = 120.0
"""A work that takes longer has lost a message that it waits for."""

QUICK = 100
"""By how much `--quick` divides every number."""

WEIGHED = {"bytes_idle_100k": 100_000, "bytes_idle_1m": 1_000_000}
"""How many idle actors are weighed, by the work's id."""

MILLION = "million_told_and_asked_gb"

STARVING_ROUNDS_MAX = 5
SIMULATED_ROUNDS_MAX = 3
SAMPLES_MIN = 5


@frozen
class Plan:
    """What is run: works, crowds that are weighed, simulations, probes; in how many rounds, and by how much every number is divided."""

    works: Sequence[Work]
    weighed: Sequence[str]
    has_million: bool
    simulations: Sequence[str]
    probes: Sequence[Probe]
    rounds: int
    divisor: int


def plan_from(arguments: Sequence[str]) -> tuple[Plan, Path]:
    """The plan that the command line asks for, and where the results go."""
    names = [*(work.name for work in WORKS), *WEIGHED, MILLION, *SIMULATED, *(probe.name for probe in PROBES)]
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
    simulations = [name for name in SIMULATED if name in wanted]
    probes = [probe for probe in PROBES if probe.name in wanted]
    return Plan(works, weighed, MILLION in wanted, simulations, probes, chosen.rounds, QUICK if chosen.quick else 1), chosen.results


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
        yield Rate(work.name, work.does, work.unit, seconds[work.name], bare[work.name])
    for name in plan.weighed:
        actors = WEIGHED[name] // plan.divisor
        say(f"memory: {name}")
        yield Figure(name, f"one of {actors:,} idle actors", "bytes", [bytes_an_idle_actor(actors)])
    if plan.has_million:
        actors = ACTORS // plan.divisor
        say(f"memory: {MILLION}")
        yield Figure(MILLION, f"{actors:,} actors, told and asked: peak", "GB", [a_crowd_of(actors).peak_bytes / 1e9])
    simulated: dict[str, list[float]] = {name: [] for name in plan.simulations}
    rounds = min(plan.rounds, SIMULATED_ROUNDS_MAX)
    for number in range(1, rounds + 1):
        for name, values in simulated.items():
            say(f"round {number} of {rounds}: {name}")
            values.append(measured(name, plan.divisor))
    for name, values in simulated.items():
        does, unit = SIMULATED[name]
        yield Figure(name, does, unit, values)
    say("")


def starve(plan: Plan) -> list[Starved]:
    """Runs the probes beside nobody and beside everybody, all of them in each round."""
    starved = [Starved(probe, {company: [] for company in (IDLE, *BUSY)}) for probe in plan.probes]
    rounds = min(plan.rounds, STARVING_ROUNDS_MAX)
    for number in range(1, rounds + 1):
        for one in starved:
            samples = max(one.probe.samples // plan.divisor, SAMPLES_MIN)
            for company, runs in one.runs.items():
                say(f"round {number} of {rounds}: {one.probe.name} beside {company.name}")
                runs.append(trio.run(run_probe, one.probe, company, samples))
    say("")
    return starved


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
    starved = starve(plan)
    findings += [Figure(one.probe.name, one.probe.does, "ms", one.worst_ms) for one in starved]
    print(table(findings, plan.rounds))
    print(starvation_table(starved))
    write_json(findings, results)
    print(f"\nwritten to {results}")


if __name__ == "__main__":
    main(sys.argv[1:])
