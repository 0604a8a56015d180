"""What cannot be meant is refused where it is said: a typing error must not make a run look clean, and nothing may hang."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.lowlevel
from attrs import define, frozen

from trouper import Actor, Request, actor, handles
from trouper.simulation import (
    Client,
    Faults,
    RunFailed,
    Simulation,
    UnknownStrategy,
    explore,
    explore_orders,
    models,
    run_once,
    simulate,
    simulation,
)
from trouper.simulation.describing import describe


@frozen
class Get(Request[int]):
    pass


@define(eq=False)
class Store(Actor[Get]):
    """Is there."""

    @handles(Get)
    def get(self, _get: Get) -> int:
        return 1


async def _asks(client: Client) -> None:
    await client.perform("read", None, client.ref("a", "/user/store").ask(Get()))


def _pair(sim: Simulation) -> None:
    sim.node("a", actor(Store, name="store"))
    sim.node("b", actor(Store, name="store"))
    sim.client(_asks)


async def _async(sim: Simulation) -> None:
    _pair(sim)


def _generator(sim: Simulation) -> Any:
    _pair(sim)
    yield


class _AsyncCall:
    async def __call__(self, sim: Simulation) -> None:
        _pair(sim)


def _returns_async(sim: Simulation) -> object:
    return _async(sim)


UNDONE: list[Any] = [_async, _generator, _AsyncCall()]


@pytest.mark.parametrize("target", [*UNDONE, _returns_async])
def test_a_description_that_would_never_be_run_is_refused(target: Any) -> None:
    """An async function or a generator describes nothing: a thousand seeds of it would be clean."""
    with pytest.raises(TypeError, match="plain function"):
        run_once(target, 1)
    with pytest.raises(RunFailed, match="plain function"):
        explore(target, 1)


@pytest.mark.parametrize("target", UNDONE)
def test_such_a_description_is_refused_where_it_is_marked(target: Any) -> None:
    """Before anything is run."""
    with pytest.raises(TypeError, match="is async, or yields"):
        simulation(target)
    with pytest.raises(TypeError, match="is async, or yields"):
        simulate(seeds=1)(target)


async def _never(_sim: Simulation) -> bool:
    return False


DESCRIPTIONS: dict[str, tuple[Callable[[Simulation], object], str]] = {
    "an async invariant": (lambda sim: sim.always(_never), "is async, or yields"),
    "an async last judgement": (lambda sim: sim.at_the_end(_never), "is async, or yields"),
    "an async hope": (lambda sim: sim.eventually(_never), "is async, or yields"),
    "an async premise": (lambda sim: sim.leads_to(_never, lambda: True), "is async, or yields"),
    "an async view": (lambda sim: sim.converges(_never), "is async, or yields"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    "an async quantity": (lambda sim: sim.conserves(_never), "is async, or yields"),
    "no function": (lambda sim: sim.always(True), "takes a function, not True"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    "a time before the end": (lambda sim: sim.eventually(lambda: True, within=-1), "takes seconds"),
    "no time": (lambda sim: sim.leads_to(lambda: True, lambda: True, within=math.nan), "takes seconds"),
    "for ever": (lambda sim: sim.conserves(lambda: 1, within=math.inf), "takes seconds"),
    "stays for less than no time": (lambda sim: sim.converges(dict[str, object], stays=-1), "takes seconds"),
    "a failure detector of the past": (lambda sim: sim.failure_detector(-1), "takes seconds"),
    "a moment that is none": (lambda sim: sim.at(math.nan, list), "takes seconds"),
    "an async moment": (lambda sim: sim.at(0.1, trio.lowlevel.checkpoint), "is async, or yields"),
    "a duration of less than nothing": (lambda sim: setattr(sim, "duration", -1.0), "takes seconds"),
    "endless asking": (lambda sim: setattr(sim, "ask_timeout", math.nan), "takes seconds"),
    "a clock that stands": (lambda sim: setattr(sim.nodes["a"], "rate", 0.0), "a number above 0"),
    "a clock that runs back": (lambda sim: setattr(sim.nodes["a"], "rate", -1.0), "a number above 0"),
    "faults that are none": (lambda sim: sim.faults(True), r"takes Faults\.swarm"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    "a model that is none": (lambda sim: sim.linearizable("Register"), "takes a model"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    "a name that is a number": (lambda sim: sim.node(3), "is a text, not 3"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    "a name with a line end": (lambda sim: sim.node("c\n"), "printable"),
    "a path without a slash": (lambda sim: sim.ref("a", "store"), "begins with a slash, such as /user/store"),
    "a node that nobody adds": (lambda sim: sim.ref("aa", "/user/store"), "no node 'aa'. Its nodes: a, b"),
}


@pytest.mark.parametrize("wrong", DESCRIPTIONS)
def test_a_description_is_refused_that_says_what_cannot_be_meant(wrong: str) -> None:
    """Whatever would be without effect, or always true."""
    say, text = DESCRIPTIONS[wrong]

    def target(sim: Simulation) -> None:
        _pair(sim)
        say(sim)

    with pytest.raises((TypeError, ValueError, LookupError), match=text):
        run_once(target, 1)


def _coroutine(sim: Simulation) -> object:
    return _never(sim)


def _stores(sim: Simulation) -> object:
    return (store for store in sim.actors(Store))


@pytest.mark.parametrize("unfinished", [_coroutine, _stores])
def test_an_oracle_that_returns_something_unfinished_has_not_been_satisfied(unfinished: Any) -> None:
    """Coroutines and generators are always true, whatever they would have said."""

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.always(unfinished)

    assert "which says neither yes nor no" in str(run_once(target, 1).violation)


BLOCKS: dict[str, tuple[Callable[[Simulation], Any], str]] = {
    "no such node is down": (lambda sim: sim.down("c"), "no node 'c'. Its nodes: a, b"),
    "a client is down": (lambda sim: sim.down("client-1"), "no node 'client-1'"),
    "no such node is paused": (lambda sim: sim.paused("c"), "no node 'c'"),
    "no such node is slow": (lambda sim: sim.slow("c"), "no node 'c'"),
    "no such node drifts": (lambda sim: sim.drifting("c", 1.1), "no node 'c'"),
    "no such node is full": (lambda sim: sim.full("c", "/user/store"), "no node 'c'"),
    "no such node fails": (lambda sim: sim.failing("c", "/user/store"), "no node 'c'"),
    "the letters of names are cut": (lambda sim: sim.cut("bad", "b"), "no node 'd'"),
    "no such node is cut": (lambda sim: sim.cut(["a"], ["c"]), "no node 'c'"),
    "no such node is swizzled": (lambda sim: sim.swizzled(["c"]), "no node 'c'"),
    "no such fate": (lambda sim: sim.down("a", disk="gone"), "kept, torn, lost, not 'gone'"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    "slower than slow": (lambda sim: sim.slow("a", math.inf), "takes seconds"),
    "faster than fast": (lambda sim: sim.slow("a", -0.1), "takes seconds"),
    "a swizzle of no time": (lambda sim: sim.swizzled(["a"], math.nan), "takes seconds"),
    "a clock that runs back": (lambda sim: sim.drifting("a", -1), "a number above 0"),
    "a storm without a pause": (lambda sim: sim.failing("a", "/user/store", 0), "more than 0"),
    "a storm that never strikes": (lambda sim: sim.failing("a", "/user/store", math.nan), "more than 0"),
}


@pytest.mark.parametrize("wrong", BLOCKS)
def test_a_fault_is_refused_that_would_hit_nobody(wrong: str) -> None:
    """A fault that is misspelled must not look like one that was borne."""
    block, text = BLOCKS[wrong]

    async def workload(client: Client) -> None:
        with pytest.raises((ValueError, LookupError), match=text):
            block(client.simulation)

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.client(workload)

    assert run_once(target, 1).violation is None


def test_nodes_may_be_cut_by_generators_of_their_names() -> None:
    """Each link is cut, though a generator gives its names once."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        with sim.cut((name for name in "ab"), (name for name in ("client-1", "client-2"))):
            assert all(sim.links.is_cut(node, "client-2") and sim.links.is_cut("client-2", node) for node in "ab")

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.client(workload)

    assert run_once(target, 1).violation is None


