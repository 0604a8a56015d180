"""
The runtime of one system as its cells see it: the dispatcher, and what all actors share.

Accounts, dead letters, the runtime's own facts, names for new cells. Nothing here decides about lives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import Context as Contextvars
from itertools import count
from random import Random
from typing import Any

from trio.lowlevel import enable_ki_protection as protected

from ..mailbox import Envelope, Fifo, Priority, PriorityQueue, message_type
from ..registry import Address
from ..supervision import ChildSpec
from . import supervising
from .cell import CURRENT, DEAD, GONE, UP, Cell, Losses
from .context import Context
from .directory import Registry
from .dispatcher import Dispatcher
from .door import sweep
from .errors import ForeignRef
from .family import Family
from .jobs import Job
from .life_facts import DeadLetter, DeadLetterReason, SlowHandler
from .policy import Policy
from .ref import ActorRef
from .sparse_log import SparseLog
from .stream import Silence, Stream


class _PriorityPool:
    """Where the queue of an actor with a priority mailbox comes from: made anew, since its key is its own."""

    __slots__ = ("_mailbox",)

    def __init__(self, mailbox: Priority) -> None:
        self._mailbox = mailbox

    def __bool__(self) -> bool:
        return False  # none is ready: the hot path of `tell` leaves them to `door.enqueue`

    def pop(self) -> PriorityQueue:
        return self._mailbox.new_queue()

    def append(self, queue: PriorityQueue) -> None:
        """It is not used again."""


class Runtime(Dispatcher):
    """
    What the actors of one system share.

    Args:
        node: The system's identity, part of every address.
        policy: Who runs next.
        random: The source of randomness.
        ask_timeout: Seconds that an ask has by default.
        on_collapse: Called when a guardian fails: the system must end.
        on_interrupt: Called with what a handler raised that is no failure of its actor (KeyboardInterrupt).
    """

    def __init__(
        self,
        node: str,
        policy: Policy,
        random: Random,
        *,
        ask_timeout: float,
        slow_handler: float,
        max_suspended: int,
        on_collapse: Callable[[BaseException], None],
        on_interrupt: Callable[[BaseException], None],
    ) -> None:
        super().__init__(policy, max_suspended=max_suspended, slow_handler=slow_handler, log=logging.getLogger("trouper"))
        self.node: str = node
        self.random: Random = random
        self.ask_timeout: float = ask_timeout
        self.supervising: Any = supervising
        self.registry: Registry = Registry(self)
        # By the id of a static child's spec, the latest cell in its place, or None if it had several: then all are looked at.
        self.placed: dict[int, Cell | None] = {}
        self.collapse = on_collapse
        self.interrupt = on_interrupt
        self.is_killing = False
        self.root: Cell = Cell(self, ChildSpec(object), None, "", 0)
        self.root.phase = UP
        self.root.instance = self  # there is no actor in it: it only has children
        self.root.tied().family = Family(self.root)
        self.stream: Stream = Silence()
        self.guardian: Cell | None = None
        self.dead_accepted: int = 0
        self.dead_handled: int = 0
        self.dead_losses: Losses = Losses()
        self._incarnations = count(1)
        self.dead_letter_log: SparseLog = SparseLog(self.log, self.alarms, logging.WARNING, "dead letters")
        self.failure_log: SparseLog = SparseLog(self.log, self.alarms, logging.ERROR, "failures")

    # Cells

    @protected
    def new_cell(self, spec: ChildSpec[Any], parent: Cell, name: str) -> Cell:
        """A cell with an incarnation of its own. Its parent's family is the caller's matter."""
        return Cell(self, spec, parent, name, next(self._incarnations))

    def pool_of(self, mailbox: Fifo | Priority) -> Any:
        """Where the queues of such a mailbox come from."""
        return self.deques if isinstance(mailbox, Fifo) else _PriorityPool(mailbox)

    def new_ref(self, cell: Cell) -> ActorRef[Any]:
        """The ref of a cell; kept by the cell."""
        return ActorRef(cell)

    def new_context(self, cell: Cell) -> Context:
        """The context of a cell's instance; kept by the cell."""
        return Context(cell)

    def address_of(self, cell: Cell) -> Address:
        """Where the actor is, for other processes."""
        return Address(self.node, cell.path, cell.incarnation)

    @protected
    def resolve(self, address: Address) -> ActorRef[Any]:
        """The ref at *address*: of the living actor, or one that leads nowhere. Raises ForeignRef for another node's."""
        if address.node != self.node:
            raise ForeignRef(address.path, address.node, self.node)
        cell: Cell | None = self.root
        for name in address.path.strip("/").split("/"):
            family = None if cell is None or cell.ties is None else cell.ties.family
            cell = None if family is None else family.children.get(name)
        if cell is not None and cell.incarnation == address.incarnation:
            return cell.ref
        dead = Cell(self, ChildSpec(object), None, address.path, address.incarnation)
        dead.phase = GONE
        dead.state = DEAD
        dead.limit = -1
        return dead.ref

    def new_contextvars(self) -> Contextvars:
        """Contextvars as they were when the system was opened: what one actor sets never reaches another."""
        return self._contextvars.copy()

    def contextvars_of(self, cell: Cell) -> Contextvars:
        """The cell's own contextvars, made now if it had no turn yet."""
        contextvars = cell.contextvars
        if contextvars is None:
            contextvars = cell.contextvars = self._contextvars.copy()
            contextvars.run(CURRENT.set, cell)
        return contextvars

    def is_guardian(self, cell: Cell) -> bool:
        """Whether *cell* is one of the runtime's own supervisors, right under the root."""
        return cell.parent is self.root

    @protected
    def forget(self, cell: Cell) -> None:
        """The actor is dead: no lookup finds it any more."""
        self.registry.forget(cell)
        if cell.ties is not None and cell.ties.subscribed:
            self.stream.forget(cell)

    def room_was_made(self, cell: Cell) -> None:
        """A queued ask was withdrawn."""
        sweep(cell)

    # Accounts

    def count_accepted(self, cell: Cell) -> None:
        """A message is accepted without being queued."""
        if cell.state == DEAD:
            self.dead_accepted += 1
        else:
            cell.accepted += 1

    @protected
    def dead_letter(self, cell: Cell, item: Any, reason: DeadLetterReason) -> None:
        """Counts a message that will never be handled, logs it, and publishes it unless it was about such a loss itself."""
        if cell.state == DEAD:
            self.dead_losses.dead_letters += 1
        else:
            cell.lost().dead_letters += 1
        message = item.message if isinstance(item, Envelope) else item
        if self.dead_letter_log.says_in_full(reason):
            self.log.warning("dead letter: %s for %s (%s)", type(message).__name__, cell.path, reason)
        if self.stream.wants(DeadLetter) and not isinstance(message, DeadLetter):
            self.stream.publish(DeadLetter(message, cell.ref, reason))

    def keep_accounts(self, cell: Cell) -> None:
        """The actor is dead, its accounts go into the system's."""
        self.dead_accepted += cell.accepted
        self.dead_handled += cell.handled
        losses = cell.losses
        if losses is not None:
            self.dead_losses.failed += losses.failed
            self.dead_losses.withdrawn += losses.withdrawn
            self.dead_losses.dead_letters += losses.dead_letters
            self.dead_losses.restarts += losses.restarts

    # The runtime's own facts

    @protected
    def report(self, kind: type[Any], cell: Cell, *details: Any) -> None:
        """Publishes a fact about an actor, if anybody wants it."""
        if self.stream.wants(kind):
            self.stream.publish(kind(cell.path, *details))

    def report_slow(self, cell: Cell, item: Any, seconds: float) -> None:
        """A handler or hook took longer than `slow_handler`. Of one that raised in its first step, the item is None."""
        kind = "unknown" if item is None else item.call.__name__ if isinstance(item, Job) else message_type(getattr(item, "item", item))
        self.log.warning("slow handler: %s took %.3f s for %s", cell.path, seconds, kind)
        self.report(SlowHandler, cell, kind, seconds)
