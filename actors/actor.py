"""
`Actor`: what a user derives from, and what the runtime reads off the class.

An actor is a plain object with methods. Everything that lives - the mailbox, the state of the cell, whoever runs next - is
outside of it, behind the one attribute that the runtime sets; so an instance can be made and tried in a test without
a system, and thrown away when it fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import trio
from attrs import define

from ..errors import TrouperError
from .completeness import check_complete, check_method, marked_methods
from .table import Handler, HandlerTable
from .vocabulary import Vocabulary, vocabulary_of
from .watching import Terminated

if TYPE_CHECKING:
    from ..supervision import Exit
    from .cell import Cell
    from .context import Context

M_contra = TypeVar("M_contra", contravariant=True)

HOOKS: Mapping[str, tuple[str, ...]] = {
    "on_start": (),
    "on_stop": ("reason",),
    "on_restart": ("cause",),
    "on_terminated": ("terminated",),
}
"""The hooks by name, with what each is called with."""

SENT_BY_THE_RUNTIME = frozenset[type]({Terminated})
"""Messages that an actor may handle without having them in its union."""


@define(eq=False)
class NoContextYet(TrouperError, RuntimeError):
    """`self.context` was used before the runtime took the actor over: in `__init__`, in a default, or in a bare instance."""

    actor_type: str

    def __str__(self) -> str:
        return (
            f"This {self.actor_type} has no context yet: the runtime gives it one after __init__ and before on_start. "
            "Move what needs the context into 'async def on_start(self)'; __init__ only keeps its arguments."
        )


class Actor(Generic[M_contra]):
    """
    The base of actors: ``class Account(Actor[Deposit | Pay])`` takes the messages of that union, each in a method marked
    with `@handles`, one at a time.

    Started from a spec, `actor(Account, "A-1")`, never by calling the class; known to others by its `ActorRef` only.

    Guarantees:
        * One message at a time: a handler that awaits is not re-entered.
        * A class that misses a handler, or has one for what nobody can send, is a TypeError where it is defined. Checked
            when the union is known: not in a base class that is generic over it, and not for `Actor` or `Actor[Any]`.
        * A message is handled by the handler for its class, or for the first class of its MRO that has one. One that is
            outside the union is not handled, also where a handler for a base class of it would fit.
        * Handlers, hooks and `receive` each may be `def` or `async def`.
        * Ctrl-C reaches handlers and hooks, be it in an endless loop.

    Not guaranteed:
        * That state outlives a failure: a new instance is made from the spec.
        * That the instance may be used by anything but its own handlers, hooks and tasks.

    Write subclasses with ``@define(eq=False)`` from attrs, as dataclasses, or with an `__init__` of their own, which need not
    call ``super().__init__()``.
    """

    __slots__ = ("_cell",)

    _cell: Cell

    __table__: ClassVar[HandlerTable] = HandlerTable(Vocabulary((), is_open=True), {})
    """Which function takes which message."""

    __hooks__: ClassVar[frozenset[str]] = frozenset()
    """The names of the hooks that the class overrides: the runtime calls no others."""

    __is_made_anew__: ClassVar[bool] = True
    """Whether a call of the class makes a new instance, whatever happens: it has neither a `__new__` nor a metaclass of its own."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Reads the class's messages and handlers. Runs once more when attrs makes a slotted class anew; nothing is kept twice."""
        super().__init_subclass__(**options)
        base: type[Actor[Any]] = Actor
        vocabulary = vocabulary_of(cls, base)
        marked = marked_methods(cls)
        for message_type, handler in marked.items():
            if handler.__name__ in {"receive", *HOOKS}:
                raise TypeError(
                    f"{cls.__name__} handles {message_type.__name__} in a method called {handler.__name__}, which the runtime calls for "
                    "something else. Give the handler another name."
                )
        receive: Handler | None = cls.receive if cls.receive is not base.receive else None
        cls.__hooks__ = frozenset(name for name in HOOKS if getattr(cls, name) is not getattr(base, name))
        cls.__is_made_anew__ = cls.__new__ is object.__new__ and type(cls) is type
        for name in cls.__hooks__:
            check_method(cls, name, inspect.getattr_static(cls, name), "a hook", *HOOKS[name])
        if receive is not None:
            check_method(cls, "receive", inspect.getattr_static(cls, "receive"), "what takes its messages", "message")
        check_complete(cls, vocabulary, marked, receive is not None, SENT_BY_THE_RUNTIME)
        cls.__table__ = HandlerTable(vocabulary, marked, receive, SENT_BY_THE_RUNTIME)
        # The runtime around them is protected from KeyboardInterrupt; a user's endless loop must not be.
        for method in (*marked.values(), *(getattr(cls, name) for name in cls.__hooks__), *([receive] if receive else [])):
            trio.lowlevel.disable_ki_protection(method)

    @property
    def context(self) -> Context:
        """
        The only door to effects: refs, timers, children, the event stream.

        Raises:
            NoContextYet: In `__init__`, or in an instance that no system runs.
        """
        try:
            cell = self._cell
        except AttributeError:
            raise NoContextYet(type(self).__name__) from None
        return cell.context

    def receive(self, message: M_contra, /) -> Any:
        """
        Takes each message; what it returns, or what its coroutine returns, is the reply.

        The layer below `@handles`, which is what this does by default. A state machine overrides it and uses `match`; it
        may hand on the rest: ``return super().receive(message)``, awaited if the handler is `async def`.

        Raises:
            LookupError: No handler fits. Only an override that hands on what it has no handler for sees this.
        """
        handler = type(self).__table__.by_mark(type(message))
        if handler is None:
            raise LookupError(
                f"{type(self).__name__}.receive handed on a {type(message).__name__}, for which it has no handler. "
                f"Add a case for it, or a method marked @handles({type(message).__name__})."
            )
        return handler(self, message)

    def on_start(self) -> Awaitable[None] | None:
        """Runs before the first message, on every new instance. What it raises is a failed start."""

    def on_stop(self, reason: Exit, /) -> Awaitable[None] | None:
        """Runs last, when the queue is closed and the children are down. What it raises is published and logged, no more."""

    def on_restart(self, cause: BaseException, /) -> Awaitable[None] | None:
        """Runs on the old instance before a new one takes its place. What it raises is published and logged, no more."""

    def on_terminated(self, terminated: Terminated, /) -> Awaitable[None] | None:
        """
        Runs when an actor that this one watches has died, in the order of the queue. What it raises is a failed handler.

        A handler for `Terminated` does instead. An actor that has neither and watches fails with `DeathPact`.
        """
