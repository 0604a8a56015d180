"""Every order: what is explored, that what is left out differs in nothing, and what cannot be explored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from attrs import define, frozen

from trouper import Actor, AskTimeout, Request, actor, handles
from trouper.simulation import (
    Client,
    Conditions,
    Counter,
    Faults,
    NotExplored,
    Report,
    Simulation,
    explore,
    explore_orders,
    explore_states,
    run_once,
    shrink,
)
from trouper.system.cli import main

from .commit_model import Hasty, two_phase_commit
from .small_programs import drawn_program, everything_seen, with_faults

RUNS_MAX = 800
"""Programs with more orders than that are not compared: the others are enough."""


@frozen
class Read(Request[int]):
    pass


@frozen
class Write(Request[int]):
    value: int


@frozen
class Add(Request[int]):
    amount: int
    identity: str = ""


@define(eq=False)
class Cell(Actor[Read | Write | Add]):
    """A number."""

    value: int = 0
    done: str = ""

    @handles(Read)
    def read(self, _read: Read) -> int:
        return self.value

    @handles(Write)
    def write(self, write: Write) -> int:
        self.value = write.value
        return self.value

    @handles(Add)
    def add(self, add: Add) -> int:
        if not add.identity or add.identity not in self.done.split():
            self.done += f" {add.identity}"
            self.value += add.amount
        return self.value


async def reads_and_writes(client: Client) -> None:
    """Loses what another one writes between the two."""
    cell = client.ref("store", "/user/cell")
    value: int = await cell.ask(Read())
    await cell.ask(Write(value + 1))


async def adds(client: Client) -> None:
    """Loses nothing."""
    try:
        await client.ref("store", "/user/cell").ask(Add(1))
    except AskTimeout:
        return  # it is added nevertheless


async def adds_again(client: Client) -> None:
    """Adds twice if the answer is late."""
    await _adds_again(client, "")


async def adds_again_once(client: Client) -> None:
    """Is known by what it adds."""
    await _adds_again(client, client.name)


async def _adds_again(client: Client, identity: str) -> None:
    cell = client.ref("store", "/user/cell")
    for _ in range(2):
        try:
            await cell.ask(Add(1, identity), timeout=0.1)
        except AskTimeout:
            continue
        return


def clients_of_a_cell(workload: Callable[[Client], object], clients: int = 2) -> Callable[[Simulation], None]:
    """A cell, and clients that each add one to it."""

    def target(sim: Simulation) -> None:
        sim.node("store", actor(Cell, name="cell"))
        for _ in range(clients):
            sim.client(workload)  # type: ignore[arg-type]
        sim.always(lambda: all(cell.value <= clients for cell in sim.actors(Cell)))
        sim.at_the_end(lambda: all(cell.value == clients for cell in sim.actors(Cell)))

    return target


def seen_in(target: Callable[[Simulation], None], *, reduces: bool, bound: int, looks: bool) -> tuple[set[object], set[object], Report]:
    """The states that runs of *target* end in, those that an oracle sees, and the report."""
    ends: set[object] = set()
    between: set[object] = set()

    def watched(sim: Simulation) -> None:
        target(sim)
        sim.at_the_end(lambda: ends.add(everything_seen(sim)))
        if looks:
            sim.always(lambda: between.add(everything_seen(sim)))

    report = explore_orders(watched, bound=bound, runs_max=RUNS_MAX if not reduces else 100_000, reduces=reduces)
    return ends, between, report


@pytest.mark.parametrize(
    ("kinds", "seeds", "bound", "looks"),
    [
        (("tell", "near", "near"), range(25), 0, False),
        (("tell", "ask", "draw"), range(25), 0, False),
        (("near", "later", "child"), range(12), 0, False),
        (("tell", "near", "ask"), range(12), 0, True),
        (("tell", "later", "ask"), range(6), 1, False),
    ],
)
def test_the_orders_that_are_left_out_end_as_others_do(kinds: tuple[str, ...], seeds: range, bound: int, looks: bool) -> None:
    """
    Of drawn programs, the runs of the reduced search end in exactly the states in which all runs end, and its oracles see exactly the
    states that all see; and it makes fewer runs.
    """
    all_runs = reduced_runs = 0
    for seed in seeds:
        program = drawn_program(seed, kinds, size=5 if bound else 8)
        if bound:
            program = with_faults(program, Faults(loss=True, duplication=seed % 2 == 0, crashes=seed % 3 == 0))
        ends, between, everything = seen_in(program, reduces=False, bound=bound, looks=looks)
        assert everything.explored is not None
        if not everything.explored.is_complete:
            continue
        few_ends, few_between, few = seen_in(program, reduces=True, bound=bound, looks=looks)
        assert few.explored is not None
        assert few.explored.is_complete
        assert (few_ends, few_between) == (ends, between), f"program {seed}"
        assert few.explored.runs <= everything.explored.runs
        all_runs += everything.explored.runs
        reduced_runs += few.explored.runs
    assert reduced_runs < all_runs


@pytest.mark.parametrize(
    ("workload", "clients", "bound", "broken"),
    [
        (reads_and_writes, 2, 0, {"at the end <lambda>"}),
        (adds, 2, 0, set[str]()),
        (adds_again, 2, 0, set[str]()),
        (adds_again, 1, 1, {"always <lambda>"}),
        (adds_again_once, 1, 1, set[str]()),
    ],
)
def test_both_searches_find_what_is_broken_and_nothing_else(
    workload: Callable[[Client], object], clients: int, bound: int, broken: set[str]
) -> None:
    """
    A lost update needs nothing but an order. A repeated addition needs one timeout that comes early: bound 1. Their correct twins
    are clean in every order. With and without reduction the same oracles are broken; with it in fewer runs.
    """
    target = clients_of_a_cell(workload, clients)
    few = explore_orders(target, bound=bound)
    everything = explore_orders(target, bound=bound, reduces=False)
    assert few.explored is not None
    assert everything.explored is not None
    assert few.explored.is_complete
    assert everything.explored.is_complete
    assert set(few.kinds) == set(everything.kinds) == broken
    assert few.explored.runs < everything.explored.runs or clients == 1


def test_a_hasty_commit_is_found_among_the_states() -> None:
    """Who commits without having heard of everybody breaks atomicity in some state; the correct manager is clean in all of them."""
    states = explore_states(two_phase_commit(2, keeps=True, manager_class=Hasty), stops_at_first=True)
    assert states.first is not None


def test_what_was_found_is_replayed_and_shrunk_by_its_tape_alone() -> None:
    """The tape of a run that was found gives the same trace again, and the shrinker makes it no larger with the same oracle broken."""
    target = clients_of_a_cell(adds_again, 1)
    found = explore(target, 1000, strategy="exhaustive:1", stops_at_first=True).first
    assert found is not None
    again = run_once(target, found.seed, strategy=found.strategy, record=found.draws)
    assert (again.digest, again.violation, again.departure) == (found.digest, found.violation, None)
    without_name = run_once(target, found.seed, record=found.draws)
    assert without_name.digest == found.digest
    shrunk = shrink(target, found.draws)
    assert shrunk.after.violation is not None
    assert shrunk.after.count <= found.count


def test_the_same_exploration_makes_the_same_runs() -> None:
    """Two explorations have the same traces in the same order."""
    digests: list[list[str]] = [[], []]
    for kept in digests:
        explore_orders(clients_of_a_cell(reads_and_writes), on_outcome=lambda outcome, kept=kept: kept.append(outcome.digest))  # type: ignore[misc]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) > 2


def test_a_linearizable_history_is_judged_in_every_order() -> None:
    """The beginnings and ends of operations of different clients come in all orders that a judge can tell apart."""

    async def performs(client: Client) -> None:
        await client.perform("add_and_get", 1, client.ref("store", "/user/cell").ask(Add(1)))

    orders: dict[bool, set[tuple[tuple[str, int, object], ...]]] = {True: set(), False: set()}

    def target_of(reduces: bool) -> Callable[[Simulation], None]:
        def target(sim: Simulation) -> None:
            sim.node("store", actor(Cell, name="cell"))
            sim.client(performs)
            sim.client(performs)
            sim.linearizable(Counter)
            sim.at_the_end(lambda: orders[reduces].add(_precedence(sim)))

        return target

    for reduces in (True, False):
        report = explore_orders(target_of(reduces), reduces=reduces)
        assert not report.violations
    assert orders[True] == orders[False]
    assert len(orders[True]) == 4  # who was first at the cell, and whether the other had begun when it heard of that


def _precedence(sim: Simulation) -> tuple[tuple[str, int, object], ...]:
    operations = sorted(sim.history.operations, key=lambda one: one.client)
    return tuple(
        (one.client, sum(other.returned is not None and other.returned < one.invoked for other in operations), one.result)
        for one in operations
    )


def test_an_exploration_that_was_ended_says_how_much_is_known_to_be_left() -> None:
    """After *runs_max* runs the report is not complete, and counts what it knows of; a complete one has nothing left."""
    report = explore(clients_of_a_cell(adds, 3), 2, strategy="exhaustive")
    assert report.explored is not None
    assert not report.explored.is_complete
    assert report.explored.left > 0
    assert f"explored 2 of at least {2 + report.explored.left} runs at bound 0: not complete" in str(report)
    whole = explore(clients_of_a_cell(adds, 2), 1000, strategy="exhaustive")
    assert whole.explored is not None
    assert whole.explored.left == 0
    assert f"explored {whole.seeds} of {whole.seeds} runs at bound 0: complete" in str(whole)


def test_a_handler_that_waits_on_trio_is_refused() -> None:
    """Tasks of trio have orders that no step of an actor shows, so that to explore without them would be to promise too much."""

    @define(eq=False)
    class Sleeper(Actor[Read]):
        @handles(Read)
        async def read(self, _read: Read) -> int:
            await trio.sleep(0.1)
            return 1

    def target(sim: Simulation) -> None:
        sim.node("store", actor(Sleeper, name="cell"))
        sim.client(asks)

    async def asks(client: Client) -> None:
        await client.ref("store", "/user/cell").ask(Read())

    with pytest.raises(NotExplored, match="waits on trio itself"):
        explore_orders(target)


def test_states_of_handlers_that_wait_in_their_middle_are_refused() -> None:
    """Where a handler is, and what it will do, is no state that could be told."""
    with pytest.raises(NotExplored, match="waits in the middle of a handler"):
        explore_states(clients_of_a_cell(adds))


def test_what_is_asked_for_and_not_explored_is_in_the_report() -> None:
    """Partitions and skewed clocks are no choices of this search, and numbers between 0 and 1 are too many."""

    def target(sim: Simulation) -> None:
        clients_of_a_cell(adds)(sim)
        sim.network(Conditions())
        sim.faults(Faults(partitions=True, skew=0.1))

    report = explore_orders(target)
    assert "not explored: partitions, skew" in str(report)


def test_the_command_line_tells_how_much_was_explored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--strategy exhaustive:1` explores, and what it found is recorded and replayed as everything else is."""
    record = tmp_path / "run.json"
    place = f"{Path(__file__).parent / 'repeated_addition.py'}:repeated_addition"
    assert main(["simulate", place, "--strategy", "exhaustive:1", "--quiet", "--record", str(record)]) == 1
    shown = capsys.readouterr().out
    assert "at bound 1: complete" in shown
    assert main(["replay", str(record)]) == 1
    assert "left its record" not in capsys.readouterr().out
