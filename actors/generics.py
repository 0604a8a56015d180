"""
What a generic base class was given, seen from a class anywhere below it.

`class Savings(Account)` and `class Account(Actor[Deposit | Pay])` say it in two places, a generic class in between in
three. Python keeps what each class statement wrote in `__orig_bases__`; this walks them and puts the types into the
variables on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, repeat
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

NOTHING_BOUND: Mapping[object, Any] = {}


def arguments_of(cls: type, base: type, bound: Mapping[object, Any] = NOTHING_BOUND) -> Iterator[tuple[Any, type]]:
    """
    The one argument of the generic class *base* at every place where *cls* or a base of it derives from *base*.

    Args:
        bound: What the type variables of *cls* stand for. Those that it lacks stay variables.

    Returns:
        The argument, `Any` where none was given, and the class in whose statement it was written.
    """
    for written in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(written) or written
        if not (isinstance(origin, type) and issubclass(origin, base)):
            continue
        arguments = [_with_variables_filled(argument, bound) for argument in get_args(written)]
        if origin is base:
            yield (arguments[0] if arguments else Any), cls
        else:
            parameters = getattr(origin, "__parameters__", ())
            yield from arguments_of(origin, base, dict(zip(parameters, chain(arguments, repeat(Any)), strict=False)))


def _with_variables_filled(argument: Any, bound: Mapping[object, Any]) -> Any:
    if isinstance(argument, TypeVar):
        return bound.get(argument, argument)
    variables = getattr(argument, "__parameters__", ())
    if isinstance(argument, type) or not variables:
        return argument
    return argument[tuple(bound.get(variable, variable) for variable in variables)]


def is_union(origin: object) -> bool:
    """Whether `get_origin` returned the origin of a union, in either spelling."""
    return origin is Union or origin is UnionType


def spelled(annotation: Any) -> str:
    """*annotation* as a user would write it: classes by their bare names, unions with ``|``."""
    if annotation is NoneType:
        return "None"
    arguments, origin = get_args(annotation), get_origin(annotation)
    if is_union(origin):
        return " | ".join(map(spelled, arguments))
    name = str(getattr(origin or annotation, "__name__", annotation))
    return f"{name}[{', '.join(map(spelled, arguments))}]" if arguments else name