TOO_LATE: list[Callable[[Simulation], None]] = [
    lambda sim: sim.always(lambda: False),
    lambda sim: sim.eventually(lambda: False),
    lambda sim: sim.leads_to(lambda: True, lambda: False),
    lambda sim: sim.converges(dict[str, object]),
    lambda sim: sim.conserves(lambda: None),
    lambda sim: sim.client(_asks),
    lambda sim: sim.faults(Faults.swarm()),
]


@pytest.mark.parametrize("say", TOO_LATE)
def test_what_belongs_into_the_description_is_refused_in_the_run(say: Callable[[Simulation], None]) -> None:
    """It would be asked too late, or never."""

    async def workload(client: Client) -> None:
        with pytest.raises(RuntimeError, match="belongs into the description"):
            say(client.simulation)

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.client(workload)

    outcome = run_once(target, 1)
    assert outcome.violation is None
    assert outcome.seconds < 1.0


def test_a_client_that_misspells_a_node_is_told() -> None:
    """Its asks would all be unknown, and everything would hold."""

    async def workload(client: Client) -> None:
        client.ref("aa", "/user/store")

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.client(workload)

    assert "no node 'aa'" in str(run_once(target, 1).violation)


def test_a_run_may_have_no_time_for_faults() -> None:
    """A duration of 0 is one."""

    def target(sim: Simulation) -> None:
        sim.node("a")
        sim.duration = 0.0

    assert run_once(target, 1).seconds == 0.0


