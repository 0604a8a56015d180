"""
Two-phase commit under seeded faults: `python examples/two_phase_commit/check.py`.

    trouper simulate examples/two_phase_commit/check.py:two_phase_commit --seeds 10000 --jobs 2

Whatever crashes and is lost: no two resource managers ever end a transaction differently, and when the faults are over none is left
without an end. What the protocol cannot do is shown by the second simulation: while the transaction manager is away, whoever is prepared
is blocked, and it would be a mistake of theirs to decide by themselves.
"""

import sys
from pathlib import Path

from trouper import actor
from trouper.simulation import Client, Faults, Simulation, explore, simulation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package is found wherever this file is loaded from

from two_phase_commit.protocol import Begin, ResourceManager, TransactionManager

NAMES = ("a", "b", "c")
TRANSACTIONS = 10


def build(
    sim: Simulation,
    refuses: float,
    resource_manager: type[ResourceManager] = ResourceManager,
    transaction_manager: type[TransactionManager] = TransactionManager,
) -> None:
    """A transaction manager and three resource managers, each on a node of its own. Their classes may be ones with a mistake."""
    manager = sim.ref("manager", "/user/manager")
    managers = {name: sim.ref(name, f"/user/{name}") for name in NAMES}
    sim.node("manager", actor(transaction_manager, managers, sim.disk("manager"), name="manager"))
    for name in NAMES:
        sim.node(name, actor(resource_manager, name, manager, sim.disk(name), refuses, name=name))
    sim.always(everybody_ends_alike)


def everybody_ends_alike(sim: Simulation) -> None:
    """Atomicity: nobody has committed what another has aborted."""
    ends: dict[int, tuple[str, str]] = {}
    for manager in sim.actors(ResourceManager):
        for number, state in manager.states.items():
            if state in ("committed", "aborted"):
                name, end = ends.setdefault(number, (manager.name, state))
                assert end == state, f"transaction {number} is {end} at {name}, and {state} at {manager.name}"


def nothing_is_open(sim: Simulation) -> bool:
    """Nobody waits for a decision."""
    return all(state != "prepared" for manager in sim.actors(ResourceManager) for state in manager.states.values())


async def transactions(client: Client) -> None:
    """Begins one after the other, whatever has become of the last."""
    manager = client.ref("manager", "/user/manager")
    for number in range(TRANSACTIONS):
        manager.tell_nowait(Begin(number))
        await client.sleep(0.6 * client.random.random())


@simulation
def two_phase_commit(sim: Simulation) -> None:
    """Every fault."""
    build(sim, refuses=0.2)
    sim.client(transactions)
    sim.eventually(nothing_is_open, within=2.0)
    sim.faults(Faults.swarm())


@simulation
def blocked(sim: Simulation) -> None:
    """The transaction manager crashes when all have voted, and is away for five seconds."""

    async def workload(client: Client) -> None:
        manager = client.ref("manager", "/user/manager")
        manager.tell_nowait(Begin(1))
        while [each.states.get(1) for each in sim.actors(ResourceManager)] != ["prepared"] * len(NAMES):
            await client.sleep(0.0002)
        with sim.down("manager"):
            await client.sleep(5.0)
            assert not nothing_is_open(sim), "somebody has decided by itself"

    build(sim, refuses=0.0)
    sim.client(workload)
    sim.eventually(nothing_is_open, within=1.0)


if __name__ == "__main__":
    tried = explore(two_phase_commit, 100)
    print(f"{tried.seeds} seeds with every fault: in {tried.seeds - tried.violations} all ended each transaction alike")
    tried = explore(blocked, 10)
    blocked_seeds = tried.seeds - tried.violations
    print(f"{tried.seeds} seeds whose manager crashes when all have voted yes: in {blocked_seeds} nobody could decide until it was back")
