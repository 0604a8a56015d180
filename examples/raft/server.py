"""
A server of Raft ("In Search of an Understandable Consensus Algorithm", Ongaro and Ousterhout, 2014; the rules are those of its
figure 2). Nothing here knows of the simulation, which replaces what an actor is given anyway: refs, timers, randomness, the disk.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from attrs import define, field

from trouper import Actor, ActorRef, Reply, handles

from .messages import Append, Appended, Command, Elsewhere, Entry, RaftMessage, RequestVote, Tick, Vote


class Disk(Protocol):
    """What outlives a server, once it is synced. `trouper.simulation` has one that loses what was not; main.py has a file."""

    def write(self, key: str, value: Any) -> None: ...
    def read(self, key: str, default: Any = None) -> Any: ...
    def sync(self) -> None: ...


@define(eq=False)
class RaftServer(Actor[RaftMessage]):
    """
    One server of a replicated key-value store.

    Args:
        name: Its name among the *cluster*.
        cluster: All servers by name, this one too; three or more.
        disk: What it must not forget: its term, its vote in it, and its log.
        heartbeat: Seconds between a leader's signs of life. Who misses three to six (drawn each time) stands for election.
        entries_max: How many entries go into one message.
    """

    name: str
    cluster: Mapping[str, ActorRef[RaftMessage]]
    disk: Disk
    heartbeat: float = 0.15
    entries_max: int = 64
    role: Literal["follower", "candidate", "leader"] = field(default="follower", init=False)
    leader: str | None = field(default=None, init=False)
    term: int = field(default=0, init=False)
    log: list[Entry] = field(factory=lambda: [Entry(0, 0, None)], init=False)  # it begins with an entry that all have
    committed: int = field(default=0, init=False)
    store: dict[str, Any] = field(factory=dict[str, Any], init=False)
    _voted_for: str | None = field(default=None, init=False)
    _votes: set[str] = field(factory=set[str], init=False)
    _next: dict[str, int] = field(factory=dict[str, int], init=False)
    _match: dict[str, int] = field(factory=dict[str, int], init=False)
    _waiting: dict[int, Reply[Any]] = field(factory=dict[int, Reply[Any]], init=False)
    _sessions: dict[str, tuple[int, Any]] = field(factory=dict[str, tuple[int, Any]], init=False)

    # Persistence: what is said to others is on the disk before

    def on_start(self) -> None:
        """It reads its disk; an entry that does not fit the one before it is left of a log that was replaced."""
        self.term, self._voted_for = self.disk.read("vote", (0, None))
        while (entry := self.disk.read(f"entry {len(self.log)}")) is not None and entry.after == self.log[-1].term:
            self.log.append(entry)
        self._wait()

    def _vote(self, term: int, candidate: str | None) -> None:
        self.term, self._voted_for = term, candidate
        self.disk.write("vote", (term, candidate))
        self.disk.sync()

    def _extend(self, index: int, entries: tuple[Entry, ...]) -> None:
        """From *index* on the log is *entries*, and what follows them already; but nothing of that follows what it contradicts."""
        for place, entry in enumerate(entries, index):
            if place < len(self.log) and self.log[place].term != entry.term:
                del self.log[place:]  # of a leader that had no majority
            if place == len(self.log):
                self.log.append(entry)
                self.disk.write(f"entry {place}", entry)
        self.disk.sync()

    # Election

    def _wait(self) -> None:
        self.context.after(self.heartbeat * (3.0 + 3.0 * self.context.random.random()), Tick(), key="tick")  # in place of the last

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        """A leader gives a sign of life; others have waited long enough for one, and stand for election."""
        if self.role == "leader":
            self._send_entries(*self._next)
            self.context.after(self.heartbeat, Tick(), key="tick")
        else:
            self._vote(self.term + 1, self.name)
            self.role, self.leader, self._votes = "candidate", None, {self.name}
            self._wait()
            request = RequestVote(self.term, self.name, len(self.log) - 1, self.log[-1].term)
            for name, server in self.cluster.items():
                if name != self.name:
                    server.tell_nowait(request)

    @handles(RequestVote)
    def consider(self, request: RequestVote) -> None:
        """One vote a term, and for nobody whose log is behind."""
        self._notice(request.term)
        is_up_to_date = (request.last_term, request.last_index) >= (self.log[-1].term, len(self.log) - 1)
        is_granted = request.term == self.term and self._voted_for in (None, request.candidate) and is_up_to_date
        if is_granted:
            self._vote(self.term, request.candidate)
            self._wait()
        self.cluster[request.candidate].tell_nowait(Vote(self.term, self.name, is_granted))

    @handles(Vote)
    def count(self, vote: Vote) -> None:
        """A majority makes it the leader, which begins its term with an entry."""
        self._notice(vote.term)
        if self.role == "candidate" and vote.is_granted and vote.term == self.term:
            self._votes.add(vote.voter)
            if 2 * len(self._votes) > len(self.cluster):
                self.role, self.leader = "leader", self.name
                self._next = {name: len(self.log) for name in self.cluster if name != self.name}
                self._match = dict.fromkeys(self.cluster, 0)
                self._add(None)
                self.tick(Tick())

    def _notice(self, term: int) -> None:
        """A later term than its own: whatever it was, it is a follower now."""
        if term > self.term:
            self._vote(term, None)
            self._follow(None)

    def _follow(self, leader: str | None) -> None:
        if self.role == "leader":
            self._wait()
        self.role, self.leader = "follower", leader
        while self._waiting:
            self._waiting.popitem()[1].send(Elsewhere(leader))

    # Replication

    def _add(self, command: Command | None) -> int:
        self._extend(len(self.log), (Entry(self.term, self.log[-1].term, command),))
        self._match[self.name] = len(self.log) - 1
        return self._match[self.name]

    def _send_entries(self, *followers: str) -> None:
        """What they have not been sent. If that is lost, the next does not fit, and they say so."""
        for follower in followers:
            start = self._next[follower]
            entries = tuple(self.log[start : start + self.entries_max])
            self._next[follower] = start + len(entries)
            append = Append(self.term, self.name, start - 1, self.log[start - 1].term, entries, self.committed)
            self.cluster[follower].tell_nowait(append)

    @handles(Append)
    def append(self, append: Append) -> None:
        """Follows the leader of this term, and makes its log like the leader's."""
        self._notice(append.term)
        index = append.previous
        if append.term == self.term:
            self._follow(append.leader)
            self._wait()
        fits = append.term == self.term and index < len(self.log) and self.log[index].term == append.previous_term
        if fits:
            self._extend(index + 1, append.entries)
            index += len(append.entries)
            self._commit(min(append.committed, index))
        else:
            index = min(index, len(self.log)) - 1
        self.cluster[append.leader].tell_nowait(Appended(self.term, self.name, fits, index))

    @handles(Appended)
    def advance(self, appended: Appended) -> None:
        """What a majority has is committed, if it is of this term: entries of earlier ones are so with it (figure 8 of the paper)."""
        self._notice(appended.term)
        name = appended.follower
        if self.role != "leader" or appended.term != self.term:
            return
        if appended.fits:
            self._match[name] = max(self._match[name], appended.index)
            self._next[name] = max(self._next[name], self._match[name] + 1)
            index = sorted(self._match.values())[(len(self.cluster) - 1) // 2]
            if self.log[index].term == self.term:
                self._commit(index)
        else:
            self._next[name] = max(self._match[name], appended.index) + 1
        if self._next[name] < len(self.log):
            self._send_entries(name)

    # Clients

    @handles(Command)
    def command(self, command: Command) -> Reply[Any] | Elsewhere:
        """A read goes through the log too: a leader cannot know whether it still is one."""
        if self.role != "leader":
            return Elsewhere(self.leader)
        reply = self._waiting[self._add(command)] = self.context.defer(command)
        self._send_entries(*self._next)
        return reply

    def _commit(self, index: int) -> None:
        while self.committed < index:
            self.committed += 1
            command = self.log[self.committed].command
            result = None if command is None else self._once(command)
            if self.committed in self._waiting:
                self._waiting.pop(self.committed).send(result)

    def _once(self, command: Command) -> Any:
        """The result of the last command of a session is remembered: a client that got no answer asks again."""
        if command.number > self._sessions.get(command.client, (0, None))[0]:
            self._sessions[command.client] = command.number, self._carry_out(command.kind, command.argument)
        return self._sessions[command.client][1]

    def _carry_out(self, kind: str, argument: Any) -> Any:
        if kind == "get":
            return self.store.get(argument)
        if kind == "cas" and self.store.get(argument[0]) != argument[1]:
            return False
        self.store[argument[0]] = argument[-1]
        return True if kind == "cas" else None
