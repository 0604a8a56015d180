"""
A collector of readings that are sent without waiting.

Broken: a reading that finds the mailbox full is lost, and its sender never knows. Correct: each is asked for, and sent again until it
is confirmed; the collector keeps each once.
"""

from __future__ import annotations

from typing import Any

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Request, actor, handles
from trouper.simulation import Simulation

READINGS = 12
SENSORS = ("attic", "cellar", "garden", "hall", "roof")


@frozen
class Reading(Request[bool]):
    sensor: str
    number: int


@frozen
class Send:
    pass


@define(eq=False)
class Collector(Actor[Reading]):
    """Keeps readings, with a small mailbox and now and then a slow disk."""

    kept: set[tuple[str, int]] = field(factory=set[tuple[str, int]])

    @handles(Reading)
    async def keep(self, reading: Reading) -> bool:
        if self.context.random.random() < 0.05:
            await trio.sleep(0.01)
        self.kept.add((reading.sensor, reading.number))
        return True


@define(eq=False)
class Sensor(Actor[Send]):
    """Sends its readings."""

    name: str
    collector: ActorRef[Any]
    confirms: bool
    sent: int = 0

    def on_start(self) -> None:
        self.context.after(0.01, Send())

    @handles(Send)
    async def send(self, _send: Send) -> None:
        for number in range(READINGS):
            while self.confirms:
                try:
                    await self.collector.ask(Reading(self.name, number), timeout=0.1)
                except AskError:
                    continue
                break
            else:
                self.collector.tell_nowait(Reading(self.name, number))
                await trio.sleep(0.001)
            self.sent += 1


def all_readings_arrive(sim: Simulation) -> bool:
    """None is missing."""
    sent = {(sensor.name, number) for sensor in sim.actors(Sensor) for number in range(READINGS)}
    return all(collector.kept == sent for collector in sim.actors(Collector))


def _readings(sim: Simulation, *, confirms: bool) -> None:
    sim.node("collector", actor(Collector, name="collector", mailbox=2))
    for name in SENSORS:
        sim.node(name, actor(Sensor, name, sim.ref("collector", "/user/collector"), confirms, name="sensor"))
    sim.eventually(all_readings_arrive, within=20.0)
    sim.duration = 0.2


def broken(sim: Simulation) -> None:
    """Sends and forgets."""
    _readings(sim, confirms=False)


def correct(sim: Simulation) -> None:
    """Sends until it is confirmed."""
    _readings(sim, confirms=True)
