"""Nodes and what passes between them: tells, asks, watches, crashes, pauses, cuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskFailed, AskStopped, AskTimeout, Request, Terminated, actor, handles
from trouper.simulation.client import Client, Workload
from trouper.simulation.errors import NodeDown
from trouper.simulation.links import Conditions
from trouper.simulation.run import Outcome, run_once
from trouper.simulation.simulated_cluster import Simulation


@frozen
class Put:
    value: Any


@frozen
class Get(Request[list[Any]]):
    pass


@frozen
class Fail(Request[None]):
    pass


@frozen
class Watch(Request[None]):
    whom: ActorRef[Any]


@frozen
class Leave:
    pass


@frozen
class Forward:
    value: Any
    to: ActorRef[Put]


@define(eq=False)
class Box(Actor[Put | Get | Fail | Watch | Leave | Forward | Terminated]):
    """Keeps what it is given."""

    values: list[Any] = field(factory=list[Any])

    @handles(Put)
    def put(self, put: Put) -> None:
        self.values.append(put.value)

    @handles(Get)
    def get(self, _get: Get) -> list[Any]:
        return self.values

    @handles(Fail)
    def fail(self, _fail: Fail) -> None:
        raise KeyError("as asked")

    @handles(Watch)
    def watch(self, watch: Watch) -> None:
        self.context.watch(watch.whom)

    @handles(Leave)
    def leave(self, _leave: Leave) -> None:
        self.context.stop_self()

    @handles(Forward)
    async def forward(self, forward: Forward) -> None:
        await forward.to.tell(Put(forward.value))

    @handles(Terminated)
    def over(self, terminated: Terminated) -> None:
        self.values.append(terminated)


def _run(workload: Workload, prepare: Callable[[Simulation], object] = lambda _sim: None, *, seed: int = 1) -> Outcome:
    """Two nodes with a box each, and one client; what the workload raises fails the test."""

    def target(sim: Simulation) -> None:
        for name in ("a", "b"):
            sim.node(name, actor(Box, name="box"), actor(Box, name="other", restart="temporary"))
        prepare(sim)
        sim.client(workload)

    outcome = run_once(target, seed)
    assert outcome.violation is None, outcome.violation
    return outcome


def test_a_tell_and_an_ask_cross_the_network_like_any_other() -> None:
    """A ref to another node is an ordinary ref: what is told before is handled before, and the reply comes back."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        box.tell_nowait(Put(1))
        await box.tell(Put(2))
        assert await box.ask(Get()) == [1, 2]

    outcome = _run(workload)
    assert outcome.message_types == {"Put": 2, "Get": 1}
    assert outcome.messages == 4  # and the reply


def test_nothing_that_crosses_the_network_is_shared() -> None:
    """What arrives is a copy, also of a reply."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        mine = [1]
        await box.tell(Put(mine))
        (arrived,) = await box.ask(Get())
        mine.append(2)
        arrived.append(3)
        assert await box.ask(Get()) == [[1]]

    _run(workload)


def test_a_ref_in_a_message_leads_to_the_same_actor_from_everywhere() -> None:
    """Refs are addresses: the client's ref of b works on a, and on b itself."""

    async def workload(client: Client) -> None:
        far = client.ref("b", "/user/box")
        for name in ("a", "b"):
            await client.ref(name, "/user/other").tell(Forward(name, far))
        await client.sleep(1.0)
        assert sorted(await far.ask(Get())) == ["a", "b"]

    _run(workload)


def test_what_goes_wrong_far_away_is_what_goes_wrong_here() -> None:
    """AskFailed has the exception as its cause, AskStopped comes for a dead actor, AskTimeout for a node that is down."""

    async def workload(client: Client) -> None:
        with pytest.raises(AskFailed) as failed:
            await client.ref("a", "/user/box").ask(Fail())
        assert isinstance(failed.value.__cause__, KeyError)
        with pytest.raises(AskStopped):
            await client.ref("a", "/user/nobody").ask(Get())
        with client.simulation.down("a"), pytest.raises(AskTimeout):
            await client.ref("a", "/user/box").ask(Get(), timeout=0.5)

    _run(workload)


