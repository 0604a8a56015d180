"""Crashes in the middle of a turn."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import define, field, frozen

from trouper import Actor, AskError, Request, actor, handles
from trouper.simulation import Client, Disk, Faults, Simulation, explore, run_once
from trouper.simulation.nodes import CrashMoment


@frozen
class _Work(Request[None]):
    of: str = "key"


@frozen
class _News:
    number: int


@define(eq=False)
class _Worker(Actor[_Work]):
    """Writes, syncs and tells twice in one turn, and says to `done` what it came to."""

    disk: Disk
    reader: Any
    done: list[str]

    @handles(_Work)
    def work(self, work: _Work) -> None:
        for number in (1, 2):
            self.disk.write(f"{work.of} {number}", number)
            self.done.append(f"wrote {number}")
            self.disk.sync()
            self.done.append(f"synced {number}")
            self.reader.tell_nowait(_News(number))
            self.done.append(f"told {number}")


@define(eq=False)
class _Reader(Actor[_News]):
    numbers: list[int] = field(factory=list[int], init=False)

    @handles(_News)
    def read(self, news: _News) -> None:
        self.numbers.append(news.number)


@pytest.mark.parametrize(
    ("moment", "done", "safe", "told"),
    [
        ("before sync", ["wrote 1"], [None, None], []),
        ("after sync", ["wrote 1"], [1, None], []),
        ("after sending", ["wrote 1", "synced 1"], [1, None], [1]),
    ],
)
def test_a_handler_ends_where_its_node_crashes(moment: CrashMoment, done: list[str], safe: list[Any], told: list[int]) -> None:
    """What it did before is done, what came after is not: on the disk, on the network, and for who shares an object with it."""
    came_to: list[str] = []

    def cluster(sim: Simulation) -> None:
        disk = sim.disk("a")
        sim.node("a", actor(_Worker, disk, sim.ref("b", "/user/reader"), came_to, name="worker"))
        sim.node("b", actor(_Reader, name="reader"))

        async def workload(client: Client) -> None:
            node = sim.nodes["a"]
            node.at_moment(moment, lambda: node.crash("lost" if moment == "before sync" else "kept"))
            await client.perform("work", None, client.ref("a", "/user/worker").ask(_Work(), timeout=1.0))
            assert not node.is_up
            assert came_to == done
            assert [disk.read("key 1"), disk.read("key 2")] == safe
            assert sim.actors(_Reader)[0].numbers == told
            node.start()
            await client.ref("a", "/user/worker").ask(_Work(), timeout=1.0)  # the moment was for one life, and once
            await client.sleep(0.5)
            assert sim.actors(_Reader)[0].numbers == [*told, 1, 2]

        sim.client(workload)

    outcome = run_once(cluster, 0, keeps=True)
    assert outcome.violation is None, outcome.violation
    assert [event.text for event in outcome.events if event.what == "crash"] == [f"{moment}, in the middle of a turn"]


async def _work(client: Client) -> None:
    for of in "abcde":
        await client.perform("work", None, client.ref("a", "/user/worker").ask(_Work(of), timeout=0.01))


def _half_done(sim: Simulation) -> None:
    disk = sim.disk("a")
    sim.node("a", actor(_Worker, disk, sim.ref("b", "/user/reader"), list[str](), name="worker"))
    sim.node("b", actor(_Reader, name="reader"))
    sim.client(_work)
    sim.faults(Faults.swarm(partitions=False, loss=False))
    sim.always(lambda: all(disk.read(f"{of} 1") is None or disk.read(f"{of} 2") is not None for of in "abcde"))


def test_a_swarm_crashes_nodes_in_the_middle_of_turns_and_early_enough_for_a_workload_of_milliseconds() -> None:
    """No two turns have it between them, and without faults the five operations take ten milliseconds."""
    report = explore(_half_done, 300, stops_at_first=True)
    assert report.first is not None
    assert report.first.seconds < 0.1
    again = run_once(_half_done, report.first.seed)
    assert again.digest == report.first.digest


@define(eq=False)
class _Waiter(Actor[_Work]):
    """Waits on trio, and then writes: the worker that runs it is a task of trio of its own by then."""

    disk: Disk

    @handles(_Work)
    async def work(self, work: _Work) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.01)
        self.disk.write(work.of, 1)
        self.disk.sync()


async def _ask_on(client: Client) -> None:
    for number in range(10):
        try:
            await client.ref("a", "/user/waiter").ask(_Work(str(number)), timeout=0.1)
        except AskError:
            await client.sleep(0.05)


def test_a_worker_whose_node_crashed_in_its_turn_goes_on_to_work_for_others() -> None:
    """It was held back with its node's other tasks once, and the run with it."""

    def target(sim: Simulation) -> None:
        for name in ("a", "b"):
            sim.node(name, actor(_Waiter, sim.disk(name), name="waiter"))
        sim.client(_ask_on)
        sim.client(_ask_on)
        sim.faults(Faults.swarm())

    report = explore(target, 150)
    assert report.violations == 0, str(report)
    assert report.fired["crash"] > 20
