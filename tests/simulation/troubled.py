"""Targets that give the command line trouble: they raise, exit, kill their process, or press Ctrl-C. Seed 37 is bad luck."""

from __future__ import annotations

import os
import signal

from attrs import define, frozen

from trouper import Actor, actor, handles
from trouper.simulation import Faults, Simulation

UNLUCKY = 37


@frozen
class Ping:
    number: int


@frozen
class Farewell:
    """Nobody ever says it."""


@define(eq=False)
class Player(Actor[Ping | Farewell]):
    """Pings itself now and then."""

    def on_start(self) -> None:
        self.context.after(0.01, Ping(0))

    @handles(Ping)
    def ping(self, ping: Ping) -> None:
        self.context.after(0.02, Ping(ping.number + 1))

    @handles(Farewell)
    def farewell(self, farewell: Farewell) -> None:
        raise AssertionError(farewell)


def fine(sim: Simulation) -> None:
    """Nothing is wrong with it, and partitions are not possible."""
    sim.node("a", actor(Player, name="player"))
    sim.duration = 0.5
    sim.faults(Faults.swarm(crashes=False, duplication=False, tail=False, slow_nodes=False))


def wrong(sim: Simulation) -> None:
    """Every seed breaks it."""
    fine(sim)
    sim.at_the_end(lambda: False)


def raising(sim: Simulation) -> None:
    fine(sim)
    if sim.world.tape.seed == UNLUCKY:
        raise ValueError("no luck")


def exiting(sim: Simulation) -> None:
    fine(sim)
    if sim.world.tape.seed == UNLUCKY:
        raise SystemExit(0)


def killing(sim: Simulation) -> None:
    fine(sim)
    if sim.world.tape.seed == UNLUCKY:
        os.kill(os.getpid(), signal.SIGKILL)


def vanishing(sim: Simulation) -> None:
    fine(sim)
    if sim.world.tape.seed == UNLUCKY:
        os._exit(0)


def interrupting(sim: Simulation) -> None:
    fine(sim)
    if sim.world.tape.seed == UNLUCKY:
        signal.raise_signal(signal.SIGINT)


def interrupting_the_parent(sim: Simulation) -> None:
    fine(sim)
    if sim.world.tape.seed == UNLUCKY:
        os.kill(os.getppid(), signal.SIGINT)


def of_two(sim: Simulation, other: Simulation) -> None:
    """No simulation."""
