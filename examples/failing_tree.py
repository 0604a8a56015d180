"""
A supervision tree that you can watch failing: who is restarted with whom, who gives up, and where it ends.

The runtime's own life is on the event stream like any other fact. What is printed here, but for the headlines, is what a
listener hears. In the end the root gives up: then the block of `open_system` ends with that, since errors never pass silently.
"""

import logging

import trio
from attrs import define, frozen

from trouper import (
    Actor,
    ActorFailed,
    ActorRestarted,
    ActorSpec,
    Facts,
    RestartLimitReached,
    System,
    actor,
    handles,
    open_system,
    supervisor,
)


@frozen
class Break:
    """To a machine: fail."""

    reason: str


@define(eq=False)
class Machine(Actor[Break]):
    """Works, until it is told otherwise."""

    @handles(Break)
    def fail(self, command: Break) -> None:
        """Any exception is a failure of the actor."""
        raise RuntimeError(command.reason)


MIXER, OVEN = (actor(Machine, name=name) for name in ("mixer", "oven"))
PUMP, VALVE = (actor(Machine, name=name) for name in ("pump", "valve"))
CONVEYOR, SORTER, PACKER = (actor(Machine, name=name) for name in ("conveyor", "sorter", "packer"))

PLANT = supervisor(
    "plant",
    [
        supervisor("kitchen", [MIXER, OVEN], max_restarts=1, within=60.0),
        supervisor("hydraulics", [PUMP, VALVE], strategy="one_for_all"),
        supervisor("packaging", [CONVEYOR, SORTER, PACKER], strategy="rest_for_one"),
    ],
    max_restarts=1,
    within=60.0,
)


def short(path: str) -> str:
    """Without the part that all paths here share."""
    return path.removeprefix("/user/plant/")


async def break_down(system: System, facts: Facts[object], spec: ActorSpec[Break], reason: str, last: str) -> None:
    """Breaks a machine, and shows what is heard of it until *last* is up again."""
    await system.ref(spec).tell(Break(reason))
    async for fact in facts:
        match fact:
            case ActorFailed(path, RestartLimitReached() as limit):
                print(f"  {short(path)} gives up: more than {limit.max_restarts} restart in {limit.within:.0f} s")
            case ActorFailed(path, cause, directive):
                print(f"  {short(path)} failed: {cause} -> {directive}")
            case ActorRestarted(path, attempt):
                print(f"  {short(path)} is up again, restart {attempt}")
                if short(path) == last:
                    return
            case _:
                pass


async def main() -> None:
    """One machine after the other."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the failures are printed: without their tracebacks
    try:
        async with open_system(PLANT, name="factory") as system, system.subscribe(object) as facts:
            print("kitchen is one_for_one: who fails is restarted, alone")
            await break_down(system, facts, OVEN, "too hot", last="kitchen/oven")
            print("hydraulics is one_for_all: who fails takes all the others along")
            await break_down(system, facts, VALVE, "it leaks", last="hydraulics/valve")
            print("packaging is rest_for_one: who fails takes those along that were started after it")
            await break_down(system, facts, SORTER, "the belt is torn", last="packaging/packer")
            print("kitchen has a budget, which the oven exceeds: that is a failure of the kitchen, and the plant restarts it")
            await break_down(system, facts, OVEN, "too hot again", last="kitchen")
            print(system.tree())
            print("the kitchen once more, and the plant has a budget too: the whole tree is stopped")
            await break_down(system, facts, OVEN, "smoke", last="kitchen/oven")
            await system.ref(OVEN).tell(Break("fire"))
            await trio.sleep_forever()  # not for ever: when the root gives up, this is cancelled
    except* RestartLimitReached as failure:
        print(f"{failure.message}:")
        error: BaseException | None = failure.exceptions[0]
        while error is not None:
            print(f"  {type(error).__name__}: {str(error).partition('. ')[0]}")
            error = error.__cause__


if __name__ == "__main__":
    trio.run(main)
