"""
The five-node ring on other simulators of Python: `python benchmarks/peers/simulators.py` prints messages for a second of processor time.

One message at a time is on its way, over a network that draws a latency for each, under one random schedule. The three do not promise the
same about it: trouper hashes every event with its message and records every choice, simloop hashes every event and records the choices of
its scheduler, detangle records its choices and hashes the order of tasks. trouper's nodes are actors with mailboxes, detangle's
are tasks that receive from its mailboxes, simloop's are protocols of asyncio that are called with datagrams.
"""

import argparse
import subprocess
import sys
from statistics import median

from environments import PEERS, ROOT, NotHere, environment_of, variables
from settings import Peer

MESSAGES = 200_000
ROUNDS = 3
SECONDS_MAX = 600.0

SIMULATORS = (
    Peer("detangle", "detangle", "detangle", "unbounded, its only kind"),
    Peer("simloop", "simloop", "simloop", "none: datagrams", python_min=(3, 12)),
)


def rate_of(command: list[str]) -> tuple[float, str]:
    """What a program prints: messages for a second of processor time, and its version if it says it."""
    ran = subprocess.run(command, env=variables(), capture_output=True, text=True, check=True, timeout=SECONDS_MAX)  # noqa: S603  # ours
    rate, *version = ran.stdout.split()
    return float(rate), " ".join(version)


def main() -> None:
    """Each in turn, several times."""
    parser = argparse.ArgumentParser(description="Runs the five-node ring on other simulators.")
    parser.add_argument("--divisor", type=int, default=1, help="by how much the number of messages is divided")
    divisor: int = parser.parse_args().divisor
    ours = [sys.executable, str(ROOT / "benchmarks" / "simulation.py"), "--one", "simulation_ring", "--divisor", str(divisor)]
    commands = {"trouper": ours}
    for peer in SIMULATORS:
        try:
            commands[peer.name] = [str(environment_of(peer)), str(PEERS / peer.folder / "main.py"), str(MESSAGES // divisor)]
        except NotHere as reason:
            print(f"{peer.title}: {reason}")
    rates: dict[str, list[float]] = {name: [] for name in commands}
    versions: dict[str, str] = {}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            rate, versions[name] = rate_of(command)
            rates[name].append(rate)
    for name, values in rates.items():
        print(f"{name} {versions[name]}: {median(values):,.0f} messages/CPU s ({min(values):,.0f} to {max(values):,.0f})")


if __name__ == "__main__":
    main()
