"""
What a message promises about its answer.

The reply's type belongs to the request, as in quickwit's actors: `ask` and `@handles` both read it from the message, so it
is written once. All of it is for type checkers; at run time a request is a message like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from .ref import ActorRef

M_co = TypeVar("M_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Answers(Protocol[M_co, R_co]):
    """
    A message that an actor of messages *M_co* may be asked, with a reply of type *R_co*.

    It is what `ask` and `@handles` demand of a message. Derive messages from `Request`; nothing needs to implement this.
    """

    def __answers__(self, asked: ActorRef[M_co], /) -> R_co:
        """Never called: it carries the two types."""
        ...


class Request(Generic[R_co]):
    """
    The base of a message that is answered: ``class Pay(Request[Receipt])`` is asked, and its reply is a `Receipt`.

    A request may be told as well; then its reply goes nowhere.

    Guarantees:
        * No cost at run time: no field, no slot, no `__init__`. It fits frozen attrs classes and dataclasses, slotted or not.
        * mypy and pyright know the reply of ``await ref.ask(Pay(...))``, and hold the handler of `Pay` to it.

    Not guaranteed:
        * A check of the reply's type at run time.
    """

    __slots__ = ()

    def __answers__(self, asked: ActorRef[Self], /) -> R_co:
        """Never called: it carries the types of the request and its reply to `ask` and `@handles`."""
        raise NotImplementedError(f"{type(self).__name__} is answered by the actor that is asked: await ref.ask(...).")
