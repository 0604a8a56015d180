"""
`open_system`: one running system, from its guardians to its ordered end.

The tree of a system has three actors of the runtime's own: `/user`, the parent of the root and of what is spawned from outside,
`/system`, and `/system/events`, the event stream. They are opened in the reverse order of their ending: the stream hears of
everything.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from random import Random
from typing import Any, Final, TypeVar, final

import trio

from ..actors import commands
from ..actors.cell import GONE, Cell
from ..actors.context import own_cell
from ..actors.directory import Registry
from ..actors.family import Family
from ..actors.lifecycle import death_of, out_of_time, request_stop
from ..actors.policy import Policy
from ..actors.ref import ActorRef
from ..actors.resolving import HERE
from ..actors.runtime import Runtime
from ..actors.spec import ActorSpec, actor
from ..actors.stream import OnFullFacts
from ..actors.supervisor import Supervisor
from ..actors.waiting import wait
from ..events import EventStream, Facts
from ..supervision import ChildSpec, Supervision
from . import signals
from .statistics import Node, Statistics, cells_of, draw_tree, take_statistics

M = TypeVar("M")
T = TypeVar("T")

protected = trio.lowlevel.enable_ki_protection

GUARDIAN_POLICY: Final = Supervision(max_restarts=3, within=5.0)

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
        self._listeners: set[Facts[Any]] = set()
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
        places = self._places(spec)
        static = [placed for _, _, placed in places if placed is not None]
        if static:
            return static
        return [cell for cell in cells_of(self._runtime) if cell.spec is spec]

    def _places(self, spec: ChildSpec[Any]) -> list[tuple[Cell, int, Cell | None]]:
        """Where *spec* is a static child: the parent, the place, the latest cell in it."""
        if not isinstance(spec, ChildSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"This takes a spec, such as actor(...) returns, not {spec!r}.")
        found: list[tuple[Cell, int, Cell | None]] = []
        for cell in cells_of(self._runtime):
            family = None if cell.ties is None else cell.ties.family
            for index, (place, placed) in enumerate([] if family is None else family.places):
                if place is spec:
                    found.append((cell, index, placed))
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
        return (await commands.spawn(parent, spec)).ref

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
        if placed is not None and placed.phase != GONE:
            raise ValueError(f"{placed.path} runs already.")
        return (await commands.start_static(parent, index)).ref

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
        self._stream.publish(fact)

    def subscribe(
        self,
        fact_type: type[T],
        where: Callable[[T], bool] | None = None,
        on_full: OnFullFacts = "drop_oldest",
        capacity: int = 1000,
    ) -> Facts[T]:
        """Facts for code that is no actor: ``async with system.subscribe(OrderPlaced) as facts: async for fact in facts: ...``."""
        facts = Facts(self._stream, fact_type, where, on_full, capacity)
        self._listeners = {listener for listener in self._listeners if listener.subscriptions}
        self._listeners.add(facts)
        return facts

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
    def current(self) -> Iterator[None]:
        """Refs that are unpickled in this block are this system's. Inside a handler that holds by itself."""
        token = HERE.set(self._runtime)
        try:
            yield
        finally:
            HERE.reset(token)

    # Its end

    @protected
    async def _shut_down(self) -> None:
        """Stops the tree in order; when the time is over, every handler is cancelled."""
        runtime = self._runtime
        alarm = runtime.alarms.after(self._shutdown_timeout, self._kill)
        with trio.CancelScope(shield=True):
            for guardian in reversed(runtime.root.tied().family.in_start_order() if runtime.root.tied().family else []):  # type: ignore[union-attr]
                request_stop(guardian)
                if guardian is runtime.guardian and guardian.phase != GONE and guardian.tied().escaped is not None:
                    guardian.attend()
                dead = death_of(guardian)
                while guardian.phase != GONE:
                    try:
                        await wait(dead)
                    except KeyboardInterrupt:
                        self._kill()
        if alarm is not None:
            alarm.cancel()
        for listener in self._listeners:
            listener.end()
        runtime.sum_up_dead_letters()

    @protected
    def _kill(self) -> None:
        """The time is over: whatever still runs is cancelled, in this moment and as it comes."""
        if self._killed:
            return
        self._killed = True
        runtime = self._runtime
        runtime.is_killing = True
        for cell in list(cells_of(runtime)):
            request_stop(cell)
            out_of_time(cell)
        runtime.alarms.after(SHIELDED_SECONDS, self._name_the_shielded)

    def _name_the_shielded(self) -> None:
        for cell in cells_of(self._runtime):
            tasks = cell.ties is not None and cell.ties.task_scopes
            if cell.worker is not None or tasks:
                self._runtime.log.warning("%s was cancelled but shields itself; the system waits for it", cell.path)


