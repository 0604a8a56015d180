"""
Keys under which any number of actors offer the same service.

The type parameter exists for type checkers only: it ties what may be registered under a key to what is found there. It is
invariant on purpose. Refs are contravariant, which already lets an actor that takes more be registered, and what is found be
used for less; a contravariant key on top would let an actor that takes less in.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from attrs import Attribute, field, frozen

from .names import check_name

M = TypeVar("M")


def _is_name(_instance: object, _attribute: Attribute[str], value: object) -> None:
    check_name(value)


@frozen
class ServiceKey(Generic[M]):
    """
    A key for actors that take messages of type *M*: `ServiceKey[Pay]("payments")`.

    Guarantees:
        * Keys of the same name are equal, wherever and with whatever type they were made: share the constant, not the name.

    Args:
        name: As an actor's name may be.

    Raises:
        TypeError: The name is no str.
        ValueError: It breaks the rules of names.
    """

    name: str = field(validator=_is_name)


@frozen
class Listing(Generic[M]):
    """
    Who is registered under a key: sent to a subscriber of the key at once and on every change.

    Args:
        key: The key that was subscribed to.
        refs: All who are registered, in the order of registration.
    """

    key: ServiceKey[M]
    refs: tuple[Any, ...]
