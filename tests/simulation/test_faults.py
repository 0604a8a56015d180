"""Every fault: what an actor sees of it, that it ends with its block and with all faults, and that it is counted and on the trace."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from attrs import define, field, frozen

from trouper import Actor, ActorRef, ActorSpec, AskFailed, AskTimeout, Fifo, MailboxFull, Request, actor, handles, supervisor
from trouper.simulation import Client, DiskCorrupted, Faults, InjectedFailure, Outcome, Scope, Simulation, explore, run_once
from trouper.simulation.client import Workload
from trouper.simulation.disk import Disk
from trouper.simulation.links import Conditions
from trouper.simulation.tape import Tape
from trouper.simulation.trace import Trace
from trouper.simulation.world import World


@frozen
class Put:
    value: int


@frozen
class Count(Request[int]):
    pass


@frozen
class Pass(Request[str]):
    """Has a message sent on: told without waiting, told, or asked."""

    to: ActorRef[Any]
    how: str = "tell_nowait"


@frozen
class Wait(Request[None]):
    seconds: float


@frozen
class Tick:
    pass


@define(eq=False)
class Box(Actor[Put | Count | Pass | Wait | Tick]):
    """Counts what it is given, and the ticks of its clock."""

    values: list[int] = field(factory=list[int])
    ticks: list[float] = field(factory=list[float])

    def on_start(self) -> None:
        self.context.every(0.1, Tick())

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        self.ticks.append(self.context.now())

    @handles(Put)
    def put(self, put: Put) -> None:
        self.values.append(put.value)

    @handles(Count)
    def count(self, _count: Count) -> int:
        return len(self.values)

    @handles(Wait)
    async def wait(self, wait: Wait) -> None:
        await self.context.sleep(wait.seconds)

    @handles(Pass)
    async def pass_on(self, forward: Pass) -> str:
        try:
            if forward.how == "tell":
                await forward.to.tell(Put(0))
            elif forward.how == "ask":
                await forward.to.ask(Count(), timeout=0.1)
            else:
                forward.to.tell_nowait(Put(0))
        except MailboxFull:
            return "full"
        except AskTimeout:
            return "no answer"
        return "done"


NAMES = ("a", "b", "c")


def _run(workload: Workload, *, seed: int = 1, specs: tuple[ActorSpec[Any], ...] = ()) -> Outcome:
    """Three nodes with two boxes each and a client, under no faults but the workload's; what that raises fails the test."""

    def target(sim: Simulation) -> None:
        for name in NAMES:
            sim.node(name, actor(Box, name="box"), actor(Box, name="other"), *specs)
        sim.client(workload)

    outcome = run_once(target, seed, keeps=True)
    assert outcome.violation is None, outcome.violation
    return outcome


def _faults_in(outcome: Outcome) -> list[tuple[str, str]]:
    return [(event.node, event.what) for event in outcome.events if event.kind == "fault"]


def _box(sim: Simulation, name: str) -> Box:
    return sim.nodes[name].actors(Box)[0]


async def _answers(client: Client, name: str, timeout: float = 0.2) -> bool:
    try:
        await client.ref(name, "/user/box").ask(Count(), timeout=timeout)
    except AskTimeout:
        return False
    return True


# Blocks

