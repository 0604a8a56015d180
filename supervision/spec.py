"""
What a supervisor needs to start a child, and to start it again: OTP's child specification.

Data only, and generic over the factory, so that this room knows no actor: the room `actors/` derives its typed spec
from this one. A spec is an identity, not a value: the same factory and arguments may stand for two different children.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Generic, TypeVar, get_origin

from attrs import Attribute, Factory, field, frozen, validators

from ..mailbox import Fifo, Priority, mailbox_spec
from .amounts import count, real
from .policy import Supervision
from .words import Restart, one_of

F = TypeVar("F")


def _as_children(children: Iterable[ChildSpec[Any]]) -> tuple[ChildSpec[Any], ...]:
    return tuple(children)


def _is_part_of_a_path(_spec: object, _attribute: Attribute[Any], name: str) -> None:
    if not name or "/" in name:
        raise ValueError(f"name={name!r} is not allowed: a name is one part of a path, so it is not empty and has no '/'.")


def _can_end(spec: ChildSpec[Any], _attribute: Attribute[Any], significant: bool) -> None:
    if significant and spec.restart == "permanent":
        raise ValueError(
            f"{spec.name or spec.label} is significant and permanent: it would always be restarted and its end never seen. "
            "Add restart='transient' or restart='temporary'."
        )


def _are_specs_of_different_names(spec: ChildSpec[Any], _attribute: Attribute[Any], children: tuple[object, ...]) -> None:
    names: set[str] = set()
    for child in children:
        if not isinstance(child, ChildSpec):
            raise TypeError(f"children of {spec.name or spec.label} must be specs, such as actor(...) returns, not {child!r}.")
        name: str | None = child.name
        if name in names:
            raise ValueError(f"Two children of {spec.name or spec.label} are named {name!r}. Names must differ under one parent.")
        if name is not None:
            names.add(name)


def _label_of(spec: ChildSpec[Any]) -> str:
    target: Any = spec.factory
    while isinstance(target, partial):
        target = target.func  # pyright: ignore[reportUnknownMemberType]
    target = get_origin(target) or target  # Account[int] is called Account
    name = getattr(target, "__name__", type(target).__name__)
    return str(name).replace("/", "_")


@frozen(eq=False)
class ChildSpec(Generic[F]):
    """
    How to start one child, and how to supervise it.

    Guarantees:
        * Immutable; compared and hashed by identity. `attrs.evolve` makes variants.
        * What cannot work is refused here, when the spec is made, not when the child starts.

    Args:
        factory: Called with *args* at every start and restart.
        args: Its positional arguments.
        name: The child's name under its parent, non-empty, without ``/``; None: `label` and a number.
        mailbox: Where its messages wait; a number is a `Fifo` of that capacity.
        restart: ``permanent``: restarted whenever it ends. ``transient``: when it failed or was killed.
            ``temporary``: never.
        stop_timeout: Seconds that it has for stopping before it is cancelled, at least 0; `math.inf` waits for ever.
        significant: Whether its end may shut its supervisor down. A permanent child never ends, and cannot be significant.
        supervision: Its policy for its own children; None is the default policy.
        stash: How many messages it may set aside, at least 0.
        children: Its static children in start order. The names must differ; children without a name always do.

    Raises:
        ValueError: A word, number, name or combination that is not allowed; the text says which.
        TypeError: A value of the wrong type.
    """

    factory: F = field(validator=validators.is_callable())
    args: tuple[Any, ...] = field(default=(), validator=validators.instance_of(tuple))
    name: str | None = field(default=None, validator=validators.optional([validators.instance_of(str), _is_part_of_a_path]))
    mailbox: Fifo | Priority = field(default=Fifo(1000), converter=mailbox_spec)
    restart: Restart = field(default="permanent", validator=one_of(Restart))
    stop_timeout: float = field(default=5.0, validator=real(0))
    significant: bool = field(default=False, validator=[validators.instance_of(bool), _can_end])
    supervision: Supervision | None = field(default=None, validator=validators.optional(validators.instance_of(Supervision)))
    stash: int = field(default=1000, validator=count)
    children: tuple[ChildSpec[Any], ...] = field(default=(), converter=_as_children, validator=_are_specs_of_different_names)

    label: str = field(init=False, default=Factory(_label_of, takes_self=True))
    """The factory's name, without ``/``: what an automatic name such as ``Account-1`` starts with."""
