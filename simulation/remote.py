"""
Refs to actors on other nodes: ordinary `ActorRef`s, whose cell is a stand-in with the network for a queue.

The hot path of `tell` appends to the queue of a cell that has room. Of a `RemoteCell` that is a `Wire`, which hands the message to the
network, so neither `ActorRef` nor the runtime knows of other nodes. One stand-in serves all nodes: the sender is whoever runs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import Context as Contextvars
from typing import TYPE_CHECKING, Any, Final, cast

from ..actors import ActorRef
from ..actors.cell import EMPTY_PLAIN, EMPTY_TABLE, READY, UP, Cell, Losses, Ties
from ..actors.envelopes import Ask, DeathNotice
from ..actors.resolving import current_runtime
from ..registry import Address
from ..supervision import ChildSpec, Exit

if TYPE_CHECKING:
    from ..actors import Context
    from ..actors.dispatcher import Worker
    from ..actors.pending import Pending
    from ..mailbox import Queue
    from .cluster import Cluster
    from .node_runtime import NodeRuntime

UNBOUNDED: Final = 1 << 60
"""The limit of a stand-in: what is on the network takes no room."""


def sending_node() -> NodeRuntime:
    """
    The node whose code this is.

    Raises:
        LookupError: It is no node's.
    """
    runtime: Any = current_runtime()
    if runtime is None or not hasattr(runtime, "life"):
        raise LookupError("A ref to an actor on a simulated node is used by actors and clients of the simulation: this code is on no node.")
    return cast("NodeRuntime", runtime)


class Wire:
    """What a stand-in has for a queue: always empty, since what is appended is on its way."""

    __slots__ = ("_cell", "_cluster")

    def __init__(self, cluster: Cluster, cell: RemoteCell) -> None:
        self._cluster = cluster
        self._cell = cell

    def __len__(self) -> int:
        return 0

    def append(self, item: Any) -> None:
        """Sends a message or an ask."""
        source = sending_node()
        if source.is_dead:
            return  # what a dead node sends goes nowhere
        if isinstance(item, Ask):
            self._cluster.send_ask(source, self._cell, item)
        else:
            self._cluster.send_tell(source, self._cell, item)


class Watchers(dict[Cell, None]):
    """Who watches a stand-in from one node: each is announced to the node of the watched."""

    __slots__ = ("_cell", "_cluster")

    def __init__(self, cluster: Cluster, cell: RemoteCell) -> None:
        self._cluster = cluster
        self._cell = cell

    def __setitem__(self, watcher: Cell, nothing: None) -> None:
        super().__setitem__(watcher, nothing)
        self._cluster.watches.begin(cast("Any", watcher.dispatcher), self._cell)

    def pop(self, watcher: Cell, default: Any = None) -> Any:
        """It watches no longer."""
        found = super().pop(watcher, default)
        if not self:
            self._cluster.watches.end(cast("Any", watcher.dispatcher), self._cell)
        return found


class RemoteCell(Cell):
    """
    Stands for an actor on another node.

    Args:
        cluster: Its nodes, and the network between them.
        target: Where the actor is. Incarnation 0 means whoever lives at that path now, and a node's name alone whichever life
            it has: what such a ref leads to outlives crashes.

    Attributes:
        node: The name of its node.
        shown: What the trace calls it.
        found: The actor that was met there last.
    """

    __slots__ = ("_cluster", "_ties_of", "found", "node", "shown", "target")

    def __init__(self, cluster: Cluster, target: Address) -> None:  # its base would ask for a runtime, and this has whichever runs
        self._cluster = cluster
        self._ties_of: dict[Any, Ties] = {}
        self.target: Address = target
        self.node: str = target.node.partition("@")[0]
        self.shown: str = f"{target.node}{target.path}"
        self.found: Cell | None = None
        self.spec: ChildSpec[Any] = ChildSpec(object)
        self.parent: Cell | None = None
        self.name: str = target.path.rpartition("/")[2]
        self.incarnation: int = target.incarnation
        self.state: int = READY
        self.phase: int = UP
        self.attention: bool = False
        self.queue: Queue | None = cast("Any", Wire(cluster, self))
        self.limit: int = UNBOUNDED
        self.pool: Any = ()
        self.table: dict[type, Callable[[Any, Any], Any]] = EMPTY_TABLE
        self.plain: dict[type, Callable[[Any, Any], Any]] = EMPTY_PLAIN
        self.instance: Any = None
        self.contextvars: Contextvars | None = None
        self.context_object: Context | None = None
        self.ref_object: ActorRef[Any] | None = ActorRef[Any](self)
        self.hand: Any = None
        self.held: Generator[Any, Any, Any] | None = None
        self.pending: Pending | None = None
        self.worker: Worker | None = None
        self.accepted: int = 0
        self.handled: int = 0
        self.losses: Losses | None = None

    @property
    def path(self) -> str:
        """Its path on its node."""
        return self.target.path

    @property
    def address(self) -> Address:
        """Where the actor is."""
        return self.target

    @property
    def ref(self) -> ActorRef[Any]:
        """The one ref of this stand-in."""
        assert self.ref_object is not None
        return self.ref_object

    def tied(self) -> Ties:
        """What binds the node whose code this is to the actor."""
        return self.ties_of(sending_node())

    def ties_of(self, node: NodeRuntime) -> Ties:
        """What binds *node* to the actor: who watches it from there."""
        ties = self._ties_of.get(node)
        if ties is None:
            ties = self._ties_of[node] = Ties()
            ties.watchers = Watchers(self._cluster, self)
        return ties

    def withdraw(self, ask: Ask) -> None:
        """The asker gives up: the reply, should one come, finds nobody."""
        self._cluster.forget_ask(ask)
        ask.place = "over"


def _dispatcher_of(_cell: RemoteCell) -> NodeRuntime:
    return sending_node()


def _ties_of(cell: RemoteCell) -> Ties | None:
    runtime: Any = current_runtime()
    return cell.ties_of(runtime) if hasattr(runtime, "life") else None


def _by_whoever_runs(name: str, read: Callable[[RemoteCell], object]) -> None:
    """In the place of a slot of the base: what a stand-in has depends on the node whose code asks."""
    setattr(RemoteCell, name, property(read))


_by_whoever_runs("dispatcher", _dispatcher_of)
_by_whoever_runs("ties", _ties_of)


class RemoteAsk(Ask):
    """An ask that came over the network; its reply goes back the same way."""

    __slots__ = ("_reply",)

    def __init__(self, message: Any, target: Cell, reply: Callable[[Any, BaseException | None], None]) -> None:
        super().__init__(message, target, None)
        self._reply = reply

    def settle(self, value: Any = None, error: BaseException | None = None) -> bool:
        """Answers over the network."""
        if not super().settle(value, error):
            return False
        self._reply(value, error)
        return True


class Notices:
    """What a node's watching agent has for a queue: the deaths of actors that are watched from another node."""

    __slots__ = ("_hear",)

    def __init__(self, hear: Callable[[Cell, Exit], None]) -> None:
        self._hear = hear

    def __len__(self) -> int:
        return 0

    def append(self, notice: DeathNotice) -> None:
        """An actor that is watched is dead."""
        self._hear(notice.subject, notice.message.reason)


def watching_agent(node: NodeRuntime, hear: Callable[[Cell, Exit], None]) -> Cell:
    """
    Watches actors of other nodes in the place of all actors of *node*.

    Args:
        node: Whose agent it is.
        hear: Called with each of the watched that dies, and how it ended.
    """
    agent = Cell(node, ChildSpec(object), None, "watching", 0)
    agent.state = READY
    agent.phase = UP
    agent.queue = cast("Any", Notices(hear))
    return agent
