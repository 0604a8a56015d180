"""
What crosses the simulated network: bytes, as on a real one, so that nodes share nothing.

`pickle` where it can, since it is fast, and cloudpickle for the rest: classes and functions of a test or a script. What consists of nothing
that can change travels as it is: whether it was copied is not to be seen.
"""

from __future__ import annotations

import pickle
from dataclasses import fields as dataclass_fields
from enum import Enum
from typing import Any, Final, cast

import attrs
import cloudpickle  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from ..actors import AskFailed
from ..supervision import Exit, describe_cause
from .errors import RemoteFailure
from .reading import Reader, reader_of

FLAT: Final = frozenset((int, str, float, bool, bytes, complex, type(None)))
"""Types of values that cannot change, and have no parts that could."""

_readers: dict[type, Reader | None] = {}
"""By type: reads what its values consist of, if they can change only there; None of types whose values have to be copied."""


def is_unchanging(value: object) -> bool:
    """
    Whether nothing in it can ever change: flat values, and tuples, frozensets, enums, frozen attrs classes and frozen
    dataclasses of such.
    """
    kind = type(value)
    if kind in FLAT:
        return True
    try:
        read = _readers[kind]
    except KeyError:
        read = _readers[kind] = _reader_of(kind)
    if read is None:
        return False
    parts = read(value)
    return FLAT.issuperset(map(type, parts)) or all(map(is_unchanging, parts))


def pack(message: Any) -> Any:
    """The message as it travels; `unpack` makes it whole."""
    if type(message) is not bytes and is_unchanging(message):  # bytes are what pickled messages are told by
        return message
    dumps: Any = cloudpickle.dumps  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        return pickle.dumps(message, 5)
    except (pickle.PicklingError, AttributeError, TypeError):
        return dumps(message, 5)


def unpack(packed: Any) -> Any:
    """The message that was packed: a copy, unless it cannot change."""
    return pickle.loads(packed) if type(packed) is bytes else packed  # noqa: S301  # it was pickled by this process


def _reader_of(kind: Any) -> Reader | None:
    if kind in (tuple, frozenset):
        return _itself
    if issubclass(kind, Enum):
        return reader_of(())
    properties = _own(kind, "__attrs_props__")  # of attrs 25.4 and later; before, all is pickled
    if properties is not None and properties.is_frozen:
        return reader_of(tuple(field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind))))
    properties = _own(kind, "__dataclass_params__")
    if properties is not None and properties.frozen:
        return reader_of(tuple(field.name for field in dataclass_fields(kind)))
    return None


def _own(kind: Any, name: str) -> Any:
    """What a class says of itself, and does not inherit: a subclass may have parts that change."""
    return kind.__dict__.get(name)


def _itself(value: Any) -> Any:
    return value


def pack_error(error: BaseException, path: str, message_type: str) -> Any:
    """An error as it travels, with its cause as far as that can be pickled."""
    try:
        packed = pack((error, error.__cause__))
        unpack(packed)  # many an exception is pickled without what its class needs to make it again
    except Exception:  # noqa: BLE001  # whatever a user's exception does when it is pickled
        cause = error.__cause__ or error
        return pack((AskFailed(path, message_type, describe_cause(cause)), RemoteFailure(describe_cause(cause))))
    return packed


def unpack_error(packed: Any) -> BaseException:
    """The error that was packed."""
    error, cause = unpack(packed)
    error.__cause__ = cause
    assert isinstance(error, BaseException)
    return error


def copied_exit(reason: Exit) -> Exit:
    """How an actor ended, as another node hears of it."""
    if reason.cause is None:
        return reason
    try:
        return Exit(reason.kind, unpack(pack((reason.cause,)))[0])
    except Exception:  # noqa: BLE001  # as above
        return Exit(reason.kind, RemoteFailure(describe_cause(reason.cause)))
