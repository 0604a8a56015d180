"""Background tasks: code that belongs to an actor, runs beside its handlers, and ends with its instance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any

import trio

from .cell import CURRENT, GONE, Background, Cell
from .supervising import fail_from_outside

protected = trio.lowlevel.enable_ki_protection


@protected
def start_soon(cell: Cell, call: Callable[..., Awaitable[object]], *arguments: Any) -> None:
    """Runs ``call(*arguments)`` as a task of the actor. Its exception is the actor's failure."""
    if isinstance(call, CoroutineType):
        call.close()  # else Python warns that nobody awaited it, which is not what went wrong
        raise TypeError(f"start_soon() calls the function itself: start_soon({call.__name__}, ...), not start_soon({call.__name__}(...)).")
    if not callable(call):
        raise TypeError(f"start_soon() takes an async function and its arguments, not {call!r}.")
    nursery = cell.dispatcher.nursery
    assert nursery is not None
    ties = cell.tied()
    if ties.task_scopes is None:
        ties.task_scopes = set()
    scope = trio.CancelScope()
    ties.task_scopes.add(scope)
    contextvars = cell.dispatcher.new_contextvars()
    contextvars.run(CURRENT.set, Background(cell))
    contextvars.run(nursery.start_soon, _run, cell, scope, call, arguments)


@protected
async def _run(cell: Cell, scope: trio.CancelScope, call: Callable[..., Awaitable[object]], arguments: tuple[Any, ...]) -> None:
    failure: BaseException | None = None
    try:
        with scope:
            await _unprotected(call, arguments)
    except Exception as error:  # noqa: BLE001  # it is the actor's failure
        failure = error
    except trio.Cancelled:
        raise
    except BaseException as error:  # noqa: BLE001  # Ctrl-C in the task: no failure of the actor
        cell.dispatcher.interrupt(error)
    finally:
        ties = cell.tied()
        assert ties.task_scopes is not None
        ties.task_scopes.discard(scope)
        if failure is not None and cell.phase != GONE:
            fail_from_outside(cell, failure)
        if not ties.task_scopes and ties.tasks_over is not None:
            over, ties.tasks_over = ties.tasks_over, None
            over.settle()


@trio.lowlevel.disable_ki_protection
async def _unprotected(call: Callable[..., Awaitable[object]], arguments: tuple[Any, ...]) -> None:
    await call(*arguments)
