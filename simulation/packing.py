"""
What crosses the simulated network: bytes, as on a real one, so that nodes share nothing.

`pickle` where it can, since it is fast, and cloudpickle for the rest: classes and functions of a test or a script.
"""

from __future__ import annotations

import pickle
from typing import Any, cast

import attrs
import cloudpickle  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from ..actors import AskFailed
from ..supervision import Exit, describe_cause
from .errors import RemoteFailure

SHARED_TYPES = (int, str, float, bool, bytes, type(None))
"""Values that cannot change: what consists of nothing else need not be copied."""

_is_flat: dict[type, tuple[str, ...] | None] = {}
"""The fields of frozen classes; None of classes that have to be copied."""


def pack(message: Any) -> Any:
    """The message as it travels; `unpack` makes it whole."""
    kind: Any = type(message)  # pyright: ignore[reportUnknownVariableType]
    try:
        names = _is_flat[kind]
    except KeyError:
        names = _is_flat[kind] = _flat_fields(kind)
    if names is not None:
        for name in names:
            if type(getattr(message, name)) not in SHARED_TYPES:
                break
        else:
            return message
    dumps: Any = cloudpickle.dumps  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        return pickle.dumps(message, 5)
    except (pickle.PicklingError, AttributeError, TypeError):
        return dumps(message, 5)


def unpack(packed: Any) -> Any:
    """The message that was packed: a copy, unless it cannot change."""
    return pickle.loads(packed) if type(packed) is bytes else packed  # noqa: S301  # it was pickled by this process


def _flat_fields(kind: type) -> tuple[str, ...] | None:
    if kind in SHARED_TYPES and kind is not bytes:
        return ()
    properties: Any = getattr(kind, "__attrs_props__", None)  # of attrs 25.4 and later; before, all is pickled
    if properties is not None and properties.is_frozen:
        return tuple(field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", kind)))
    return None


def pack_error(error: BaseException, path: str, message_type: str) -> Any:
    """An error as it travels, with its cause as far as that can be pickled."""
    try:
        return pack((error, error.__cause__))
    except Exception:  # noqa: BLE001  # whatever a user's exception does when it is pickled
        cause = error.__cause__ or error
        return pack((AskFailed(path, message_type, describe_cause(cause)), RemoteFailure(describe_cause(cause))))


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
