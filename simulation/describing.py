"""
What a value is at this moment, in plain parts, and what that looks like in a trace: the same in every process.

Python's own `repr` is not: an object without one shows where it lies in memory, a set shows the order of its hashes. So values are
taken apart here as far as their parts are known, and of what is unknown only the type is named. To take apart is cheap and is done for
every message, since it is what the trace's hash is of. To make a text of the parts is dear, and is done when somebody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final, TypeAlias, cast

import attrs

from ..actors import ActorRef
from .reading import reader_of

DEPTH_MAX: Final = 6
"""How deep values are taken apart."""

TEXT_MAX: Final = 300
"""Characters of a text or number that are shown."""

PLAIN: Final = frozenset((int, str, float, bool, bytes, type(None), complex))
"""Types whose values are their own snapshots."""

Snapshot: TypeAlias = Any
"""
Nothing but plain values and tuples of them: a plain value itself, ``(text,)``, ``(name or opening bracket, items)``, or
``(name, names of fields, values)``.
"""

Taker = Callable[[Any, int], Snapshot]


def snapshot(value: object) -> Snapshot:
    """What the value is now: no later change of it shows."""
    kind = type(value)
    if kind in PLAIN:
        return (_plain(value),)
    return (_TAKERS.get(kind) or _new_taker(kind))(value, 0)


def describe(value: object) -> str:
    """The value as text: without memory addresses, sets sorted, messages with their fields."""
    return shown(snapshot(value))


def shown(taken: Snapshot) -> str:
    """A snapshot as text."""
    if type(taken) in PLAIN:
        return _plain(taken)
    parts: tuple[Any, ...] = taken
    if len(parts) == 1:
        return str(parts[0])
    texts = [shown(part) for part in parts[-1]]
    head = parts[0]
    if len(parts) == 3:
        return f"{head}({', '.join(f'{name}={text}' for name, text in zip(parts[1].split(), texts, strict=True))})"
    if head == "{:":
        return f"{{{', '.join(f'{key}: {item}' for key, item in zip(texts[::2], texts[1::2], strict=True))}}}"
    closing = _CLOSING.get(head)
    return f"{head}({', '.join(texts)})" if closing is None else f"{head}{', '.join(texts)}{closing}"


_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


def _plain(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return f"<{type(value).__name__}>"
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}..."


def _take(value: object, depth: int) -> Snapshot:
    kind = type(value)
    return value if kind in PLAIN else (_TAKERS.get(kind) or _new_taker(kind))(value, depth)


def _items(values: Iterable[Any], depth: int) -> tuple[Snapshot, ...]:
    return (("...",),) if depth >= DEPTH_MAX else tuple([_take(value, depth + 1) for value in values])


def _tuple(value: tuple[Any, ...], depth: int) -> Snapshot:
    return "(", _items(value, depth)


def _list(value: list[Any], depth: int) -> Snapshot:
    return "[", _items(value, depth)


def _set(value: Iterable[Any], depth: int) -> Snapshot:
    return "{", tuple(sorted(_items(value, depth), key=shown))


def _dict(value: dict[Any, Any], depth: int) -> Snapshot:
    return ("...",) if depth >= DEPTH_MAX else ("{:", _items([part for item in value.items() for part in item], depth))


def _ref(value: ActorRef[Any], _depth: int) -> Snapshot:
    address = value.address
    return (f"<{address.node}{address.path}>",)


def _error(value: BaseException, depth: int) -> Snapshot:
    return type(value).__name__, _items(value.args, depth)


def _enum(value: Enum, _depth: int) -> Snapshot:
    return (f"{type(value).__name__}.{value.name}",)


def _type(value: type, _depth: int) -> Snapshot:
    return (value.__qualname__,)


def _with_fields(kind: type, names: tuple[str, ...]) -> Taker:
    name = kind.__name__
    joined = " ".join(names)
    read = reader_of(names)

    def taken(value: Any, depth: int) -> Snapshot:
        if depth >= DEPTH_MAX:
            return (f"{name}(...)",)
        values = read(value)
        if not PLAIN.issuperset(map(type, values)):
            values = tuple([_take(part, depth + 1) for part in values])
        return name, joined, values

    return taken


def _new_taker(kind: Any) -> Taker:
    taker = _TAKERS[kind] = _taker_of(kind)
    return taker


def _taker_of(kind: Any) -> Taker:
    for base, taker in _BY_BASE:
        if issubclass(kind, base):
            return taker
    if attrs.has(kind):
        return _with_fields(kind, tuple(field.name for field in attrs.fields(kind) if field.repr))
    if is_dataclass(kind):
        return _with_fields(cast("type", kind), tuple(field.name for field in dataclass_fields(kind) if field.repr))
    named = (f"<{kind.__name__!s}>",)
    return lambda _value, _depth: named


_BY_BASE: Final[tuple[tuple[type, Taker], ...]] = (
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
_TAKERS: Final[dict[type, Taker]] = {tuple: _tuple, list: _list, set: _set, frozenset: _set, dict: _dict}
