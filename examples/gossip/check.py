"""
Gossip under seeded faults: `python examples/gossip/check.py`.

    trouper simulate examples/gossip/check.py:gossip --seeds 10000 --jobs 2

Five members, of which some are cut off, crash, or stand still. Nobody ever believes what its owner has not said, nobody's knowledge
goes back, and two seconds after the faults are over everybody knows the last value of everybody.
"""

import sys
from pathlib import Path

from attrs import define, field

from trouper import AskError, actor
from trouper.simulation import Client, Faults, Simulation, explore, simulation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package is found wherever this file is loaded from

from gossip.member import Change, Member

NAMES = ("a", "b", "c", "d", "e")
CHANGES = 12


@define(eq=False)
class Judge:
    """Remembers what each member has said of itself, and what each has known."""

    sim: Simulation
    _said: dict[tuple[str, int], int] = field(factory=dict[tuple[str, int], int], init=False)
    _knew: dict[Member, dict[str, tuple[int, int]]] = field(factory=dict[Member, dict[str, tuple[int, int]]], init=False)

    def nobody_believes_what_was_not_said(self) -> None:
        """One value a version, and no way back."""
        members = self.sim.actors(Member)
        for member in members:
            if member.name in member.known:
                version, value = member.known[member.name]
                said = self._said.setdefault((member.name, version), value)
                assert said == value, f"version {version} of {member.name} is {value} now, and was {said}"
        for member in members:
            knew = self._knew.get(member, {})
            if member.known == knew:
                continue
            for name, (version, value) in member.known.items():
                before = knew.get(name, (-1, 0))[0]
                assert version >= before, f"{member.name} knew version {before} of {name}, and is back at {version}"
                assert self._said.get((name, version)) == value, f"{member.name} believes that {name} is {value}"
            self._knew[member] = dict(member.known)

    def everybody_knows_everything(self) -> bool:
        """All know the same, of all."""
        members = self.sim.actors(Member)
        return all(member.known == members[0].known and len(member.known) == len(NAMES) for member in members)


async def changes(client: Client) -> None:
    """Changes somebody's value; whoever is down or cut off is not changed."""
    for number in range(CHANGES):
        name = NAMES[int(len(NAMES) * client.random.random())]
        try:
            await client.ref(name, "/user/member").ask(Change(number), timeout=0.2)
        except AskError:
            continue
        await client.sleep(0.3 * client.random.random())


def gossip_of(member: type[Member], sim: Simulation) -> None:
    """Five members of a class, which may be one with a mistake."""
    group = {name: sim.ref(name, "/user/member") for name in NAMES}
    for name in NAMES:
        sim.node(name, actor(member, name, group, sim.disk(name), name="member"))
    sim.client(changes)
    judge = Judge(sim)
    sim.always(judge.nobody_believes_what_was_not_said)
    sim.eventually(judge.everybody_knows_everything, within=2.0)
    sim.faults(Faults.swarm(reordering=True))


@simulation
def gossip(sim: Simulation) -> None:
    """Every fault, reordering too: gossip promises no order."""
    gossip_of(Member, sim)


if __name__ == "__main__":
    tried = explore(gossip, 100)
    print(f"{tried.seeds} seeds, {tried.fired['partition']} partitions, {tried.fired['crash']} crashes")
    print(f"in {tried.seeds - tried.violations} nobody believed what was not said, and all knew everything 2 seconds after the faults")
