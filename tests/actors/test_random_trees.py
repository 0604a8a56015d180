"""Trees of every policy under random failures, stops and restarts: whatever has happened, what lives is up again when it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from trouper import (
    Actor,
    ActorGone,
    ActorRef,
    ActorSpec,
    AskError,
    Backoff,
    Exit,
    Request,
    StartFailed,
    Supervision,
    System,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import Directive, Restart

QUIET_SECONDS = 100.0
"""Longer than any back-off, stop timeout and handler of this file together."""


class Broken(Exception):
    pass


class Escalated(Exception):
    pass


class Resumed(Exception):
    pass


@define(eq=False)
class Weather:
    """Who fails, and how long things take. A storm is over when it is no longer rough."""

    random: Random
    rough: bool = False
    starting: set[str] = field(factory=set[str])
    clashes: list[str] = field(factory=list[str])

    def happens(self, chance: float) -> bool:
        return self.rough and self.random.random() < chance

    async def pause(self, worker: Worker) -> None:
        draw = self.random.random()
        if draw < 0.3:
            await trio.sleep(draw)
        elif draw < 0.6:
            await worker.context.sleep(draw)


@frozen(eq=False)
class Do(Request[None]):
    what: Callable[[Worker], Awaitable[object]]


@define(eq=False)
class Worker(Actor[Do]):
    weather: Weather

    async def on_start(self) -> None:
        weather, path = self.weather, self.context.path
        if path in weather.starting:
            weather.clashes.append(path)
        weather.starting.add(path)
        try:
            await weather.pause(self)
            if weather.happens(0.1):
                raise weather.random.choice([Broken, Escalated, Resumed])("start")
            if weather.happens(0.2):
                self.context.start_soon(self.fail_later)
            if weather.happens(0.15) and path.count("/") < 5:
                self.context.spawn_nowait(worker(weather))
        finally:
            weather.starting.discard(path)

    async def fail_later(self) -> None:
        await trio.sleep(5 * self.weather.random.random())
        if self.weather.rough:
            raise Broken("task")

    async def on_restart(self, cause: BaseException) -> None:
        await self.weather.pause(self)
        if self.weather.happens(0.1):
            raise Broken("on_restart")

    async def on_stop(self, reason: Exit) -> None:
        await self.weather.pause(self)
        if self.weather.happens(0.1):
            raise Broken("on_stop")

    @handles(Do)
    async def do(self, command: Do) -> None:
        await command.what(self)


def worker(weather: Weather, name: str | None = None) -> ActorSpec[Do]:
    random = weather.random
    restarts: list[Restart] = ["permanent", "permanent", "transient", "temporary"]
    restart = random.choice(restarts)
    return actor(
        Worker,
        weather,
        name=name,
        restart=restart,
        significant=restart != "permanent" and random.random() < 0.3,
        stop_timeout=random.choice([0.2, 1.0, 5.0]),
        supervision=policy(random),
    )


def policy(random: Random) -> Supervision:
    directives: list[dict[type[Exception], Directive]] = [
        {},
        {Escalated: "escalate"},
        {Resumed: "resume"},
        {Escalated: "escalate", Resumed: "resume", Broken: "restart"},
        {Escalated: "stop"},
    ]
    return Supervision(
        random.choice(["one_for_one", "one_for_all", "rest_for_one"]),
        random.choice([0, 1, 3, 100]),
        random.choice([1.0, 5.0]),
        random.choice([None, None, Backoff(first=0.5, jitter=0.5), Backoff(first=0)]),
        random.choice(directives),
        random.choice(["never", "never", "any_significant", "all_significant"]),
    )


def tree(weather: Weather, depth: int, name: str, workers: list[ActorSpec[Do]], supervisors: list[ActorSpec[Any]]) -> ActorSpec[Any]:
    children: list[ActorSpec[Any]] = []
    for number in range(weather.random.randint(1, 4)):
        if depth and weather.random.random() < 0.4:
            children.append(tree(weather, depth - 1, f"{name}{number}", workers, supervisors))
        else:
            workers.append(worker(weather, f"worker-{name}{number}"))
            children.append(workers[-1])
    own = policy(weather.random)
    spec = supervisor(
        f"supervisor-{name}",
        children,
        strategy=own.strategy,
        max_restarts=own.max_restarts,
        within=own.within,
        backoff=own.backoff,
        directives=own.directives,
        auto_shutdown=own.auto_shutdown,
        restart=weather.random.choice(["permanent", "transient"]),
    )
    supervisors.append(spec)
    return spec


def fails(error: Exception) -> Callable[[Worker], Awaitable[None]]:
    """Fails while it is rough: what is still queued when the storm is over does no harm."""

    async def fail(worker: Worker) -> None:
        if worker.weather.rough:
            raise error

    return fail


async def leaves(worker: Worker) -> None:
    if worker.weather.rough:
        worker.context.stop_self()


async def waits_on_trio(worker: Worker) -> None:
    await trio.sleep(3)


async def is_held(worker: Worker) -> None:
    await worker.context.sleep(3)


async def shields_itself(worker: Worker) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(1)


COMMANDS = (
    fails(Broken()),
    fails(Broken()),
    fails(Escalated()),
    fails(Resumed()),
    fails(ExceptionGroup("nursery", [Resumed(), Escalated()])),
    leaves,
    waits_on_trio,
    is_held,
    shields_itself,
)


async def meddle(system: System, weather: Weather, workers: list[ActorSpec[Do]], supervisors: list[ActorSpec[Any]]) -> None:
    """Sends, stops, starts, restarts and spawns whatever it meets; each has to come back in time, whatever it says."""
    random = weather.random
    for _ in range(25):
        await trio.sleep(random.random())
        spec: ActorSpec[Any] = random.choice([*workers, *supervisors])
        with suppress(LookupError, ValueError, ActorGone, StartFailed, AskError), trio.fail_after(2 * QUIET_SECONDS):
            ref: ActorRef[Any] = system.ref(spec)
            match random.randrange(10):
                case 0:
                    await system.stop(ref, drain=random.random() < 0.5)
                case 1:
                    await system.start(spec)
                case 2:
                    await system.restart(ref)
                case 3:
                    await system.spawn(worker(weather), under=ref)
                case 4:
                    with trio.move_on_after(random.random()):
                        await system.spawn(worker(weather), under=ref)
                case 5:
                    if spec in workers:
                        await ref.ask(Do(random.choice(COMMANDS)), timeout=2.0)
                case _:
                    if spec in workers:
                        ref.tell_nowait(Do(random.choice(COMMANDS)))


@pytest.mark.parametrize("seed", range(40))
async def test_when_the_failures_are_over_all_that_lives_is_up(
    seed: int, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No actor is left between two lives, none was started twice at once, every call that waited came back, and the accounts add up.
    """
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)  # a seed that fails is likely to fail again
    trio._core._run._r.seed(seed)  # pyright: ignore[reportPrivateUsage]
    weather = Weather(Random(seed))
    workers: list[ActorSpec[Do]] = []
    supervisors: list[ActorSpec[Any]] = []
    inner = tree(weather, 2, "r", workers, supervisors)
    root = supervisor("root", [inner], max_restarts=10**6, backoff=Backoff(first=0.1, jitter=0))
    with trio.fail_after(100 * QUIET_SECONDS):
        async with open_system(root, shutdown_timeout=30.0) as system:
            system._runtime.random.seed(seed)  # pyright: ignore[reportPrivateUsage]  # of the back-offs
            weather.rough = True
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(meddle, system, weather, workers, supervisors)
            weather.rough = False
            await trio.sleep(QUIET_SECONDS)
            assert {node.path: node.state for node in system.tree() if node.state != "idle"} == {}
            counts = system.statistics()
            for each in (counts, *counts.actors.values()):
                assert each.accepted == each.handled + each.failed + each.withdrawn + each.dead_letters + each.waiting
    assert weather.clashes == []