@pytest.mark.parametrize("seeds", [0, -1, (), [1.5], "ab"])
def test_there_must_be_seeds(seeds: Any) -> None:
    """Of no runs all are clean."""
    with pytest.raises((ValueError, TypeError), match="eeds"):
        explore(_pair, seeds)


def test_a_run_is_asked_for_in_words_that_exist() -> None:
    """What is misspelled is not taken for something else."""
    with pytest.raises(TypeError, match="whole number"):
        run_once(_pair, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="one of seed, benign"):
        run_once(_pair, 1, after="calm")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="whole number from 1"):
        explore(_pair, 1, jobs=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownStrategy):
        explore(_pair, 1, strategy="pct:9999999999")
    with pytest.raises(ValueError, match="at least 1"):
        explore_orders(_pair, runs_max=0)


def test_runs_in_several_threads_wait_for_each_other() -> None:
    """What a run puts in the place of clocks and of trio's generator is the process's: two at a time would not be what their seeds say."""
    expected = [run_once(_pair, seed).digest for seed in range(8)]
    found: dict[int, str] = {}

    def run(seed: int) -> None:
        found[seed] = run_once(_pair, seed).digest

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert [found.get(seed) for seed in range(8)] == expected


def test_a_simulation_in_a_simulation_is_refused_and_breaks_nothing() -> None:
    """The outer run goes on, and the process is as it was."""

    async def workload(client: Client) -> None:
        with pytest.raises(RuntimeError, match="runs trio itself"):
            run_once(_pair, 1)
        await client.sleep(0.1)

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.client(workload)

    assert run_once(target, 1).violation is None
    assert run_once(_pair, 1).violation is None


SPINS = """
from contextlib import suppress
import trio
from trouper.simulation import run_once, trio_order
trio_order.TICKS_A_MOMENT_MAX = 1000
async def goes_on(client):
    while True:
        await trio.lowlevel.checkpoint()
async def ignores_its_end(client):
    while True:
        with suppress(trio.Cancelled):
            await trio.sleep(1.0)
for workload in (goes_on, ignores_its_end):
    print(run_once(lambda sim: (sim.client(workload), sim.client(workload)), 1).violation)
"""


def test_a_task_that_goes_round_in_no_time_ends_the_run() -> None:
    """It is stuck, and says so, instead of hanging. In a process of its own, since trio leaves its tasks to the garbage collector then."""
    ended = subprocess.run([sys.executable, "-c", SPINS], capture_output=True, text=True, timeout=60, check=True)
    first, second = ended.stdout.splitlines()
    assert "goes on and on while no time passes" in first
    assert "goes on and on while no time passes" in second


def test_a_number_that_python_does_not_write_out_is_named() -> None:
    """Its limit is some thousand digits, and would be an error in the middle of a run."""
    assert describe(1 << 100_000) == "<int>"
    assert describe([1 << 100_000]) == "[<int>]"


def test_a_model_is_not_taken_for_the_actor_of_its_name() -> None:
    """An oracle that looks at the instances of a model looks at nobody, and would be satisfied by whatever happens."""

    def target(sim: Simulation) -> None:
        _pair(sim)
        sim.always(lambda: not sim.actors(models.Counter))

    violation = run_once(target, 0).violation
    assert violation is not None
    assert "sim.actors() takes a class of actors, and Counter of trouper.simulation.models is a model" in violation.text
