"""
`open_system`: one running system, from its guardians to its ordered end.

The tree of a system has three actors of the runtime's own: `/user`, the parent of the root and of what is spawned from outside,
`/system`, and `/system/events`, the event stream. They end in the reverse order of their start: the stream hears of everything.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any, Final

import trio
from trio.lowlevel import enable_ki_protection as protected

from ..actors import spawning
from ..actors.policy import Policy
from ..actors.runtime import Runtime
from ..actors.spec import ActorSpec, actor
from ..actors.supervisor import Supervisor
from ..events import EventStream
from ..supervision import StartFailed, Supervision
from . import signals
from .options import Options
from .system import System

GUARDIAN_POLICY: Final = Supervision(max_restarts=3, within=5.0)


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
    return _opened(root, Options(name, ask_timeout, shutdown_timeout, slow_handler, slice, max_suspended))


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
async def _opened(root: ActorSpec[Any] | None, options: Options) -> AsyncGenerator[System, None]:
    outcome = _Outcome()
    runtime = Runtime(
        f"{options.name}-{uuid.uuid4().hex[:12]}",
        Policy(options.slice),
        Random(),
        ask_timeout=options.ask_timeout,
        slow_handler=options.slow_handler,
        max_suspended=options.max_suspended,
        on_collapse=outcome.collapse,
        on_interrupt=outcome.interrupted,
    )
    system = System(runtime, options.name, options.shutdown_timeout)
    body_error: BaseException | None = None
    async with trio.open_nursery() as outer:
        with trio.CancelScope(shield=True):  # cancelled here, trio would wait for the shielded workers for ever
            await outer.start(_run_workers, runtime)
        signals.listen(system, outcome.body.cancel)
        try:
            with outcome.body:
                await _start_guardians(runtime, root)
                yield system
        except BaseException as error:  # noqa: BLE001  # it comes out when the tree is down
            body_error = error
        finally:
            outer.cancel_scope.shield = True  # the end is ordered, whatever is cancelled around it
            try:
                await system.shut_down()
            finally:  # cancelled it is only by a worker that broke: then nothing goes on, and what broke it comes out
                signals.stop_listening(system)
                assert runtime.nursery is not None
                runtime.nursery.cancel_scope.cancel()
    _come_out(outcome, body_error, options.name)


def _come_out(outcome: _Outcome, body_error: BaseException | None, name: str) -> None:
    """Raises what the block ends with, if anything: an exception by itself where there is one, a group where the tree failed."""
    if outcome.failure is not None:
        errors = [outcome.failure, body_error, outcome.interrupt]
        raise BaseExceptionGroup(
            f"system {name!r} failed", [error for error in errors if error is not None and not isinstance(error, trio.Cancelled)]
        ) from None  # the context would be the cancellation of the body, which is the effect and not the cause
    if outcome.interrupt is not None:
        raise outcome.interrupt from body_error
    if body_error is not None:
        raise body_error


async def _run_workers(runtime: Runtime, task_status: trio.TaskStatus[None]) -> None:
    """The workers' nursery: shielded, since actors end in order and not by cancellation from outside."""
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            runtime.nursery = nursery
            nursery.start_soon(runtime.alarms.run)
            task_status.started()


async def _start_guardians(runtime: Runtime, root: ActorSpec[Any] | None) -> None:
    """`/system` with the stream, then `/user` with the root. What a root that does not start raises comes out."""
    events: ActorSpec[Any] = actor(EventStream, name="events")
    system = await spawning.spawn(runtime.root, guardian("system", events))
    family = system.tied().family
    assert family is not None
    runtime.stream = family.children["events"].instance
    try:
        runtime.guardian = await spawning.spawn(runtime.root, guardian("user", *(() if root is None else (root,))))
    except StartFailed as failed:
        if isinstance(failed.__cause__, StartFailed):  # the guardian did not start because the root did not
            raise failed.__cause__ from failed.__cause__.__cause__
        raise


def guardian(name: str, *children: ActorSpec[Any]) -> ActorSpec[Any]:
    """The spec of a supervisor of the runtime's own, right under the root."""
    return ActorSpec(Supervisor, name=name, stop_timeout=math.inf, children=children, supervision=GUARDIAN_POLICY)
