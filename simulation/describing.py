"""
What a value looks like in a trace: the same text in every process.

Python's own `repr` is not: an object without one shows where it lies in memory, a set shows the order of its hashes. So values are
taken apart here as far as their parts are known, and of what is unknown only the type is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final, cast

import attrs

from ..actors import ActorRef

DEPTH_MAX: Final = 6
"""How deep values are taken apart."""

TEXT_MAX: Final = 300
"""Characters of a text or number that are shown."""

Describer = Callable[[Any, int], str]


def describe(value: object, depth: int = 0) -> str:
    """The value as text: without memory addresses, sets sorted, messages with their fields."""
    kind = type(value)
    describer = _DESCRIBERS.get(kind)
    if describer is None:
        describer = _DESCRIBERS[kind] = _describer_of(kind)
    return describer(value, depth)


def _plain(value: object, _depth: int) -> str:
    text = repr(value)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}..."


def _items(values: Any, depth: int) -> list[str]:
    return ["..."] if depth >= DEPTH_MAX else [describe(value, depth + 1) for value in values]


def _tuple(value: tuple[Any, ...], depth: int) -> str:
    return f"({', '.join(_items(value, depth))})"


def _list(value: list[Any], depth: int) -> str:
    return f"[{', '.join(_items(value, depth))}]"


def _set(value: Any, depth: int) -> str:
    return f"{{{', '.join(sorted(_items(value, depth)))}}}"


def _dict(value: dict[Any, Any], depth: int) -> str:
    return f"{{{', '.join(f'{key}: {item}' for key, item in zip(_items(value, depth), _items(value.values(), depth), strict=True))}}}"


def _ref(value: ActorRef[Any], _depth: int) -> str:
    address = value.address
    return f"<{address.node}{address.path}>"


def _error(value: BaseException, depth: int) -> str:
    return f"{type(value).__name__}({', '.join(_items(value.args, depth))})"


def _enum(value: Enum, _depth: int) -> str:
    return f"{type(value).__name__}.{value.name}"


def _type(value: type, _depth: int) -> str:
    return value.__qualname__


def _with_fields(kind: type, names: tuple[str, ...]) -> Describer:
    def described(value: Any, depth: int) -> str:
        if depth >= DEPTH_MAX:
            return f"{kind.__name__}(...)"
        return f"{kind.__name__}({', '.join([f'{name}={describe(getattr(value, name), depth + 1)}' for name in names])})"

    return described


def _describer_of(kind: Any) -> Describer:
    for base, describer in _BY_BASE:
        if issubclass(kind, base):
            return describer
    if attrs.has(kind):
        return _with_fields(kind, tuple(field.name for field in attrs.fields(kind) if field.repr))
    if is_dataclass(kind):
        names = tuple(field.name for field in dataclass_fields(kind) if field.repr)
        return _with_fields(cast("type", kind), names)
    shown = f"<{kind.__name__!s}>"
    return lambda _value, _depth: shown


_BY_BASE: Final[tuple[tuple[type, Describer], ...]] = (
    (BaseException, _error),
    (Enum, _enum),
    (ActorRef, _ref),
    (type, _type),
    (tuple, _tuple),
    (list, _list),
    (set, _set),
    (frozenset, _set),
    (dict, _dict),
)
_DESCRIBERS: Final[dict[type, Describer]] = {
    **dict.fromkeys((int, str, float, bool, bytes, type(None), complex), _plain),
    tuple: _tuple,
    list: _list,
    set: _set,
    frozenset: _set,
    dict: _dict,
}
