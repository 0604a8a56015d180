"""
What persisting costs, round by round: `python benchmarks/persistence.py`, the second part of `make bench`.

One by one, a commit is a sync of the disk; together, everybody who waits shares one. So how many times as fast two hundred are as one is as
much a figure of the disk as of the group commit: where a sync takes a quarter of a millisecond the processor is what they wait
for. Beside them, in the same round, the package eventsourcing saves one event of one aggregate at a time, in an environment of its own.
Rates are those of the clock, since a disk is waited for; recovery is measured in processor time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import trio
from attrs import define, field, frozen

sys.path.append(str(Path(__file__).resolve().parent / "peers"))

from environments import PEERS, NotHere, environment_of, variables
from report import Figure, table
from settings import Peer

from trouper import Actor, ActorRef, Request, actor, handles, open_system
from trouper.persistence import Encoded, Entry, EventSourced, Journal, applies, follow, open_journal

ACTORS = 200
EACH = 200
ALONE = 1_000
HISTORY = 100_000
FOLLOWERS = 10
ROUNDS = 3
SECONDS_MAX = 600.0

DOES: Final[Mapping[str, tuple[str, str]]] = {
    "persist_alone": ("one actor is told, and persists one event after the other", "events/s"),
    "persist_together": (f"{ACTORS} actors are told, and persist at once", "events/s"),
    "persist_together_to_alone": ("these to that", "times"),
    "ask_alone": ("another actor asks one, which persists and replies", "events/s"),
    "ask_together": (f"{ACTORS} others ask {ACTORS}", "events/s"),
    "ask_together_to_alone": ("these to that", "times"),
    "eventsourcing_alone": ("the package eventsourcing saves, one event after the other", "events/s"),
    "persist_together_to_eventsourcing": (f"{ACTORS} actors to that", "times"),
    "recover": (f"an actor comes back from {HISTORY:,} events", "events/CPU s"),
    "persist_durable": (f"{ACTORS} actors persist an event and a durable fact each, which nobody follows", "facts/s"),
    "persist_durable_to_events": ("these to events alone", "times"),
    "publish_durable_to_persist": (f"durable facts to {FOLLOWERS} followers, to those that nobody follows", "times"),
}
"""By id: what is measured, and in which unit."""


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
    """Persists one event a message. Calls *done* when the last one that it was told of is on the disk."""

    last: int = 0
    done: Callable[[], None] | None = None
    balance_cents: int = 0

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> int:
        """One event, with a fact or without."""
        event = Deposited(command.cents)
        await self.persist(event, publish=[event] if command.announced else ())
        if self.done is not None and self.balance_cents == self.last:
            self.done()
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


@define
class Countdown:
    """An event that is set when so many have said that they are done."""

    running: int
    over: trio.Event = field(factory=trio.Event, init=False)

    def done(self) -> None:
        """One of them."""
        self.running -= 1
        if not self.running:
            self.over.set()


async def persist(where: Path | Journal, actors: int, each: int, command: Deposit, followers: int = 0) -> float:
    """
    So many actors are told so many commands each, and persist an event for each of them.

    Returns events for a second of the clock, from the first message until all events are on the disk and every follower has them.
    """
    countdown = Countdown(actors)

    async def listen(journal: Journal) -> None:
        seen = 0
        async for _ in follow(journal, Deposited):
            seen += 1
            if seen == actors * each:
                break

    async with open_journal(where) as journal, open_system() as system:
        accounts = [await system.spawn(actor(Account, each, countdown.done, name=f"account-{number}")) for number in range(actors)]
        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(followers):
                nursery.start_soon(listen, journal)
            for _ in range(each):
                for account in accounts:
                    await account.tell(command)
            await countdown.over.wait()
        return actors * each / (time.perf_counter() - began)


async def ask(where: Path | Journal, actors: int, each: int) -> float:
    """The same with a driver for each actor, which asks, and asks again when it has the reply."""
    countdown = Countdown(actors)
    async with open_journal(where), open_system() as system:
        accounts = [await system.spawn(actor(Account, name=f"account-{number}")) for number in range(actors)]
        drivers = [await system.spawn(actor(Driver, account, Deposit(1), each, countdown.done)) for account in accounts]
        began = time.perf_counter()
        for driver in drivers:
            driver.tell_nowait(Go())
        await countdown.over.wait()
        return actors * each / (time.perf_counter() - began)


async def recover(file: Path, events: int) -> float:
    """One actor with a long history comes back. Returns events for a second of the processor, with all that goes on around it."""
    old = actor(Account, name="old")
    began = time.process_time()
    async with open_journal(file), open_system(old) as system:
        assert await system.ref(old).ask(Deposit(1)) == events + 1
    return events / (time.process_time() - began)


async def write_history(file: Path, events: int) -> None:
    """The long history."""
    event = Encoded("Deposited", 1, b'{"cents":1}')
    async with open_journal(file) as journal:
        for after in range(0, events, 1_000):
            await journal.append(Entry("/user/old", after, (event,) * min(1_000, events - after), "benchmark"))


def rate_of_eventsourcing(divisor: int) -> float | None:
    """Events for a second of the clock; None if it cannot be installed."""
    peer = Peer("eventsourcing", "eventsourcing", "eventsourcing", "none: it has no actors")
    try:
        command = [str(environment_of(peer)), str(PEERS / peer.folder / "main.py"), str(ALONE // divisor)]
    except NotHere as reason:
        print(f"eventsourcing: not run: {reason}", file=sys.stderr)
        return None
    ran = subprocess.run(command, env=variables(), capture_output=True, text=True, check=True, timeout=SECONDS_MAX)  # noqa: S603  # ours
    return float(ran.stdout.split()[0])


def one_round(divisor: int) -> dict[str, float]:
    """The figures of one round, by id."""
    each, alone_events, history = (max(1, number // divisor) for number in (EACH, ALONE, HISTORY))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        alone = trio.run(persist, place / "1.db", 1, alone_events, Deposit(1))
        together = trio.run(persist, place / "2.db", ACTORS, each, Deposit(1))
        ask_alone = trio.run(ask, place / "5.db", 1, alone_events)
        ask_together = trio.run(ask, place / "6.db", ACTORS, each)
        others = rate_of_eventsourcing(divisor)
        announced = Deposit(1, announced=True)
        unfollowed = trio.run(persist, place / "7.db", ACTORS, each, announced)
        followed = trio.run(persist, place / "3.db", ACTORS, each, announced, FOLLOWERS)
        trio.run(write_history, place / "4.db", history)
        recovered = trio.run(recover, place / "4.db", history)
    figures = {
        "persist_alone": alone,
        "persist_together": together,
        "persist_together_to_alone": together / alone,
        "ask_alone": ask_alone,
        "ask_together": ask_together,
        "ask_together_to_alone": ask_together / ask_alone,
        "recover": recovered,
        "persist_durable": unfollowed,
        "persist_durable_to_events": unfollowed / together,
        "publish_durable_to_persist": followed / unfollowed,
    }
    if others is not None:
        figures["eventsourcing_alone"] = others
        figures["persist_together_to_eventsourcing"] = together / others
    return figures


def main() -> None:
    """Prints the medians, and whether they are what they should be at least."""
    parser = argparse.ArgumentParser(description="Measures what persisting costs.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is run; the median counts (default {ROUNDS})")
    parser.add_argument("--divisor", type=int, default=1, help="by how much every number is divided")
    chosen = parser.parse_args()
    rounds = [one_round(chosen.divisor) for _ in range(chosen.rounds)]
    found = [Figure(name, does, unit, [figures[name] for figures in rounds]) for name, (does, unit) in DOES.items() if name in rounds[0]]
    print(table(found, chosen.rounds))


if __name__ == "__main__":
    main()
