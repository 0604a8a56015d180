"""
Which function takes a message, looked up once a class of messages.

The hot path subscripts a plain dict with `type(message)` and calls what it finds; everything that needs thought happens
on a miss, and its result is put into that dict.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import define, field

from .vocabulary import Vocabulary

Handler: TypeAlias = Callable[[Any, Any], Any]
"""A method as its class holds it: called with the actor and the message."""

TYPES_REMEMBERED_MAX = 1000
"""Classes of messages that one table remembers: a program that makes classes without end gets slower, not bigger."""


def is_plain(handler: Handler) -> bool:
    """Whether a function is a plain `def`, all the way through what wraps it, so that it never waits."""
    return not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(inspect.unwrap(handler)))


@define(eq=False)
class HandlerTable:
    """
    The handlers of one actor class.

    A message is handled iff it is one of the union (its class or a base of it is a member) and has a handler: the one for
    its class or else for the first class of its MRO that has one. A class that overrides `receive` handles its whole
    union with it. An exception is a marked class that the runtime sends by itself: it needs no place in the union.

    Args:
        vocabulary: The union of the class.
        marked: The functions marked with `@handles`, by their class of messages.
        receive: The class's override of `receive`, or None. It goes before the marks.
        unasked: Classes that are sent without being in the union, by the runtime.
    """

    vocabulary: Vocabulary
    marked: Mapping[type, Handler]
    receive: Handler | None = None
    unasked: frozenset[type] = frozenset()

    handlers: dict[type, Handler] = field(factory=dict[type, Handler], init=False)
    """For the hot path, by the exact class of the message."""

    plain: dict[type, Handler] = field(factory=dict[type, Handler], init=False)
    """Those of `handlers` that are plain `def`: they end when they return."""

    # Invariant: plain is the part of handlers whose functions are plain, and len(handlers) <= TYPES_REMEMBERED_MAX

    def __attrs_post_init__(self) -> None:
        for message_type in (*self.marked, *self.vocabulary.members):
            self.resolve(message_type)

    def resolve(self, message_type: type) -> Handler | None:
        """The function for messages of exactly this class, remembered for the next time; None when they are not handled."""
        handler = self.handlers.get(message_type)
        if handler is None:
            handler = self._found(message_type)
            if handler is not None and len(self.handlers) < TYPES_REMEMBERED_MAX:
                self.handlers[message_type] = handler
                if self._ends_when_it_returns(handler):
                    self.plain[message_type] = handler
        return handler

    def by_mark(self, message_type: type) -> Handler | None:
        """What `@handles` alone says about messages of this class: what an override of `receive` falls back on."""
        return next((self.marked[base] for base in message_type.__mro__ if base in self.marked), None)

    def accepts(self, fact_type: type) -> bool:
        """
        Whether some instance of this class is handled: of itself, or of a subclass that is in the union or marked.

        What is subscribed to must be accepted. Instances that are not in the union are unhandled when they come.
        """
        below = (known for known in (*self.vocabulary.members, *self.marked) if fact_type in known.__mro__)
        return self.resolve(fact_type) is not None or any(
            self.vocabulary.admits(known) and self.resolve(known) is not None for known in below
        )

    def _found(self, message_type: type) -> Handler | None:
        if self.vocabulary.admits(message_type):
            return self.receive or self.by_mark(message_type)
        return self.marked.get(message_type) if message_type in self.unasked else None

    def _ends_when_it_returns(self, handler: Handler) -> bool:
        if handler is self.receive and not all(map(is_plain, self.marked.values())):
            return False  # a plain `receive` may hand on what super().receive() returned, a coroutine
        return is_plain(handler)
