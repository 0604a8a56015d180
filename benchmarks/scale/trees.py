"""
What a supervision tree costs as it grows: all of it started and stopped, and one child restarted, stopped, started and looked up.

Two shapes: all children under one supervisor, and three floors of supervisors with as many children each (46 x 46 x 46 for 100,000).
"""

import gc
import logging
import pickle
import random
from collections.abc import Sequence
from time import process_time
from typing import Any

from attrs import define, frozen
from works.counting import HOW_MANY, HowMany

from trouper import Actor, ActorRef, System, actor, handles, open_system, supervisor

from .curve import Curve, Multiples, Step, multiple_of_bare, multiples_of_bare, repeated

REPEATED_MAX = 300

START, STOP = "start the tree", "stop the tree"
FAIL, RESTART = "one fails and is restarted", "one is restarted by hand"
STOP_ONE, START_ONE = "one is stopped", "one is started again, by its spec"
BY_SPEC, BY_PATH = "look one up by its spec", "look one up by its path"
STEPS = (START, STOP, FAIL, RESTART, STOP_ONE, START_ONE, BY_SPEC, BY_PATH)
FLAT, DEEP = "flat", "deep"


class Fail:
    """The message that a child fails with."""

    __slots__ = ()


FAIL_NOW = Fail()


@define(eq=False)
class Child(Actor[Fail | HowMany]):
    """Fails when told to."""

    @handles(Fail)
    def fail(self, _fail: Fail) -> None:
        """Fails."""
        raise ValueError

    @handles(HowMany)
    def answer(self, _question: HowMany) -> int:
        """Is there."""
        return 1


@frozen
class Tree:
    """A tree that may be started: its top, all children that do work, and how many actors there are with the supervisors."""

    top: Any
    leaves: Sequence[Any]
    actors: int


def flat(children: int) -> Tree:
    """All under one."""
    leaves = [actor(Child, name=f"child-{number}") for number in range(children)]
    return Tree(supervisor("top", leaves, max_restarts=10 * REPEATED_MAX, within=600.0), leaves, children)


def deep(children: int) -> Tree:
    """Three floors of as many each."""
    each = max(2, round(children ** (1 / 3)))
    leaves: list[Any] = []

    def floor(name: str, below: int) -> Any:
        if not below:
            leaf = actor(Child, name=name)
            leaves.append(leaf)
            return leaf
        under = [floor(f"{'child' if below == 1 else 'floor'}-{number}", below - 1) for number in range(each)]
        return supervisor(name, under, max_restarts=10 * REPEATED_MAX, within=600.0)

    return Tree(floor("top", 3), leaves, each + each**2 + each**3)


async def measure_one(tree: Tree, times: int) -> dict[str, list[float]]:
    """The point of one shape."""
    found: dict[str, list[float]] = {}
    opening = open_system(tree.top, shutdown_timeout=600.0)
    systems: list[System] = []

    async def start() -> tuple[int, float]:
        began = process_time()
        systems.append(await opening.__aenter__())
        return tree.actors, process_time() - began

    async def stop() -> tuple[int, float]:
        began = process_time()
        await systems[0].stop()
        return tree.actors, process_time() - began

    gc.collect()
    found[START] = [await multiple_of_bare(start)]
    chosen = random.Random(1).choices(tree.leaves, k=REPEATED_MAX)
    for name, step in steps_of_one(systems[0], chosen).items():
        found[name] = await multiples_of_bare(step, times)
    gc.collect()
    found[STOP] = [await multiple_of_bare(stop)]
    await opening.__aexit__(None, None, None)
    return found


def steps_of_one(system: System, chosen: Sequence[Any]) -> dict[str, Step]:
    """What is done to one child after another."""
    refs: dict[Any, ActorRef[Fail | HowMany]] = {}
    for spec in chosen[:20]:  # looking all of them up by their specs is what is measured below
        refs[spec] = system.ref(spec)
    specs = list(refs)
    pickled = [pickle.dumps(ref) for ref in refs.values()]

    def spec_of(number: int) -> Any:
        return specs[number % len(specs)]

    async def fail(number: int) -> None:
        ref = refs[spec_of(number)]
        ref.tell_nowait(FAIL_NOW)
        assert await ref.ask(HOW_MANY) == 1

    async def restart(number: int) -> None:
        await system.restart(refs[spec_of(number)])

    async def by_spec(number: int) -> None:
        spec = spec_of(number)
        assert system.ref(spec) == refs[spec]

    async def by_path(number: int) -> None:
        with system.current():
            assert pickle.loads(pickled[number % len(pickled)]) == refs[spec_of(number)]  # noqa: S301  # it was made above

    return {
        FAIL: repeated(fail, REPEATED_MAX),
        RESTART: repeated(restart, REPEATED_MAX),
        BY_SPEC: repeated(by_spec, REPEATED_MAX),
        BY_PATH: repeated(by_path, REPEATED_MAX),
        **stopping(system, refs),
    }


def stopping(system: System, refs: dict[Any, ActorRef[Fail | HowMany]]) -> dict[str, Step]:
    """Stops some, and then starts them again."""
    specs = list(refs)

    async def stop() -> tuple[int, float]:
        began = process_time()
        for spec in specs:
            await system.stop(refs[spec])
        seconds = process_time() - began
        for spec in specs:
            refs[spec] = await system.start(spec)
        return len(specs), seconds

    async def start() -> tuple[int, float]:
        for spec in specs:
            await system.stop(refs[spec])
        began = process_time()
        for spec in specs:
            refs[spec] = await system.start(spec)
        return len(specs), process_time() - began

    return {STOP_ONE: stop, START_ONE: start}


async def measure(children: int, times: int) -> Multiples:
    """The point for so many children, in both shapes."""
    log = logging.getLogger("trouper")
    log.setLevel(logging.CRITICAL + 1)  # writing a traceback costs more than a restart
    found: dict[str, list[float]] = {}
    for shape, plant in ((FLAT, flat), (DEEP, deep)):
        for step, multiples in (await measure_one(plant(children), times)).items():
            found[f"{step}, {shape}"] = multiples
    return found


def panel(*steps: str) -> list[str]:
    """The lines of some steps, in both shapes."""
    return [f"{step}, {shape}" for step in steps for shape in (FLAT, DEEP)]


CURVE = Curve(
    "trees",
    "A child, as its tree grows",
    "children",
    "a child",
    {
        "the whole tree, each child's part": panel(START, STOP),
        "one child's life": panel(FAIL, RESTART, STOP_ONE),
        "finding one child": panel(BY_PATH, BY_SPEC, START_ONE),
    },
    (100, 1_000, 10_000, 100_000),
    measure,
)
