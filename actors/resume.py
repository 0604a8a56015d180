"""
A handler that yielded a trap of trio, awaited by the worker that stays with it.

The worker's own coroutine hands trio the trap, and trio's answers to the handler, each step in the actor's contextvars. To
trio it looks as if the worker had awaited the handler from the beginning.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextvars import Context as Contextvars
from functools import partial
from types import CoroutineType, FrameType
from typing import Any, cast


class Resume:
    """
    Awaitable: the rest of a coroutine.

    Args:
        steps: The coroutine's iterator, from its `__await__`.
        contextvars: The actor's.
        trap: What it yielded last, to be handed to trio first; None if it has not begun.
        error: Thrown into it first, instead.
    """

    __slots__ = ("_error", "_steps", "_trap", "send", "throw")

    def __init__(
        self, steps: Generator[Any, Any, Any], contextvars: Contextvars, trap: object | None, error: BaseException | None = None
    ) -> None:
        self._steps = steps
        self._trap = trap
        self._error = error
        run: Callable[..., Any] = contextvars.run
        self.send: Callable[[Any], Any] = partial(run, steps.send)
        self.throw: Callable[..., Any] = partial(run, steps.throw)

    def __await__(self) -> Generator[Any, Any, Any]:
        return cast("Generator[Any, Any, Any]", self)  # what `await` needs of a generator is here

    def __iter__(self) -> Resume:
        return self

    def __next__(self) -> Any:
        if self._trap is not None:
            trap, self._trap = self._trap, None
            return trap
        if self._error is not None:
            error, self._error = self._error, None
            return self.throw(error)
        return self.send(None)

    def close(self) -> None:
        """Ends the coroutine."""
        self._steps.close()

    # For trio's Task.iter_await_frames, and so for tracebacks of a hanging handler

    @property
    def _coroutine(self) -> Any:
        referents: list[Any] = gc.get_referents(self._steps)
        kinds: tuple[Any, ...] = (CoroutineType,)  # Any: to a type checker it would be a coroutine of unknown types
        return next((found for found in referents if type(found) in kinds), None)

    @property
    def cr_frame(self) -> FrameType | None:
        """Where the handler is."""
        coroutine = self._coroutine
        return None if coroutine is None else coroutine.cr_frame

    @property
    def cr_await(self) -> Any:
        """What the handler awaits."""
        coroutine = self._coroutine
        return None if coroutine is None else coroutine.cr_await
