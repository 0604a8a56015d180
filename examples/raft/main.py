"""The servers that `check.py` tries under every fault, for real, with their disks in files: `python examples/raft/main.py`."""

import logging
import pickle
import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from trouper import ActorRef, actor, open_system, supervisor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package is found wherever this file is loaded from

from raft.messages import RaftMessage
from raft.server import RaftServer
from raft.session import Session


class FileDisk:
    """A disk in a file of SQLite."""

    def __init__(self, path: str) -> None:
        self._file = sqlite3.connect(path)
        self._file.execute("create table kept (key primary key, value)")
        self.sync = self._file.commit

    def write(self, key: str, value: Any) -> None:
        self._file.execute("replace into kept values (?, ?)", (key, pickle.dumps(value)))

    def read(self, key: str, default: Any = None) -> Any:
        found = self._file.execute("select value from kept where key = ?", (key,)).fetchone()
        return pickle.loads(found[0]) if found else default  # noqa: S301  # it was pickled here


async def main(directory: str) -> None:
    """Stops one leader after the other, and starts the first one again."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # of what is told to a server that is stopped
    cluster: dict[str, ActorRef[RaftMessage]] = {}
    servers = {name: actor(RaftServer, name, cluster, FileDisk(f"{directory}/{name}"), 0.1, name=name) for name in ("a", "b", "c")}
    async with open_system(supervisor("raft", list(servers.values()))) as system:
        cluster.update({name: system.ref(spec) for name, spec in servers.items()})
        session = Session("ann", cluster, patience=1.0)
        await session.do("put", ("x", 1))
        first = str(session.leader)
        print("a leader is elected, and x is 1: a majority has it on its disk")

        await system.stop(cluster[first])
        print(f"the leader is stopped, another is elected, and x is still {await session.do('get', 'x')}")
        await system.start(servers[first])
        cluster[first] = system.ref(servers[first])  # a ref outlives restarts, but a start after a stop is a new actor
        await session.do("cas", ("x", 1, 2))
        await system.stop(cluster[str(session.leader)])
        print(f"the first one is back, the second one is stopped, and x is {await session.do('get', 'x')}: nothing was forgotten")


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        trio.run(main, temporary)
