"""
Measures one work in this process, for `compare.py`: `python measure_one.py FAMILY ID DIVISOR` prints how many times the bare loop it takes.

Which trouper that is, PYTHONPATH says. Counted are CPU seconds: no work ever sleeps, and what other programs do on this machine counts
less than by the wall.
"""

import gc
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from types import ModuleType

import trio
from bare import bare_seconds

TIMES = 3
WARMING = 100
SECONDS_MAX = 120.0


def only_family(name: str) -> ModuleType:
    """
    One module of `works`, without the others: the package's own `__init__` imports all of them, and one that uses what this
    trouper does not have would take the rest with it.
    """
    package = ModuleType("works")
    package.__path__ = [str(Path(__file__).with_name("works"))]
    sys.modules["works"] = package
    return import_module(f"works.{name}")


async def multiples(family: ModuleType, name: str, divisor: int) -> list[float]:
    """How many times the bare loop one operation took, several times in a row."""
    work = next(work for work in family.WORKS if work.name == name)
    found: list[float] = []
    with trio.fail_after(SECONDS_MAX):
        await work.run(max(1, work.operations // WARMING))
        for _ in range(TIMES):
            gc.collect()
            messages = 200_000 // divisor
            before = bare_seconds(messages, time.process_time)
            operations, seconds = await work.run(max(1, work.operations // divisor))
            after = bare_seconds(messages, time.process_time)
            found.append(seconds / operations * 2 * messages / (before + after))
    return found


def main(family_name: str, name: str, divisor: str) -> None:
    """Prints the median."""
    family = only_family(family_name)
    vars(family)["perf_counter"] = time.process_time
    print(median(trio.run(multiples, family, name, int(divisor))))


if __name__ == "__main__":
    main(*sys.argv[1:])
