"""What is stored comes back as it was, old versions too; what could not come back is refused before it is written."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from attrs import define, field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from trouper.persistence import Codec, CorruptRecord, NewerVersion, NotStorable, UnknownType, stored

ROOT = Path(__file__).resolve().parents[2]


@frozen
class Paid:
    reference: str
    cents: int


@dataclasses.dataclass(frozen=True, slots=True)
class Refunded:
    reference: str
    lines: tuple[Paid, ...] = ()


class Closed(msgspec.Struct, frozen=True):
    why: str | None = None


@frozen
class Weighed:
    kilograms: float


def a_place() -> str:
    return "event 7 of account/A-1"


def there_and_back(codec: Codec, instance: object) -> object:
    return codec.decode(*codec.encode(instance), a_place)


@given(reference=st.text(), cents=st.integers(-(2**63), 2**63 - 1))
def test_what_is_stored_comes_back_as_it_was(reference: str, cents: int) -> None:
    """Classes of attrs, dataclasses and structs, nested too, come back equal and of the same class."""
    codec = Codec([Paid, Refunded, Closed])
    for instance in (Paid(reference, cents), Refunded(reference, (Paid("a", cents),)), Closed(reference), Closed()):
        back = there_and_back(codec, instance)
        assert back == instance
        assert type(back) is type(instance)


def test_the_payload_is_json_under_the_name_and_version_of_its_type() -> None:
    """Without @stored that is the class's name, in version 1: a person can read the file."""
    type_name, version, payload = Codec([Paid]).encode(Paid("rent", 900))
    assert (type_name, version, json.loads(payload)) == ("Paid", 1, {"reference": "rent", "cents": 900})


def test_an_old_version_is_read_as_the_present_class_by_one_upcast_after_the_other() -> None:
    """Version 1 had no currency, version 2 called the cents an amount; both are read as version 3, and so is version 3."""

    def with_currency(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "currency": "EUR"}

    def with_cents(fields: dict[str, Any]) -> dict[str, Any]:
        return {"cents": fields["amount"], "currency": fields["currency"]}

    @stored("paid", version=3, upcasts={1: with_currency, 2: with_cents})
    @frozen
    class PaidNow:
        cents: int
        currency: str

    codec = Codec([PaidNow])
    assert codec.decode("paid", 1, b'{"amount": 5}', a_place) == PaidNow(5, "EUR")
    assert codec.decode("paid", 2, b'{"amount": 5, "currency": "CHF"}', a_place) == PaidNow(5, "CHF")
    assert codec.encode(PaidNow(5, "CHF")) == ("paid", 3, b'{"cents":5,"currency":"CHF"}')
    with pytest.raises(NewerVersion, match=r"event 7 of account/A-1 is 'paid' in version 4, and this program knows versions up to 3"):
        codec.decode("paid", 4, b"{}", a_place)
    with pytest.raises(CorruptRecord, match=r"'paid' in version 2 it cannot be read: 'amount'"):
        codec.decode("paid", 2, b"{}", a_place)


@pytest.mark.parametrize("upcasts", [{}, {2: dict}, {1: dict, 2: dict}, {0: dict, 1: dict}])
def test_a_version_without_its_upcast_is_refused_where_the_class_is_defined(upcasts: dict[int, Any]) -> None:
    """Each earlier version has an upcast, and there is none for any other version."""
    with pytest.raises(ValueError, match=r"needs an upcast from each earlier version, \[1\], and no other"):
        stored("paid", version=2, upcasts=upcasts)


def test_an_alias_is_read_and_never_written() -> None:
    """A type that was renamed in the file is found under its old name; new ones are written under the new name."""

    @stored("payment-made", aliases=["paid"])
    @frozen
    class PaymentMade:
        cents: int

    codec = Codec([PaymentMade])
    assert codec.decode("paid", 1, b'{"cents":5}', a_place) == PaymentMade(5)
    assert codec.encode(PaymentMade(5)).type_name == "payment-made"


