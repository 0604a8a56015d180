"""
The command line: ``trouper run MODULE:SPEC`` runs a root spec until it ends or is interrupted.

``trouper journal ...`` belongs to the room `persistence/`, which stands above this one: it is looked up by name, when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import trio

from ..actors.ref import cell_of
from ..actors.spec import ActorSpec
from ..actors.stopping import death_of
from ..actors.waiting import wait
from ..errors import TrouperError
from .opening import open_system

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as shells have it."""


class TargetError(TrouperError):
    """MODULE:SPEC does not lead to a spec; the text says where it ended."""


def load_spec(target: str) -> ActorSpec[Any]:
    """
    The spec that ``MODULE:SPEC`` or ``FILE.py:SPEC`` names. Modules are also looked for in the present folder.

    Raises:
        TargetError: There is no such module or name, or it is no spec.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise TargetError(f"{target!r} is not of the form MODULE:SPEC, such as bank.main:BANK or bank/main.py:BANK.")
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise TargetError(f"There is no file {place}.")
        sys.path.insert(0, str(path.parent.resolve()))
        found: Any = runpy.run_path(place).get(name)
    else:
        sys.path.insert(0, str(Path.cwd()))
        try:
            found = getattr(importlib.import_module(place), name, None)
        except ModuleNotFoundError as error:
            raise TargetError(f"The module {place} cannot be imported: {error}.") from error
    if found is None:
        raise TargetError(f"{place} has no {name}.")
    if not _is_spec(found):
        raise TargetError(f"{target} is {found!r}, which is no spec: actor(...) and supervisor(...) return specs.")
    return found


def _is_spec(found: object) -> TypeGuard[ActorSpec[Any]]:
    return isinstance(found, ActorSpec)


async def run_root(spec: ActorSpec[Any], name: str) -> None:
    """Runs a system of *spec* until its root has ended, then shows the tree and the accounts on the log."""
    log = logging.getLogger("trouper")
    async with open_system(spec, name=name) as system:
        log.info("running %s", system.ref(spec))
        root = cell_of(system.ref(spec))
        try:
            await wait(death_of(root))
        finally:
            log.info("stopping\n%s", system.tree())
    counts = system.statistics()
    log.info(
        "accepted %d = handled %d + failed %d + withdrawn %d + dead letters %d + waiting %d",
        counts.accepted,
        counts.handled,
        counts.failed,
        counts.withdrawn,
        counts.dead_letters,
        counts.waiting,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code: 0 ended, 1 failed, 2 called wrongly, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="trouper", description="Actors under supervision.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a root spec until it ends or is interrupted")
    run.add_argument("target", metavar="MODULE:SPEC", help="where the spec is, such as bank.main:BANK or bank/main.py:BANK")
    run.add_argument("--name", default="trouper", help="the system's name")
    run.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    commands.add_parser("journal", help="look at the file of a journal: check, show, export", add_help=False)
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["journal"]:
        return int(importlib.import_module("..persistence.command", __package__).main(given[1:]))
    chosen = parser.parse_args(given)
    logging.basicConfig(level=logging.WARNING if chosen.quiet else logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    try:
        spec = load_spec(chosen.target)
    except TargetError as error:
        print(f"trouper run: {error}", file=sys.stderr)
        return 2
    try:
        trio.run(run_root, spec, chosen.name)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (TrouperError, BaseExceptionGroup) as error:
        logging.getLogger("trouper").critical("the system failed", exc_info=error)
        return 1
    return 0
