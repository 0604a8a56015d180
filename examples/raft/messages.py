"""Everything that is said: by servers to each other (figure 2 of the Raft paper) and by clients to servers."""

from typing import Any, TypeAlias

from attrs import frozen

from trouper import Request


@frozen
class Command(Request[Any]):
    """
    From a client's session: get a key, put (key, value), or cas (key, expected, value), which sets what is as expected.
    The reply is its result, or `Elsewhere`. The same number again is the same command again, and is carried out once.
    """

    client: str
    number: int
    kind: str
    argument: Any


@frozen
class Elsewhere:
    """A reply: nothing is known of the command; ask the leader, if one is known."""

    leader: str | None


@frozen
class Entry:
    """One entry of the log, and the term of the one before it. Without a command it is the first of a leader's term."""

    term: int
    after: int
    command: Command | None


@frozen
class RequestVote:
    """From a candidate, which says how far its log goes."""

    term: int
    candidate: str
    last_index: int
    last_term: int


@frozen
class Vote:
    """The answer."""

    term: int
    voter: str
    is_granted: bool


@frozen
class Append:
    """From a leader: what follows the entry *previous*, which is of *previous_term*. Without entries it is a sign of life."""

    term: int
    leader: str
    previous: int
    previous_term: int
    entries: tuple[Entry, ...]
    committed: int


@frozen
class Appended:
    """The answer. If it fits: the logs agree up to *index*. If not: they may agree there."""

    term: int
    follower: str
    fits: bool
    index: int


@frozen
class Tick:
    """To itself, from its timer."""


RaftMessage: TypeAlias = Command | RequestVote | Vote | Append | Appended | Tick
