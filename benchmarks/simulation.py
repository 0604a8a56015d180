"""
What a simulated run costs: `python benchmarks/simulation.py` prints the figures; `peers/simulators.py` has other simulators' beside them.

The ring is five nodes, of which each tells the token to the next one: nothing but messages over the network, with the hash of
the trace. Raft is the cluster of examples/raft with all its clients, faults and oracles, for eight simulated seconds; since a run ends
when its clients do, what is counted are eights of simulated seconds. Each is measured in a process of its own, in processor time. Two
jobs are measured by the wall clock, and need two processors that are free.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from attrs import define, frozen
from simulated import SIMULATED, measured

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Simulation, explore
from trouper.simulation.run import run_once

ROOT: Final = Path(__file__).resolve().parents[1]
NODES: Final = 5
RAFT_SECONDS: Final = 8.0
WARM_UP: Final = 3
"""Runs before it counts."""

SIZES: Final[Mapping[str, int]] = {"simulation_ring": 200_000, "simulation_raft_seeds": 400, "simulation_two_jobs": 800}
"""Messages, seeds and seeds."""


@frozen
class Token:
    """The message: how often it is still to be passed on."""

    hops: int


@define(eq=False)
class Member(Actor[Token]):
    """One node's actor."""

    neighbour: ActorRef[Token]
    over: Callable[[], None]
    begins_with: int = 0

    def on_start(self) -> None:
        """One of them begins."""
        if self.begins_with:
            self.neighbour.tell_nowait(Token(self.begins_with - 1))

    @handles(Token)
    def token(self, token: Token) -> None:
        """Passes it on."""
        if token.hops:
            self.neighbour.tell_nowait(Token(token.hops - 1))
        else:
            self.over()


def ring(messages: int) -> Callable[[Simulation], None]:
    """The target: it ends when so many messages have come."""

    def target(sim: Simulation) -> None:
        sim.duration = float(messages)
        for number in range(NODES):
            neighbour = sim.ref(f"n{(number + 1) % NODES}", "/user/member")
            sim.node(f"n{number}", actor(Member, neighbour, sim.world.end, messages if number == 0 else 0, name="member"))

    return target


def raft() -> Callable[[Simulation], object]:
    """The target of the example, for at most so long."""
    sys.path.insert(0, str(ROOT / "examples"))
    from raft.check import raft_cluster  # noqa: PLC0415  # the example is no package that is installed

    described: Callable[[Simulation], object] = raft_cluster

    def target(sim: Simulation) -> None:
        described(sim)
        sim.duration = RAFT_SECONDS

    return target


def messages_a_second(messages: int) -> float:
    """Of the ring."""
    target = ring(messages)
    run_once(ring(1_000), 0, strategy="random")
    began = process_time()
    outcome = run_once(target, 1, strategy="random")
    seconds = process_time() - began
    assert outcome.messages == messages, outcome
    assert outcome.steps == messages + NODES * 1, (outcome.steps, messages)
    assert outcome.digest
    return messages / seconds


def raft_seeds_a_second(seeds: int) -> float:
    """Eight simulated seconds each."""
    target = raft()
    explore(target, WARM_UP)
    began = process_time()
    report = explore(target, range(WARM_UP, WARM_UP + seeds))
    seconds = process_time() - began
    assert not report.violations, report
    return report.virtual_seconds / RAFT_SECONDS / seconds


def two_jobs_to_one(seeds: int) -> float:
    """How many times as fast two processes are by the wall clock."""
    target = raft()
    explore(target, WARM_UP)
    taken: list[float] = []
    for jobs in (1, 2):
        began = perf_counter()
        explore(target, seeds, jobs=jobs)
        taken.append(perf_counter() - began)
    return taken[0] / taken[1]


MEASURES: Final[Mapping[str, Callable[[int], float]]] = {
    "simulation_ring": messages_a_second,
    "simulation_raft_seeds": raft_seeds_a_second,
    "simulation_two_jobs": two_jobs_to_one,
}


def main() -> None:
    """Prints what is asked for."""
    parser = argparse.ArgumentParser(description="Measures the simulator.")
    parser.add_argument("--one", choices=list(MEASURES), help="one figure, in this process")
    parser.add_argument("--divisor", type=int, default=1, help="by how much the sizes are divided")
    chosen = parser.parse_args()
    if chosen.one:
        print(MEASURES[chosen.one](max(1, SIZES[chosen.one] // chosen.divisor)))
        return
    for name, (does, unit) in SIMULATED.items():
        print(f"{name}: {does}: {measured(name, chosen.divisor):,.1f} {unit}")


if __name__ == "__main__":
    main()
