"""
One actor's life as the runtime sees it: its mailbox, its instance, its state, its accounts.

An idle actor is nothing but its cell and its instance: no task, no queue of its own. What few actors have (children,
timers, watches, waiting senders, a stash) is kept in `Ties`, which is made when first needed. Small, because there may be a
million of them; without locks, because everything here runs on one thread and never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context as Contextvars
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from ..mailbox import Envelope, Queue, StashBuffer
from .envelopes import Ask, SetAside

if TYPE_CHECKING:
    from collections.abc import Generator

    import trio

    from ..registry import Address
    from ..supervision import ChildSpec, Exit
    from .context import Context
    from .directory import Listings
    from .dispatcher import Worker
    from .ending import Ending
    from .envelopes import Sender
    from .family import Family
    from .pending import Pending
    from .ref import ActorRef
    from .runtime import Runtime
    from .table import HandlerTable
    from .timers import Timer

# What a cell is doing. Plain ints in the module: an enum member costs twice as much to compare.
IDLE: Final = 0  # nothing waits; a message makes it READY
READY: Final = 1  # on the dispatcher's ready queue, once
RUNNING: Final = 2  # its turn runs right now
HELD: Final = 3  # its handler waits for a Pending, without a task
DRIVEN: Final = 4  # its handler waits on trio, in a worker that stays with it
BLOCKED: Final = 5  # its async handler may not start yet: too many are suspended
CLOSED: Final = 6  # it starts, restarts or stops: messages wait
DEAD: Final = 7
ASKED: Final = 8  # its plain handler runs right now, on the stack of who asked it

STATES: Final = ("idle", "ready", "running", "waiting", "waiting", "blocked", "closed", "dead", "running")

# How far its life is. Finer than the state, and looked at only where lives change.
STARTING: Final = 0
UP: Final = 1
HALTING: Final = 2  # on the way to a restart: the old instance is taken down
HALTED: Final = 3  # no instance; waits for its restart
STOPPING: Final = 4
GONE: Final = 5

PHASES: Final = ("starting", "up", "restarting", "restarting", "stopping", "dead")

REFUSES: Final = -(1 << 60)
"""The limit of a mailbox that takes nothing more: no length is below it, whatever is added for entries that take no slot."""


class Background:
    """Who a background task of an actor is: it belongs to the actor, but its waiting does not hold up a turn."""

    __slots__ = ("cell",)

    def __init__(self, cell: Cell) -> None:
        self.cell: Cell = cell


CURRENT: ContextVar[Cell | Background | None] = ContextVar("trouper_current", default=None)
"""The actor whose code this is. Set once in the actor's own context, so it holds in its nurseries and threads too."""


class Losses:
    """The accounts of what did not simply end as handled, and of restarts."""

    __slots__ = ("dead_letters", "failed", "restarts", "unswept", "withdrawn")

    def __init__(self) -> None:
        self.failed: int = 0
        self.withdrawn: int = 0
        self.unswept: int = 0  # of these, since the queue was compacted
        self.dead_letters: int = 0
        self.restarts: int = 0