def open_system(
    root: ActorSpec[Any] | None = None,
    *,
    name: str = "trouper",
    ask_timeout: float = 5.0,
    shutdown_timeout: float = 10.0,
    slow_handler: float = 1.0,
    slice: float = 0.0005,  # noqa: A002  # the word of the field
    max_suspended: int = 10_000,
) -> AbstractAsyncContextManager[System]:
    """
    Opens a system: ``async with open_system(BANK) as system: ...``.

    Guarantees:
        * The block is entered when every static child has started. A first start that fails leaves nothing and comes out.
        * Leaving the block, by its end, an exception, cancellation, Ctrl-C or SIGTERM, stops the tree in order, children before
          parents, and returns when all is down.
        * If the root gives up, the body is cancelled and the block ends with a group holding `RestartLimitReached`. If only
          the body raised, its exception comes out as it is.

    Args:
        root: What to run; None: nothing yet.
        name: For people; the system's identity is the name and an id drawn at opening.
        ask_timeout: Seconds that an ask has by default; `math.inf`: for ever.
        shutdown_timeout: Seconds that the ordered stop has before every handler is cancelled.
        slow_handler: Seconds after which a handler is logged and published as slow.
        slice: Seconds for which actors run before trio's I/O, timers and threads have their turn.
        max_suspended: Handlers that may wait on trio at once.

    Raises:
        RuntimeError: Called outside of trio.
        ValueError: A number out of range.
        TypeError: The root is no spec.
        StartFailed: An actor did not start; from the cause.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError("open_system() runs on trio: call it in an async function that is run by trio.run(main).")
    if root is not None and not isinstance(root, ActorSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"open_system() takes the spec of its root, such as supervisor(...) or actor(...) returns, not {root!r}.")
    for what, value, least in (
        ("ask_timeout", ask_timeout, 0.0),
        ("shutdown_timeout", shutdown_timeout, 0.0),
        ("slow_handler", slow_handler, 0.0),
        ("slice", slice, 0.0),
    ):
        if isinstance(value, bool) or not isinstance(value, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{what} must be a number of seconds, not {value!r}.")
        if not value >= least or math.isnan(value):
            raise ValueError(f"{what} must be at least 0 seconds, not {value!r}.")
    if isinstance(max_suspended, bool) or not isinstance(max_suspended, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"max_suspended must be an int, not {max_suspended!r}.")
    if max_suspended < 1:
        raise ValueError(f"max_suspended must be at least 1, not {max_suspended}.")
    if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"name must be a text that is not empty, not {name!r}.")
    return _opened(root, name, ask_timeout, shutdown_timeout, slow_handler, slice, max_suspended)


class _Outcome:
    """What ends the block besides its body: the tree's failure, or an interrupt in a handler."""

    def __init__(self) -> None:
        self.body = trio.CancelScope()
        self.failure: BaseException | None = None
        self.interrupt: BaseException | None = None

    def collapse(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self.body.cancel()

    def interrupted(self, error: BaseException) -> None:
        if self.interrupt is None:
            self.interrupt = error
        self.body.cancel()


@asynccontextmanager
@protected
async def _opened(
    root: ActorSpec[Any] | None,
    name: str,
    ask_timeout: float,
    shutdown_timeout: float,
    slow_handler: float,
    slice_seconds: float,
    max_suspended: int,
) -> AsyncGenerator[System, None]:
    outcome = _Outcome()
    runtime = Runtime(
        f"{name}-{uuid.uuid4().hex[:12]}",
        Policy(slice_seconds),
        Random(),
        ask_timeout=ask_timeout,
        slow_handler=slow_handler,
        max_suspended=max_suspended,
        on_collapse=outcome.collapse,
        on_interrupt=outcome.interrupted,
    )
    system = System(runtime, name, shutdown_timeout)
    body_error: BaseException | None = None
    async with trio.open_nursery() as outer:
        await outer.start(_run_workers, runtime)
        signals.listen(system, outcome.body.cancel)
        try:
            with outcome.body:
                await _start_guardians(runtime, root)
                yield system
        except BaseException as error:  # noqa: BLE001  # it comes out when the tree is down
            body_error = error
        finally:
            await system._shut_down()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            signals.stop_listening(system)
            assert runtime.nursery is not None
            runtime.nursery.cancel_scope.cancel()
    _come_out(outcome, body_error, name)


def _come_out(outcome: _Outcome, body_error: BaseException | None, name: str) -> None:
    if outcome.failure is not None:
        errors = [outcome.failure] if body_error is None or isinstance(body_error, trio.Cancelled) else [outcome.failure, body_error]
        if outcome.interrupt is not None:
            errors.append(outcome.interrupt)
        raise BaseExceptionGroup(f"system {name!r} failed", errors)
    if body_error is not None:
        raise body_error
    if outcome.interrupt is not None:
        raise outcome.interrupt


async def _run_workers(runtime: Runtime, task_status: trio.TaskStatus[None]) -> None:
    """The workers' nursery: shielded, since actors end in order and not by cancellation from outside."""
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            runtime.nursery = nursery
            nursery.start_soon(runtime.alarms.run)
            task_status.started()


async def _start_guardians(runtime: Runtime, root: ActorSpec[Any] | None) -> None:
    """`/system` with the stream, then `/user` with the root. What a root that does not start raises comes out."""
    runtime_family = runtime.root.tied()
    runtime_family.family = Family(runtime.root)
    events: ActorSpec[Any] = actor(EventStream, name="events")
    stream = _NoStream()
    runtime.stream = stream
    runtime.root.instance = object()
    system_guardian = await commands.spawn(
        runtime.root, ActorSpec(Supervisor, name="system", stop_timeout=math.inf, children=(events,), supervision=GUARDIAN_POLICY)
    )
    family = system_guardian.tied().family
    assert family is not None
    runtime.stream = family.children["events"].instance
    user = ActorSpec(
        Supervisor,
        name="user",
        stop_timeout=math.inf,
        children=() if root is None else (root,),
        supervision=GUARDIAN_POLICY,
    )
    runtime.guardian = await commands.spawn(runtime.root, user)


class _NoStream:
    """Before the stream is there nobody listens."""

    def publish(self, fact: object) -> None:
        """Nobody hears it."""

    def wants(self, fact_type: type[Any]) -> bool:
        """Nobody does."""
        return False

    def subscribe_actor(
        self, cell: Cell, fact_type: type[Any], where: Callable[[Any], bool] | None, on_full: OnFullFacts, capacity: int
    ) -> None:
        """There is nothing to subscribe to yet."""

    def unsubscribe_actor(self, cell: Cell, fact_type: type[Any]) -> None:
        """There is nothing to unsubscribe from yet."""

    def forget(self, cell: Cell) -> None:
        """Nobody is known."""