BLOCKS: dict[str, tuple[Callable[[Simulation], Scope], str]] = {
    "partition": (lambda sim: sim.cut(["a"], ["b"]), "heal"),
    "swizzle": (lambda sim: sim.swizzled(NAMES), "swizzle ends"),
    "degraded network": (lambda sim: sim.degraded(loss=1.0), "degraded network ends"),
    "crash": (lambda sim: sim.down("a"), "restart"),
    "pause": (lambda sim: sim.paused("a"), "resume"),
    "slow node": (lambda sim: sim.slow("a"), "slow node ends"),
    "drift": (lambda sim: sim.drifting("a", 1.5), "drift ends"),
    "full mailbox": (lambda sim: sim.full("a", "/user/box"), "full mailbox ends"),
    "restart storm": (lambda sim: sim.failing("a", "/user/box"), "restart storm ends"),
}


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_fault_begins_and_ends_with_its_block_is_counted_and_on_the_trace(kind: str) -> None:
    """Once each, and afterwards the node answers as before."""
    block, end = BLOCKS[kind]

    async def workload(client: Client) -> None:
        with block(client.simulation):
            await client.sleep(0.04)
        assert await _answers(client, "a")

    outcome = _run(workload)
    assert outcome.fired[kind] == 1
    told = [what for _, what in _faults_in(outcome)]
    assert told.count(kind) == told.count(end) == 1
    assert told.index(kind) < told.index(end) < told.index("calm")


@pytest.mark.parametrize("kind", BLOCKS)
def test_no_fault_outlasts_the_end_of_all_faults_though_its_block_does(kind: str) -> None:
    """A workload that is not over is cut short: the fault ends then, and messages, mailboxes, turns and clocks are as ever."""
    block, end = BLOCKS[kind]

    async def workload(client: Client) -> None:
        with block(client.simulation):
            await client.sleep(100.0)

    def target(sim: Simulation) -> None:
        for name in NAMES:
            sim.node(name, actor(Box, name="box"))
        sim.client(workload)
        sim.duration = 0.3
        sim.at(1.0, lambda: _box(sim, "a").context.ref.tell_nowait(Put(1)))

        def the_node_is_well() -> bool:
            box = _box(sim, "a")
            return box.values == [1] and sim.now < 1.1 and box.ticks[-1] - box.ticks[-5] == pytest.approx(0.4)

        def the_network_is_well() -> bool:
            return sim.links.conditions.loss == 0 and not any(sim.links.is_cut(one, other) for one in NAMES for other in NAMES)

        sim.eventually(the_node_is_well, within=2.0)
        sim.eventually(the_network_is_well, within=0.1)

    outcome = run_once(target, 1, keeps=True)
    assert outcome.violation is None, outcome.violation
    told = [what for _, what in _faults_in(outcome)]
    assert told.count(end) == 1
    assert told.index(kind) < told.index("calm") < told.index(end)


def test_of_two_blocks_that_overlap_the_fault_lasts_to_the_end_of_the_later_one() -> None:
    """A link stays cut and a node down or paused while one block at least says so."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        blocks: tuple[Callable[[], Scope], ...] = (
            lambda: sim.cut([client.name], ["a"]),
            lambda: sim.down("a"),
            lambda: sim.paused("a"),
        )
        for block in blocks:
            first, second = block(), block()
            first.begin()
            second.begin()
            await client.sleep(0.01)
            first.end()
            assert not await _answers(client, "a")
            second.end()
            second.end()  # which changes nothing
            assert await _answers(client, "a")

    outcome = _run(workload)
    assert (outcome.fired["crash"], outcome.fired["pause"]) == (1, 1)


def test_a_block_cannot_be_entered_twice_at_a_time() -> None:
    """It would end once."""

    async def workload(client: Client) -> None:
        block = client.simulation.paused("a")
        with block, pytest.raises(RuntimeError, match="lasts already"):
            block.begin()
        with block:  # but again later
            pass

    _run(workload)


# The network


def test_a_partial_partition_is_between_two_who_both_reach_a_third() -> None:
    """Neither of the two hears the other, and the third hears both."""

    async def workload(client: Client) -> None:
        with client.simulation.cut(["a"], ["b"]):
            for one, other in (("a", "b"), ("b", "a"), ("a", "c"), ("b", "c"), ("c", "a")):
                await client.ref(one, "/user/box").ask(Pass(client.ref(other, "/user/box")))
            await client.sleep(0.5)
        assert [len(_box(client.simulation, name).values) for name in NAMES] == [1, 0, 2]

    _run(workload)


def test_a_swizzle_cuts_nodes_off_one_after_another_and_heals_them_in_another_order() -> None:
    """Each once, all cuts before the first is healed, over the whole of its time; of some seeds the two orders differ, of some not."""
    orders = set[bool]()
    for seed in range(12):

        async def workload(client: Client) -> None:
            with client.simulation.swizzled(NAMES, seconds=0.6):
                await client.sleep(0.7)

        outcome = _run(workload, seed=seed)
        events = [event for event in outcome.events if event.what in {"partition", "heal"}]
        assert [event.what for event in events] == ["partition"] * 3 + ["heal"] * 3
        cut, healed = ([event.text.partition(">")[0] for event in events if event.what == what] for what in ("partition", "heal"))
        assert sorted(cut) == sorted(healed) == list(NAMES)
        first = events[0].time
        assert [event.time - first for event in events] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
        orders.add(cut == healed)
    assert orders == {True, False}


def test_a_degraded_network_is_the_worst_of_what_is_said_and_as_before_afterwards() -> None:
    """Overlapping blocks do not add up, and do not make better what is bad."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        with sim.degraded(loss=0.1, tail=0.5), sim.degraded(loss=0.3, reorders=True):
            assert sim.links.conditions == Conditions(loss=0.3, tail=0.5, reorders=True)
            sim.network(Conditions(loss=0.4))
            assert sim.links.conditions == Conditions(loss=0.4, tail=0.5, reorders=True)
        assert sim.links.conditions == Conditions(loss=0.4)
        sim.network(Conditions())

    _run(workload)


