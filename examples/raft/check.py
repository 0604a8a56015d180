"""
Raft must be safe after every step, all must have caught up with a leader in the end, and clients must have seen one key-value store.

    trouper simulate examples/raft/check.py:raft_cluster --seeds 10000 --jobs 2
"""

import sys
from functools import partial
from pathlib import Path

from attrs import define, field

from trouper import actor, supervisor
from trouper.simulation import Client, Conditions, Faults, KeyValue, Simulation, explore, simulation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package is found wherever this file is loaded from

from raft.messages import Entry
from raft.server import RaftServer
from raft.session import Session

NAMES = ("a", "b", "c")


@define(eq=False)
class Judge:
    """Looks at what is new after each step. It remembers what it saw, so that a server's crash hides nothing."""

    sim: Simulation
    _leaders: dict[int, str] = field(factory=dict[int, str], init=False)  # by term
    _committed: list[tuple[int, Entry]] = field(factory=list[tuple[int, Entry]], init=False)  # in which term, and what
    _looked: dict[RaftServer, int] = field(factory=dict[RaftServer, int], init=False)

    def raft_is_safe(self) -> None:
        """At most one leader a term, who has all that was committed in earlier ones; and all servers carry out the same."""
        for server in self.sim.actors(RaftServer):
            if server.role == "leader" and self._leaders.get(server.term) != server.name:
                other = self._leaders.setdefault(server.term, server.name)
                assert other == server.name, f"{other} and {server.name} both lead term {server.term}"
                for index, (term, entry) in enumerate(self._committed):
                    has_it = term >= server.term or server.log[index : index + 1] == [entry]
                    assert has_it, f"{server.name} leads term {server.term}, but lacks {entry}, committed in term {term}"
            for index in range(self._looked.get(server, 0), server.committed + 1):
                self._looked[server] = index + 1
                if index == len(self._committed):
                    self._committed.append((server.term, server.log[index]))
                known = self._committed[index][1]
                assert server.log[index] == known, f"{server.name} carries out {server.log[index]} where others have {known}"

    def everybody_follows_a_leader(self) -> bool:
        """One leads, and all have carried out the whole of its log."""
        servers = self.sim.actors(RaftServer)
        return {server.committed for server in servers} == {len(server.log) - 1 for server in servers if server.role == "leader"}


async def workload(number: int, client: Client) -> None:
    """Reads and writes two keys, at some leisure. Every value is written once."""
    session = Session(client.name, {name: client.ref(name, "/user/raft/server") for name in NAMES}, sleep=client.sleep)
    draw = client.random.random
    for value in range(100 * number, 100 * number + 5):
        key = "x" if draw() < 0.7 else "y"
        expected = value - 1 - int(3 * draw())  # what it has written not long ago, perhaps
        kind, argument = (("get", key), ("put", (key, value)), ("cas", (key, expected, value)))[int(3 * draw())]
        await client.perform(kind, argument, session.do(kind, argument))
        await client.sleep(0.4 * draw())


def raft_of(server: type[RaftServer], sim: Simulation) -> None:
    """Three servers of a class, perhaps with a mistake. Far apart, and with an entry a message, they are often of different minds."""
    sim.network(Conditions(latency_min=0.005, latency_span=0.045, tail_factor=20.0))
    cluster = {name: sim.ref(name, "/user/raft/server") for name in NAMES}
    for name in NAMES:
        sim.node(name, supervisor("raft", [actor(server, name, cluster, sim.disk(name), 0.15, 1, name="server")]))
    sim.client(partial(workload, 1))
    sim.client(partial(workload, 2))
    judge = Judge(sim)
    sim.always(judge.raft_is_safe)
    sim.eventually(judge.everybody_follows_a_leader, within=5.0)
    sim.linearizable(KeyValue)
    sim.faults(Faults.swarm(skew=0.05))


@simulation
def raft_cluster(sim: Simulation) -> None:
    """Three servers, two clients, every fault."""
    raft_of(RaftServer, sim)


if __name__ == "__main__":
    tried = explore(raft_cluster, 100)
    print(f"{tried.seeds} seeds, {tried.fired['crash']} crashes, {tried.fired['partition']} partitions: {tried.violations} violations")