def test_a_crash_loses_what_was_in_memory_and_the_name_is_found_again() -> None:
    """After a restart the same ref leads to the new life, which has forgotten everything."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        await box.tell(Put(1))
        assert await box.ask(Get()) == [1]
        with client.simulation.down("a"):
            await box.tell(Put(2))
            await client.sleep(1.0)
        assert await box.ask(Get()) == []

    _run(workload)


def test_a_paused_node_does_nothing_and_forgets_nothing() -> None:
    """What arrives meanwhile waits, and is handled in order afterwards."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        with client.simulation.paused("a"):
            for number in range(3):
                await box.tell(Put(number))
            with pytest.raises(AskTimeout):
                await box.ask(Get(), timeout=1.0)
        assert await box.ask(Get()) == [0, 1, 2]

    _run(workload)


@define(eq=False)
class Sleeper(Actor[Put]):
    """Notes when it has slept for a second, in each of the ways of trio that a handler has; and what it did when it was cancelled."""

    notes: list[tuple[str, float]]

    @handles(Put)
    async def put(self, put: Put) -> None:
        self.context.start_soon(self._sleep, "in the background")
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sleep, "in a nursery")
                with trio.move_on_after(1.0):
                    await trio.sleep_forever()
                self._note("after a deadline")
                await trio.sleep(put.value)
        finally:
            self._note("at the end")

    async def _sleep(self, where: str) -> None:
        await trio.sleep(1.0)
        self._note(where)

    def _note(self, what: str) -> None:
        self.notes.append((what, self.context.now()))


def _sleeping(fault: Callable[[Client], Any], seconds: float) -> list[tuple[str, float]]:
    """What a Sleeper notes whose node has a fault from 0.5 s on for so many seconds, and when."""
    notes: list[tuple[str, float]] = []

    async def workload(client: Client) -> None:
        sleeper = client.ref("a", "/user/sleeper")
        sleeper.tell_nowait(Put(0.0))
        await client.sleep(0.5)
        with fault(client):
            await client.sleep(seconds)
        await client.sleep(2.0)
        noted.extend(notes)  # what is noted later is no part of the run

    noted: list[tuple[str, float]] = []
    _run(workload, lambda sim: sim.nodes["a"].runs(actor(Sleeper, notes, name="sleeper")))
    return noted


def test_a_handler_that_waits_in_trio_stands_still_while_its_node_is_paused() -> None:
    """Sleeps and deadlines that are over meanwhile are so when the node goes on, in nurseries and background tasks too."""
    in_time = _sleeping(lambda client: client.simulation.paused("a"), 0.1)
    assert len(in_time) == 4
    assert all(1.0 < when < 1.1 for _, when in in_time)
    late = _sleeping(lambda client: client.simulation.paused("a"), 3.0)
    assert sorted(what for what, _ in late) == sorted(what for what, _ in in_time)
    assert {when for _, when in late} == {3.5}


def test_a_crash_runs_no_cleanup() -> None:
    """What waits in trio on a node that crashes is never heard of again: no `finally` of it, as when a machine loses its power."""
    assert _sleeping(lambda client: client.simulation.down("a"), 3.0) == []


@pytest.mark.parametrize("both_ways", [True, False])
def test_a_cut_link_carries_nothing_until_it_is_mended(both_ways: bool) -> None:
    """A one-way cut of what the client sends is as deaf as one both ways; afterwards all is as before."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        with client.simulation.cut([client.name], ["a"], both_ways=both_ways):
            await box.tell(Put("lost"))
            with pytest.raises(AskTimeout):
                await box.ask(Get(), timeout=0.5)
        assert await box.ask(Get()) == []

    _run(workload)


def test_a_one_way_cut_lets_the_message_through_and_loses_the_reply() -> None:
    """The operation had its effect, and its client does not know."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        with client.simulation.cut(["a"], [client.name], both_ways=False):
            await box.tell(Put("arrives"))
            with pytest.raises(AskTimeout):
                await box.ask(Get(), timeout=0.5)
        assert await box.ask(Get()) == ["arrives"]

    _run(workload)


