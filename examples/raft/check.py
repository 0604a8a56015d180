"""
Raft under seeded faults: three servers that crash, stand still and are cut off, two clients, and what must hold of them.

    trouper simulate examples/raft/check.py:raft_cluster --seeds 10000 --jobs 2

Run as a script it tries 100 seeds. After every step: at most one leader a term, logs that agree up to every entry that they
share, servers that carry out the same commands, and leaders that know all of them (the safety properties of figure 3 of the Raft
paper). When the faults are over: a leader, and everybody up to date with it. And of what the clients were told: a key-value store
that is linearizable.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from trouper import actor, supervisor
from trouper.simulation import UNKNOWN, Client, Faults, KeyValue, Simulation, explore, simulation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package is found wherever this file is loaded from

from raft.messages import Done, Entry
from raft.server import RaftServer
from raft.session import Session

NAMES = ("a", "b", "c")
COMMANDS = 12


@define(eq=False)
class Judge:
    """
    Looks at the servers after every step, and only at what is new.

    It remembers what it saw, so that a server's crash hides nothing.
    """

    sim: Simulation
    _leaders: dict[int, str] = field(factory=dict[int, str], init=False)
    _entries: dict[tuple[int, int], tuple[int, Entry]] = field(factory=dict[tuple[int, int], tuple[int, Entry]], init=False)
    _committed: list[tuple[int, Entry]] = field(factory=list[tuple[int, Entry]], init=False)
    _logs: dict[RaftServer, list[Entry]] = field(factory=dict[RaftServer, list[Entry]], init=False)
    _looked: dict[RaftServer, int] = field(factory=dict[RaftServer, int], init=False)

    def raft_is_safe(self) -> None:
        """All that must always hold."""
        for server in self.sim.actors(RaftServer):
            log, seen = server.log, self._logs.get(server)
            if log and (seen is None or len(seen) != len(log) or seen[-1] is not log[-1]):
                self._look_at_log(server, seen or [])
            if server.role == "leader" and self._leaders.get(server.term) != server.name:
                self._look_at_leader(server)
            if server.committed != self._looked.get(server, 0):
                self._look_at_committed(server)

    def _look_at_log(self, server: RaftServer, seen: list[Entry]) -> None:
        """Log matching: an entry of an index and term is the same everywhere, and follows an entry of the same term everywhere."""
        log = server.log
        start = min(len(seen), len(log))
        while start and seen[start - 1] is not log[start - 1]:
            start -= 1
        for index in range(max(start, 1), len(log)):
            entry = log[index]
            here = log[index - 1].term, entry
            known = self._entries.setdefault((index, entry.term), here)
            assert known == here, f"entry {index} of {server.name} is {entry}, and another's of that term is {known[1]}"
        self._logs[server] = list(log)

    def _look_at_leader(self, server: RaftServer) -> None:
        """Election safety: one leader a term. Leader completeness: it has all that was committed in the terms before."""
        other = self._leaders.setdefault(server.term, server.name)
        assert other == server.name, f"{other} and {server.name} both lead term {server.term}"
        for index, (term, entry) in enumerate(self._committed, 1):
            has = server.log[index] if index < len(server.log) else None
            assert term >= server.term or has == entry, f"{server.name} leads term {server.term}, but lacks {entry}, committed in {term}"

    def _look_at_committed(self, server: RaftServer) -> None:
        """State machine safety: what one has carried out at an index, nobody carries out otherwise."""
        for index in range(self._looked.get(server, 0) + 1, server.committed + 1):
            entry = server.log[index]
            if index > len(self._committed):
                self._committed.append((server.term, entry))
            known = self._committed[index - 1][1]
            assert known == entry, f"{server.name} carries out {entry} at {index}, where others have carried out {known}"
        self._looked[server] = server.committed

    def everybody_follows_a_leader(self) -> bool:
        """One leads, and all have carried out the whole of its log."""
        servers = self.sim.actors(RaftServer)
        leaders = [server for server in servers if server.role == "leader"]
        return len(leaders) == 1 and {server.committed for server in servers} == {len(leaders[0].log) - 1}


def _result(done: Done | None) -> Any:
    return UNKNOWN if done is None else done.value


async def workload(number: int, client: Client) -> None:
    """Reads and writes two keys, at some leisure. Every value is written once."""
    session = Session(client.name, {name: client.ref(name, "/user/raft/server") for name in NAMES})
    draw = client.random.random
    for value in range(100 * number, 100 * number + COMMANDS):
        key = "x" if draw() < 0.7 else "y"
        chance = draw()
        if chance < 0.4:
            await client.perform("get", key, session.do("get", key), _result)
        elif chance < 0.8:
            await client.perform("put", (key, value), session.do("put", key, value), _result)
        else:
            expected = value - 1 - int(3 * draw())  # what it has written not long ago, perhaps
            await client.perform("cas", (key, expected, value), session.do("cas", key, value, expected), _result)
        await client.sleep(0.6 * draw())


def raft_of(server: type[RaftServer], sim: Simulation) -> None:
    """Three servers of a class, which may be one with a mistake."""
    cluster = {name: sim.ref(name, "/user/raft/server") for name in NAMES}
    for name in NAMES:
        sim.node(name, supervisor("raft", [actor(server, name, cluster, sim.disk(name), name="server")]))
    for number in (1, 2):
        sim.client(partial(workload, number))
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
