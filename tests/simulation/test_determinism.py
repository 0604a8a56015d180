"""A run is a function of its seed: in one process, in two with different hashes and memory, and in another version of Python."""

from __future__ import annotations

import os
import random as global_random
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trouper.simulation.run import run_once
from trouper.simulation.tape import Draw, Tape
from trouper.simulation.trio_order import INTERNALS, TaskOrder, ordered_by

stormy: Any = import_module("stormy")
PROGRAM = Path(stormy.__file__)
SOURCES = Path(sys.modules["trouper"].__path__[0]).parent
OTHER_PYTHONS = tuple(
    python for python in (os.environ.get("TROUPER_OTHER_PYTHON"), *map(shutil.which, ("python3.12", "python3.13"))) if python is not None
)


def _storm_in(python: str, seed: int, hash_seed: str, *noise: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(SOURCES), "PYTHONSAFEPATH": "1"}
    ended = subprocess.run(
        [python, str(PROGRAM), str(seed), *noise], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_trio_still_has_the_private_names_that_a_simulation_stands_on() -> None:
    """A canary: when one of these is gone or means something else, this fails before any simulation is wrong."""
    assert isinstance(INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, bool)
    assert isinstance(INTERNALS._r, global_random.Random)

    async def look() -> None:
        runner = INTERNALS.GLOBAL_RUN_CONTEXT.runner
        assert not runner.runq
        assert runner.deadlines.next_deadline() > 0
        task: Any = trio.lowlevel.current_task()
        assert isinstance(task._counter, int)

    trio.run(look)


@pytest.mark.parametrize("seed", [1])
def test_the_order_of_trio_tasks_is_drawn_and_all_orders_are(seed: int) -> None:
    """Four tasks run in the order that the tape draws: the same twice, each of the 24 orders some time, and by age with a tape of zeros."""

    def order_of(tape: Tape) -> tuple[int, ...]:
        ran: list[int] = []

        async def task(number: int) -> None:
            ran.append(number)

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(task, number)

        with ordered_by(TaskOrder(tape, lambda: 0.0)):
            trio.run(main, clock=MockClock())
        return tuple(ran)

    assert order_of(Tape(seed)) == order_of(Tape(seed))
    assert len({order_of(Tape(1000 * seed + other)) for other in range(200)}) == 24
    nothing_drawn = Tape(seed, [Draw("task", 2, 0)], after="benign")
    assert order_of(nothing_drawn) == (0, 1, 2, 3)


def test_after_a_run_trio_is_as_it_was() -> None:
    """Nothing of a simulation is left in the process, also when the block raised."""
    before = INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r
    with pytest.raises(ZeroDivisionError), ordered_by(TaskOrder(Tape(1), lambda: 0.0)):
        raise ZeroDivisionError
    assert (INTERNALS._ALLOW_DETERMINISTIC_SCHEDULING, INTERNALS._r) == before


@pytest.mark.parametrize("strategy", ["random", "pct:3", "pctcp:3", "delay:2", "fifo"])
def test_the_same_seed_gives_the_same_trace_and_another_seed_another(strategy: str) -> None:
    """Raw sleeps, nurseries, cancellations, restarts and every fault included: eight seeds, run twice, give eight different hashes."""
    first = [run_once(stormy.storm, seed, strategy=strategy).digest for seed in range(8)]
    assert first == [run_once(stormy.storm, seed, strategy=strategy).digest for seed in range(8)]
    assert len(set(first)) == 8


def test_a_record_gives_the_trace_of_the_run_that_it_is_of() -> None:
    """A tape replays under another seed and another strategy to the same hash: it alone decides."""
    for seed in range(4):
        recorded = run_once(stormy.storm, seed, strategy="pct:3", keeps=True)
        replayed = run_once(stormy.storm, seed + 100, strategy="fifo", record=recorded.draws, keeps=True)
        assert replayed.departure is None
        assert replayed.digest == recorded.digest
        assert replayed.draws == recorded.draws


@pytest.mark.parametrize("seed", [1, 4])
def test_processes_with_other_hashes_and_other_memory_agree(seed: int) -> None:
    """The order of sets of texts and where objects lie in memory decide nothing."""
    assert _storm_in(sys.executable, seed, "1") == _storm_in(sys.executable, seed, "2", "noise")


@pytest.mark.parametrize("python", OTHER_PYTHONS)
def test_other_versions_of_python_agree(python: str) -> None:
    """A seed means the same run in every version of Python that has trio at hand."""
    if subprocess.run([python, "-c", "import trio, attrs, cloudpickle"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("it has no trio")
    assert _storm_in(python, 4, "3") == _storm_in(sys.executable, 4, "4")
