"""
`@handles`: which method of an actor takes which message.

The message's class goes into the decorator and not only into the annotation, since annotations are strings under
`from __future__ import annotations`. The decorator only leaves a mark on the function; what the marks add up to is
decided when the actor's class is complete, so that base classes, mixins and overrides count.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_origin, overload

from .generics import is_union
from .messages import Answers

if TYPE_CHECKING:
    from .reply import Reply

M = TypeVar("M")
R = TypeVar("R")
A = TypeVar("A")

_MARK = "__handles__"


class HandlesRequest(Protocol[M, R]):
    """The decorator of a method that takes the request *M* and returns its reply *R*, or the `Reply` that it deferred."""

    @overload
    def __call__(self, handler: Callable[[A, M], Coroutine[Any, Any, R]], /) -> Callable[[A, M], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, handler: Callable[[A, M], R], /) -> Callable[[A, M], R]: ...
    @overload
    def __call__(
        self, handler: Callable[[A, M], Coroutine[Any, Any, R | Reply[R]] | R | Reply[R]], /
    ) -> Callable[[A, M], Coroutine[Any, Any, R | Reply[R]] | R | Reply[R]]: ...


class HandlesMessage(Protocol[M]):
    """The decorator of a method that takes the message *M*, which has no reply."""

    @overload
    def __call__(self, handler: Callable[[A, M], Coroutine[Any, Any, None]], /) -> Callable[[A, M], Coroutine[Any, Any, None]]: ...
    @overload
    def __call__(self, handler: Callable[[A, M], None], /) -> Callable[[A, M], None]: ...


# Every request is a message, so the second overload takes it too, with another result. The first one is tried first.
@overload
def handles(  # type: ignore[overload-overlap]
    message_type: type[Answers[M, R]] | Callable[..., Answers[M, R]], /
) -> HandlesRequest[M, R]: ...  # pyright: ignore[reportOverlappingOverload]
@overload
def handles(message_type: type[M] | Callable[..., M], /) -> HandlesMessage[M]: ...
def handles(message_type: Any, /) -> Any:
    """
    Marks the method of an actor that takes messages of one class: ``@handles(Pay)`` above ``async def pay(self, command: Pay)``.

    What the method returns is the reply. A method that answers later returns ``self.context.defer(command)``. A plain `def`
    never waits and is the fastest.

    Guarantees:
        * An override in a subclass keeps the mark, with or without the decorator.
        * mypy and pyright hold the method's parameter and its result to the message and its reply.

    Args:
        message_type: A class. A parametrised one, such as ``Box[int]``, counts as its class: messages are told apart by class.

    Raises:
        TypeError: *message_type* is no class, or the method is no function, has a message already, or yields.
    """
    message_class = get_origin(message_type) or message_type
    if not isinstance(message_class, type) or message_class is type or is_union(message_class):
        raise TypeError(f"@handles takes the class of a message, as in @handles(Deposit), not {message_type!r}.")

    def mark(handler: Any) -> Any:
        if not inspect.isfunction(handler):
            raise TypeError(f"@handles({message_class.__name__}) goes on a method, directly above its 'def', not on {handler!r}.")
        earlier = message_of(handler)
        if earlier is not None:
            raise TypeError(
                f"{handler.__qualname__} handles {earlier.__name__} already, and a handler takes one class of messages. "
                f"Write a second method for {message_class.__name__}, or handle a base class of both."
            )
        setattr(handler, _MARK, message_class)
        return handler

    return mark


def message_of(attribute: object) -> type | None:
    """The class of messages that a method was marked for, or None."""
    return attribute.__dict__.get(_MARK) if inspect.isfunction(attribute) else None
