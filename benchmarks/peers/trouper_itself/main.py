"""trouper: the works of benchmarks/works, run as a peer's are. The folder must not be called as the package, which it would hide."""

from functools import partial

import trio
from frame import run_peer
from memory import bytes_an_idle_actor
from works import WORKS, Work


def run(work: Work, operations: int) -> tuple[int, float]:
    return trio.run(work.run, operations)


if __name__ == "__main__":
    run_peer("trouper", {work.name: (work.operations, partial(run, work)) for work in WORKS}, weigh=(100_000, bytes_an_idle_actor))
