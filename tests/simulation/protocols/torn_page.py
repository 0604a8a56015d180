"""
Two balances on one page of a disk, whose sum stays the same.

Broken: the page is overwritten in place, so that a crash in the middle leaves the beginning of the new one and the end of the old one.
Correct: two pages take turns, each with its number and a checksum; after a crash the newer one that is whole counts (shadow pages).
"""

from __future__ import annotations

from zlib import crc32

from attrs import define, field, frozen

from trouper import Actor, actor, handles
from trouper.simulation import Disk, Faults, Simulation

TOTAL = 1000
SYNC_SECONDS = 0.02


@frozen
class Transfer:
    pass


@define(eq=False)
class Bank(Actor[Transfer]):
    """Moves money from left to right."""

    disk: Disk
    has_shadow: bool
    left: int = field(init=False, default=TOTAL)
    right: int = field(init=False, default=0)
    number: int = field(init=False, default=0)

    def on_start(self) -> None:
        self.recover()
        self.context.every(0.05, Transfer())

    def recover(self) -> None:
        """What the disk has."""
        pages = [self.disk.read(f"page {place}") for place in range(2 if self.has_shadow else 1)]
        whole = [page for page in pages if page is not None and (not self.has_shadow or _is_whole(page))]
        if whole:
            newest = max(whole, key=lambda page: int(page[:6]))
            self.number, self.left, self.right = (int(newest[place : place + 6]) for place in (0, 6, 12))

    @handles(Transfer)
    async def transfer(self, _transfer: Transfer) -> None:
        self.number += 1
        self.left -= 7
        self.right += 7
        page = f"{self.number:06}{self.left:06}{self.right:06}".encode()
        self.disk.write(f"page {self.number % 2 if self.has_shadow else 0}", page + f"{crc32(page):010}".encode())
        await self.context.sleep(SYNC_SECONDS)
        self.disk.sync()


def _is_whole(page: bytes) -> bool:
    return len(page) == 28 and crc32(page[:18]) == int(page[18:])


def nothing_is_lost(sim: Simulation) -> bool:
    """Left and right are the total."""
    return all(bank.left + bank.right == TOTAL for bank in sim.actors(Bank))


def _bank(sim: Simulation, *, has_shadow: bool, torn_writes: bool = True) -> None:
    sim.node("bank", actor(Bank, sim.disk("bank"), has_shadow, name="bank"))
    sim.always(nothing_is_lost)
    sim.faults(Faults.swarm(torn_writes=torn_writes, full_mailboxes=True, restart_storms=True))


def broken(sim: Simulation) -> None:
    """Overwrites in place."""
    _bank(sim, has_shadow=False)


def correct(sim: Simulation) -> None:
    """Has a shadow page."""
    _bank(sim, has_shadow=True)


def unnoticed(sim: Simulation) -> None:
    """The broken one, under all faults but torn writes."""
    _bank(sim, has_shadow=False, torn_writes=False)
