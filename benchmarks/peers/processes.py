"""
A peer's process: started, watched, and its lines read as rows. One that hangs is ended, and costs only the row it hangs in.

Raises nothing for what a peer does wrong: that is a result too, told in a sentence.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from attrs import frozen

GRACE_SECONDS = 5.0
"""How long a process that is told to end may take for it."""


class BadLine(ValueError):
    """A peer's program printed a line that is not what the protocol says."""


@frozen
class Versions:
    """What ran: the library's version, and Python's if it ran on that."""

    version: str
    python: str | None


@frozen
class Row:
    """
    One measurement of one work.

    Args:
        work: Its id.
        operations: How many were done.
        each: Seconds of one operation, or the bytes of one actor.
        bare_seconds: Of one turn of the bare loop around it; None if it has to be taken from outside, or if this is bytes.
        note: What else was found.
    """

    work: str
    operations: int
    each: float
    bare_seconds: float | None
    note: str | None


@frozen
class Outcome:
    """What came of one process: the rows that it measured, and why it did not measure the others."""

    versions: Versions | None
    rows: Sequence[Row]
    failure: str | None


def versions_from(line: str) -> Versions:
    """
    The first line of a process.

    Raises:
        BadLine: It is something else.
    """
    said = _object_from(line)
    version, python = said.get("version"), said.get("python")
    if not isinstance(version, str) or not isinstance(python, str | None):
        raise BadLine(f'the first line has to say "version" and "python", and was: {_short(line)}')
    return Versions(version, python)


def row_from(line: str, expected: str) -> Row:
    """
    The line of one work.

    Args:
        line: As it was printed.
        expected: The work that is due.

    Raises:
        BadLine: It is not a JSON object, or of another work, or a figure is missing or not positive.
    """
    said = _object_from(line)
    if said.get("work") != expected:
        raise BadLine(f"the line of {expected} was due, and this came: {_short(line)}")
    figure = "bytes_each" if "bytes_each" in said else "seconds_each"
    bare = said.get("bare_seconds")
    for name in ("operations", figure, *(["bare_seconds"] if bare is not None else [])):
        number = said.get(name)
        if isinstance(number, bool) or not isinstance(number, int | float) or not number > 0:
            raise BadLine(f'"{name}" of {expected} has to be a number above 0, and the line was: {_short(line)}')
    return Row(expected, int(said["operations"]), float(said[figure]), None if bare is None else float(bare), said.get("note"))


def _object_from(line: str) -> Mapping[str, Any]:
    try:
        said = json.loads(line)
    except json.JSONDecodeError as wrong:
        raise BadLine(f"a line is not JSON ({wrong.msg}): {_short(line)}") from wrong
    if not isinstance(said, dict):
        raise BadLine(f"a line is not a JSON object: {_short(line)}")
    return {str(name): value for name, value in said.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _short(line: str) -> str:
    return line.strip()[:120]


def run_process(command: Sequence[str], works: Sequence[str], environment: Mapping[str, str], patience: float) -> Outcome:
    """
    Runs a peer's program until it has measured the works, has failed, or has said nothing for *patience* seconds.

    Args:
        command: What is run.
        works: What it measures, in this order.
        environment: Its environment variables.
        patience: Seconds from line to line.
    """
    versions: Versions | None = None
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, Path(folder, "stderr").open("w+", encoding="utf-8", errors="replace") as errors:
        # A session of its own, so that its children end with it.
        with subprocess.Popen(  # noqa: S603  # our own programs
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process:
            lines = _lines_of(process)
            failure: str | None = None
            last_words = patience
            try:
                versions = versions_from(_next_line(lines, patience))
                for work in works:
                    rows.append(row_from(_next_line(lines, patience), work))  # noqa: PERF401  # those before a failure count
            except queue.Empty:
                failure, last_words = f"nothing came for {patience:.0f} s", 0.0
            except EOFError:
                failure, last_words = "ended early", GRACE_SECONDS
            except BadLine as wrong:
                failure, last_words = str(wrong), 0.0
            _end(process, last_words)
        if failure == "ended early":
            failure = _last_line(errors) or f"ended with {process.returncode}"
    return Outcome(versions, rows, failure)


def _lines_of(process: subprocess.Popen[str]) -> queue.SimpleQueue[str]:
    """What the process prints, as it comes, and an empty line at the end of it."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _next_line(lines: queue.SimpleQueue[str], patience: float) -> str:
    line = lines.get(timeout=patience)
    if not line:
        raise EOFError
    return line


def _end(process: subprocess.Popen[str], patience: float) -> None:
    """Waits for the end of the process, and then asks for it, and then sees to it. What it left behind ends too."""
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, number)


def _last_line(errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors if line.strip()]
    return _short(lines[-1]) if lines else ""
