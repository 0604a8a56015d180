"""
The trace: everything that happened in a run, in order, and a hash of it that is the same whenever the run is.

The hash is what determinism is judged by. It is over text without memory addresses or hash orders, and rolls: of two runs that
differ, the first differing event is where they parted.

An event is kept as plain values and snapshots. What is hashed is their marshalled form, which costs a fifth of their `repr`, and is the
same in every version of Python (format 2: without references, which would depend on who else holds an object).
"""

from __future__ import annotations

from hashlib import sha256
from marshal import dumps
from typing import Any, Final, Literal, NamedTuple

from .describing import Snapshot, shown

EventKind = Literal["sent", "delivered", "dropped", "step", "resumed", "timer", "fault", "client", "state"]
"""
sent, delivered, dropped: a message between nodes. step: an actor takes a message. resumed: a handler or hook that waited goes on.
timer: something on a node is due. fault: a fault begins or ends. client: an operation of a client begins or ends.
state: how an actor is from now on; only if states are kept, and no part of the hash.
"""

MARSHAL_FORMAT: Final = 2

FLUSHED_AT: Final = 256
"""Events after which they go into the hash."""


class Event(NamedTuple):
    """
    One thing that happened.

    Args:
        time: Virtual seconds.
        kind: What it was.
        node: Where.
        path: Of the actor; empty where none is meant.
        what: The type of the message, or the fault.
        text: The message as `describe` shows it, or what there is to say.
        number: Of the message between nodes that it is about; 0: of none.
    """

    time: float
    kind: EventKind
    node: str
    path: str
    what: str
    text: str
    number: int

    def __str__(self) -> str:
        number = f" #{self.number}" if self.number else ""
        return f"{self.time:12.6f} {self.kind:9} {self.node:10} {self.path} {self.what} {self.text}{number}"


class Trace:
    """
    What happened in one run.

    Args:
        keeps: Whether the events are kept; the hash is there in any case.
        keeps_states: Whether the states of actors are kept too.
    """

    def __init__(self, *, keeps: bool = False, keeps_states: bool = False) -> None:
        self.keeps_states: bool = keeps_states
        self._keeps = keeps or keeps_states
        self._states: list[tuple[int, Event]] = []
        self._state_of: dict[tuple[str, int, str], str] = {}
        self._hash = sha256()
        self._fresh: list[tuple[Any, ...]] = []
        self._kept: list[tuple[Any, ...]] = []
        self.count: int = 0

    def add(  # noqa: PLR0917  # called for every event: keywords would cost
        self, time: float, kind: EventKind, node: str, path: str, what: str, text: str | Snapshot, number: int = 0
    ) -> None:
        """One more event. *text* may be the snapshot of a message, of which the text is made when it is read."""
        fresh = self._fresh
        fresh.append((time, kind, node, path, what, text, number))
        if len(fresh) >= FLUSHED_AT:
            self._flush()

    def add_state(self, time: float, node: str, life: int, path: str, what: str, text: str) -> None:  # noqa: PLR0917
        """How an actor is now, if that is not what it was in this life of its node."""
        if self._state_of.get((node, life, path)) != text:
            self._state_of[node, life, path] = text
            self._states.append((self.count + len(self._fresh), Event(time, "state", node, path, what, text, 0)))

    @property
    def length(self) -> int:
        """How many events there are so far."""
        return self.count + len(self._fresh)

    def _flush(self) -> None:
        fresh = self._fresh
        self.count += len(fresh)
        self._hash.update(dumps(fresh, MARSHAL_FORMAT))
        if self._keeps:
            self._kept += fresh
        fresh.clear()

    @property
    def digest(self) -> str:
        """The hash of all so far, in hexadecimal. It depends on how often it was asked for: ask at the end of a run."""
        self._flush()
        return self._hash.hexdigest()

    @property
    def events(self) -> list[Event]:
        """All events, if they are kept."""
        events = [
            Event(time, kind, node, path, what, text if type(text) is str else shown(text), number)
            for time, kind, node, path, what, text, number in (*self._kept, *(self._fresh if self._keeps else ()))
        ]
        for place, state in reversed(self._states):
            events.insert(place, state)
        return events
