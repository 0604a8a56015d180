"""
The union of an actor's class as data: which classes of messages may be sent to it.

It is read once, when the class is defined, from what stands in the brackets of `Actor[...]`. Messages are told apart by
their class and its MRO, never by `isinstance`: so a generic message counts by its origin, and neither a structural
protocol nor a class registered with an ABC makes a message one of the union.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, ForwardRef, Never, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from attrs import frozen

from .generics import arguments_of, is_union, spelled


@frozen
class Vocabulary:
    """
    What may be sent to the actors of one class.

    Args:
        members: The classes of the union, each once, in the order written.
        is_open: Whether anything may be sent: no union was given, or `Any`, or a type variable that is not yet bound.
    """

    members: tuple[type, ...]
    is_open: bool

    def admits(self, message_type: type) -> bool:
        """Whether a message of exactly this class is one of the union: a member, or a subclass of one."""
        return self.is_open or not set(self.members).isdisjoint(message_type.__mro__)

    def touches(self, message_type: type) -> bool:
        """Whether some message of the union is an instance of this class: it is a member, or a sub- or superclass of one."""
        return self.admits(message_type) or any(message_type in member.__mro__ for member in self.members)

    def __str__(self) -> str:
        if self.is_open:
            return "Any"
        return " | ".join(map(spelled, self.members)) or "Never"


def vocabulary_of(actor_class: type, base: type) -> Vocabulary:
    """
    The vocabulary of *actor_class*, a subclass of the generic class *base*. Of several bases, all their unions together.

    Raises:
        TypeError: The union holds what is no class of messages, or a name that is not defined yet.
    """
    found = [member for argument, writer in arguments_of(actor_class, base) for member in _members(argument, writer)]
    return Vocabulary(tuple(dict.fromkeys(member for member in found if member is not Any)), is_open=Any in found)


def _members(argument: Any, writer: type) -> Iterator[Any]:
    """The classes of a union, with `Any` for whatever leaves it open. *writer* is the class in whose statement it stands."""
    origin = get_origin(argument)
    alias = origin if hasattr(origin, "__value__") else argument
    if argument is Any or isinstance(argument, TypeVar):
        yield Any
    elif argument is Never or argument is NoReturn:
        return
    elif argument is None:
        yield NoneType
    elif isinstance(argument, ForwardRef):
        yield from _members(_resolved(argument, writer), writer)
    elif hasattr(alias, "__value__"):  # type Alias[T] = Box[T] | ...
        value = alias.__value__
        yield from _members(value[get_args(argument)] if get_args(argument) else value, writer)
    elif is_union(origin):
        for part in get_args(argument):
            yield from _members(part, writer)
    elif origin is Annotated:
        yield from _members(get_args(argument)[0], writer)
    elif isinstance(origin or argument, type) and (origin or argument) is not type:
        yield origin or argument
    else:
        raise TypeError(
            f"{writer.__name__} is an Actor of {argument!r}, which is no class of messages. "
            "Write Actor[Deposit | Pay]: a class, a union of classes, Any, or Never for an actor that is sent nothing."
        )


def _resolved(reference: ForwardRef, writer: type) -> Any:
    def holder() -> None: ...

    holder.__annotations__ = {"union": reference}
    try:
        return get_type_hints(holder, vars(sys.modules[writer.__module__]), include_extras=True)["union"]
    except Exception as error:
        raise TypeError(
            f"{writer.__name__} is an Actor of the name {reference.__forward_arg__!r}, which cannot be looked up in "
            f"{writer.__module__} yet ({error}). Define the messages above the actor and write the union without quotes."
        ) from error
