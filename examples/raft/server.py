"""
A server of Raft: election, replication, persistence, and clients' sessions ("In Search of an Understandable Consensus
Algorithm", Ongaro and Ousterhout, 2014; the rules are those of its figure 2).

Nothing here knows of the simulation. What a simulation replaces is what an actor is given anyway: its refs, its timers, its
clock, and its randomness.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from attrs import define, field

from trouper import Actor, ActorRef, Reply, handles

from .messages import Append, Appended, Command, Done, Elsewhere, Entry, LeaderElected, RaftMessage, RequestVote, Tick, Vote
from .store import Store


class Disk(Protocol):
    """What outlives a server, once it is synced. `trouper.simulation` has one that forgets what was not; main.py has a dict."""

    def write(self, key: str, value: Any) -> None: ...
    def read(self, key: str, default: Any = None) -> Any: ...
    def sync(self) -> None: ...


@define(eq=False)
class RaftServer(Actor[RaftMessage]):
    """
    One server.

    Args:
        name: Its name among the *cluster*.
        cluster: All servers by name, this one too.
        disk: What it must not forget: its term, its vote in it, and its log.
        heartbeat: Seconds between two signs of life of a leader. Who misses three to six of them in a row stands for election.
    """

    name: str
    cluster: Mapping[str, ActorRef[RaftMessage]]
    disk: Disk
    heartbeat: float = 0.15
    role: Literal["follower", "candidate", "leader"] = field(default="follower", init=False)
    leader: str | None = field(default=None, init=False)
    term: int = field(default=0, init=False)
    log: list[Entry] = field(factory=list[Entry], init=False)
    committed: int = field(default=0, init=False)
    store: Store = field(factory=Store, init=False)
    _voted_for: str | None = field(default=None, init=False)
    _votes: set[str] = field(factory=set[str], init=False)
    _next: dict[str, int] = field(factory=dict[str, int], init=False)
    _match: dict[str, int] = field(factory=dict[str, int], init=False)
    _waiting: dict[int, Reply[Done | Elsewhere]] = field(factory=dict[int, Reply[Done | Elsewhere]], init=False)
    _patient_until: float = field(default=0.0, init=False)

    def on_start(self) -> None:
        """It reads its disk, and waits for a leader's sign of life before it stands for election itself."""
        self.term, self._voted_for = self.disk.read("vote", (0, None))
        entry: Entry | None = Entry(0, None)  # every log begins with it
        while entry is not None:
            self.log.append(entry)
            entry = self.disk.read(f"entry {len(self.log)}")
        self._be_patient()
        self._wake_in(self._patient_until - self.context.now())

    # What is on the disk before anybody hears of it

    def _vote(self, term: int, candidate: str | None) -> None:
        self.term, self._voted_for = term, candidate
        self.disk.write("vote", (term, candidate))
        self.disk.sync()

    def _extend(self, index: int, entries: Sequence[Entry]) -> None:
        """From *index* on the log is *entries*, and what follows them already; but nothing of that follows what it contradicts."""
        for entry in entries:
            if index < len(self.log) and self.log[index].term != entry.term:
                for gone in range(len(self.log) - 1, index - 1, -1):  # of a leader that had no majority
                    self.disk.write(f"entry {gone}", None)
                del self.log[index:]
            if index == len(self.log):
                self.disk.write(f"entry {index}", entry)
                self.log.append(entry)
            index += 1
        self.disk.sync()

    # Time

    def _wake_in(self, seconds: float) -> None:
        self.context.after(seconds, Tick(), key="tick")

    def _be_patient(self) -> None:
        self._patient_until = self.context.now() + self.heartbeat * (3.0 + 3.0 * self.context.random.random())

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        """A leader gives a sign of life. Others look whether they have waited long enough for one."""
        left = self._patient_until - self.context.now()
        if self.role == "leader":
            self._replicate()
            self._wake_in(self.heartbeat)
        elif left > 0:
            self._wake_in(left)
        else:
            self._stand()

    # Election

    def _stand(self) -> None:
        self._vote(self.term + 1, self.name)
        self.role, self.leader = "candidate", None
        self._votes = {self.name}
        self._be_patient()
        self._wake_in(self._patient_until - self.context.now())
        request = RequestVote(self.term, self.name, len(self.log) - 1, self.log[-1].term)
        for name, server in self.cluster.items():
            if name != self.name:
                server.tell_nowait(request)

    def _notice(self, term: int) -> None:
        """A later term than its own: whatever it was, it is a follower now."""
        if term > self.term:
            self._vote(term, None)
            self._follow(None)

    def _follow(self, leader: str | None) -> None:
        if self.role == "leader":
            self._be_patient()
        self.role, self.leader = "follower", leader
        waiting, self._waiting = self._waiting, {}
        for reply in waiting.values():
            reply.send(Elsewhere(leader))

    @handles(RequestVote)
    def consider(self, request: RequestVote) -> None:
        """One vote a term, and for nobody whose log is behind."""
        self._notice(request.term)
        is_up_to_date = (request.last_term, request.last_index) >= (self.log[-1].term, len(self.log) - 1)
        is_granted = request.term == self.term and self._voted_for in (None, request.candidate) and is_up_to_date
        if is_granted:
            self._vote(self.term, request.candidate)
            self._be_patient()
        self.cluster[request.candidate].tell_nowait(Vote(self.term, self.name, is_granted))

    @handles(Vote)
    def count(self, vote: Vote) -> None:
        """A majority makes it the leader."""
        self._notice(vote.term)
        if self.role == "candidate" and vote.is_granted and vote.term == self.term:
            self._votes.add(vote.voter)
            if 2 * len(self._votes) > len(self.cluster):
                self._lead()

    def _lead(self) -> None:
        self.role, self.leader = "leader", self.name
        self._next = dict.fromkeys(self.cluster, len(self.log))
        self._match = dict.fromkeys(self.cluster, 0)
        self.context.publish(LeaderElected(self.name, self.term))
        self._add(None)
        self._wake_in(self.heartbeat)

    # Replication

    def _add(self, command: Command | None) -> int:
        index = len(self.log)
        self._extend(index, [Entry(self.term, command)])
        self._replicate()
        return index

    def _replicate(self) -> None:
        for name in self.cluster:
            if name != self.name:
                self._send_entries(name)

    def _send_entries(self, follower: str) -> None:
        start = self._next[follower]
        entries = tuple(self.log[start:])
        self.cluster[follower].tell_nowait(Append(self.term, self.name, start - 1, self.log[start - 1].term, entries, self.committed))

    @handles(Append)
    def append(self, append: Append) -> None:
        """Follows the leader of this term, and makes its log like the leader's."""
        self._notice(append.term)
        index, fits = append.index, False
        if append.term == self.term:
            self._follow(append.leader)
            self._be_patient()
            fits = index < len(self.log) and self.log[index].term == append.index_term
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
            self._match[self.name] = len(self.log) - 1
            index = sorted(self._match.values())[(len(self.cluster) - 1) // 2]
            if self.log[index].term == self.term:
                self._commit(index)
        else:
            self._next[name] = max(self._match[name], min(appended.index, self._next[name] - 2)) + 1
            self._send_entries(name)

    def _commit(self, index: int) -> None:
        while self.committed < index:
            self.committed += 1
            command = self.log[self.committed].command
            if command is not None:
                result = self.store.carry_out(command)
                reply = self._waiting.pop(self.committed, None)
                if reply is not None:
                    reply.send(Done(result))

    # Clients

    @handles(Command)
    def command(self, command: Command) -> Reply[Done | Elsewhere] | Elsewhere:
        """A read goes through the log too: a leader cannot know whether it still is one."""
        if self.role != "leader":
            return Elsewhere(self.leader)
        reply = self.context.defer(command)
        self._waiting[self._add(command)] = reply
        return reply
