"""Which routee takes a message."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random as Source
from typing import Any
from uuid import UUID

import pytest
from attrs import frozen

from trouper.registry import Chooser, Routing, check_routing, choice


@frozen
class Pay:
    account: str


@frozen
class Key:
    account: str


class Opaque:
    """Its text is its place in memory."""


def draw() -> float:
    """A random source that is the same in every run."""
    return 0.5


def chooser(
    routing: Routing,
    *,
    random: Callable[[], float] = draw,
    load: Callable[[str], int] = len,
    key: Callable[[Any], object] | None = None,
) -> Chooser[str]:
    """A chooser over routees that are strings."""
    made = choice(routing, random=random, load=load, identity=str, key=key)
    assert made is not None
    return made


def by_account(message: Pay) -> str:
    """The key of the examples."""
    return message.account


def spread(hashing: Chooser[str], routees: Sequence[str], keys: int = 5000) -> dict[int, str]:
    """Who takes each of many keys."""
    taken: dict[int, str] = {}
    for number in range(keys):
        routee = hashing.choose(routees, Pay(f"account-{number}"))
        assert routee is not None
        taken[number] = routee
    return taken


@pytest.mark.parametrize("routing", ["round_robin", "random", "least_loaded", "consistent_hash"])
def test_without_routees_nobody_is_chosen_and_later_ones_are(routing: Routing) -> None:
    """None before there is any, the only one when there is one, None again when it is gone."""
    chosen = chooser(routing, key=by_account if routing == "consistent_hash" else None)
    assert chosen.choose((), Pay("a")) is None
    assert chosen.choose(("only",), Pay("a")) == "only"
    assert chosen.choose(["only"], Pay("a")) == "only"
    assert chosen.choose([], Pay("a")) is None
    assert chosen.choose((), Pay("a")) is None


def test_a_broadcast_has_no_chooser() -> None:
    """Every routee takes every message, so there is nothing to choose."""
    assert choice("broadcast", random=draw, load=len, identity=str, key=None) is None


def test_round_robin_takes_each_in_its_turn_and_copes_with_change() -> None:
    """After the last comes the first; a group that shrinks or grows never stops it."""
    chosen = chooser("round_robin")
    assert [chosen.choose("abc", None) for _ in range(7)] == list("abcabca")
    assert [chosen.choose("a", None) for _ in range(2)] == ["a", "a"]
    assert [chosen.choose("abcd", None) for _ in range(4)] == list("bcda")


def test_random_takes_any_and_depends_on_the_source_alone() -> None:
    """The same draws give the same routees; both ends of the draw's range stay within the group."""
    seeded = [chooser("random", random=Source(7).random) for _ in range(2)]
    first, second = ([chosen.choose("abcd", None) for _ in range(400)] for chosen in seeded)
    assert first == second
    assert all(count > 50 for count in Counter(first).values())
    assert set(first) == set("abcd")
    draws = iter([0.0, 0.999_999_999])
    chosen = chooser("random", random=lambda: next(draws))
    assert [chosen.choose("abcd", None) for _ in range(2)] == ["a", "d"]


def test_the_least_loaded_is_taken_and_idle_ones_share() -> None:
    """The smallest load wins wherever it stands; among equals each has its turn."""
    loads = {"a": 3, "b": 1, "c": 2}
    chosen = chooser("least_loaded", load=loads.__getitem__)
    assert [chosen.choose("abc", None) for _ in range(3)] == ["b", "b", "b"]
    loads.update(a=0, b=0, c=0)
    assert Counter(chosen.choose("abc", None) for _ in range(9)) == {"a": 3, "b": 3, "c": 3}
    loads.update(a=0, b=5, c=0)
    assert Counter(chosen.choose("abc", None) for _ in range(8)) == {"a": 4, "c": 4}
    assert chosen.choose("b", None) == "b"


def test_a_key_stays_with_its_routee_whatever_the_order_and_the_history() -> None:
    """The choice depends on the key and on who is there, so another chooser with other routees before agrees."""
    routees = [f"/user/pool/worker-{number}" for number in range(10)]
    hashing, other = chooser("consistent_hash", key=by_account), chooser("consistent_hash", key=by_account)
    other.choose(routees[3:5], Pay("x"))
    assert spread(hashing, tuple(routees)) == spread(other, routees[::-1])


