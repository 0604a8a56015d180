"""
What persisting costs: ``python benchmarks/persistence.py``, rates for a second of the clock and of the processor.

One by one, a commit is a sync of the disk; together, everybody who waits shares one. So the first figure is the disk's, and the
ratio of the second to it says what the group commit is worth on this machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from attrs import define, frozen

from trouper import Actor, ActorRef, Request, actor, handles, open_system
from trouper.persistence import Encoded, Entry, EventSourced, InMemoryJournal, Journal, applies, follow, open_journal

ACTORS = 200
EACH = 200
ALONE = 1_000
HISTORY = 100_000
FOLLOWERS = 10


@frozen
class Deposited:
    """The event, and the fact."""

    cents: int


@frozen
class Deposit(Request[int]):
    """The message. *announced*: whether the event is published as a durable fact."""

    cents: int
    announced: bool = False


@define(eq=False)
class Account(EventSourced[Deposit, Deposited]):
    """Persists one event a message."""

    balance_cents: int = 0

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> int:
        """One event, with a fact or without."""
        event = Deposited(command.cents)
        await self.persist(event, publish=[event] if command.announced else ())
        return self.balance_cents

    @applies(Deposited)
    def deposited(self, event: Deposited) -> None:
        """The least that can be done with it."""
        self.balance_cents += event.cents


@frozen
class Go:
    """The message that starts a driver."""


@define(eq=False)
class Driver(Actor[Go]):
    """Asks one account again and again."""

    account: ActorRef[Deposit]
    command: Deposit
    times: int
    done: Callable[[], None]

    @handles(Go)
    async def go(self, _command: Go) -> None:
        """All of it, within one handler."""
        for _ in range(self.times):
            await self.account.ask(self.command, timeout=60.0)
        self.done()


async def persist(where: Path | Journal, actors: int, each: int, command: Deposit, followers: int = 0) -> int:
    """So many actors, each of which persists so many events. Returns how many there are in the end."""
    running = actors
    over = trio.Event()

    def done() -> None:
        nonlocal running
        running -= 1
        if not running:
            over.set()

    async def listen(journal: Journal) -> None:
        seen = 0
        async for _ in follow(journal, Deposited):
            seen += 1
            if seen == actors * each:
                break

    async with open_journal(where) as journal, open_system() as system, trio.open_nursery() as nursery:
        for _ in range(followers):
            nursery.start_soon(listen, journal)
        for number in range(actors):
            account = await system.spawn(actor(Account, name=f"account-{number}"))
            driver = await system.spawn(actor(Driver, account, command, each, done))
            driver.tell_nowait(Go())
        await over.wait()
    return actors * each


async def recover(file: Path) -> int:
    """One actor with a long history comes back."""
    async with open_journal(file), open_system(actor(Account, name="old")):
        return HISTORY


async def write_history(file: Path) -> None:
    """The long history."""
    event = Encoded("Deposited", 1, b'{"cents":1}')
    async with open_journal(file) as journal:
        for after in range(0, HISTORY, 1_000):
            await journal.append(Entry("/user/old", after, (event,) * 1_000, "benchmark"))


def measure(label: str, work: Callable[[], Awaitable[int]]) -> float:
    """Runs *work* and prints its rates. Returns that of the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = trio.run(work)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{label:<58} {count / wall:>10,.0f} /s {count / cpu:>10,.0f} /CPU s")
    return count / wall


def main() -> None:
    """Prints all rates, and the ratios that the docs speak of."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        alone = measure("one actor persists, one event after the other", lambda: persist(place / "1.db", 1, ALONE, Deposit(1)))
        together = measure(f"{ACTORS} actors persist at once", lambda: persist(place / "2.db", ACTORS, EACH, Deposit(1)))
        measure(f"{ACTORS} actors persist in memory", lambda: persist(InMemoryJournal(), ACTORS, EACH, Deposit(1)))
        announced = measure(
            f"{ACTORS} actors publish durable facts to {FOLLOWERS} followers",
            lambda: persist(place / "3.db", ACTORS, EACH, Deposit(1, announced=True), FOLLOWERS),
        )
        trio.run(write_history, place / "4.db")
        measure(f"an actor comes back from {HISTORY:,} events", lambda: recover(place / "4.db"))
    print(f"together to alone: {together / alone:.1f}; facts to {FOLLOWERS} followers to events: {announced / together:.2f}")


if __name__ == "__main__":
    main()
