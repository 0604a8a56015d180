"""What a system may be told when it is opened."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from ..supervision.amounts import real


def _is_name(_options: object, _attribute: Attribute[Any], name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be a text that is not empty, not {name!r}.")


def _is_count(_options: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{attribute.name} must be an int, not {value!r}.")
    if value < 1:
        raise ValueError(f"{attribute.name} must be at least 1, not {value}.")


@frozen
class Options:
    """The options of `open_system`, which says what they mean. Bad ones are a TypeError or ValueError here."""

    name: str = field(validator=_is_name)
    ask_timeout: float = field(validator=real(0))
    shutdown_timeout: float = field(validator=real(0))
    slow_handler: float = field(validator=real(0))
    slice: float = field(validator=real(0))
    max_suspended: int = field(validator=_is_count)
