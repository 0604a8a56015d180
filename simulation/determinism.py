"""
Whether a target is deterministic: the same seeds in processes that differ in everything that must not matter.

The processes have different hash seeds, what they hold in memory lies elsewhere, one runs the seeds forwards and the other one backwards,
so that what outlives a run shows too, and they may be of different versions of Python. Where two of them part, the seed is run
again with all that happens written down: the first difference is named, with the line that it came from.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from attrs import asdict, evolve, frozen

from ..errors import TrouperError

SECONDS_MAX: Final = 600
"""How long a process may say nothing."""

PROGRAM: Final = "import sys; from trouper.simulation.witness import bear_witness; bear_witness(sys.argv[1:])"

NOISE: Final = 50_000
"""Objects that are put into memory before, in every process but the first."""

Progress = Callable[[int, int], object]
"""Called with how many runs are done, and of how many."""


@frozen
class Process:
    """
    How a process runs the seeds.

    Args:
        python: The interpreter.
        hash_seed: Of the hashes of texts.
        noise: How many objects are put into memory before.
        is_backwards: Whether it begins with the last seed.
    """

    python: str = sys.executable
    hash_seed: int = 1
    noise: int = 0
    is_backwards: bool = False

    def __str__(self) -> str:
        other = "" if self.python == sys.executable else f"{self.python}, "
        return f"{other}hash seed {self.hash_seed}, seeds {'backwards' if self.is_backwards else 'forwards'}"


@frozen
class Divergence:
    """
    Where two runs of one seed parted.

    Args:
        seed: Which.
        seeds: All seeds under which processes differed.
        index: How many events and draws were the same.
        first: The event or draw of one process; empty: it had no more.
        second: That of the other.
        processes: Which those were.
        after: The last step before: the actor that was given the message, and which.
        handler: Where that message's handler is; empty: unknown.
        where: The line of the user's code that sent, drew or did what differs; empty: none, such as for the order of steps.
        suspects: What was called since the step, and where, that has other answers in other processes.
        cause: What it depends on: ``hash seed``, ``earlier runs``, ``version``, or ``process`` (memory, clocks, threads).
    """

    seed: int
    seeds: tuple[int, ...]
    index: int
    first: str
    second: str
    processes: tuple[str, str]
    after: str
    handler: str
    where: str
    suspects: tuple[str, ...]
    cause: str

    def __str__(self) -> str:
        return "\n".join(
            (
                f"seed {self.seed} is not deterministic ({len(self.seeds)} of the seeds are not): event {self.index} is",
                f"  {self.first or 'missing'}",
                f"in one process ({self.processes[0]}) and",
                f"  {self.second or 'missing'}",
                f"in another ({self.processes[1]}).",
                *((f"It came from {self.where}.",) if self.where else ()),
                "Before it came",
                f"  {self.after or 'nothing'}",
                *((f"whose handler is {self.handler}.",) if self.handler else ()),
                *((f"Since then it called {', '.join(self.suspects)}.",) if self.suspects else ()),
                HINTS[self.cause],
            )
        )

    def as_json(self) -> dict[str, Any]:
        """Itself, as `json.dumps` takes it."""
        return asdict(self)


HINTS: Final = {
    "hash seed": "It depends on the hash seed: look for the order of a set of texts, or hash().",
    "earlier runs": "It depends on the runs before in the same process: look for what outlives a run, such as a global or a cache.",
    "version": "It depends on the interpreter: look for texts of Python's own errors, or an order that has changed between versions.",
    "process": "It does not depend on the hash seed: look for id(), a set of objects without a hash of their own, a clock, a thread.",
}


class CheckFailed(TrouperError):
    """A process that was to run the target did not; the text is what it said."""


def check_determinism(
    place: str,
    seeds: Sequence[int],
    *,
    strategy: str = "portfolio",
    jobs: int = 2,
    pythons: Sequence[str] = (),
    on_progress: Progress | None = None,
) -> Divergence | None:
    """
    Runs the seeds in two processes each, and in one more of every other interpreter, and compares.

    Args:
        place: Where the target is: ``MODULE:NAME`` or ``FILE.py:NAME``.
        seeds: Which.
        strategy: As for `run_once`.
        jobs: How many processes run at a time.
        pythons: Interpreters of other versions, which have trouper installed.
        on_progress: Told of each run.

    Raises:
        CheckFailed: A process did not end well.
    """
    processes = [Process(), Process(hash_seed=2, noise=NOISE, is_backwards=True), *(Process(python, 3, NOISE // 2) for python in pythons)]
    check = _Check(place, strategy, len(processes) * len(seeds), on_progress)
    with ThreadPoolExecutor(jobs) as pool:
        witnessed = list(pool.map(partial(check.run, seeds=seeds), processes))
    differing = [seed for seed in seeds if any(told[seed] != witnessed[0][seed] for told in witnessed)]
    if not differing:
        return None
    seed = differing[0]
    other = next(process for process, told in zip(processes, witnessed, strict=True) if told[seed] != witnessed[0][seed])
    return check.part(seed, seeds, processes[0], other, tuple(differing))


class _Check:
    """The processes of one check."""

    def __init__(self, place: str, strategy: str, total: int, on_progress: Progress | None) -> None:
        self._place = place
        self._strategy = strategy
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self._lock = threading.Lock()

    def run(self, process: Process, seeds: Sequence[int]) -> dict[int, Any]:
        """What came of each seed."""
        order = _in_order(process, seeds)
        return dict(zip(order, self._lines(process, order, tells=False), strict=True))

    def part(self, seed: int, seeds: Sequence[int], one: Process, other: Process, differing: tuple[int, ...]) -> Divergence:
        """Runs a seed again, alone or after those that it came after, and says where the processes part."""
        cause = "version" if one.python != other.python else "process"
        logs = self._logs(seed, (seed,), one, other)
        if _first_difference(*logs) is None:
            logs, cause = self._logs(seed, seeds, one, other), "earlier runs"
        elif cause == "process":
            again = self._log(seed, (seed,), evolve(one, noise=NOISE))
            cause = "hash seed" if _first_difference(logs[0], again) is None else "process"
        index = _first_difference(*logs)
        if index is None:
            cause, index = "process", min(map(len, logs))
        nothing: dict[str, Any] = {}
        left, right = (log[index] if index < len(log) else nothing for log in logs)
        shared = logs[0][:index]
        step = next((place for place in reversed(range(index)) if shared[place]["is_step"]), 0)
        meanwhile = [suspect for entry in (*shared[step + 1 :], left, right) for suspect in entry.get("suspects", ())]
        before = shared[step] if shared else nothing
        return Divergence(
            seed,
            differing,
            index,
            left.get("text", ""),
            right.get("text", ""),
            (str(one), str(other)),
            before.get("text", ""),
            before.get("handler", ""),
            left.get("site") or right.get("site") or "",
            tuple(dict.fromkeys(meanwhile)),
            cause,
        )

    def _logs(self, seed: int, seeds: Sequence[int], *processes: Process) -> list[list[dict[str, Any]]]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(partial(self._log, seed, seeds), processes))

    def _log(self, seed: int, seeds: Sequence[int], process: Process) -> list[dict[str, Any]]:
        order = _in_order(process, seeds)
        told: list[dict[str, Any]] = self._lines(process, order[: order.index(seed) + 1], tells=True)[-1]
        return told

    def _lines(self, process: Process, seeds: Sequence[int], *, tells: bool) -> list[Any]:
        environment = {**os.environ, "PYTHONHASHSEED": str(process.hash_seed)}
        if process.python == sys.executable:  # others have modules of their own
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        arguments = [self._place, self._strategy, str(process.noise), str(int(tells)), *map(str, seeds)]
        try:
            running = subprocess.Popen(  # noqa: S603  # Pythons, on what the caller named
                [process.python, "-P", "-c", PROGRAM, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise CheckFailed(f"{process.python} did not start: {error}") from error
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(running.stderr or ()), daemon=True)
        reader.start()
        lines: list[Any] = []
        with running:
            assert running.stdout is not None
            while True:
                patience = threading.Timer(SECONDS_MAX, running.kill)
                patience.start()
                line = running.stdout.readline()
                patience.cancel()
                if not line:
                    break
                lines.append(json.loads(line))
                self._progress(tells=tells)
            reader.join()
        if running.returncode:
            raise CheckFailed(f"{self._place} did not run with {process}: {errors[-1].strip() if errors else running.returncode}")
        return lines

    def _progress(self, *, tells: bool) -> None:
        if self._on_progress is not None and not tells:
            with self._lock:
                self._done += 1
                self._on_progress(min(self._done, self._total), self._total)


def _in_order(process: Process, seeds: Sequence[int]) -> list[int]:
    return list(reversed(seeds)) if process.is_backwards else list(seeds)


def _first_difference(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> int | None:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left["text"] != right["text"]:
            return index
    return None if len(one) == len(other) else min(len(one), len(other))
