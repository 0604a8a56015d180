"""
Which routee takes a message: one small class a policy, pure but for the counter that goes round.

The consistent hash is the ring of Karger et al. (1997): every routee owns many points of a circle, a key belongs to the next
point clockwise, so a routee that comes or goes moves only the keys next to its own points. Points and keys are placed by
BLAKE2b and not by `hash()`, which differs from process to process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Generic, Literal, Protocol, TypeVar, final, get_args

from attrs import define, field

Routing = Literal["round_robin", "random", "least_loaded", "consistent_hash", "broadcast"]

R = TypeVar("R")

_DIGESTS = 16  # a routee; each gives 8 points of 8 bytes: with 128 points, shares differ by about a tenth


class Chooser(Protocol[R]):
    """Chooses one of the routees for each message."""

    def choose(self, routees: Sequence[R], message: object, /) -> R | None:
        """The routee that takes *message*, or None if there is none. The routees may be others at every call."""
        ...


def check_routing(routing: object, key: object) -> None:
    """
    Refuse a routing that does not exist, and a key where none belongs or that is missing.

    Raises:
        TypeError: The key cannot be called.
        ValueError: The routing is unknown, "consistent_hash" has no key, or another routing has one.
    """
    allowed = get_args(Routing)
    if routing not in allowed:
        raise ValueError(f"routing must be one of {', '.join(map(repr, allowed))}, not {routing!r}.")
    if routing == "consistent_hash":
        if key is None:
            raise ValueError("routing='consistent_hash' needs key=..., a function from a message to what it is routed by.")
        if not callable(key):
            raise TypeError(f"key must be a function from a message to what it is routed by, not {key!r}.")
    elif key is not None:
        raise ValueError(f"key=... is only for routing='consistent_hash': routing={routing!r} does not look at messages.")


def choice(
    routing: Routing,
    *,
    random: Callable[[], float],
    load: Callable[[R], int],
    identity: Callable[[R], str],
    key: Callable[[Any], object] | None,
) -> Chooser[R] | None:
    """
    The chooser of a routing; None for "broadcast", where every routee takes every message.

    Args:
        routing: The policy.
        random: A number from 0 up to but not including 1, for "random".
        load: How much a routee has to do, for "least_loaded".
        identity: A text that tells routees apart and stays the same in every process, such as a path, for "consistent_hash".
        key: From a message to what it is routed by, required for and only for "consistent_hash".

    Raises:
        TypeError: The key cannot be called.
        ValueError: As `check_routing`.
    """
    check_routing(routing, key)
    match routing:
        case "round_robin":
            return RoundRobin()
        case "random":
            return Random(random)
        case "least_loaded":
            return LeastLoaded(load)
        case "consistent_hash":
            assert key is not None
            return ConsistentHash(key, identity)
        case "broadcast":
            return None


@final
@define(eq=False)
class RoundRobin(Generic[R]):
    """Each routee in its turn."""

    _turn: int = field(default=0, init=False)

    def choose(self, routees: Sequence[R], _message: object, /) -> R | None:
        """The next one; when the routees change, the turn goes on at the same position."""
        if not routees:
            return None
        index = self._turn % len(routees)
        self._turn = index + 1
        return routees[index]


@final
@define(eq=False)
class Random(Generic[R]):
    """Any routee, each as likely as the others."""

    _random: Callable[[], float]

    def choose(self, routees: Sequence[R], _message: object, /) -> R | None:
        """One drawn from the random source."""
        if not routees:
            return None
        return routees[int(self._random() * len(routees))]


@final
@define(eq=False)
class LeastLoaded(Generic[R]):
    """The routee with the least to do. Looks at all of them for every message."""

    _load: Callable[[R], int]
    _turn: int = field(default=0, init=False)

    def choose(self, routees: Sequence[R], _message: object, /) -> R | None:
        """The least loaded one; among equals each in its turn, so that idle routees share the work."""
        if not routees:
            return None
        count = len(routees)
        index = min(range(count), key=lambda index: (self._load(routees[index]), (index - self._turn) % count))
        self._turn = index + 1
        return routees[index]


@final
@define(eq=False)
class ConsistentHash(Generic[R]):
    """
    The same routee for the same key, as long as it is there.

    Guarantees:
        * The choice depends on the key's text (`str` for text, else `repr`) and the identities of the routees only: not on
          their order, on what was chosen before, or on the process.
        * When a routee goes, only its own keys move; when one comes, keys move to it only. Of n routees that is about
          one n-th of the keys.

    Not guaranteed:
        * That equal keys of different types (1, 1.0, True) are routed alike.
    """

    _key: Callable[[Any], object]
    _identity: Callable[[R], str]
    # Invariant: self._points and self._owners are as long as each other, and self._points is sorted.
    # The owner of a point is a position in self._routees.
    _routees: tuple[R, ...] = field(default=(), init=False)
    _points: list[int] = field(factory=list[int], init=False)
    _owners: list[int] = field(factory=list[int], init=False)
    # The points of each routee of the ring, by its identity: making them is the dear part of a change.
    _points_of: dict[str, list[int]] = field(factory=dict[str, list[int]], init=False)

    def choose(self, routees: Sequence[R], message: object, /) -> R | None:
        """
        The owner of the message's key. The ring is made anew when the routees are others than the last time; handing in the
        same tuple again spares the comparison.

        Raises TypeError if the key has no text that is the same in every process.
        """
        if routees is not self._routees:
            now = tuple(routees)
            if now != self._routees:
                self._make_ring(now)
            self._routees = now
        if not self._points:
            return None
        place = _place(_text(self._key(message)))
        return self._routees[self._owners[bisect_right(self._points, place) % len(self._points)]]

    def _make_ring(self, routees: tuple[R, ...]) -> None:
        identities = [self._identity(routee) for routee in routees]
        self._points_of = {identity: self._points_of.get(identity) or _points(identity) for identity in identities}
        # The identity decides between points that coincide, so that the order of the routees does not.
        ring = sorted((point, identity, position) for position, identity in enumerate(identities) for point in self._points_of[identity])
        self._points = [point for point, _, _ in ring]
        self._owners = [position for _, _, position in ring]


def _text(key: object) -> str:
    if isinstance(key, str):
        return key
    kind = type(key)
    if kind.__repr__ is object.__repr__ or issubclass(kind, (set, frozenset)):
        raise TypeError(
            f"A routing key must have the same text in every process, and a {kind.__name__} has not. "
            "Return a str, a number, a tuple of these or an attrs instance from key=...."
        )
    return repr(key)


def _place(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")


def _points(identity: str) -> list[int]:
    points: list[int] = []
    for number in range(_DIGESTS):
        digest = blake2b(f"{identity}#{number}".encode(errors="surrogatepass")).digest()
        points.extend(int.from_bytes(digest[at : at + 8], "big") for at in range(0, len(digest), 8))
    return points