class Ties:
    """What binds one actor to others and to the future. Each field is None until it is needed."""

    __slots__ = (
        "attempt",
        "awaited",
        "behaviours",
        "deferred",
        "down",
        "edges",
        "ending",
        "escaped",
        "exit",
        "failure",
        "family",
        "leaving",
        "listings",
        "registered",
        "shut_down",
        "since",
        "started",
        "stash",
        "subscribed",
        "task_scopes",
        "tasks_over",
        "timers",
        "waiters",
        "watchers",
        "watching",
    )

    def __init__(self) -> None:
        self.attempt: int = -1  # of the back-off: -1 before the first failure
        self.awaited: bool = False  # somebody waits for the present attempt to start
        self.since: float = 0.0  # when it last came up, for the back-off
        self.behaviours: list[Callable[[Any], Any]] | None = None
        self.deferred: dict[Ask, None] | None = None
        self.down: list[Pending] = []  # settled when it is dead
        self.edges: dict[Pending, None] | None = None  # what its turn awaits from tasks of trio
        self.ending: Ending | None = None  # the stop or restart that is asked for or under way
        self.escaped: Exit | None = None  # how it ended by itself, while its parent has not yet taken it down
        self.exit: Exit | None = None  # how it ended, once it is dead
        self.leaving: bool = False  # it asked to stop itself
        self.shut_down: bool = False  # a significant child has ended
        self.failure: BaseException | None = None  # a failure from outside its turn
        self.family: Family | None = None
        self.listings: dict[object, Listings] | None = None  # its subscriptions to keys of the registry
        self.registered: bool = False
        self.started: Pending | None = None  # settled when the present attempt to start has ended
        self.stash: StashBuffer | None = None
        self.subscribed: bool = False
        self.task_scopes: set[trio.CancelScope] | None = None
        self.tasks_over: Pending | None = None
        self.timers: dict[object, Timer] | None = None
        self.waiters: dict[Ask | Sender, None] | None = None  # senders that wait for room, first come first served
        self.watchers: dict[Cell, None] | None = None
        self.watching: dict[Cell, Any] | None = None  # the watched, with the notice of their death once it is queued


