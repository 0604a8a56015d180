"""
A member of a group that gossips: "Epidemic algorithms for replicated database maintenance" (Demers et al., 1987), push and pull.

Each member owns one value, which it alone changes, and knows the values of the others as of some version. Now and then it tells one of
them, chosen at random, which versions it knows; what the other one knows better comes back, and what it knows less of is asked for.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Request, handles


@frozen
class Change(Request[int]):
    """To a member, from a client: your value is this now. The reply is the version that it got."""

    value: int


@frozen
class Digest:
    """From a member: these are the versions that I know. *is_answer*: it asks for no more."""

    sender: str
    versions: dict[str, int]
    is_answer: bool


@frozen
class News:
    """From a member: versions and values that you do not know."""

    rumours: dict[str, tuple[int, int]]


@frozen
class Round:
    """To itself, from its timer."""


Gossip: TypeAlias = Change | Digest | News | Round


class Disk(Protocol):
    """What outlives a crash, once it is synced; `trouper.simulation` has one."""

    def write(self, key: str, value: Any) -> None: ...
    def read(self, key: str, default: Any = None) -> Any: ...
    def sync(self) -> None: ...


@define(eq=False)
class Member(Actor[Gossip]):
    """
    One member.

    Args:
        name: Its name in the *group*.
        group: All members by name, this one too.
        disk: Where its own value is. What it knows of others it may forget: it is told again.
        every: Seconds between two of its rounds.
    """

    name: str
    group: Mapping[str, ActorRef[Gossip]]
    disk: Disk
    every: float = 0.1
    known: dict[str, tuple[int, int]] = field(factory=dict[str, tuple[int, int]], init=False)

    def on_start(self) -> None:
        """It goes on from the version that it has told others of, or they would not believe what is new."""
        self.known[self.name] = self.disk.read("own", (0, 0))
        self.context.every(self.every, Round())

    @handles(Change)
    def change(self, change: Change) -> int:
        """Its own value, a version later."""
        version = self.known[self.name][0] + 1
        self.known[self.name] = version, change.value
        self.disk.write("own", self.known[self.name])
        self.disk.sync()
        return version

    @handles(Round)
    def tell_somebody(self, _round: Round) -> None:
        """One of the others, whichever it may be."""
        others = [name for name in self.group if name != self.name]
        self.group[self.context.random.choice(others)].tell_nowait(self._digest(is_answer=False))

    def _digest(self, *, is_answer: bool) -> Digest:
        return Digest(self.name, {name: version for name, (version, _) in self.known.items()}, is_answer)

    @handles(Digest)
    def compare(self, digest: Digest) -> None:
        """Says what it knows better, and asks for what the other one does."""
        sender = self.group[digest.sender]
        better = {name: rumour for name, rumour in self.known.items() if rumour[0] > digest.versions.get(name, -1)}
        if better:
            sender.tell_nowait(News(better))
        if not digest.is_answer and any(version > self._version(name) for name, version in digest.versions.items()):
            sender.tell_nowait(self._digest(is_answer=True))

    @handles(News)
    def learn(self, news: News) -> None:
        """Later versions replace earlier ones; it comes in any order, and more than once."""
        for name, rumour in news.rumours.items():
            if rumour[0] > self._version(name):
                self.known[name] = rumour

    def _version(self, name: str) -> int:
        return self.known.get(name, (-1, 0))[0]
