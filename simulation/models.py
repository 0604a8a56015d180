"""
What a history is judged against: objects that do one operation at a time, as pure functions of their state.

`apply` says what the object becomes and what it answers. States are hashable, since the checker remembers those that it has been in.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol


class Model(Protocol):
    """
    A sequential object. Write one of your own for what your cluster offers.

    It may have ``changes_nothing(kind, result) -> bool`` besides: whether an operation that gave that result cannot have changed the state,
    whatever the state was. With it long histories are judged faster.
    """

    def initial(self) -> Hashable:
        """Its state before the first operation."""
        ...

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:
        """The state after the operation, and its result. Raises ValueError for a kind that there is not."""
        ...

    def part(self, kind: str, argument: Any) -> Hashable:
        """The part of the object that the operation is about: parts are independent, and are judged one by one. None: the whole."""
        ...


def no_such(model: object, kind: str) -> ValueError:
    """There is no operation of that kind."""
    return ValueError(f"{type(model).__name__} has no operation {kind!r}.")


class WholeModel:
    """The base of models whose object is one part."""

    def part(self, kind: str, argument: Any) -> Hashable:  # noqa: ARG002
        """The whole."""
        return None


class Register(WholeModel):
    """``write(value)`` -> None, ``read()`` -> the value, ``cas((expected, new))`` -> whether it was as expected, and is new now."""

    def __init__(self, value: Hashable = None) -> None:
        self._value = value

    def initial(self) -> Hashable:
        """The value before the first write."""
        return self._value

    def changes_nothing(self, kind: str, result: Any) -> bool:
        """What reads, and what found another value than expected."""
        return kind == "read" or (kind == "cas" and result is False)

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:
        """One operation."""
        if kind == "write":
            return argument, None
        if kind == "read":
            return state, state
        if kind == "cas":
            expected, new = argument
            return (new, True) if state == expected else (state, False)
        raise no_such(self, kind)


class KeyValue:
    """``put((key, value))`` -> None, ``get(key)`` -> the value or None, ``delete(key)`` -> None, ``cas((key, expected, new))`` -> bool."""

    def initial(self) -> Hashable:
        """No value."""
        return None

    def part(self, kind: str, argument: Any) -> Hashable:
        """The key."""
        key: Hashable = argument[0] if kind in ("put", "cas") else argument
        return key

    def changes_nothing(self, kind: str, result: Any) -> bool:
        """What reads, and what found another value than expected."""
        return kind == "get" or (kind == "cas" and result is False)

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:
        """One operation on one key."""
        if kind == "put":
            return argument[1], None
        if kind == "get":
            return state, state
        if kind == "delete":
            return None, None
        if kind == "cas":
            return (argument[2], True) if state == argument[1] else (state, False)
        raise no_such(self, kind)


class Counter(WholeModel):
    """``add(n)`` -> None, ``read()`` -> the sum, ``add_and_get(n)`` -> the new sum."""

    def initial(self) -> Hashable:
        """Zero."""
        return 0

    def changes_nothing(self, kind: str, result: Any) -> bool:  # noqa: ARG002
        """What reads."""
        return kind == "read"

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:
        """One operation."""
        if kind == "add":
            return state + argument, None
        if kind == "read":
            return state, state
        if kind == "add_and_get":
            return state + argument, state + argument
        raise no_such(self, kind)


class Queue(WholeModel):
    """``enqueue(value)`` -> None, ``dequeue()`` -> the oldest value, or None if there is none."""

    def initial(self) -> Hashable:
        """Empty."""
        return ()

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:
        """One operation."""
        if kind == "enqueue":
            return (*state, argument), None
        if kind == "dequeue":
            return (state[1:], state[0]) if state else (state, None)
        raise no_such(self, kind)


class Set:
    """``add(value)`` -> whether it was new, ``remove(value)`` -> whether it was there, ``contains(value)`` -> bool."""

    def initial(self) -> Hashable:
        """Nothing is in it."""
        return False

    def part(self, kind: str, argument: Any) -> Hashable:  # noqa: ARG002
        """The value: whether it is in the set depends on no other."""
        value: Hashable = argument
        return value

    def changes_nothing(self, kind: str, result: Any) -> bool:
        """What asks, and what came too late."""
        return kind == "contains" or result is False

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:  # noqa: ARG002
        """One operation on one value."""
        if kind == "add":
            return True, not state
        if kind == "remove":
            return False, state
        if kind == "contains":
            return state, state
        raise no_such(self, kind)


class Mutex(WholeModel):
    """``acquire(owner)`` -> whether it was free and is the owner's now, ``release(owner)`` -> whether it was the owner's."""

    def initial(self) -> Hashable:
        """Free."""
        return None

    def changes_nothing(self, kind: str, result: Any) -> bool:  # noqa: ARG002
        """What was refused."""
        return result is False

    def apply(self, state: Any, kind: str, argument: Any) -> tuple[Hashable, Any]:
        """One operation."""
        if kind == "acquire":
            return (argument, True) if state is None else (state, False)
        if kind == "release":
            return (None, True) if state == argument and state is not None else (state, False)
        raise no_such(self, kind)
