"""Names, keys, addresses: what they accept, and when two are the same."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from trouper.registry import Address, Listing, NameTaken, ServiceKey, check_name


@pytest.mark.parametrize("name", ["ledger", "account-A-1", "Account-1", "über uns", "a.b:c#1", "帳簿", "."])
def test_a_name_that_people_can_read_is_accepted_as_it_is(name: str) -> None:
    """Letters of any script, digits, punctuation and inner spaces."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "must not be empty"),
        ("bank/ledger", "must not contain '/', which separates the parts of a path: 'bank/ledger'"),
        ("/", "must not contain '/'"),
        (" ledger", "must not begin or end with whitespace: ' ledger'"),
        ("ledger ", "must not begin or end with whitespace"),
        ("ledger\u00a0", "must not begin or end with whitespace"),
        ("led\nger", r"must not contain a control character \('\\n'\)"),
        ("ledger\n", "must not contain a control character"),
        ("led\x00ger", "must not contain a control character"),
        ("led\u2028ger", "must not contain a line separator"),
        ("led\u2029ger", "must not contain a paragraph separator"),
        ("led\ud800ger", "must not contain half of a surrogate pair"),
    ],
)
def test_a_name_that_would_confuse_paths_or_people_is_a_value_error_saying_why(name: str, why: str) -> None:
    """For actors and for service keys alike."""
    with pytest.raises(ValueError, match=why):
        check_name(name)
    with pytest.raises(ValueError, match=why):
        ServiceKey[int](name)


@pytest.mark.parametrize("name", [None, 7, b"ledger"])
def test_a_name_that_is_no_text_is_a_type_error(name: Any) -> None:
    """Bytes are no text either."""
    with pytest.raises(TypeError, match="A name must be a str, not "):
        check_name(name)
    with pytest.raises(TypeError, match="A name must be a str, not "):
        ServiceKey[int](name)


def test_service_keys_are_equal_by_name_whatever_their_type() -> None:
    """The type parameter is for type checkers: keys of one name are one key, in dicts and after pickling."""
    key = ServiceKey[int | str]("payments")
    keys: set[Any] = {key, ServiceKey[bytes]("payments"), ServiceKey[int | str]("refunds")}
    assert keys == {key, ServiceKey[int]("refunds")}
    assert len(keys) == 2
    assert pickle.loads(pickle.dumps(key)) == key
    assert pickle.loads(pickle.dumps(Listing(key, ("ref",)))) == Listing(key, ("ref",))


def test_an_address_tells_nodes_paths_and_incarnations_apart() -> None:
    """Two addresses are equal iff all three are; they hash, pickle and cannot change."""
    address: Any = Address("bank-1", "/user/ledger", 1)
    assert address == pickle.loads(pickle.dumps(address))
    assert len({address, Address("bank-1", "/user/ledger", 1)}) == 1
    for other in (Address("bank-2", "/user/ledger", 1), Address("bank-1", "/user/till", 1), Address("bank-1", "/user/ledger", 2)):
        assert address != other
    with pytest.raises(FrozenInstanceError):
        address.path = "/user/till"


def test_a_taken_name_says_who_has_it_and_what_to_do() -> None:
    """The error pickles, and its text names both ways out."""
    error = pickle.loads(pickle.dumps(NameTaken("ledger", "/user/bank/ledger")))
    assert (error.name, error.holder) == ("ledger", "/user/bank/ledger")
    assert str(error) == (
        "The name 'ledger' is taken by /user/bank/ledger, which is alive, so nobody else got it. "
        "Choose another name, or stop /user/bank/ledger first: a name is free as soon as its holder is down."
    )
