"""
Exploring every order of one cluster, instead of many seeds: one run for each order that differs, or each state once.

`explore_orders` is for finding what is broken; `explore_states` counts, and explores circles that have no end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .collecting import collected_seldom
from .explored import Explored
from .orders import OrderSearch
from .report import Report
from .run import Outcome, Target, run_on, run_once
from .search import SearchTape
from .states import State, StateSearch
from .strategies import StrategyChoice


def explore_orders(
    target: Target,
    *,
    bound: int = 0,
    runs_max: int = 10_000,
    reduces: bool = True,
    stops_at_first: bool = False,
    on_outcome: Callable[[Outcome], object] | None = None,
) -> Report:
    """
    Runs *target* once for each order of its steps that differs from the others, and each choice that costs no more than *bound*.

    Guarantees:
        * If `report.explored.is_complete`, every run within *bound* is one of those that were made, but for the order of steps
          that touch nothing in common. So nothing that an oracle can tell was left out.
        * The same calls make the same runs, in the same order.

    Not guaranteed:
        * Anything about actors that share objects behind the runtime's back, and oracles that look at them.

    Args:
        target: Describes the cluster.
        bound: How many choices of one run may cost: a timeout that comes early, and a message that is lost or doubled and a node that
            crashes if the faults of the simulation allow it.
        runs_max: After so many it ends, complete or not.
        reduces: Whether one order stands for all that do not differ from it. Without it every order is a run.
        stops_at_first: Ends with the first violation.
        on_outcome: Called with the outcome of each run.

    Raises:
        NotExplored: A handler waits on trio itself.
        ValueError: *runs_max* is below 1.
    """
    report = Report(getattr(target, "__name__", repr(target)), f"exhaustive:{bound}")
    fill(report, target, OrderSearch(reduces=reduces), bound, runs_max=runs_max, stops_at_first=stops_at_first, on_outcome=on_outcome)
    return report


def explore_states(
    target: Target,
    *,
    bound: int = 0,
    runs_max: int = 10_000,
    state: State | None = None,
    stops_at_first: bool = False,
    on_outcome: Callable[[Outcome], object] | None = None,
) -> Report:
    """
    Takes each step of each state of *target* once, and counts the states.

    Guarantees:
        * If `report.explored.is_complete`, every state that can be reached within *bound* is one of `report.explored.states`.

    Not guaranteed:
        * What depends on how a state was reached: a history of clients, an oracle that remembers.

    Args:
        target: Describes the cluster.
        bound: See `explore_orders`.
        runs_max: See `explore_orders`.
        state: Tells states apart. Two states with one value must go on alike. None: by what actors are, as `describe` shows them, and
            what waits for them, is in flight, and is due.
        stops_at_first: See `explore_orders`.
        on_outcome: See `explore_orders`.

    Raises:
        NotExplored: A handler waits on trio itself, or, without *state*, in its middle: then its state cannot be told.
    """
    report = Report(getattr(target, "__name__", repr(target)), f"states:{bound}")
    fill(report, target, StateSearch(state), bound, runs_max=runs_max, stops_at_first=stops_at_first, on_outcome=on_outcome)
    return report


def fill(
    report: Report,
    target: Target,
    search: OrderSearch | StateSearch,
    bound: int,
    *,
    runs_max: int,
    stops_at_first: bool,
    on_outcome: Callable[[Outcome], object] | None,
) -> None:
    """Makes the runs that *search* asks for, and writes them into *report*; see `explore_orders`."""
    if runs_max < 1:
        raise ValueError(f"runs_max must be at least 1, not {runs_max}: nothing would be run, and nothing found.")
    strategy = StrategyChoice(report.strategy)
    explored = report.explored = Explored(bound)
    report.ended = "error"
    with collected_seldom() as collect:
        while True:
            began = time.process_time()
            search.begin()
            tape = SearchTape(search)
            outcome = run_on(target, tape, strategy, keeps=False, prepare=search.attach)
            if search.refusal is not None:
                raise search.refusal
            is_broken = outcome.violation is not None
            if is_broken:  # once more, to where it broke
                outcome = run_once(target, 0, strategy=strategy, record=tape.draws)
            explored.is_complete = not search.advance()
            explored.runs += 1
            explored.left = search.left
            explored.cut += search.is_cut
            explored.unexplored = list(search.unexplored)
            if isinstance(search, StateSearch):
                explored.states = len(search.known)
            collect()
            report.add(outcome, time.process_time() - began)
            if on_outcome is not None:
                on_outcome(outcome)
            if is_broken and stops_at_first:
                report.ended = "first violation"
                return
            if explored.is_complete or explored.runs >= runs_max:
                report.ended = "all seeds"
                return