# Nodes


def test_a_slow_node_handles_one_message_at_a_time_each_in_its_time() -> None:
    """Ten messages at 0.05 s a turn take half a second and more, on a quick node none; and what has waited is handled in order."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        with sim.slow("a", 0.05):
            for name in ("a", "b"):
                for number in range(10):
                    client.ref(name, "/user/box").tell_nowait(Put(number))
            await client.sleep(0.2)
            assert len(_box(sim, "b").values) == 10
            assert 1 <= len(_box(sim, "a").values) <= 4
            began = client.now()
            await client.ref("a", "/user/box").ask(Count(), timeout=5.0)
            assert client.now() - began > 0.3
        assert _box(sim, "a").values == list(range(10))

    _run(workload)


def test_the_later_life_of_a_slow_node_is_as_slow_and_the_greatest_of_two_slownesses_counts() -> None:
    """The machine is slow, not what runs on it; a pause within it holds all turns back."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        with sim.slow("a", 0.1):
            client.ref("a", "/user/box").tell_nowait(Put(1))
            await client.sleep(0.05)
            with sim.paused("a"):  # in the middle of a turn
                await client.sleep(0.5)
                assert _box(sim, "a").values == []
            await client.sleep(0.3)
            assert _box(sim, "a").values == [1]
        with sim.slow("a", 0.3):
            with sim.slow("a", 0.01):
                assert not await _answers(client, "a")
            with sim.down("a"):
                pass
            assert not await _answers(client, "a")
            with sim.paused("a"):
                assert not await _answers(client, "a", timeout=3.0)
        assert await _answers(client, "a")

    _run(workload)


def test_a_clock_drifts_in_a_block_without_a_jump_and_timers_follow_it() -> None:
    """At twice the rate a second is two of the node's, before and after it is one; two drifts multiply."""

    async def workload(client: Client) -> None:
        sim = client.simulation

        async def passed(seconds: float) -> float:
            before = _box(sim, "a").context.now()
            await client.sleep(seconds)
            return _box(sim, "a").context.now() - before

        assert await passed(1.0) == pytest.approx(1.0)
        with sim.drifting("a", 2.0):
            assert await passed(1.0) == pytest.approx(2.0)
            with sim.drifting("a", 2.0):
                assert await passed(1.0) == pytest.approx(4.0)
            assert len(_box(sim, "a").ticks) == pytest.approx(70, abs=2)
            with sim.down("a"):
                pass
            await client.sleep(0.1)
            assert await passed(1.0) == pytest.approx(2.0)  # the clock drifts, not what runs by it
        assert await passed(1.0) == pytest.approx(1.0)
        ticks = _box(sim, "a").ticks
        assert [after - before for before, after in pairwise(ticks)] == pytest.approx([0.1] * (len(ticks) - 1))

    _run(workload)


