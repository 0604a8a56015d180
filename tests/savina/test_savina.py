"""
The Savina suite at a small size: thirty programs that use the runtime in thirty ways, each checked by a computation without actors.

The suite is a package of the folder of the benchmarks, which no test finds by itself.
"""

import importlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
SAVINA = importlib.import_module("savina")
FRAME = importlib.import_module("savina.frame")
RANDOMS = importlib.import_module("savina.randoms")


def test_the_suite_is_complete_and_in_its_order() -> None:
    """All 30 programs, numbered from 1 to 30, each in the file of its name."""
    assert [program.number for program in SAVINA.PROGRAMS] == list(range(1, 31))
    for program in SAVINA.PROGRAMS:
        assert importlib.import_module(f"savina.{program.name}").PROGRAM is program


@pytest.mark.parametrize("program", SAVINA.PROGRAMS, ids=lambda program: program.name)
async def test_a_program_finds_what_it_should_and_loses_no_message(program: Any, caplog: pytest.LogCaptureFixture) -> None:
    """
    The result is that of a computation without actors; every message was handled, and as many were sent and actors started as
    the protocol takes. Only a program that says why leaves dead letters.
    """
    with caplog.at_level(logging.WARNING, "trouper"), trio.fail_after(10):
        outcome = await program.run(program.sizes.small)
    assert outcome.messages > 0
    assert outcome.actors > 1
    assert outcome.seconds > 0
    assert bool(caplog.records) == bool(program.leftover)


@pytest.mark.parametrize("name", ["count", "trapezoid", "astar"])
def test_a_wrong_result_is_refused(name: str) -> None:
    """The check that every run ends with is one that can fail."""
    wrong = {"count": 2_999, "trapezoid": 0.28, "astar": importlib.import_module("savina.astar").Result(is_found=False, steps=11)}
    program = next(program for program in SAVINA.PROGRAMS if program.name == name)
    with pytest.raises(FRAME.WrongResult):
        program.check(program.sizes.small, wrong[name])


async def test_a_failure_in_a_program_ends_it() -> None:
    """An actor that fails takes its parents with it, up to whoever asked the root: a mistake does not hang a program."""
    quicksort = importlib.import_module("savina.quicksort")
    program = next(program for program in SAVINA.PROGRAMS if program.name == "quicksort")
    parameters = quicksort.Parameters(values=100, limit=2**60, threshold="none", seed=1)
    with trio.fail_after(5), pytest.raises(Exception, match="not supported between instances of 'int' and 'str'"):
        await program.run(parameters)


async def test_the_queens_stop_at_their_limit() -> None:
    """Boards that come back when there are enough solutions are not handed out any more, and no message is left over."""
    queens = importlib.import_module("savina.nqueenk")
    with trio.fail_after(5):
        outcome = await queens.PROGRAM.run(queens.Parameters(workers=2, size=7, threshold=5, limit=1))
    assert 1 <= outcome.result < 40


def test_the_random_numbers_are_those_of_the_suite() -> None:
    """Published results depend on them: java.util.Random's first numbers for the seed 42, and the suite's own generator's."""
    java = RANDOMS.JavaRandom(42)
    assert [java.next_any_int() for _ in range(3)] == [-1170105035, 234785527, -1360544799]
    assert [RANDOMS.JavaRandom(42).next_int(limit) for limit in (10, 16)] == [0, 11]
    assert RANDOMS.JavaRandom(42).next_double() == 0.7275636800328681
    assert RANDOMS.JavaRandom(42).next_gaussian() == pytest.approx(1.1419053154730547, abs=1e-15)
    assert RANDOMS.JavaRandom(42).next_boolean() is True
    pseudo = RANDOMS.PseudoRandom()
    assert [pseudo.next_long() for _ in range(3)] == [(74755 * 1309 + 13849) & 65535, pseudo_after(2), pseudo_after(3)]


def pseudo_after(steps: int) -> int:
    """The suite's generator, in one line."""
    value = 74755
    for _ in range(steps):
        value = (value * 1309 + 13849) % 65536
    return value


def test_the_suite_runs_as_its_reader_runs_it() -> None:
    """A line for each program that was asked for, in the order of the suite, with the numbers that its protocol fixes."""
    command = [sys.executable, "benchmarks/savina/run.py", "--size", "small", "--alone", "--only", "fib", "pingpong"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = [line.split()[:4] for line in ran.stdout.splitlines() if line[:2].isdigit()]
    assert rows == [["01", "pingpong", "601", "2"], ["29", "fib", "219", "110"]]
    assert "make savina-peers" in ran.stdout