class Cell:
    """
    One actor. Everything in the runtime that acts on an actor acts on its cell.

    Attributes:
        attention: Something is to be looked at between two messages: waiting senders, a stop, a failure from outside.
        hand: The message, ask, delivery or job in the hand of the handler.
        held: The driver of the handler while that is suspended, whoever keeps it; or of the hook that the next turn is to run.
        limit: The mailbox's capacity plus the queued entries that take no slot, but for facts that others have in their queues too.
        pending: What the held handler waits for.
        pool: Where an empty queue comes from and goes back to.
    """

    # Invariant: state is READY iff the cell is on the ready queue, once.
    # Invariant: queue is None if state is IDLE or DEAD.
    # Invariant: waiting senders imply len(queue) >= limit, or a phase in which nothing is admitted.
    # Invariant: limit == capacity + entries in queue that take no slot or are withdrawn, shared facts aside, unless it refuses.
    __slots__ = (
        "accepted",
        "attention",
        "context_object",
        "contextvars",
        "dispatcher",
        "hand",
        "handled",
        "held",
        "incarnation",
        "instance",
        "limit",
        "losses",
        "name",
        "parent",
        "pending",
        "phase",
        "plain",
        "pool",
        "queue",
        "ref_object",
        "spec",
        "state",
        "table",
        "ties",
        "worker",
    )

    contextvars: Contextvars | None
    context_object: Context | None
    instance: Any
    plain: dict[type, Callable[[Any, Any], Any]]
    table: dict[type, Callable[[Any, Any], Any]]

    def __init__(self, dispatcher: Runtime, spec: ChildSpec[Any], parent: Cell | None, name: str, incarnation: int) -> None:
        self.dispatcher: Runtime = dispatcher
        self.spec: ChildSpec[Any] = spec
        self.parent: Cell | None = parent
        self.name: str = name
        self.incarnation: int = incarnation
        self.state: int = CLOSED
        self.phase: int = STARTING
        self.attention: bool = False
        self.queue: Queue | None = None
        self.limit: int = spec.mailbox.capacity
        self.pool: Any = dispatcher.pool_of(spec.mailbox)
        self.table = EMPTY_TABLE
        self.plain = EMPTY_PLAIN
        self.instance = None
        self.contextvars = None
        self.context_object = None
        self.ref_object: ActorRef[Any] | None = None
        self.hand: Any = None
        self.held: Generator[Any, Any, Any] | None = None
        self.pending: Pending | None = None
        self.worker: Worker | None = None
        self.accepted: int = 0
        self.handled: int = 0
        self.losses: Losses | None = None
        self.ties: Ties | None = None

    @property
    def path(self) -> str:
        """Where it is in the tree: ``/user/bank/account-A-1``."""
        names: list[str] = []
        cell: Cell | None = self
        while cell is not None:
            names.append(cell.name)
            cell = cell.parent
        return "/".join(reversed(names)) or "/"

    @property
    def address(self) -> Address:
        """Its address: node, path, incarnation."""
        return self.dispatcher.address_of(self)

    @property
    def ref(self) -> ActorRef[Any]:
        """The one ref of this actor."""
        ref = self.ref_object
        if ref is None:
            ref = self.ref_object = self.dispatcher.new_ref(self)
        return ref

    @property
    def context(self) -> Context:
        """The one context of this actor's present instance."""
        context = self.context_object
        if context is None:
            context = self.context_object = self.dispatcher.new_context(self)
        return context

    @property
    def handler_table(self) -> HandlerTable:
        """The handlers of the actor's class."""
        table: HandlerTable = _class_of(self.instance).__table__
        return table

    def overrides(self, hook: str) -> bool:
        """Whether the actor's class has a hook of its own of this name."""
        hooks: frozenset[str] = _class_of(self.instance).__hooks__
        return hook in hooks

    def tied(self) -> Ties:
        """Its ties, made now if it had none."""
        ties = self.ties
        if ties is None:
            ties = self.ties = Ties()
        return ties

    def lost(self) -> Losses:
        """Its losses, made now if it had none."""
        losses = self.losses
        if losses is None:
            losses = self.losses = Losses()
        return losses

    # How it becomes ready

    def attend(self) -> None:
        """Has what is asked of it looked at: now if it is idle, else between two messages."""
        self.attention = True
        if self.state == IDLE:
            self.state = READY
            self.dispatcher.make_ready(self)

    def resume(self) -> None:
        """What its held handler waited for is settled."""
        self.state = READY
        dispatcher = self.dispatcher
        dispatcher.ready.append(self)
        if not dispatcher.is_awake:
            dispatcher.wake()

    def hand_as_item(self) -> Any:
        """The message in the hand of the handler that calls this, as it was queued; None outside of a handler."""
        if self.phase != UP or CURRENT.get() is not self:
            return None
        if self.state == ASKED and not isinstance(self.hand, (Envelope, SetAside)):
            ask = Ask(self.hand, self, None)  # it was asked, though no envelope was needed so far
            ask.place = "hand"
            self.hand = ask
        return self.hand

    # Its accounts

    def user_messages(self) -> int:
        """Messages that wait: in the queue, stashed, and in hand."""
        count = 0
        if self.queue is not None:
            count = sum(1 for item in self.queue if not (isinstance(item, Envelope) and item.withdrawn))
        ties = self.ties
        if ties is not None and ties.stash is not None:
            count += len(ties.stash)
        return count + self.in_hand()

    def load(self) -> int:
        """How much it has to do: entries in its queue, and the message in hand."""
        return (0 if self.queue is None else len(self.queue)) + (self.state != IDLE)

    def in_hand(self) -> int:
        """1 while a suspended handler has a message that is not accounted for yet. Hooks run in no phase but UP, and have none."""
        return 1 if self.held is not None and self.phase == UP and getattr(self.hand, "counts", True) else 0

    def withdraw(self, ask: Ask) -> None:
        """The asker of *ask* gives up: if the message still waits it is never handled, and its slot is free now."""
        place = ask.place
        if place == "queue":
            ask.withdrawn = True
            ask.place = "over"
            self.lost().withdrawn += 1
            self.limit += 1
            self.dispatcher.room_was_made(self)
        elif place == "stash":
            ask.withdrawn = True
            ask.place = "over"
            self.lost().withdrawn += 1
            ties = self.ties
            assert ties is not None
            assert ties.stash is not None
            ties.stash.discard(ask)
        elif place == "door":
            ties = self.ties
            if ties is not None and ties.waiters is not None:
                ties.waiters.pop(ask, None)
            ask.place = "over"
        elif place == "deferred":  # it was handled; nobody waits for the reply that is owed
            ties = self.ties
            if ties is not None and ties.deferred is not None:
                ties.deferred.pop(ask, None)


def _class_of(instance: object) -> Any:
    return type(instance)


EMPTY_TABLE: dict[type, Callable[[Any, Any], Any]] = {}
EMPTY_PLAIN: dict[type, Callable[[Any, Any], Any]] = {}
