"""A node's disk: what a crash leaves of it."""

from __future__ import annotations

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
