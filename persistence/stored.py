"""
`@stored`: under which name and in which version a class is kept.

A file outlives the names of classes. The name that an event is stored under is therefore said once and stays, whatever the
class is called or wherever it moves; and a class that changes says how the data of each earlier version becomes that of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from attrs import field, frozen, validators

C = TypeVar("C", bound=type)

Upcast: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""From the fields of one version, as JSON has them, to those of the next."""

_MARK: Final = "__stored_as__"


VERSIONS_MAX: Final = 10_000


def _is_name(_form: Form, _attribute: object, name: str) -> None:
    if not name:
        raise ValueError(f"@stored takes the name of the type in the file, a text that is not empty, not {name!r}.")


def _is_version(form: Form, _attribute: object, version: int) -> None:
    if not 1 <= version <= VERSIONS_MAX:
        raise ValueError(f"@stored({form.name!r}, version={version!r}): a version is a whole number from 1 to {VERSIONS_MAX}.")


def _are_complete(form: Form, _attribute: object, upcasts: Mapping[int, Upcast]) -> None:
    expected = set(range(1, form.version))
    wrong = sorted(expected ^ upcasts.keys())
    if wrong:
        raise ValueError(
            f"@stored({form.name!r}, version={form.version}) needs an upcast from each earlier version, {sorted(expected)}, and no other: "
            f"look at {wrong}. upcasts={{1: from_1}} with 'def from_1(fields: dict[str, Any]) -> dict[str, Any]'."
        )


@frozen
class Form:
    """
    How instances of one class are kept.

    Args:
        name: The name of the type in the file.
        version: The version that is written.
        upcasts: For each earlier version, what makes its fields those of the next one.
        aliases: Other names that the type was stored under earlier.
    """

    name: str = field(validator=[validators.instance_of(str), _is_name])
    version: int = field(default=1, validator=_is_version)
    upcasts: Mapping[int, Upcast] = field(factory=dict[int, Upcast], validator=_are_complete)
    aliases: tuple[str, ...] = ()


def stored(
    name: str,
    *,
    version: int = 1,
    upcasts: Mapping[int, Upcast] | None = None,
    aliases: Iterable[str] = (),
) -> Callable[[C], C]:
    """
    Says how instances of a class are kept: ``@stored("paid", version=2, upcasts={1: with_currency})``, above `@frozen`.

    A class without it is kept under its own name, in version 1.

    Guarantees:
        * What was stored in any earlier version is read as the present class, by one upcast after the other. It is not rewritten.

    Args:
        name: The name of the type in the file. It never changes.
        version: Goes up by one with every change of the fields that old data does not fit.
        upcasts: For each earlier version, a function from its fields, as JSON has them, to those of the next version.
        aliases: Other names that it was stored under earlier.

    Raises:
        ValueError: A version without its upcast, or a name that is empty.
    """
    form = Form(name, version, dict(upcasts or {}), tuple(aliases))

    def mark(stored_class: C) -> C:
        setattr(stored_class, _MARK, form)
        return stored_class

    return mark


def form_of(stored_class: type) -> Form:
    """How instances of exactly this class are kept: what it says itself, not what a base says, or its name in version 1."""
    form = vars(stored_class).get(_MARK)
    return form if isinstance(form, Form) else Form(stored_class.__name__)
