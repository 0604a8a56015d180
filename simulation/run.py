"""One run from its seed or its record to its outcome."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, cast, get_args

import trio
from attrs import frozen

from .arguments import check_choice
from .coverage import Coverage
from .errors import SimulationStuck
from .guard import guarded
from .oracles import Violation
from .simulated_cluster import Simulation
from .strategies import StrategyChoice
from .tape import AfterTheRecord, Departure, Draw, StreamTape, Tape
from .trace import Event, Trace
from .trio_order import ordered_by
from .world import WorldClock

Target: TypeAlias = Callable[[Simulation], object]
"""Describes a cluster: adds nodes, clients, faults and oracles to the simulation that it is given."""

_ALONE: Final = threading.Lock()
"""Held by the one run of this process: what is put in the place of trio's generator, of clocks and of sockets is there for all threads."""


@frozen
class Outcome:
    """
    What came of one run.

    Args:
        seed: Of its tape.
        strategy: Which one proposed who runs.
        violation: What was found; None: nothing.
        digest: The hash of its trace: equal runs have equal ones.
        count: Events of its trace.
        steps: Messages handled and handlers resumed.
        messages: Sent between nodes.
        seconds: How much virtual time passed.
        mix: Which faults it might have, and how often.
        fired: Which it had, and how many.
        message_types: What was sent between nodes, and how often.
        possible_faults: The kinds of faults that it might have had, as a mix names them.
        coverage: Which messages its actors have handlers for, and which of them came.
        draws: Its tape, which replays it.
        departure: Where a replay left its record.
        events: Its trace, if it was kept.
        undecided: What was not found out of its history, since the search for an explanation was given up; empty: nothing.
    """

    seed: int
    strategy: str
    violation: Violation | None
    digest: str
    count: int
    steps: int
    messages: int
    seconds: float
    mix: dict[str, float]
    fired: dict[str, int]
    message_types: dict[str, int]
    possible_faults: tuple[str, ...]
    coverage: Coverage
    draws: list[Draw]
    departure: Departure | None
    events: list[Event]
    undecided: str = ""


def run_once(
    target: Target,
    seed: int,
    *,
    strategy: str | StrategyChoice = "portfolio",
    record: Sequence[Draw] = (),
    after: AfterTheRecord = "seed",
    keeps: bool = False,
    keeps_states: bool = False,
) -> Outcome:
    """
    Runs *target* once.

    Guarantees:
        * The same target, seed, strategy and record give the same outcome, digest included, in every process.

    Args:
        target: Describes the cluster.
        seed: Of the tape.
        strategy: ``random``, ``fifo``, ``pct:3``, ``delay:2`` or ``portfolio``; ``exhaustive:1`` and ``states:1`` run the calmest order.
        record: Draws to be replayed first.
        after: Where draws come from when the record is over: the *seed*, or *benign* ones.
        keeps: Whether the outcome has the events and the draws of a run that found nothing.
        keeps_states: Whether the events tell besides how the actors of the nodes are after each step; this takes its time.

    Raises:
        RuntimeError: It is called in a run of trio, such as another simulation. Several threads may call it, and wait for each other.
        TypeError: *seed* is no whole number.
        ValueError: There is no such *after*.
        UnknownStrategy: There is no such strategy.
    """
    if not isinstance(seed, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"A seed is a whole number, not {seed!r}.")
    check_choice("after", after, get_args(AfterTheRecord))
    chosen = strategy if isinstance(strategy, StrategyChoice) else StrategyChoice(strategy)
    return run_on(target, Tape(seed, record, after=after), chosen, keeps=keeps, keeps_states=keeps_states)


def run_streams(target: Target, streams: Mapping[str, Sequence[int]], *, keeps: bool = False) -> Outcome:
    """Runs *target* with the choices of each label from a stream of its own, which is followed by zeros: how a shrinker runs it."""
    return run_on(target, StreamTape(streams), StrategyChoice("fifo"), keeps=keeps)


def run_on(
    target: Target,
    tape: Tape,
    strategy: StrategyChoice,
    *,
    keeps: bool = False,
    keeps_states: bool = False,
    events_max: float = math.inf,
    trace: Trace | None = None,
    prepare: Callable[[Simulation], object] | None = None,
) -> Outcome:
    """
    Runs *target* once on *tape*, into *trace* if that is given, and until it has more than *events_max* events; see `run_once`. Before
    that, *prepare* is called with the simulation.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("A simulation runs trio itself: call it where trio does not run, or await trio.to_thread.run_sync(...) it.")
    if trace is None:
        trace = Trace(keeps=keeps, keeps_states=keeps_states)
    tape.place = trace.last
    simulation = Simulation(tape, trace, strategy.for_seed(tape.seed))
    if prepare is not None:
        prepare(simulation)
    world = simulation.world
    violation: Violation | None = None
    if events_max != math.inf:
        world.checks.append(lambda: world.end() if trace.length > events_max else None)
    with _ALONE, ordered_by(world.order), _without_collector(), guarded(world, simulation.refused):
        try:
            trio.run(simulation.run, target, clock=WorldClock(world))
        except BaseException as error:  # noqa: BLE001  # it is raised again, without the groups around it
            first = _first(error)
            if not isinstance(first, SimulationStuck):
                raise first from first.__cause__
            violation = Violation("stuck", "the run", str(first), world.now)
    violation = simulation.violation or violation
    driver = simulation.driver
    fired = dict(simulation.fired)
    if simulation.any_order is not None:
        fired |= simulation.any_order.fired
    links = simulation.links
    on_the_way = {"loss": links.losses, "duplicate": links.duplicates, "slow": links.slow, "cut off": links.cut_off}
    fired |= {kind: count for kind, count in on_the_way.items() if count}
    return Outcome(
        tape.seed,
        strategy.text,
        violation,
        simulation.digest or trace.digest,
        trace.count,
        world.steps,
        world.messages,
        simulation.seconds if simulation.digest else world.now,
        driver.mix if driver is not None else {},
        fired,
        simulation.message_types,
        simulation.possible_faults,
        simulation.coverage,
        tape.draws if keeps or keeps_states or violation is not None else [],
        tape.departure,
        trace.events,
        simulation.undecided,
    )


def _first(error: BaseException) -> BaseException:
    """What ended the run, out of the groups and wrappings that nurseries and trio put around it."""
    inner: Any = error
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(inner, trio.TrioInternalError) and isinstance(inner.__cause__, SimulationStuck):
        return inner.__cause__
    return cast("BaseException", inner)


@contextmanager
def _without_collector() -> Generator[None]:
    """Finalizers run when Python's collector comes, which no seed decides: it does not come in a run."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
