"""
A handler that yielded a trap of trio, awaited by the worker that stays with it.

The worker's own coroutine hands trio the trap, and trio's answers to the handler, each step in the actor's contextvars. To
trio it looks as if the worker had awaited the handler from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import Context as Contextvars
from functools import partial
from types import FrameType
from typing import Any, cast


class Resume:
    """
    Awaitable: the rest of a handler.

    Args:
        steps: The driver that is suspended with it.
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
    def cr_frame(self) -> FrameType | None:
        """Where the handler is."""
        return getattr(getattr(self._steps, "gi_yieldfrom", None), "cr_frame", None)

    @property
    def cr_await(self) -> Any:
        """What the handler awaits."""
        return getattr(getattr(self._steps, "gi_yieldfrom", None), "cr_await", None)
