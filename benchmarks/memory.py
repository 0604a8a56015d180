"""
How much an idle actor weighs: what the process grew by, divided by the number of actors.

Run in a process of its own, so that nothing that ran before has left holes to fill. Counted is everything: the cell, the
instance (one counter), its contextvars, its name, its place under its supervisor, its ref, and its place in the list in which this
program keeps the refs. Each actor has got one message, has handled it, and is idle again when the growth is read.
"""

import gc
import os
import subprocess
import sys
from pathlib import Path

import trio
import trio.testing
from works.counting import NOTE, Note, PlainCounter

from trouper import ActorRef, actor, open_system, supervisor


def resident_bytes() -> int:
    """What this process occupies in memory now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    command = ["/bin/ps", "-o", "rss=", "-p", str(os.getpid())]
    said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # a program of the system's, no input
    return int(said.stdout) * 1024


async def print_growth(actors: int) -> None:
    """Prints how many bytes the process grows by so many idle actors, and ends it: taking a million actors down proves nothing here."""
    counter = actor(PlainCounter)
    crowd = supervisor("crowd")
    refs: list[ActorRef[Note]] = []
    async with open_system(crowd, shutdown_timeout=600.0) as system:
        under = system.ref(crowd)
        gc.collect()
        before = resident_bytes()
        for _ in range(actors):
            ref = await system.spawn(counter, under=under)
            await ref.tell(NOTE)
            refs.append(ref)
        await trio.testing.wait_all_tasks_blocked()
        gc.collect()
        grown = resident_bytes() - before
        accounts = system.statistics().actors
        assert all(accounts[ref.path].handled == 1 for ref in refs)
        print(grown, flush=True)
        os._exit(0)


def bytes_an_idle_actor(actors: int) -> float:
    """The bytes of one of so many idle actors, measured in a process of its own."""
    command = [sys.executable, __file__, str(actors)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # this file, by its own Python
    if ran.returncode:
        raise RuntimeError(f"The process that measures memory ended with {ran.returncode}:\n{ran.stderr}")
    return int(ran.stdout) / actors


if __name__ == "__main__":
    trio.run(print_growth, int(sys.argv[1]))