# Disks


def _disk() -> Disk:
    return Disk(World(Tape(1), Trace()), "a")


def test_a_lost_disk_is_empty_and_can_be_written() -> None:
    """What was synced is lost too."""
    disk = _disk()
    disk.write("key", 1)
    disk.sync()
    assert disk.crash("lost")
    assert disk.read("key") is None
    disk.write("key", 2)
    disk.sync()
    disk.crash()
    assert disk.read("key") == 2


def test_a_torn_write_of_bytes_begins_with_the_new_and_ends_with_the_old() -> None:
    """In place; where nothing was before it is cut. What was synced under other keys, and what is a single byte, is not torn."""
    seen = set[tuple[object, object]]()
    for seed in range(40):
        disk = Disk(World(Tape(seed), Trace()), "a")
        disk.write("page", b"old!!")
        disk.write("other", "whole")
        disk.sync()
        disk.write("page", b"new")
        disk.write("log", "record")
        disk.crash("torn")
        assert disk.read("other") == "whole"
        seen.add((disk.read("page"), disk.read("log")))
    pages = {page for page, log in seen if log is None}
    assert pages == {b"nld!!", b"ned!!"}
    assert {log for page, log in seen if page == b"new"} == {"r", "re", "rec", "reco", "recor"}
    disk = _disk()
    disk.write("byte", b"1")
    assert not disk.crash("torn")
    assert disk.read("byte") is None


def test_a_torn_write_of_anything_else_cannot_be_read_until_it_is_written_again() -> None:
    """DiskCorrupted names the node and the key; nothing that was not synced cannot be torn."""
    disk = _disk()
    disk.write("record", {"a": 1})
    disk.sync()
    assert not disk.crash("torn")
    assert disk.read("record") == {"a": 1}
    disk.write("record", {"a": 2})
    assert disk.crash("torn")
    with pytest.raises(DiskCorrupted, match="node 'a' has no whole value for 'record'") as corrupted:
        disk.read("record")
    assert (corrupted.value.node, corrupted.value.key) == ("a", "record")
    disk.write("record", {"a": 3})
    assert disk.read("record") == {"a": 3}


def test_a_node_comes_back_with_the_disk_that_the_block_says() -> None:
    """Kept, torn or lost; only what happened is counted."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        disk = sim.disk("a")
        disk.write("key", (1,))
        disk.sync()
        with sim.down("a", disk="kept"):
            pass
        with sim.down("a", disk="torn"):  # but nothing was to be torn
            pass
        assert disk.read("key") == (1,)
        disk.write("key", (2,))
        with sim.down("a", disk="torn"):
            pass
        with pytest.raises(DiskCorrupted):
            disk.read("key")
        with sim.down("a", disk="lost"):
            pass
        assert disk.read("key") is None

    outcome = _run(workload)
    assert {kind: outcome.fired[kind] for kind in ("crash", "restart", "torn write", "lost disk")} == {
        "crash": 4,
        "restart": 4,
        "torn write": 1,
        "lost disk": 1,
    }


# Actors


def test_a_full_mailbox_refuses_from_its_own_node_and_loses_what_comes_from_others() -> None:
    """`tell_nowait` raises, `tell` and `ask` wait for the end of the block, a message over the network is a dead letter."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        box, other = _box(sim, "a").context.ref, client.ref("a", "/user/other")  # on its own node it is no remote ref
        dead_letters = sim.nodes["a"].system.statistics().dead_letters
        with sim.full("a", "/user/box"):
            assert await other.ask(Pass(box)) == "full"
            assert await other.ask(Pass(box, "ask")) == "no answer"
            await client.ref("a", "/user/box").tell(Put(1))
            await client.sleep(0.1)
            assert sim.nodes["a"].system.statistics().dead_letters == dead_letters + 1
            with pytest.raises(AskTimeout):
                await other.ask(Pass(box, "tell"), timeout=0.3)
            assert not await _answers(client, "a")
            ticks = len(_box(sim, "a").ticks)
            await client.sleep(0.5)
            assert len(_box(sim, "a").ticks) >= ticks + 4  # timers take no slot
            assert _box(sim, "a").values == []
        await client.sleep(0.001)
        assert _box(sim, "a").values == [0]  # who waited for room was let in at once
        assert await other.ask(Pass(box)) == "done"
        assert await other.ask(Pass(box, "ask")) == "done"
        assert await client.ref("a", "/user/box").ask(Count()) == 2

    _run(workload)


