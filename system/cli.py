"""
The command line: ``trouper run MODULE:SPEC`` runs a root spec until it ends or is interrupted.

Other commands belong to rooms that stand above this one: each is looked up by name, when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeGuard

import trio

from ..actors.ref import cell_of
from ..actors.spec import ActorSpec
from ..actors.stopping import death_of
from ..actors.waiting import wait
from ..errors import TrouperError
from .opening import open_system
from .targets import TargetError as TargetError
from .targets import find_target

INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C, as shells have it."""

COMMANDS_ABOVE: Final = {
    "simulate": ("simulation", "run a simulated cluster under many seeds"),
    "replay": ("simulation", "run a recorded simulation again"),
    "check-determinism": ("simulation", "run seeds of a simulation in two processes each, and compare"),
    "shrink": ("simulation", "look for a smaller run that breaks the same"),
    "journal": ("persistence", "look at the file of a journal: check, show, export"),
}
"""Commands of rooms that stand above this one, by the room, whose `command.main` is imported when the command is called."""


def load_spec(target: str) -> ActorSpec[Any]:
    """
    The spec that ``MODULE:SPEC`` or ``FILE.py:SPEC`` names. Modules are also looked for in the present folder.

    Raises:
        TargetError: There is no such module or name, or it is no spec.
    """
    found = find_target(target)
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
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in COMMANDS_ABOVE:
        room, _ = COMMANDS_ABOVE[given[0]]
        code: int = importlib.import_module(f"..{room}.command", __package__).main(given)
        return code
    parser = argparse.ArgumentParser(prog="trouper", description="Actors under supervision.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a root spec until it ends or is interrupted")
    run.add_argument("target", metavar="MODULE:SPEC", help="where the spec is, such as bank.main:BANK or bank/main.py:BANK")
    run.add_argument("--name", default="trouper", help="the system's name")
    run.add_argument("--quiet", action="store_true", help="log warnings and errors only")
    for name, (_, what) in COMMANDS_ABOVE.items():
        commands.add_parser(name, help=what)
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
