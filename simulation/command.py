"""
The command line of simulations: ``trouper simulate TARGET``, ``trouper replay FILE``, ``trouper shrink FILE``, ``trouper diagram FILE``,
``trouper check-determinism TARGET``.

Imported when one of them is called, and not by ``trouper run``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

from ..errors import TrouperError
from ..system.targets import find_target
from .determinism import check_determinism
from .diagram import Diagram, diagram_of
from .diagram_page import page_of
from .diagram_text import text_of
from .exploring import JOBS_MAX, RunFailed, explore
from .files import load, recording_of, save
from .nearest import nearest_passing
from .progress import Progress, ShrinkProgress
from .report import Report
from .run import Target, run_once
from .scripts import script_of
from .shiviz import shiviz_of
from .shrinking import RUNS_MAX, shrink
from .simulating import simulation
from .strategies import STRATEGIES, StrategyChoice, UnknownStrategy
from .workers import WorkerDied

FAILED: Final = 2
"""The exit code where something could not be done."""

INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as shells have it."""

EXIT_CODES: Final = (
    "Exit codes: 0 nothing is broken, 1 something is, 2 called wrongly or a run could not be made, "
    "130 ended by Ctrl-C, with the report so far."
)

TO_STDOUT: Final = Path("-")
"""In place of a file."""


def main(arguments: Sequence[str]) -> int:
    """Does what was asked. Returns the exit code: see `EXIT_CODES`."""
    parser = argparse.ArgumentParser(prog="trouper", description="Simulated clusters.", epilog=EXIT_CODES)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_simulate(commands)
    _add_replay(commands)
    _add_shrink(commands)
    _add_check(commands)
    _add_diagram(commands)
    chosen = parser.parse_args(arguments)
    try:
        return COMMANDS[chosen.command](chosen)
    except (TrouperError, OSError) as error:
        print(f"trouper {chosen.command}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # noqa: BLE001  # a target may raise anything, and Python's own exit code for that means a violation here
        traceback.print_exc()
        return FAILED


def _add_simulate(commands: Any) -> None:
    simulate = commands.add_parser("simulate", help="run a simulated cluster under many seeds", epilog=EXIT_CODES)
    simulate.add_argument("target", metavar="MODULE:NAME", help="where the simulation is, such as raft/check.py:raft_cluster")
    simulate.add_argument("--seeds", type=_positive, default=1000, help="how many runs (1000)")
    simulate.add_argument("--first-seed", type=int, default=0, help="the seed of the first run (0)")
    simulate.add_argument("--jobs", type=_jobs, default=1, help=f"processes, at most {JOBS_MAX} (1)")
    simulate.add_argument("--strategy", type=_strategy, default="portfolio", help=STRATEGIES)
    simulate.add_argument("--stop", action="store_true", help="end with the first violation")
    simulate.add_argument("--json", type=_output, metavar="FILE", help="write the report there as JSON; -: to the standard output")
    simulate.add_argument(
        "--record",
        type=_output_or_folder,
        metavar="FILE",
        help="write the first violation there, for 'trouper replay'; into a folder: the first ten",
    )
    simulate.add_argument("--quiet", action="store_true", help="no progress")


def _add_replay(commands: Any) -> None:
    replay = commands.add_parser("replay", help="run a recorded simulation again")
    replay.add_argument("file", type=Path, metavar="FILE", help="what 'trouper simulate --record FILE' wrote")
    replay.add_argument("--events", type=_positive, default=40, help="how many of the last events are shown (40)")


def _add_shrink(commands: Any) -> None:
    shrink = commands.add_parser("shrink", help="look for a smaller run that breaks the same")
    shrink.add_argument("file", type=Path, metavar="FILE", help="what 'trouper simulate --record FILE' wrote")
    shrink.add_argument("-o", "--output", type=_output, metavar="FILE", help="where the smaller run goes (FILE with '.small' in its name)")
    shrink.add_argument("--script", type=_output, metavar="FILE", help="write a program there that runs it")
    shrink.add_argument("--runs", type=_positive, default=RUNS_MAX, help=f"how many runs it may take ({RUNS_MAX})")


def _add_check(commands: Any) -> None:
    check = commands.add_parser("check-determinism", help="run seeds in two processes each, and compare")
    check.add_argument("target", metavar="MODULE:NAME", help="where the simulation is")
    check.add_argument("--seeds", type=_positive, default=20, help="how many (20)")
    check.add_argument("--first-seed", type=int, default=0, help="the first (0)")
    check.add_argument("--strategy", type=_strategy, default="portfolio", help="as for simulate")
    check.add_argument("--jobs", type=_positive, default=2, help="how many processes run at a time (2)")
    check.add_argument(
        "--python", action="append", default=[], metavar="PATH", help="also under this interpreter, which has trouper installed; repeatable"
    )
    check.add_argument("--json", type=_output, metavar="FILE", help="write what was found there")
    check.add_argument("--quiet", action="store_true", help="no progress")


def _add_diagram(commands: Any) -> None:
    diagram = commands.add_parser("diagram", help="draw a recorded simulation")
    diagram.add_argument("file", type=Path, metavar="FILE", help="what 'trouper simulate --record FILE' wrote")
    diagram.add_argument("-o", "--output", type=_output, metavar="FILE", help="where it goes (a page: FILE with .html; text: the terminal)")
    form = diagram.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="as text for a terminal, instead of a page of HTML")
    form.add_argument("--shiviz", action="store_true", help="as a log for ShiViz, instead of a page of HTML")
    diagram.add_argument("--cone", action="store_true", help="with --text: only what can have led to what is broken")
    other = diagram.add_mutually_exclusive_group()
    other.add_argument("--against", type=Path, metavar="FILE", help="another recorded run to compare it with")
    other.add_argument("--against-passing", action="store_true", help="compare it with a run that begins the same and breaks nothing")


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return number