def test_an_actor_whose_mailbox_is_made_full_has_all_of_its_slots_again_afterwards() -> None:
    """Neither fewer nor more, also if messages waited in it; a mailbox that drops its oldest message has no such fault."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        small = client.ref("a", "/user/small")
        await small.ask(Count())
        with sim.paused("a"):
            for number in range(2):
                await small.tell(Put(number))
            await client.sleep(0.1)
            with sim.full("a", "/user/small"), sim.full("a", "/user/small"):
                pass
            for number in range(2, 6):
                await small.tell(Put(number))
            await client.sleep(0.1)
        await client.sleep(0.1)
        assert [one.values for one in sim.nodes["a"].actors(Box) if one.values] == [[0, 1, 2]]
        with pytest.raises(LookupError, match="drop"):
            sim.full("a", "/user/dropping").begin()
        with pytest.raises(LookupError, match="Nobody"):
            sim.full("a", "/user/nobody").begin()

    _run(workload, specs=(actor(Box, name="small", mailbox=3), actor(Box, name="dropping", mailbox=Fifo(3, on_full="drop_oldest"))))


def test_a_storm_restarts_an_actor_again_and_again_and_spares_its_node() -> None:
    """It loses its memory each time; who asks it meanwhile is told of the failure, and the node lives on."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        box = client.ref("b", "/user/top/box")
        await box.tell(Put(1))
        await client.sleep(0.05)
        with sim.failing("b", "/user/top/box", every=0.02):
            await client.sleep(0.09)
        assert await box.ask(Count()) == 0
        assert sim.nodes["b"].life == 1
        storm = sim.failing("b", "/user/top/waiting", every=10.0)
        sim.at(sim.now + 0.3, storm.begin)
        with pytest.raises(AskFailed) as failed:
            await client.ref("b", "/user/top/waiting").ask(Wait(0.6), timeout=5.0)
        assert isinstance(failed.value.__cause__, InjectedFailure)
        storm.end()

    specs = (supervisor("top", [actor(Box, name="box"), actor(Box, name="waiting")], max_restarts=100),)
    assert _run(workload, specs=specs).fired["failure"] >= 5


