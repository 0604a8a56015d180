"""
An actor's class is complete or it is an error, said when the class is defined and with the lines to paste.

Complete means: each member of the union is covered by a handler for a class in its MRO, and each handler is for a class
that is a sub- or superclass of a member. A class that overrides `receive` covers its union with that.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .generics import arguments_of, spelled
from .handles import message_of
from .messages import Request
from .table import Handler
from .vocabulary import Vocabulary


def marked_methods(actor_class: type) -> dict[type, Handler]:
    """
    The handlers of a class by their class of messages, base classes and mixins included; an override keeps the mark.

    Raises:
        TypeError: Two methods for one class of messages, or a method that is no handler: not called with the actor and
            one message, or yielding.
    """
    marks: dict[str, type] = {}
    for cls in reversed(actor_class.__mro__):
        for name, attribute in vars(cls).items():
            message_type = message_of(attribute) or marks.get(name)
            if message_type is not None:
                marks[name] = message_type
    found: dict[type, tuple[str, Handler]] = {}
    for name, message_type in marks.items():
        if message_type in found:
            raise TypeError(
                f"{actor_class.__name__} has two handlers for {message_type.__name__}: {found[message_type][0]} and {name}. Remove one."
            )
        handler = inspect.getattr_static(actor_class, name)
        check_method(actor_class, name, handler, f"the handler of {message_type.__name__}", "message")
        found[message_type] = name, handler
    return {message_type: handler for message_type, (_, handler) in found.items()}


def check_method(actor_class: type, name: str, method: object, role: str, *parameters: str) -> None:
    """
    Refuses a method that the runtime could not call.

    Args:
        role: What the method is, for the text.
        parameters: The names of what it is called with, besides the actor.

    Raises:
        TypeError: It is no function, takes other arguments, or yields.
    """
    whose = f"{actor_class.__name__}.{name}, {role},"
    if not inspect.isfunction(method):
        raise TypeError(f"{whose} must be a method made with 'def', not {method!r}.")
    unwrapped: Callable[..., Any] = inspect.unwrap(method)
    if inspect.isgeneratorfunction(unwrapped) or inspect.isasyncgenfunction(unwrapped):
        raise TypeError(f"{whose} yields, so calling it would run nothing. Return the reply, or tell several messages.")
    try:
        inspect.signature(method).bind("self", *parameters)
    except TypeError:
        taken = str(inspect.signature(method)).split(" ->")[0]
        wanted = ", ".join(("self", *parameters))
        raise TypeError(f"{whose} is called with ({wanted}), but takes {taken}. Write: def {name}({wanted})") from None


def check_complete(
    actor_class: type, vocabulary: Vocabulary, marked: Mapping[type, Handler], overrides_receive: bool, unasked: Iterable[type]
) -> None:
    """
    Refuses a class with a member that nothing handles, or with a handler for what nobody can send.

    Raises:
        TypeError: Names the class and the messages, and gives the lines to add.
    """
    if vocabulary.is_open:
        return
    unsendable = [message for message in marked if not vocabulary.touches(message) and message not in unasked]
    uncovered = [member for member in vocabulary.members if not overrides_receive and marked.keys().isdisjoint(member.__mro__)]
    if not (unsendable or uncovered) or _is_being_unpickled():
        return
    if unsendable:
        names = _listed(unsendable)
        wider = str(Vocabulary((*vocabulary.members, *unsendable), is_open=False))
        raise TypeError(
            f"{actor_class.__name__} handles {names}, but nobody can send it {names}: its union is {vocabulary}. "
            f"Remove the handler, or put it into the union:\n\n    class {actor_class.__name__}(Actor[{wider}]):\n"
        )
    stubs = "\n".join(_stub(actor_class, member) for member in uncovered)
    raise TypeError(
        f"{actor_class.__name__} is an Actor of {vocabulary}, but has no handler for {_listed(uncovered)}. Add to the class:\n\n{stubs}"
    )


def _is_being_unpickled() -> bool:
    # cloudpickle, and Ray's copy of it, make a class of `__main__` without its methods and set them afterwards. Such a class
    # was complete where it was defined; and what was read off it then, its table, comes with the methods.
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_name != "_make_skeleton_class":
        frame = frame.f_back
    return frame.f_back is not None


def _listed(messages: Iterable[type]) -> str:
    return " or ".join(map(spelled, messages))


def _stub(actor_class: type, message: type) -> str:
    """The method to paste: as the message's class is called, with the reply that it is answered with."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", message.__name__.lstrip("_")).lower()
    name = f"on_{snake}" if keyword.iskeyword(snake) or hasattr(actor_class, snake) else snake
    reply = next((spelled(answer) for answer, _ in arguments_of(message, Request)), "None")
    return f"    @handles({message.__name__})\n    async def {name}(self, message: {message.__name__}) -> {reply}: ...\n"
