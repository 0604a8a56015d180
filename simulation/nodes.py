"""One node of a simulated cluster: a system of its own, which crashes, starts again, and is paused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Context as Contextvars
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast

import trio

from ..actors import ActorRef, ActorSpec, actor, spawning
from ..actors.cell import Cell
from ..actors.pending import begin
from ..actors.starting import start
from ..events import EventStream
from ..registry import Address
from ..system import System
from ..system.opening import guardian
from .conductor import Conductor
from .disk import Disk, DiskFate, nothing
from .node_runtime import NodeRuntime

if TYPE_CHECKING:
    from .cluster import Cluster

T = TypeVar("T")

Within: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Makes what surrounds the system of a node in one life, as `async with` around `open_system` does: for contextvars."""

CrashMoment: TypeAlias = Literal["before sync", "after sync", "after sending"]
"""Where in the middle of a turn a node may crash: between two turns it can be seen neither half written nor half told."""


class NodeTasks:
    """Background tasks of a node's actors; stands where a runtime has its nursery."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._scopes: dict[trio.CancelScope, trio.lowlevel.Task] = {}
        self.cancel_scope = self

    def start_soon(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Runs a task that ends with the node."""
        nursery = self._conductor.nursery
        assert nursery is not None
        nursery.start_soon(self._run, call, arguments)

    async def _run(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        scope = trio.CancelScope()
        self._scopes[scope] = trio.lowlevel.current_task()
        self._conductor.world.on_trio("a background task")
        try:
            with scope:
                await call(*arguments)
        finally:
            del self._scopes[scope]

    def cancel(self) -> None:
        """The node has crashed."""
        for scope in list(self._scopes):
            scope.cancel()

    @property
    def running(self) -> list[trio.lowlevel.Task]:
        """Those that have begun and not ended."""
        return list(self._scopes.values())


class SimulatedNode:
    """
    A node, over all its lives.

    Args:
        name: Its name.
        specs: What runs on it, under its `/user`, from the start of each life.
        cluster: What it is part of.
        conductor: Runs its cells.
        ask_timeout: Seconds that an ask of its actors has by default.
        on_failure: Called with the node's name and the failure when it does not start, or its tree gives up.
        within: Makes what surrounds its system in each life.
    """

    def __init__(
        self,
        name: str,
        specs: tuple[ActorSpec[Any], ...],
        cluster: Cluster,
        conductor: Conductor,
        *,
        ask_timeout: float,
        on_failure: Callable[[str, BaseException], None],
        within: Within | None = None,
    ) -> None:
        self.name: str = name
        self.life: int = 0
        self.rate: float = 1.0
        self.drift: float = 1.0
        self.turn_seconds: float = 0.0
        self.is_absent: bool = False
        self.disk: Disk | None = None
        self.runtime: NodeRuntime | None = None
        self._specs = specs
        self._cluster = cluster
        self._conductor = conductor
        self._ask_timeout = ask_timeout
        self._on_failure = on_failure
        self._within = within
        self._leave: Callable[[], object] | None = None
        self._ended: list[NodeRuntime] = []
        self._moment = ""  # of a turn, if something is done to it there right now

    def __repr__(self) -> str:
        return f"<SimulatedNode {self.name}@{self.life}{'' if self.is_up else ' down'}>"

    @property
    def is_up(self) -> bool:
        """Whether it lives; a paused node does."""
        return self.runtime is not None

    @property
    def has_started(self) -> bool:
        """Whether it lives, and everything that runs on it has started in this life."""
        return self.runtime is not None and self.runtime.guardian is not None

    @property
    def is_paused(self) -> bool:
        """Whether it lives and stands still."""
        return self.runtime is not None and self.runtime.is_paused

    @property
    def cells(self) -> list[Cell]:
        """Everybody who ever ran on it, in all its lives."""
        present = [] if self.runtime is None else [self.runtime]
        return [cell for runtime in (*self._ended, *present) for cell in runtime.cells]

    @property
    def system(self) -> System:
        """Its present system, for `tree()` and `statistics()`. Raises LookupError while it is down."""
        if self.runtime is None:
            raise LookupError(f"Node {self.name!r} is down.")
        return System(self.runtime, self.name, 10.0)

    def runs(self, *specs: ActorSpec[Any]) -> None:
        """From its next start on it also runs these."""
        self._specs += specs

    def ref(self, path: str) -> ActorRef[Any]:
        """The ref of whoever lives at *path* on this node when a message arrives, in whichever life of the node."""
        return self._cluster.ref_at(Address(self.name, path, 0))

    def actors(self, kind: type[T]) -> list[T]:
        """The instances of *kind* that run on it."""
        self._cluster.world.observed((self.name,), kind)
        return [cell.instance for cell in self.cells_for(kind) if isinstance(cell.instance, kind)]

    def cells_for(self, kind: type) -> list[Cell]:
        """The cells on it that may have an instance of *kind*, now or later."""
        return [] if self.runtime is None else self.runtime.cells_for(kind)

    def start(self) -> None:
        """A new life: everything that runs on it starts anew."""
        if self.runtime is not None or self.is_absent:
            return
        self.life += 1
        if self.life > 1:
            self._note("restart")
        contextvars = copy_context()  # what surrounds one life is seen by no other
        contextvars.run(self._begin, contextvars)

    def _begin(self, contextvars: Contextvars) -> None:
        if self._within is not None:
            surrounding = self._within()
            surrounding.__enter__()
            self._leave = lambda: contextvars.run(surrounding.__exit__, None, None, None)
        runtime: NodeRuntime = NodeRuntime(
            self.name,
            self.life,
            self._cluster.world,
            self._conductor,
            rate=self.rate * self.drift,
            ask_timeout=self._ask_timeout,
            resolve_foreign=self._cluster.ref_at,
            on_collapse=lambda error: self._failed(runtime, error),
            on_interrupt=lambda error: self._interrupted(runtime, error),
        )
        runtime.nursery = cast("Any", NodeTasks(self._conductor))
        self.runtime = self._cluster.up[self.name] = runtime
        self._cluster.world.changes += 1
        runtime.slow_down(self._cluster.schedule, self.turn_seconds)
        runtime.here.run(begin, self._boot(runtime))

    async def _boot(self, runtime: NodeRuntime) -> None:
        events: ActorSpec[Any] = actor(EventStream, name="events")
        try:
            system = await self._child(runtime, guardian("system", events))
            family = system.tied().family
            assert family is not None
            runtime.stream = family.children["events"].instance
            runtime.guardian = await self._child(runtime, guardian("user", *self._specs))
        except Exception as error:  # noqa: BLE001  # whatever an actor's start raises
            self._failed(runtime, error)

    async def _child(self, runtime: NodeRuntime, spec: ActorSpec[Any]) -> Cell:
        cell = spawning.new_child(runtime.root, spec, "start")
        not_up = start(cell, awaited=True)
        if not_up is not None:
            await not_up
        return cell

    def crash(self, disk: DiskFate = "kept") -> bool:
        """
        Ends this life: what was in memory is lost, what was on its way from it arrives.

        Args:
            disk: What becomes of its disk. Returns whether that did happen to it.
        """
        runtime = self.runtime
        if runtime is None:
            return False
        self._note("crash", self._moment)
        self.runtime = None
        self._left()
        self._ended.append(runtime)
        del self._cluster.up[self.name]
        self._cluster.world.changes += 1
        is_so = self.disk is not None and self.disk.crash(disk)
        runtime.die(self._cluster.schedule)
        self._cluster.watches.silence(self.name)
        return is_so

    def at_moment(self, moment: CrashMoment, call: Callable[[], object]) -> None:
        """
        Calls *call* once in the middle of a turn of this life: at its next sync, before what was written is safe or when it is, or when it
        has sent its next message. If that crashes the node, the handler ends there, by `PowerLost`; one that has asked or answered does
        not go on either.
        """
        runtime, disk = self.runtime, self.disk
        assert runtime is not None

        def strike() -> None:
            self.forget_moment()
            if self.runtime is runtime:
                self._moment = f"{moment}, in the middle of a turn"
                call()
                self._moment = ""

        if moment == "after sending":
            runtime.after_sending = strike
        elif disk is not None:
            setattr(disk, moment.replace(" ", "_"), strike)

    def forget_moment(self) -> None:
        """Nothing is called in the middle of a turn any more."""
        if self.runtime is not None:
            self.runtime.after_sending = None
        if self.disk is not None:
            self.disk.before_sync = self.disk.after_sync = nothing

    def pause(self) -> None:
        """It stands still: nothing of it runs, and what arrives waits."""
        if self.runtime is not None and not self.is_paused:
            self._note("pause")
            self.runtime.pause(self._cluster.schedule)

    def unpause(self) -> None:
        """It goes on."""
        if self.runtime is not None and self.is_paused:
            self._note("resume")
            self.runtime.unpause(self._cluster.schedule)

    def slow_down(self, turn_seconds: float) -> None:
        """From now on each turn of its actors takes so many seconds; 0: no time, as usual."""
        self.turn_seconds = turn_seconds
        if self.runtime is not None:
            self.runtime.slow_down(self._cluster.schedule, turn_seconds)

    def drift_at(self, drift: float) -> None:
        """From now on its clock runs so many times as fast as its rate says."""
        self.drift = drift
        if self.runtime is not None:
            self.runtime.run_at(self.rate * drift)

    def end(self) -> None:
        """The run is over."""
        if self.runtime is not None:
            self._ended.append(self.runtime)
            self.runtime.die(self._cluster.schedule)
            self._left()
        for runtime in self._ended:
            runtime.let_go()

    def _left(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _note(self, what: str, text: str = "") -> None:
        world = self._cluster.world
        world.touched(f"node {self.name}", "")
        world.trace.add(world.now, "fault", self.name, "", what, text)

    def _failed(self, runtime: NodeRuntime, error: BaseException) -> None:
        if not runtime.is_dead:
            self._on_failure(self.name, error)

    @staticmethod
    def _interrupted(runtime: NodeRuntime, error: BaseException) -> None:
        if not runtime.is_dead:
            raise error