def test_a_storm_that_no_supervisor_bears_is_a_crash_of_the_node_and_not_a_violation() -> None:
    """The node is down for half a second and starts again. A failure of its own code still is a violation."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        with sim.failing("a", "/user/box", every=0.01):
            await client.sleep(0.3)
            assert not sim.nodes["a"].is_up
        await client.sleep(0.6)
        assert sim.nodes["a"].life == 2
        assert await _answers(client, "a")

    outcome = _run(workload)
    assert (outcome.fired["crash"], outcome.fired["restart"]) == (1, 1)
    assert ("a", "gave up") in _faults_in(outcome)


# The swarm


def _quiet(sim: Simulation, faults: Faults) -> None:
    for name in ("a", "b", "c", "d", "e"):
        sim.node(name, supervisor("top", [actor(Box, name="box"), actor(Writer, sim.disk(name), name="writer")], max_restarts=3))
    sim.duration = 4.0
    sim.faults(faults)


@define(eq=False)
class Writer(Actor[Tick]):
    """Writes all the time, and never syncs."""

    disk: Disk

    def on_start(self) -> None:
        self.context.every(0.05, Tick())

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        self.disk.write("key", ("value",))


def everything(sim: Simulation) -> None:
    """All faults that there are."""
    _quiet(
        sim,
        Faults.swarm(skew=0.05, drift=0.05, reordering=True, torn_writes=True, lost_disks=True, full_mailboxes=True, restart_storms=True),
    )

    def clocks_are_about_right() -> bool:
        return all(0.95 * 0.95 <= node.rate * node.drift <= 1.05 * 1.05 for node in sim.nodes.values())

    sim.always(clocks_are_about_right)


def fragile(sim: Simulation) -> None:
    """Three nodes that any failure takes down, and whose faults are nothing but crashes and storms, all the time."""
    for name in NAMES:
        sim.node(name, supervisor("top", [actor(Box, name="box")], max_restarts=0))
    sim.duration = 5.0

    def two_are_up() -> bool:
        return sum(node.is_up for node in sim.nodes.values()) >= 2

    sim.always(two_are_up)
    sim.faults(Faults(crashes=True, restart_storms=True, lost_disks=True, every=0.05, lasts=0.4))


def default(sim: Simulation) -> None:
    """What is on without being asked for."""
    _quiet(sim, Faults.swarm())


ASKED_FOR = {"drift", "torn write", "lost disk", "full mailbox", "restart storm", "failure"}
ALWAYS = {"crash", "restart", "partition", "swizzle", "pause", "slow node"}


def test_a_swarm_draws_every_fault_and_counts_it() -> None:
    """Over 40 seeds each kind fires, no kind is in every mix, and clocks stay within what skew and drift allow."""
    outcomes = list[Outcome]()
    report = explore(everything, 40, on_outcome=outcomes.append)
    assert report.violations == 0, report
    assert set(report.fired) >= ALWAYS | ASKED_FOR
    for kind in ("crashes", "partitions", "pauses", "slow nodes", "drift", "full mailboxes", "restart storms", "torn writes", "lost disks"):
        assert {kind in outcome.mix for outcome in outcomes} == {True, False}, kind


def test_a_majority_stays_up_under_crashes_and_storms_and_keeps_its_disks() -> None:
    """Of three nodes one at most is down, also by its supervisors, and one at most loses its disk in the whole of a run."""
    outcomes = list[Outcome]()
    report = explore(fragile, 30, on_outcome=outcomes.append)
    assert report.violations == 0, report
    assert report.fired["crash"] > 200
    assert report.fired["restart storm"] > 50
    assert {outcome.fired.get("lost disk", 0) for outcome in outcomes} == {0, 1}


def test_faults_that_take_what_protocols_rely_on_come_only_when_asked_for() -> None:
    """The default has crashes, partitions of all shapes, pauses and slow nodes; without pauses no node is slow either."""
    fired = set(explore(default, 25).fired)
    assert fired >= ALWAYS
    assert not fired & (ASKED_FOR | {"drift"})
    assert Faults.swarm(pauses=False).slow_nodes is False
    assert Faults.swarm(pauses=False, slow_nodes=True).slow_nodes is True
    assert Faults.none() == Faults()


def test_a_run_of_all_faults_is_the_same_again_and_by_its_tape() -> None:
    """The same digest from the seed, and from the draws."""
    for seed in range(3):
        first = run_once(everything, seed, keeps=True)
        assert run_once(everything, seed).digest == first.digest
        assert run_once(everything, 99, record=first.draws).digest == first.digest
