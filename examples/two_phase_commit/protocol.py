"""
Two-phase commit: a transaction manager, and the resource managers that all do a transaction or all leave it.

Gray's protocol of 1978, as in "Consensus on Transaction Commit" (Gray and Lamport, 2006). Who has voted yes is *prepared*: it has given
its word, and may neither commit nor abort until the manager tells it which. That is what makes the protocol block.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from attrs import define, field, frozen

from trouper import Actor, ActorRef, handles

State = Literal["working", "prepared", "committed", "aborted"]
Decision = Literal["committed", "aborted"]


@frozen
class Prepare:
    """To a resource manager: can you do this transaction?"""

    transaction: int


@frozen
class Vote:
    """To the transaction manager: yes or no. Also from who is prepared and has waited: what has become of it?"""

    transaction: int
    voter: str
    is_yes: bool


@frozen
class Decided:
    """To a resource manager."""

    transaction: int
    decision: Decision


@frozen
class Begin:
    """To the transaction manager: try a transaction."""

    transaction: int


@frozen
class GiveUp:
    """To itself, from its timer: who has not voted by now will not do so in time."""

    transaction: int


@frozen
class AskAgain:
    """To itself, from its timer: is anything still open?"""


class Disk(Protocol):
    """What outlives a crash, once it is synced; `trouper.simulation` has one."""

    def write(self, key: str, value: Any) -> None: ...
    def read(self, key: str, default: Any = None) -> Any: ...
    def sync(self) -> None: ...


@define(eq=False)
class ResourceManager(Actor[Prepare | Decided | AskAgain]):
    """
    Does its part of transactions, or refuses.

    Args:
        name: Its name among all.
        manager: Decides.
        disk: Where its word is kept.
        refuses: How probable it is that it votes no.
    """

    name: str
    manager: ActorRef[Vote]
    disk: Disk
    refuses: float = 0.2
    states: dict[int, State] = field(factory=dict[int, State], init=False)

    def on_start(self) -> None:
        """It remembers what it has promised, and asks what became of it."""
        self.states = self.disk.read("states", {})
        self.context.every(0.1, AskAgain())

    def _enter(self, transaction: int, state: State) -> None:
        self.states[transaction] = state
        self.disk.write("states", self.states)
        self.disk.sync()

    @handles(Prepare)
    def prepare(self, prepare: Prepare) -> None:
        """Until it has voted yes it may abort as it likes."""
        number = prepare.transaction
        if self.states.get(number, "working") == "working":
            self._enter(number, "aborted" if self.context.random.random() < self.refuses else "prepared")
        self.manager.tell_nowait(Vote(number, self.name, self.states[number] in ("prepared", "committed")))

    @handles(Decided)
    def decided(self, decided: Decided) -> None:
        """The manager's word is final; it may come twice."""
        if self.states.get(decided.transaction, "working") in ("working", "prepared"):
            self._enter(decided.transaction, decided.decision)

    @handles(AskAgain)
    def ask_again(self, _again: AskAgain) -> None:
        """Messages are lost, and managers are away. It has given its word: it can do nothing but ask."""
        for number, state in self.states.items():
            if state == "prepared":
                self.manager.tell_nowait(Vote(number, self.name, is_yes=True))


@define(eq=False)
class TransactionManager(Actor[Begin | Vote | GiveUp]):
    """
    Collects votes, and decides: all yes, or not.

    Args:
        managers: The resource managers by name.
        disk: Where its decisions are, before anybody hears of them.
    """

    managers: Mapping[str, ActorRef[Prepare | Decided]]
    disk: Disk
    decisions: dict[int, Decision] = field(factory=dict[int, Decision], init=False)
    _yes: dict[int, set[str]] = field(factory=dict[int, set[str]], init=False)

    def on_start(self) -> None:
        """What it had not decided when it crashed is aborted, as soon as anybody asks."""
        self.decisions = self.disk.read("decisions", {})

    @handles(Begin)
    def begin(self, begin: Begin) -> None:
        """The first phase."""
        if begin.transaction not in self.decisions and begin.transaction not in self._yes:
            self._yes[begin.transaction] = set()
            self.context.after(0.2, GiveUp(begin.transaction))
            for manager in self.managers.values():
                manager.tell_nowait(Prepare(begin.transaction))

    @handles(Vote)
    def count(self, vote: Vote) -> None:
        """The second phase begins with the last yes, or the first no."""
        number = vote.transaction
        if number in self.decisions:
            self.managers[vote.voter].tell_nowait(Decided(number, self.decisions[number]))
        elif not vote.is_yes or number not in self._yes:  # it does not know of it: it has crashed since, before it had decided
            self._decide(number, "aborted")
        else:
            self._yes[number].add(vote.voter)
            if len(self._yes[number]) == len(self.managers):
                self._decide(number, "committed")

    @handles(GiveUp)
    def give_up(self, give_up: GiveUp) -> None:
        """Silence is a no."""
        if give_up.transaction not in self.decisions:
            self._decide(give_up.transaction, "aborted")

    def _decide(self, number: int, decision: Decision) -> None:
        self.decisions[number] = decision
        self.disk.write("decisions", self.decisions)
        self.disk.sync()
        for manager in self.managers.values():
            manager.tell_nowait(Decided(number, decision))
