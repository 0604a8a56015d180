"""
A million actors alive at once, each told one message and asked once: `python benchmarks/million.py` prints seconds and peak memory.

Every answer is checked: it counts both messages, so it says that the one before was handled, by that actor alone. The peak is what the
operating system says that the process had at most: the interpreter, the library, the actors, and the list of a million refs.
"""

import json
import os
import resource
import subprocess
import sys
from time import perf_counter

import trio
from attrs import asdict, frozen
from works.counting import NOTE, QUESTION, Note, PlainCounter, Question

from trouper import ActorRef, actor, open_system, supervisor

ACTORS = 1_000_000


@frozen
class Crowd:
    """So many actors: how long each step took for all of them, in seconds, and the process's peak."""

    actors: int
    spawned: float
    told: float
    asked: float
    peak_bytes: int


def peak_bytes() -> int:
    """The most that this process has occupied."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def print_crowd(actors: int) -> None:
    """Measures, prints the result as JSON, and ends the process: taking a million actors down proves nothing here."""
    counter = actor(PlainCounter)
    crowd = supervisor("crowd")
    async with open_system(crowd) as system:
        under = system.ref(crowd)
        began = perf_counter()
        refs: list[ActorRef[Note | Question]] = [await system.spawn(counter, under=under) for _ in range(actors)]
        spawned = perf_counter()
        for ref in refs:
            await ref.tell(NOTE)
        told = perf_counter()
        right = 0
        for ref in refs:
            right += await ref.ask(QUESTION) == 2
        asked = perf_counter()
        assert right == len(set(refs)) == actors, (right, actors)
        print(json.dumps(asdict(Crowd(actors, spawned - began, told - spawned, asked - told, peak_bytes()))), flush=True)
        os._exit(0)


def a_crowd_of(actors: int) -> Crowd:
    """The crowd, in a process of its own."""
    command = [sys.executable, __file__, str(actors), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # this file, by its own Python
    if ran.returncode:
        raise RuntimeError(f"The process with {actors:,} actors ended with {ran.returncode}:\n{ran.stderr}")
    return Crowd(**json.loads(ran.stdout))


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else ACTORS
    if "--json" in sys.argv:
        trio.run(print_crowd, number)
    else:
        crowd = a_crowd_of(number)
        print(f"{crowd.actors:,} actors alive, each told once and asked once, every answer right")
        print(f"spawned in {crowd.spawned:.1f} s, told in {crowd.told:.1f} s, asked in {crowd.asked:.1f} s")
        print(f"peak memory {crowd.peak_bytes / 1e9:.2f} GB, {crowd.peak_bytes / crowd.actors:,.0f} bytes an actor")