def test_what_a_base_class_is_stored_as_is_not_what_its_subclass_is() -> None:
    """@stored is for one class: a subclass is kept under its own name."""

    @stored("base")
    @frozen
    class Base:
        cents: int

    @frozen
    class Derived(Base):
        pass

    codec = Codec([Base, Derived])
    assert (codec.encode(Base(1)).type_name, codec.encode(Derived(1)).type_name) == ("base", "Derived")
    assert isinstance(there_and_back(codec, Derived(1)), Derived)


def test_two_classes_of_one_name_are_refused() -> None:
    """Else one would be read as the other."""

    @stored("Paid")
    @frozen
    class Other:
        cents: int

    with pytest.raises(ValueError, match=r"Paid and .*Other would both be stored as 'Paid'"):
        Codec([Paid, Other])


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"reference":"a"}', b'{"reference":"a","cents":"many"}', b"\xff\xfe"])
def test_a_payload_that_is_not_of_its_type_is_an_error_that_says_where_and_why(payload: bytes) -> None:
    """Truncated, of another shape, or no JSON at all: never a half-made instance."""
    with pytest.raises(CorruptRecord, match=r"event 7 of account/A-1 is broken: as 'Paid' in version 1 it cannot be read: ") as caught:
        Codec([Paid]).decode("Paid", 1, payload, a_place)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_type_that_the_reader_does_not_name_never_comes_out() -> None:
    """Whatever a file says, only the classes of the codec are made. The text says how to keep a renamed class readable."""
    with pytest.raises(UnknownType, match=r"is of type 'builtins.eval', and its reader knows 'Paid'.*@stored\('builtins.eval'\)"):
        Codec([Paid]).decode("builtins.eval", 1, pickle.dumps(print), a_place)


def test_an_instance_that_could_not_be_read_back_is_refused() -> None:
    """A NaN would become null, an object nothing at all: refused while it is still there."""
    codec = Codec([Weighed])
    with pytest.raises(NotStorable, match=r"Weighed cannot be stored: Expected `float`, got `null`"):
        codec.encode(Weighed(math.nan))
    with pytest.raises(NotStorable, match=r"Paid cannot be stored: only instances of exactly Weighed"):
        codec.encode(Paid("a", 1))
    with pytest.raises(NotStorable, match=r"Encoding objects of type object is unsupported"):
        codec.encode(Weighed(object()))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_validator_of_the_class_holds_for_what_is_read() -> None:
    """A record that the class itself would refuse is a broken record."""

    @frozen
    class Positive:
        cents: int = field(validator=validators.ge(1))

    with pytest.raises(CorruptRecord, match=r"'cents' must be >= 1: 0"):
        Codec([Positive]).decode("Positive", 1, b'{"cents":0}', a_place)


def test_a_class_that_can_change_or_would_lose_fields_is_refused() -> None:
    """Frozen, of a kind that msgspec knows, and without fields that it leaves out."""

    @define
    class Mutable:
        cents: int

    @frozen
    class Private:
        _cents: int

    class Loose(msgspec.Struct):
        cents: int

    class Plain:
        pass

    for refused, why in (
        (Mutable, "it is not frozen"),
        (Loose, "it is not frozen"),
        (Private, "begin with an underscore: _cents"),
        (Plain, "it is no attrs class, dataclass or msgspec.Struct"),
    ):
        with pytest.raises(NotStorable, match=why):
            Codec([refused])


@pytest.mark.parametrize(
    "program",
    [
        "import trouper.persistence",
        "sys.argv = ['main.py', '--durable', 'never.db']; runpy.run_path('examples/payments/main.py', run_name='__main__')",
        "sys.argv = ['main.py', 'never.db']; runpy.run_path('examples/shop/main.py', run_name='__main__')",
    ],
    ids=["import", "payments", "shop"],
)
def test_without_msgspec_one_line_says_what_to_install(program: str) -> None:
    """Whoever needs the extra is told its name, and the runtime does not need it. Nothing is made."""
    without = f"import runpy, sys; sys.modules['msgspec'] = None; import trouper; {program}"
    ended = subprocess.run([sys.executable, "-c", without], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "This needs msgspec, which is not installed. Install it with the extra: pip install 'trouper[persistence]'." in ended.stderr
    assert program == "import trouper.persistence" or ended.stderr.count("\n") == 1
    assert not (ROOT / "never.db").exists()