def test_the_death_of_an_actor_is_told_across_the_network() -> None:
    """One Terminated, with the reason and the ref that was watched; watching the dead tells at once."""

    async def workload(client: Client) -> None:
        watcher, watched = client.ref("a", "/user/box"), client.ref("b", "/user/other")
        await watcher.ask(Watch(watched))
        await watched.tell(Leave())
        await client.sleep(1.0)
        (terminated,) = await watcher.ask(Get())
        assert (terminated.ref, terminated.reason.kind) == (watched, "normal")
        await watcher.ask(Watch(watched))
        await client.sleep(1.0)
        assert len(await watcher.ask(Get())) == 2

    _run(workload)


@pytest.mark.parametrize("fault", ["crash", "partition"])
def test_a_crash_and_a_partition_are_seen_after_the_failure_detectors_time(fault: str) -> None:
    """Not before: then one Terminated with NodeDown. A partition cannot be told from a crash."""

    async def workload(client: Client) -> None:
        sim = client.simulation
        watcher, watched = client.ref("a", "/user/box"), client.ref("b", "/user/box")
        await watcher.ask(Watch(watched))
        with sim.down("b") if fault == "crash" else sim.cut(["b"], ["a"]):
            await client.sleep(0.9)
            assert await watcher.ask(Get()) == []
            await client.sleep(0.2)
            (terminated,) = await watcher.ask(Get())
            assert isinstance(terminated.reason.cause, NodeDown)
        await client.sleep(3.0)
        assert len(await watcher.ask(Get())) == 1

    _run(workload, lambda sim: sim.failure_detector(1.0))


def test_a_short_cut_is_no_death() -> None:
    """Silence that ends before the failure detector's time is not noticed."""

    async def workload(client: Client) -> None:
        watcher = client.ref("a", "/user/box")
        await watcher.ask(Watch(client.ref("b", "/user/box")))
        for _ in range(3):
            with client.simulation.cut(["a"], ["b"]):
                await client.sleep(0.6)
            await client.sleep(0.1)
        await client.sleep(3.0)
        assert await watcher.ask(Get()) == []

    _run(workload, lambda sim: sim.failure_detector(1.0))


def test_messages_keep_their_order_unless_the_network_reorders() -> None:
    """One sender's messages to one actor arrive in order whatever the latencies; with `reorders` some seed shows them out of order."""

    def orders(*, reorders: bool) -> set[tuple[int, ...]]:
        seen = set[tuple[int, ...]]()

        async def workload(client: Client) -> None:
            box = client.ref("a", "/user/box")
            for number in range(4):
                await box.tell(Put(number))
            await client.sleep(3.0)
            seen.add(tuple(await box.ask(Get())))

        for seed in range(20):
            _run(workload, lambda sim: sim.network(Conditions(tail=0.3, reorders=reorders)), seed=seed)
        return seen

    assert orders(reorders=False) == {(0, 1, 2, 3)}
    assert len(orders(reorders=True)) > 3


def test_messages_are_lost_and_doubled_as_often_as_said() -> None:
    """With a loss of 0.2 and a duplication of 0.3 about 800 and 240 of 1,000 messages arrive at all, and twice."""

    async def workload(client: Client) -> None:
        box = client.ref("a", "/user/box")
        for number in range(1000):
            box.tell_nowait(Put(number))
        await client.sleep(3.0)
        simulation = client.simulation
        (values,) = (one.values for one in simulation.nodes["a"].actors(Box) if one.values)
        assert 740 < len(set(values)) < 860
        assert 160 < len(values) - len(set(values)) < 320

    _run(workload, lambda sim: sim.network(Conditions(loss=0.2, duplication=0.3)))


def test_a_full_mailbox_far_away_loses_the_message_there() -> None:
    """There is no back-pressure over the network: what finds no room is a dead letter of the node that it came to."""

    async def workload(client: Client) -> None:
        full = client.ref("a", "/user/full")
        with client.simulation.paused("a"):
            for number in range(5):
                await full.tell(Put(number))
            await client.sleep(1.0)
        assert await full.ask(Get()) == [0, 1]
        assert client.simulation.nodes["a"].system.statistics().dead_letters == 3

    _run(workload, lambda sim: sim.nodes["a"].runs(actor(Box, name="full", mailbox=2)))


