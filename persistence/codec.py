"""
What is stored, to JSON and back: by msgspec, for a closed set of classes, and never by unpickling.

Only a class that the reader names can come out of a file, whatever the file says. What is written is read back once before it
goes to the disk: a value that JSON cannot hold (a NaN, a field that begins with an underscore) is refused while it is still there.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs
from attrs import define, field

from ..events.errors import MutableFact
from ..events.immutable import check_immutable
from .errors import CorruptRecord, MissingExtra, NewerVersion, NotStorable, UnknownType
from .stored import Form, form_of


class Encoded(NamedTuple):
    """One instance as it is stored: the name and the version of its type, and its fields as JSON."""

    type_name: str
    version: int
    payload: bytes


def library() -> Any:
    """The module msgspec. Raises MissingExtra if it is not installed."""
    try:
        return importlib.import_module("msgspec")
    except ImportError as error:
        raise MissingExtra("msgspec", "persistence") from error


@define(eq=False)
class _Kind:
    """One class, as it is written and read. Its decoder is made when first needed: annotations may name what is defined later."""

    stored_class: type[Any]
    form: Form
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.decode = self._decode_first

    def _decode_first(self, payload: bytes) -> Any:
        """Reads the present version. Raises NotStorable if msgspec does not know how."""
        module = library()
        try:
            self.decode = module.json.Decoder(self.stored_class).decode
        except (TypeError, NameError) as error:
            raise NotStorable(self.stored_class.__name__, str(error)) from error
        return self.decode(payload)

    def upcast(self, version: int, payload: bytes) -> Any:
        """Reads an earlier version."""
        module = library()
        fields: dict[str, Any] = module.json.decode(payload)
        for step in range(version, self.form.version):
            fields = self.form.upcasts[step](fields)
        return module.convert(fields, self.stored_class)


@define(eq=False)
class Codec:
    """
    Writes and reads instances of certain classes.

    Guarantees:
        * What `encode` returns, `decode` reads as an instance of the same class.
        * `decode` makes instances of these classes and of nothing else.

    Args:
        classes: Each frozen, and each under a name of its own.

    Raises:
        MissingExtra: msgspec is not installed.
        NotStorable: A class is not frozen, or has fields that would be lost.
        ValueError: Two classes have one name.
    """

    classes: tuple[type[Any], ...] = field(converter=tuple[type[Any], ...])
    _by_class: dict[type[Any], _Kind] = field(factory=dict[type[Any], _Kind], init=False)
    _by_name: dict[str, _Kind] = field(factory=dict[str, _Kind], init=False)

    def __attrs_post_init__(self) -> None:
        module = library()
        encode = module.json.Encoder().encode
        for stored_class in self.classes:
            check_storable(stored_class)
            kind = _Kind(stored_class, form_of(stored_class), encode)
            self._by_class[stored_class] = kind
            for name in (kind.form.name, *kind.form.aliases):
                other = self._by_name.setdefault(name, kind)
                if other is not kind:
                    raise ValueError(
                        f"{other.stored_class.__qualname__} and {stored_class.__qualname__} would both be stored as {name!r}. "
                        f"Give one another name: @stored('another-name')."
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that it reads."""
        return tuple(self._by_name)

    def encode(self, instance: object) -> Encoded:
        """
        An instance as it is stored.

        Raises:
            NotStorable: It is of another class, or holds what could not be read back.
        """
        kind = self._by_class.get(type(instance))
        if kind is None:
            known = ", ".join(stored_class.__name__ for stored_class in self.classes)
            raise NotStorable(type(instance).__name__, f"only instances of exactly {known or 'no class'} are stored here")
        try:
            payload = kind.encode(instance)
            kind.decode(payload)
        except (TypeError, ValueError, RecursionError) as error:  # of msgspec: what it cannot write, or could not read
            if isinstance(error, NotStorable):
                raise
            raise NotStorable(type(instance).__name__, str(error)) from error
        return Encoded(kind.form.name, kind.form.version, payload)

    def decode(self, type_name: str, version: int, payload: bytes, place: Callable[[], str]) -> Any:
        """
        The instance that was stored, earlier versions brought up to the present one.

        Args:
            place: Where it is kept, for the text of an error.

        Raises:
            UnknownType: No class has the name.
            NewerVersion: It was written by a newer program.
            CorruptRecord: It cannot be read as its class, or an upcast failed.
        """
        try:
            kind = self._by_name[type_name]
        except KeyError:
            raise UnknownType(place(), type_name, self.names) from None
        try:
            if version == kind.form.version:
                return kind.decode(payload)
            if version < kind.form.version:
                return kind.upcast(version, payload)
        except NotStorable:
            raise
        except Exception as error:
            raise CorruptRecord(place(), f"as {type_name!r} in version {version} it cannot be read: {error}") from error
        raise NewerVersion(place(), type_name, version, kind.form.version)


def check_storable(stored_class: type[Any]) -> None:
    """
    Refuses a class whose instances would change, or lose something on the way to JSON and back.

    Raises:
        NotStorable: Says why.
    """
    module = library()
    is_struct = issubclass(stored_class, module.Struct)
    if is_struct:
        frozen = stored_class.__struct_config__.frozen
        names = list(stored_class.__struct_fields__)
    elif attrs.has(stored_class):
        frozen = is_frozen(stored_class)
        names = [one.name for one in attrs.fields(stored_class)]
    elif dataclasses.is_dataclass(stored_class):
        frozen = is_frozen(stored_class)
        names = [one.name for one in dataclasses.fields(stored_class)]
    else:
        raise NotStorable(stored_class.__name__, "it is no attrs class, dataclass or msgspec.Struct")
    if not frozen:
        raise NotStorable(stored_class.__name__, "it is not frozen")
    private = [name for name in names if name.startswith("_") and not is_struct]
    if private:
        raise NotStorable(stored_class.__name__, f"msgspec leaves out fields that begin with an underscore: {', '.join(private)}")


def is_frozen(stored_class: type[Any]) -> bool:
    """Whether a class of attrs or a dataclass is frozen: what the event stream demands of a fact."""
    try:
        check_immutable(stored_class)
    except MutableFact:
        return False
    return True