def test_keys_spread_over_all_routees() -> None:
    """Nobody has less than half or more than double the fair share."""
    routees = tuple(f"/user/pool/worker-{number}" for number in range(10))
    shares = Counter(spread(chooser("consistent_hash", key=by_account), routees).values())
    assert len(shares) == 10
    assert all(250 < share < 1000 for share in shares.values())


@pytest.mark.parametrize("count", [2, 5, 20])
def test_a_routee_that_goes_or_comes_moves_only_its_own_share_of_the_keys(count: int) -> None:
    """Of n routees one that goes gives up about one n-th of the keys, and takes the same ones back when it returns."""
    routees = tuple(f"/user/pool/worker-{number}" for number in range(count))
    hashing = chooser("consistent_hash", key=by_account)
    before = spread(hashing, routees)
    gone = routees[count // 2]
    without = spread(hashing, tuple(routee for routee in routees if routee != gone))
    moved = {number for number in before if before[number] != without[number]}
    assert moved == {number for number, routee in before.items() if routee == gone}
    assert 0.5 / count < len(moved) / len(before) < 2 / count
    assert spread(hashing, routees) == before


def test_a_list_that_changed_in_place_is_noticed() -> None:
    """The ring belongs to the routees, not to the object that holds them."""
    routees = ["a", "b"]
    hashing = chooser("consistent_hash", key=by_account)
    spread(hashing, routees, 50)
    routees[:] = ["c"]
    assert set(spread(hashing, routees, 50).values()) == {"c"}


def test_the_choice_is_the_same_in_every_process() -> None:
    """With other hash seeds, for keys of text, numbers, tuples and attrs instances."""
    code = (
        "from trouper.registry import choice\n"
        "hashing = choice('consistent_hash', random=None, load=None, identity=str, key=lambda message: message)\n"
        "keys = ['text', 7, ('a', 1), b'bytes', None, 2.5]\n"
        "print([hashing.choose(tuple('abcdefgh'), key) for key in keys])"
    )
    source = str(Path(__file__).parents[2] / "src")
    answers: set[str] = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": source}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True)
        answers.add(done.stdout)
    assert len(answers) == 1
    assert Counter(answers.pop())["'"] == 12


@pytest.mark.parametrize("key", ["text", "half \ud800", 7, ("a", 1), b"bytes", UUID(int=5), Key("a")])
def test_a_key_may_be_whatever_has_a_text_of_its_own(key: object) -> None:
    """Equal keys are routed alike."""
    hashing = chooser("consistent_hash", key=lambda message: key)
    assert len({hashing.choose(tuple("abcdefgh"), None) for _ in range(3)}) == 1


@pytest.mark.parametrize("key", [Opaque(), {"a", "b"}, frozenset({"a"})])
def test_a_key_whose_text_differs_between_processes_is_refused(key: object) -> None:
    """An object printed with its place in memory, and a set, whose order depends on the process."""
    hashing = chooser("consistent_hash", key=lambda message: key)
    with pytest.raises(TypeError, match=f"must have the same text in every process, and a {type(key).__name__} has not"):
        hashing.choose(("a", "b"), None)


def test_a_key_is_required_for_and_only_for_consistent_hash() -> None:
    """Both mistakes are a ValueError at once, with the name of the routing."""
    for routing in ("round_robin", "random", "least_loaded", "broadcast"):
        check_routing(routing, None)
        with pytest.raises(ValueError, match=f"key=... is only for routing='consistent_hash': routing='{routing}' does not"):
            check_routing(routing, by_account)
    check_routing("consistent_hash", by_account)
    with pytest.raises(ValueError, match="routing='consistent_hash' needs key="):
        choice("consistent_hash", random=draw, load=len, identity=str, key=None)
    with pytest.raises(TypeError, match="key must be a function from a message to what it is routed by, not 'account'"):
        check_routing("consistent_hash", "account")


def test_an_unknown_routing_is_a_value_error_naming_what_is_allowed() -> None:
    """All five."""
    with pytest.raises(
        ValueError,
        match="must be one of 'round_robin', 'random', 'least_loaded', 'consistent_hash', 'broadcast', not 'roundrobin'",
    ):
        check_routing("roundrobin", None)
