"""
Three servers of Raft in one system, for real: `python examples/raft/main.py`.

The class that `check.py` tries under every fault elects a leader here, loses it, elects another, and has forgotten nothing.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

from trouper import ActorRef, actor, open_system, supervisor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package is found wherever this file is loaded from

from raft.messages import LeaderElected, RaftMessage
from raft.server import RaftServer
from raft.session import Session


@define(eq=False)
class Shelf:
    """For a disk: it outlives the server, if not the process."""

    values: dict[str, Any] = field(factory=dict[str, Any])

    def write(self, key: str, value: Any) -> None:
        self.values[key] = value

    def read(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def sync(self) -> None:
        pass  # there is nothing to wait for


async def main() -> None:
    """Elects a leader, and stops it."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # of what is told to a server that is stopped
    cluster: dict[str, ActorRef[RaftMessage]] = {}
    servers = {name: actor(RaftServer, name, cluster, Shelf(), 0.03, name=name) for name in ("a", "b", "c")}
    async with open_system(supervisor("raft", list(servers.values()))) as system, system.subscribe(LeaderElected) as elections:
        cluster.update({name: system.ref(spec) for name, spec in servers.items()})
        session = Session("ann", cluster)
        first = await anext(elections)
        print("a leader is elected")
        await session.do("put", "x", 1)
        print("x is 1: a majority has it in its log")

        await system.stop(cluster[first.name])
        second = await anext(elections)
        assert second.name != first.name
        assert second.term > first.term
        print("the leader is stopped, and another is elected in a later term")
        read = await session.do("get", "x")
        print(f"x is still {read.value if read is not None else 'unknown'}")
        await session.do("cas", "x", 2, expected=1)

        await system.start(servers[first.name])
        cluster[first.name] = system.ref(servers[first.name])  # a ref outlives restarts, but a start after a stop is a new actor
        print("the first one is started again, and reads its disk")
        await system.stop(cluster[second.name])
        read = await session.do("get", "x")
        print(f"the second one is stopped, and x is {read.value if read is not None else 'unknown'}: nothing was forgotten")


if __name__ == "__main__":
    trio.run(main)