def _jobs(text: str) -> int:
    number = _positive(text)
    if number > JOBS_MAX:
        raise argparse.ArgumentTypeError(
            f"{number} processes are too many, {JOBS_MAX} are allowed; more than there are processors gain nothing"
        )
    return number


def _output(text: str) -> Path:
    """The file that is written later: it is looked at before the work, not after it."""
    path = _output_or_folder(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder, and no file")
    return path


def _output_or_folder(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def _strategy(text: str) -> str:
    try:
        return StrategyChoice(text).text
    except UnknownStrategy as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _target(place: str) -> Target:
    try:
        found: Any = find_target(place)
    except TrouperError:
        raise
    except (Exception, SystemExit) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{place} cannot be imported: {type(error).__name__}: {error} ({where.filename}, line {where.lineno})."
        raise TrouperError(text) from error
    found = getattr(found, "simulation", found)  # a test that @simulate made
    try:
        described = simulation(cast("Target", found))
    except (TypeError, ValueError, AttributeError):
        described = None
    if described is None or isinstance(found, type):  # a class may be called with one argument, and describes nothing
        raise TrouperError(f"{place} is {found!r}, which is no function of one argument, the simulation.")
    return described


def _simulate(chosen: argparse.Namespace) -> int:
    target = _target(chosen.target)
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    report = Report(chosen.target, chosen.strategy)
    shown = None if chosen.quiet else Progress(report, chosen.seeds)
    code, failure = 0, None
    try:
        explore(target, seeds, strategy=chosen.strategy, jobs=chosen.jobs, stops_at_first=chosen.stop, on_outcome=shown, into=report)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (RunFailed, WorkerDied) as error:
        code, failure = FAILED, error
    finally:
        if shown is not None:
            shown.close()
    records = {} if chosen.record is None else _recorded(report, chosen.record)
    if chosen.json is not None:
        text = json.dumps(report.as_json(records), indent=2) + "\n"
        sys.stdout.write(text) if chosen.json == TO_STDOUT else chosen.json.write_text(text, encoding="utf-8")
    words = sys.stderr if chosen.json == TO_STDOUT else sys.stdout
    print(report, file=words)
    for file in records.values():
        print(f"  recorded: trouper replay {file}", file=words)
    if failure is not None:
        print(f"trouper simulate: {failure}", file=sys.stderr)
    return code or int(report.violations > 0)


def _recorded(report: Report, place: Path) -> dict[int, str]:
    """Writes the first violation to a file, or the first ones into a folder. Returns where, by seed."""
    files = {one.seed: place / f"seed-{one.seed}.json" for one in report.found} if place.is_dir() else {}
    if not place.is_dir() and report.first is not None:
        files[report.first.seed] = place
    for one in report.found:
        if one.seed in files:
            save(recording_of(one, report.target), files[one.seed])
    return {seed: str(file) for seed, file in files.items()}


def _replay(chosen: argparse.Namespace) -> int:
    recording = load(chosen.file)
    outcome = run_once(_target(recording.target), recording.seed, strategy=recording.strategy, record=recording.draws, keeps=True)
    for event in outcome.events[-chosen.events :]:
        print(event)
    print(f"seed {outcome.seed}, {outcome.strategy}: {outcome.violation or 'nothing is broken'}")
    if outcome.departure is not None:
        print(f"The replay left its record: {outcome.departure}")
    elif outcome.digest != recording.digest:
        print("The trace is not the one that was recorded, though the record fits: the code has changed, or is not deterministic.")
    return int(outcome.violation is not None)


def _shrink(chosen: argparse.Namespace) -> int:
    recording = load(chosen.file)
    shown = ShrinkProgress(chosen.runs)
    try:
        shrunk = shrink(_target(recording.target), recording.draws, runs_max=chosen.runs, on_run=shown)
    finally:
        shown.close()
    output: Path = chosen.output or chosen.file.with_suffix(f".small{chosen.file.suffix}")
    smaller = recording_of(shrunk.after, recording.target)
    save(smaller, output)
    print(shrunk)
    print(f"  recorded: trouper replay {output}")
    if chosen.script is not None:
        chosen.script.write_text(script_of(smaller, chosen.script), encoding="utf-8")
        print(f"  as a program: python {chosen.script}")
    return 1


def _check(chosen: argparse.Namespace) -> int:
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    divergence = check_determinism(
        chosen.target,
        seeds,
        strategy=chosen.strategy,
        jobs=chosen.jobs,
        pythons=chosen.python,
        on_progress=None if chosen.quiet else _check_progress,
    )
    processes = 2 + len(chosen.python)
    print(
        f"{chosen.target}: {divergence}"
        if divergence is not None
        else f"{chosen.target}: {chosen.seeds} seeds gave the same traces in {processes} processes each"
    )
    if chosen.json is not None:
        found = None if divergence is None else divergence.as_json()
        report = {"target": chosen.target, "seeds": chosen.seeds, "processes": processes, "divergence": found}
        chosen.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return int(divergence is not None)


def _check_progress(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"\r{done}/{total} runs", end="" if done < total else "\n", file=sys.stderr, flush=True)


def _diagram(chosen: argparse.Namespace) -> int:
    shown = _drawn(chosen.file)
    other: Diagram | None = None
    if chosen.against is not None:
        other = _drawn(chosen.against)
    elif chosen.against_passing:
        recording = load(chosen.file)
        other = diagram_of(nearest_passing(_target(recording.target), recording), f"{recording.target}, passing")
    if chosen.shiviz:
        text = shiviz_of(shown)
    elif chosen.text:
        text = text_of(shown, other, only_cone=chosen.cone)
    else:
        text = page_of(shown, other)
    output: Path | None = chosen.output
    if output is None and (chosen.text or chosen.shiviz):
        print(text, end="")
        return 0
    file: Path = output or chosen.file.with_suffix(".html")
    file.write_text(text, encoding="utf-8")
    print(f"drawn: {file}")
    return 0


def _drawn(file: Path) -> Diagram:
    recording = load(file)
    target = _target(recording.target)
    return diagram_of(
        run_once(target, recording.seed, strategy=recording.strategy, record=recording.draws, keeps_states=True), recording.target
    )


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "simulate": _simulate,
    "replay": _replay,
    "shrink": _shrink,
    "check-determinism": _check,
    "diagram": _diagram,
}
