"""ChildSpec: a typed, immutable identity that refuses what cannot work."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import pytest
from attrs import evolve, field, frozen
from attrs.exceptions import FrozenInstanceError

from trouper.mailbox import Fifo
from trouper.supervision import ChildSpec, Supervision

T = TypeVar("T")
A = TypeVar("A")


class Account(Generic[T]):
    def open(self) -> None: ...


class Opener:
    def __call__(self) -> None: ...


def opened() -> Account[int]:
    return Account()


@frozen(eq=False)
class TypedSpec(ChildSpec[Callable[..., A]], Generic[A]):
    """What another room derives from it."""

    routing: str = field(default="round_robin", kw_only=True)


def test_the_defaults_of_a_spec_are_the_documented_ones() -> None:
    """A permanent child with a mailbox and a stash of a thousand, and five seconds for stopping."""
    spec = ChildSpec(opened)
    assert (spec.factory, spec.args, spec.name) == (opened, (), None)
    assert spec.mailbox == Fifo(1000)
    assert (spec.restart, spec.stop_timeout, spec.significant) == ("permanent", 5.0, False)
    assert (spec.supervision, spec.stash, spec.children) == (None, 1000, ())


def test_the_fields_stand_in_the_documented_order() -> None:
    """All of them can be given by position."""
    child = ChildSpec(opened)
    policy = Supervision()
    spec = ChildSpec(opened, (1,), "a", Fifo(7), "transient", math.inf, True, policy, 0, (child,))
    assert (spec.args, spec.name, spec.mailbox, spec.restart, spec.stop_timeout) == ((1,), "a", Fifo(7), "transient", math.inf)
    assert (spec.significant, spec.supervision, spec.stash, spec.children) == (True, policy, 0, (child,))


def test_a_number_is_a_fifo_mailbox_of_that_capacity() -> None:
    """And a capacity that no mailbox can have is refused with the spec."""
    assert ChildSpec(opened, mailbox=64).mailbox == Fifo(64)
    with pytest.raises(ValueError, match="capacity"):
        ChildSpec(opened, mailbox=0)


def test_a_spec_is_an_identity() -> None:
    """Two specs of the same values are two children; evolve makes a new one; nothing changes in place."""
    spec = ChildSpec(opened, name="a")
    variant = evolve(spec)
    assert spec != variant
    assert len({spec, variant, spec}) == 2
    assert evolve(spec, name="b", mailbox=3).mailbox == Fifo(3)
    assert spec.name == "a"
    with pytest.raises(FrozenInstanceError):
        spec.name = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_generic_subclass_keeps_identity_validation_and_evolve() -> None:
    """The typed spec of another room is a spec in every way."""
    spec: TypedSpec[Account[int]] = TypedSpec(opened, name="a", routing="random")
    variant = evolve(spec, mailbox=5)
    assert isinstance(variant, TypedSpec)
    assert (variant.routing, variant.mailbox, variant.label) == ("random", Fifo(5), "opened")
    assert len({spec, variant}) == 2
    assert ChildSpec(opened, children=(spec, evolve(variant, name="b"))).children[0] is spec
    with pytest.raises(ValueError, match="stash"):
        TypedSpec(opened, stash=-1)


def test_a_spec_pickles_if_its_parts_do() -> None:
    """The copy is another identity with the same values."""
    spec = ChildSpec(opened, name="a", children=(ChildSpec(opened, (1,)),), supervision=Supervision(directives={KeyError: "stop"}))
    again = pickle.loads(pickle.dumps(spec))
    assert again != spec
    assert (again.factory, again.name, again.supervision, again.children[0].args) == (opened, "a", spec.supervision, (1,))


LABELS: list[tuple[Any, str]] = [
    (Account[Any], "Account"),
    (Account, "Account"),
    (opened, "opened"),
    (partial(opened), "opened"),
    (partial(partial(int), base=8), "int"),
    (Account[int]().open, "open"),
    (Opener(), "Opener"),
    (type("a/b", (), {}), "a_b"),
]


@pytest.mark.parametrize(("factory", "label"), LABELS)
def test_the_label_is_the_factorys_name(factory: Any, label: str) -> None:
    """Of classes, generic aliases, functions, partials, methods and callable objects; never with a slash."""
    assert ChildSpec(factory).label == label


@pytest.mark.parametrize("name", ["", "/", "a/b", "a/", "/a"])
def test_a_name_that_is_not_one_part_of_a_path_is_refused(name: str) -> None:
    """Neither empty nor with a slash."""
    with pytest.raises(ValueError, match="name="):
        ChildSpec(opened, name=name)


def test_names_in_any_script_are_allowed() -> None:
    """Spaces and dots too."""
    for name in ("a", "account-A-1", "Kontostand größer", "口座", ".", "a b"):
        assert ChildSpec(opened, name=name).name == name


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"restart": "always"}, "'permanent', 'transient', 'temporary'"),
        ({"restart": None}, "'permanent', 'transient', 'temporary'"),
        ({"stop_timeout": -0.001}, "stop_timeout"),
        ({"stop_timeout": math.nan}, "stop_timeout"),
        ({"stash": -1}, "stash"),
    ],
)
def test_words_and_numbers_out_of_range_are_refused_by_the_spec(fields: dict[str, Any], named: str) -> None:
    """The error names the field or the allowed words."""
    with pytest.raises(ValueError, match=named):
        ChildSpec(opened, **fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"factory": "Account"}, "factory"),
        ({"args": [1]}, "args"),
        ({"args": "ab"}, "args"),
        ({"name": 1}, "name"),
        ({"stop_timeout": None}, "stop_timeout"),
        ({"significant": 1}, "significant"),
        ({"supervision": "one_for_one"}, "supervision"),
        ({"stash": 1.0}, "stash"),
        ({"children": [Account]}, "children"),
    ],
)
def test_values_of_the_wrong_type_are_refused_by_the_spec(fields: dict[str, Any], named: str) -> None:
    """The error names the field."""
    with pytest.raises(TypeError, match=named):
        evolve(ChildSpec(opened), **fields)


def test_the_smallest_numbers_are_allowed() -> None:
    """No time for stopping and no stash."""
    spec = ChildSpec(opened, stop_timeout=0, stash=0)
    assert (spec.stop_timeout, spec.stash) == (0, 0)


def test_a_permanent_child_cannot_be_significant() -> None:
    """It never ends, as OTP says; the other restart types can."""
    with pytest.raises(ValueError, match="opened is significant and permanent"):
        ChildSpec(opened, significant=True)
    assert ChildSpec(opened, significant=True, restart="transient").significant
    assert ChildSpec(opened, significant=True, restart="temporary").significant


def test_two_children_of_one_name_are_refused_by_name() -> None:
    """Two specs, or one spec twice."""
    first, second = ChildSpec(opened, name="twin"), ChildSpec(Opener(), name="twin")
    for children in ((first, second), (first, first)):
        with pytest.raises(ValueError, match=r"bank are named 'twin'"):
            ChildSpec(opened, name="bank", children=children)


def test_children_without_a_name_and_the_same_names_under_different_parents_are_allowed() -> None:
    """A spec without a name may even stand twice in one list; the list may be any iterable and keeps its order."""
    nameless, named = ChildSpec(opened), ChildSpec(opened, name="a")
    spec = ChildSpec(opened, children=iter([nameless, named, nameless]))
    assert spec.children == (nameless, named, nameless)
    assert ChildSpec(opened, name="a", children=[named]).children == (named,)
