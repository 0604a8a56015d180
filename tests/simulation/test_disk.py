"""A node's disk: what a crash leaves of it."""

from __future__ import annotations

import pytest
import trio
from attrs import define, frozen

from trouper import Actor, actor, handles
from trouper.simulation import Client, Simulation, run_once
from trouper.simulation.disk import Disk
from trouper.simulation.tape import Tape
from trouper.simulation.trace import Trace
from trouper.simulation.world import World


def _crashed(seed: int) -> list[object]:
    disk = Disk(World(Tape(seed), Trace()), "a")
    disk.write("safe", 1)
    disk.sync()
    for number in range(3):
        disk.write(f"key {number}", number)
    assert [disk.read(f"key {number}") for number in range(3)] == [0, 1, 2]
    disk.crash()
    return [disk.read("safe"), *(disk.read(f"key {number}") for number in range(3))]


def test_a_crash_keeps_what_was_synced_and_the_first_of_what_was_not() -> None:
    """Over seeds each number of writes is lost some time, always the last ones."""
    assert {tuple(_crashed(seed)) for seed in range(60)} == {
        (1, 0, 1, 2),
        (1, 0, 1, None),
        (1, 0, None, None),
        (1, None, None, None),
    }


def test_what_is_on_a_disk_is_a_copy() -> None:
    """Neither what was written nor what was read is shared with it."""
    disk = Disk(World(Tape(1), Trace()), "a")
    mine = [1]
    disk.write("list", mine)
    mine.append(2)
    disk.sync()
    disk.read("list").append(3)
    assert disk.read("list") == [1]
    assert disk.read("nothing", "default") == "default"


@frozen
class _Write:
    pass


@define(eq=False)
class _Late(Actor[_Write]):
    """Writes after a second, whatever comes, as a handler and as a task."""

    disk: Disk

    def on_start(self) -> None:
        self.context.start_soon(self._write, "task")
        self.context.ref.tell_nowait(_Write())

    @handles(_Write)
    async def write(self, _command: _Write) -> None:
        await self._write("handler")

    async def _write(self, key: str) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(1.0)
            self.disk.write(key, 1)
            self.disk.sync()


@pytest.mark.parametrize("crashed", [False, True])
def test_a_dead_node_writes_nothing(crashed: bool) -> None:
    """Also if a shield keeps its tasks alive; one that lives does."""
    found: list[object] = []

    async def look(client: Client) -> None:
        await client.sleep(0.5)
        if crashed:
            client.simulation.nodes["a"].crash()
        await client.sleep(1.0)
        found.extend(client.simulation.disk("a").read(key) for key in ("task", "handler"))

    def target(sim: Simulation) -> None:
        sim.node("a", actor(_Late, sim.disk("a"), name="late"))
        sim.client(look)

    assert run_once(target, 0).violation is None
    assert found == ([None, None] if crashed else [1, 1])
