"""`System`: what one does with a running system from outside of its actors."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, final

from trio.lowlevel import enable_ki_protection as protected

from ..actors import commands, spawning
from ..actors.cell import GONE, Cell
from ..actors.context import own_cell
from ..actors.directory import Registry
from ..actors.ref import ActorRef
from ..actors.resolving import HERE
from ..actors.runtime import Runtime
from ..actors.spec import ActorSpec
from ..actors.stopping import death_of, out_of_time, request_stop
from ..actors.stream import OnFullFacts
from ..actors.supervising import family_of
from ..actors.waiting import wait
from ..events import EventStream, Facts
from ..supervision import ChildSpec
from .statistics import Node, Statistics, cells_of, draw_tree, take_statistics

M = TypeVar("M")
T = TypeVar("T")

SHIELDED_SECONDS: Final = 1.0
"""How long after the last cancellation a handler that is still there is named in the log."""


@final
class System:
    """
    A running system; what `open_system` gives. Never a singleton: several live side by side.

    Not guaranteed:
        * Use from other threads: go through `trio.from_thread`.
    """

    def __init__(self, runtime: Runtime, name: str, shutdown_timeout: float) -> None:
        self._runtime = runtime
        self._shutdown_timeout = shutdown_timeout
        self._killed = False
        self.name = name

    def __repr__(self) -> str:
        return f"<System {self._runtime.node}>"

    @property
    def registry(self) -> Registry:
        """Names and service keys."""
        return self._runtime.registry

    # Actors

    @protected
    def ref(self, spec: ActorSpec[M]) -> ActorRef[M]:
        """
        The ref of the actor that runs from *spec*.

        Raises:
            LookupError: It was never started here, or was dynamic and has ended.
            ValueError: It runs more than once; the text names the paths.
        """
        found = self._cells(spec)
        if len(found) > 1:
            paths = ", ".join(sorted(cell.path for cell in found)[:10])
            raise ValueError(f"{len(found)} actors run from this spec: {paths}. Keep the ref that spawn() returns.")
        if not found:
            raise LookupError(f"No actor runs from the spec {spec.name or spec.label!r} in system {self.name!r}: it was not started here.")
        return found[0].ref

    def _cells(self, spec: ChildSpec[Any]) -> list[Cell]:
        static = [placed for _, _, placed in self._places(spec)]
        if static:
            return static
        return [cell for cell in cells_of(self._runtime) if cell.spec is spec]

    def _places(self, spec: ChildSpec[Any]) -> list[tuple[Cell, int, Cell]]:
        """Where *spec* is a static child: the parent, the place, the latest cell in it."""
        if not isinstance(spec, ChildSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"This takes a spec, such as actor(...) returns, not {spec!r}.")
        placed = self._runtime.placed
        if id(spec) not in placed:
            return []
        cell = placed[id(spec)]
        if cell is not None and cell.parent is not None:
            return [(cell.parent, family_of(cell.parent).place_of(cell), cell)]
        found: list[tuple[Cell, int, Cell]] = []
        for parent in cells_of(self._runtime):
            family = None if parent.ties is None else parent.ties.family
            for index, (place, held) in enumerate([] if family is None else family.places):
                if place is spec and held is not None:
                    found.append((parent, index, held))
        return found

    def _own(self, ref: ActorRef[Any]) -> Cell:
        return own_cell(self._runtime.root, ref)

    async def spawn(self, spec: ActorSpec[M], under: ActorRef[Any] | None = None) -> ActorRef[M]:
        """
        Starts an actor under a supervisor, or under the user guardian; returns when it has started. Cancelled, there is none.

        Raises:
            StartFailed: From the cause. Nothing is left of it.
            NameTaken: A living child has the name.
            ActorGone: The supervisor is dead.
            ForeignRef: The supervisor is of another system.
        """
        guardian = self._runtime.guardian
        assert guardian is not None
        parent = guardian if under is None else self._own(under)
        return (await spawning.spawn(parent, spec)).ref

    async def stop(self, ref: ActorRef[Any] | None = None, drain: bool = False) -> None:
        """
        Stops an actor by hand, and returns when it is dead; without a ref, the whole tree. It is no crash, and idempotent.

        Called by an actor of itself or of what it is in, it only asks, and returns at once.

        Args:
            ref: Whom; None: everybody. The block of `open_system` goes on without actors.
            drain: What is queued is handled first.
        """
        if ref is not None:
            await commands.stop(self._own(ref), drain=drain)
            return
        guardian = self._runtime.guardian
        assert guardian is not None
        await commands.stop(guardian, drain=drain)

    async def start(self, spec: ActorSpec[M]) -> ActorRef[M]:
        """
        Starts a static child again that was stopped by hand or has ended: a new incarnation.

        Raises:
            LookupError: The spec is no static child of a running supervisor.
            ValueError: It runs, or it has several places.
            StartFailed: From the cause. Its place stays.
        """
        places = self._places(spec)
        if not places:
            raise LookupError(f"{spec.name or spec.label!r} is no static child of a running supervisor. Start it with spawn().")
        if len(places) > 1:
            raise ValueError(f"{spec.name or spec.label!r} has {len(places)} places. Give each child a spec of its own.")
        parent, index, placed = places[0]
        if placed.phase != GONE:
            raise ValueError(f"{placed.path} runs already.")
        return (await spawning.start_static(parent, index)).ref

    async def restart(self, ref: ActorRef[Any]) -> None:
        """
        Restarts a running actor by hand: a new instance behind the same ref. It costs no budget. Returns when it is up.

        Raises:
            ActorGone: It does not run.
            StartFailed: The new instance did not start; its supervisor decides what follows.
        """
        await commands.restart(self._own(ref))

    # Facts

    @protected
    def publish(self, fact: object) -> None:
        """Tells the event stream that something happened. Raises MutableFact if the fact could change."""
        self._runtime.stream.publish(fact)

    def subscribe(
        self,
        fact_type: type[T],
        where: Callable[[T], bool] | None = None,
        on_full: OnFullFacts = "drop_oldest",
        capacity: int = 1000,
    ) -> Facts[T]:
        """Facts for code that is no actor: ``async with system.subscribe(OrderPlaced) as facts: async for fact in facts: ...``."""
        return Facts(self._stream, fact_type, where, on_full, capacity)

    @property
    def _stream(self) -> EventStream:
        stream = self._runtime.stream
        assert isinstance(stream, EventStream)
        return stream

    # Looking at it

    def statistics(self) -> Statistics:
        """What was accepted and what became of it, for the system and for each living actor."""
        return take_statistics(self._runtime)

    def tree(self) -> Node:
        """The living tree; ``print(system.tree())`` draws it."""
        return draw_tree(self._runtime)

    @contextmanager
    def current(self) -> Generator[None]:
        """Refs that are unpickled in this block are this system's. Inside a handler that holds by itself."""
        token = HERE.set(self._runtime)
        try:
            yield
        finally:
            HERE.reset(token)

    # Its end

    @protected
    async def shut_down(self) -> None:
        """Stops the tree in order; when `shutdown_timeout` is over, every handler is cancelled. For the end of the block."""
        runtime = self._runtime
        alarm = runtime.alarms.after(self._shutdown_timeout, self._kill)
        guardians = [cell for cell in cells_of(runtime) if runtime.is_guardian(cell)]
        for guardian in reversed(guardians):
            request_stop(guardian)
            dead = death_of(guardian)
            while guardian.phase != GONE:
                try:
                    await wait(dead)
                except KeyboardInterrupt:  # once more: what still runs has no more time
                    self._kill()
        if alarm is not None:
            alarm.cancel()
        runtime.registry.close()
        runtime.dead_letter_log.sum_up()
        runtime.failure_log.sum_up()

    @protected
    def _kill(self) -> None:
        """The time is over: whatever still runs is cancelled, in this moment and as it comes. The stream is not: it hears of it."""
        if self._killed:
            return
        self._killed = True
        runtime = self._runtime
        runtime.is_killing = True
        for cell in list(cells_of(runtime, runtime.guardian)):
            request_stop(cell)
            out_of_time(cell)
        runtime.alarms.after(SHIELDED_SECONDS, self._name_the_shielded)

    def _name_the_shielded(self) -> None:
        for cell in cells_of(self._runtime):
            tasks = cell.ties is not None and cell.ties.task_scopes
            if cell.worker is not None or tasks:
                self._runtime.log.warning("%s was cancelled but shields itself; the system waits for it", cell.path)