def test_clocks_may_run_at_other_rates() -> None:
    """A node whose clock is fast has its timers early."""

    async def workload(client: Client) -> None:
        assert client.simulation.nodes["a"].rate == 2.0
        await client.sleep(1.0)
        times = [node.actors(Box)[0].context.now() for node in client.simulation.nodes.values()]
        assert times[0] == pytest.approx(2 * times[1], rel=0.01)

    def prepare(sim: Simulation) -> None:
        sim.nodes["a"].rate = 2.0

    _run(workload, prepare)


@define(eq=False)
class Late(Actor[Leave]):
    """Has a task beside its handler, which takes its time to end, and then fails."""

    def on_start(self) -> None:
        self.context.start_soon(self._beside)
        self.context.ref.tell_nowait(Leave())

    async def _beside(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.01)
            raise ValueError("too late")

    @handles(Leave)
    async def leave(self, _leave: Leave) -> None:
        await trio.sleep_forever()


def test_a_task_that_fails_after_its_node_crashed_and_its_handler_ended_changes_nothing() -> None:
    """Both are cancelled when the run is over; what the one raises then is nobody's failure."""

    def target(sim: Simulation) -> None:
        sim.node("a", actor(Late, name="late"))
        sim.duration = 1.0
        sim.at(0.5, sim.nodes["a"].crash)

    outcome = run_once(target, 1)
    assert outcome.violation is None
    assert outcome.seconds == 1.0


@define(eq=False)
class Reminded(Actor[Leave]):
    """Sets one timer, and notes when it comes."""

    came: list[float] = field(factory=list[float])

    def on_start(self) -> None:
        self.context.after(0.1, Leave())

    @handles(Leave)
    def leave(self, _leave: Leave) -> None:
        self.came.append(self.context.now())


def test_a_timer_that_was_due_in_a_pause_comes_when_the_pause_is_over() -> None:
    """It is late, and not lost, though nothing else happens on its node."""
    found: list[float] = []

    def target(sim: Simulation) -> None:
        sim.node("a", actor(Reminded, name="reminded"))
        sim.duration = 1.0
        sim.at(0.05, sim.nodes["a"].pause)
        sim.at(0.3, sim.nodes["a"].unpause)
        sim.at(0.9, lambda: found.extend(sim.actors(Reminded)[0].came))

    assert run_once(target, 1).violation is None
    assert found == [0.3]


def test_the_end_of_a_pause_does_not_end_that_of_a_later_life() -> None:
    """A node that crashed while it was paused starts again unpaused; another pause of it has its own end."""
    found: list[bool] = []

    def target(sim: Simulation) -> None:
        node = sim.node("a")
        sim.duration = 1.0
        first, second = sim.paused("a"), sim.paused("a")
        calls: tuple[Callable[[], object], ...] = (
            first.begin,
            node.crash,
            node.start,
            second.begin,
            first.end,
            lambda: found.append(node.is_paused),
            second.end,
        )
        for place, call in enumerate(calls):
            sim.at(0.1 * (place + 1), call)
        sim.at(0.8, lambda: found.append(node.is_paused))

    assert run_once(target, 1).violation is None
    assert found == [True, False]


def test_the_network_only_takes_its_time_when_the_faults_have_ended() -> None:
    """What must come true eventually is not judged over links that still lose messages; nor does a node stand still that paused by hand."""
    conditions: list[Conditions] = []

    def target(sim: Simulation) -> None:
        node = sim.node("a")
        sim.duration = 0.5
        sim.at(0.4, node.pause)
        sim.network(Conditions(loss=0.5, duplication=0.5, tail=0.5, reorders=True))
        sim.at(0.6, lambda: conditions.append(sim.links.conditions))
        sim.eventually(lambda: sim.now > 0.6 and not node.is_paused, within=0.5)

    assert run_once(target, 1).violation is None
    (after,) = conditions
    assert (after.loss, after.duplication, after.tail, after.reorders) == (0.0, 0.0, 0.0, False)
