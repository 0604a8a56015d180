"""A process that is killed at any moment leaves a journal with everything that it has acknowledged, once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import trio

from trouper.persistence import SqliteJournal

WRITER = """
import json, os, sys
import trio
from attrs import define, frozen
from trouper import Actor, Request, actor, handles, open_system
from trouper.persistence import EventSourced, Projection, applies, open_journal, projects

@frozen
class Added:
    number: int

@frozen
class Counted:
    name: str
    count: int

@frozen
class Add(Request[int]):
    pass

@frozen
class Sums(Request[dict[str, tuple[int, int]]]):
    pass

@define(eq=False)
class Totals(Projection[Sums, Counted]):
    file: str
    tables = ("CREATE TABLE totals (name TEXT PRIMARY KEY, count INTEGER NOT NULL, facts INTEGER NOT NULL) STRICT",)

    @projects(Counted)
    def counted(self, fact, model):
        model.execute(
            "INSERT INTO totals VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE SET count = excluded.count, facts = facts + 1",
            (fact.name, fact.count),
        )

    @handles(Sums)
    async def sums(self, query):
        while self.lag:
            await self.context.sleep(0.001)
        return await self.query(lambda model: {name: (count, facts) for name, count, facts in model.execute("SELECT * FROM totals")})

@define(eq=False)
class Counting(EventSourced[Add, Added]):
    count: int = 0

    @handles(Add)
    async def add(self, command: Add) -> int:
        counted = Counted(self.context.path, self.count + 2)
        await self.persist(Added(self.count + 1), Added(self.count + 2), publish=[counted])
        return self.count

    @applies(Added)
    def added(self, event: Added) -> None:
        assert event.number == self.count + 1
        self.count = event.number

async def drive(ref, name):
    while True:
        count = await ref.ask(Add(), timeout=60)
        os.write(1, f"{name} {count}\\n".encode())

async def main():
    totals = actor(Totals, sys.argv[1] + ".totals", name="totals")
    if sys.argv[2:] == ["sums"]:
        async with open_journal(sys.argv[1]) as journal, open_system(totals) as system:
            last = await journal.last_offset()
            offsets = [fact.offset for fact in await journal.facts(0, last + 1)]
            print(json.dumps({"offsets": offsets == list(range(1, last + 1)), "sums": await system.ref(totals).ask(Sums(), timeout=60)}))
        return
    async with open_journal(sys.argv[1]), open_system(totals) as system, trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(drive, await system.spawn(actor(Counting, name=f"c{number}")), f"c{number}")

trio.run(main)
"""

KILLS = int(os.environ.get("KILLS", "6"))
"""How often; `make crash KILLS=1000` says more."""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_process_loses_nothing_that_it_has_acknowledged(tmp_path: Path) -> None:
    """
    Twenty actors persist pairs of events without a pause, and the process is killed with SIGKILL, again and again over one file:
    everything that was answered is there, once, in order, and of no pair there is only one half. The facts of the pairs have offsets
    without a gap, and the tables that were made from them meanwhile, and killed with it, have each once.
    """
    file = tmp_path / "counts.db"
    script = tmp_path / "writer.py"
    script.write_text(WRITER, encoding="utf-8")
    chance = random.Random(5)
    acknowledged: Counter[str] = Counter()
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, script, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            first = process.stdout.readline()
            assert first, process.stderr.read().decode()
            time.sleep(chance.random() * 0.2)  # the moment of the kill is the subject here
            process.send_signal(signal.SIGKILL)
            lines = (first + process.stdout.read()).decode().splitlines()
        for line in lines:
            name, count = line.split()
            acknowledged[name] = max(acknowledged[name], int(count))
        kept = trio.run(_kept, file)
        for name, told in acknowledged.items():
            numbers = kept[name]
            assert numbers == list(range(1, len(numbers) + 1)), f"{name} has a gap, or an event twice"
            assert len(numbers) % 2 == 0, f"{name} has half of a pair"
            assert len(numbers) >= told, f"{name} was told {told}, and {len(numbers)} events are left"
    command = [sys.executable, str(script), str(file), "sums"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
    assert found["offsets"], "the log of facts has a gap"
    assert found["sums"] == {
        f"/user/{name}": [len(numbers), len(numbers) // 2] for name, numbers in trio.run(_kept, file).items() if numbers
    }


async def _kept(file: Path) -> dict[str, list[int]]:
    with trio.fail_after(60):
        async with SqliteJournal(file) as journal:
            names = [f"c{number}" for number in range(20)]
            return {name: [event.sequence for event in await journal.events(f"/user/{name}", 0, 1_000_000)] for name in names}
