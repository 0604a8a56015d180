"""Everything that is said: by servers to each other (figure 2 of the Raft paper), by clients to servers, and as facts."""

from typing import Any, Literal, TypeAlias

from attrs import frozen

from trouper import Request


@frozen
class Done:
    """A reply: the command was carried out, with this result."""

    value: Any


@frozen
class Elsewhere:
    """The other reply: nothing is known of the command; ask the leader, if one is known."""

    leader: str | None


@frozen
class Command(Request[Done | Elsewhere]):
    """
    From a client's session. The same number again is the same command again, and is carried out once.

    Args:
        client: Whose session.
        number: Counts the commands of the session.
        kind: put, get, or cas: set to *value* if it is *expected*.
    """

    client: str
    number: int
    kind: Literal["put", "get", "cas"]
    key: str
    value: int | None = None
    expected: int | None = None


@frozen
class Entry:
    """One entry of the log. Without a command it is the one with which a leader begins its term."""

    term: int
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
    """From a leader: what follows its entry *index*, which is of the term *index_term*. Without entries it only says who leads."""

    term: int
    leader: str
    index: int
    index_term: int
    entries: tuple[Entry, ...]
    committed: int


@frozen
class Appended:
    """The answer. If it fits: the logs agree up to *index*. If not: the leader may try from there."""

    term: int
    follower: str
    fits: bool
    index: int


@frozen
class Tick:
    """To a server, from its timer."""


@frozen
class LeaderElected:
    """A fact."""

    name: str
    term: int


RaftMessage: TypeAlias = Command | RequestVote | Vote | Append | Appended | Tick
