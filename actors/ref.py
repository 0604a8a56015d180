"""
`ActorRef`: the address of an actor, and the four verbs for it.

A ref is all that anybody else ever holds of an actor. It stays valid over restarts, and may be kept for ever: what is sent to
a dead actor is a dead letter, never an error of the sender's.

`tell`, `tell_nowait` and the ask in place are the hot path: they append to a queue that exists and has room, or run a
plain handler of an idle actor, with nothing between. All else is in `door.py` and `sending.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from trio.lowlevel import enable_ki_protection as protected

from ..registry import Address
from .cell import IDLE, READY
from .door import enqueue, has_room, put_nowait
from .envelopes import Ask
from .resolving import resolve
from .sending import StillToCome, answer, ask_in_place, check_timeout, tell_with_room
from .waiting import spend_credit

if TYPE_CHECKING:
    from .cell import Cell
    from .messages import Answers

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")


@final
class ActorRef(Generic[M_contra]):
    """
    The address of one actor that takes messages of type *M_contra*.

    Guarantees:
        * Messages from one sender arrive in the order in which they were sent.
        * It outlives restarts. After the actor's death it leads nowhere, also when the name is taken again.
        * Two refs are equal iff node, path and incarnation are. It pickles to its address, and resolves in the system that unpickles it.

    Not guaranteed:
        * That an accepted message is handled: a crash drops the one in hand, a stop those that wait (as dead letters).
        * Use from other threads: go through `trio.from_thread`.
        * That `tell` and `ask` are a checkpoint of trio at every call: they are one whenever they wait,
          and at least every 64 calls once a slice is over.
    """

    __slots__ = ("__weakref__", "_cell")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    @protected
    async def tell(self, message: M_contra) -> None:
        """
        Sends *message*; waits while the mailbox has no room, first come first served.

        Guarantees:
            * It is enqueued once, or this raises and nothing is enqueued; cancelled while waiting, nothing is.
            * Telling a dead actor is no error: the message is a dead letter.

        Raises:
            Deadlock: It would wait for an actor that waits, directly or through others, for this one.
        """
        cell = self._cell
        queue = cell.queue
        dispatcher = cell.dispatcher
        dispatcher.credit = credit = dispatcher.credit - 1
        if not credit:
            await spend_credit(dispatcher)
            queue = cell.queue
        if queue is not None:
            if len(queue) < cell.limit:
                queue.append(message)
                cell.accepted += 1
                return
        elif cell.state == IDLE and cell.pool:
            if not dispatcher.is_awake:
                dispatcher.wake()  # first: it refuses other threads
            cell.queue = queue = cell.pool.pop()
            queue.append(message)
            cell.accepted += 1
            cell.state = READY
            dispatcher.ready.append(cell)
            return
        if has_room(cell):
            enqueue(cell, message)
        else:
            await tell_with_room(cell, message)

    @protected
    def tell_nowait(self, message: M_contra) -> None:
        """
        Sends *message* now, or lets the mailbox's `on_full` decide.

        Raises:
            MailboxFull: There is no room, and the mailbox rejects. Nothing was enqueued or counted: retrying is safe.
        """
        cell = self._cell
        queue = cell.queue
        if queue is not None:
            if len(queue) < cell.limit:
                queue.append(message)
                cell.accepted += 1
                return
        elif cell.state == IDLE and cell.pool:
            dispatcher = cell.dispatcher
            if not dispatcher.is_awake:
                dispatcher.wake()  # first: it refuses other threads
            cell.queue = queue = cell.pool.pop()
            queue.append(message)
            cell.accepted += 1
            cell.state = READY
            dispatcher.ready.append(cell)
            return
        put_nowait(cell, message)

    @protected
    async def ask(self, message: Answers[M_contra, R], timeout: float | None = None) -> R:  # measured by the runtime, not by a scope
        """
        Sends *message* and waits for the reply.

        Guarantees:
            * When it is given up (timeout, cancelled), a message that still waits is taken back and never handled; a late
              reply is dropped.

        Args:
            timeout: Seconds, for the waiting for room too; None: the system's `ask_timeout`; `math.inf`: for ever.

        Raises:
            AskFailed: The handler raised; its exception is the `__cause__`.
            AskStopped: The actor is dead, or stopped before it answered.
            AskTimeout: No reply came in time.
            Unhandled: It is no message of the actor's.
            Deadlock: The actor waits, directly or through others, for the one that asks.
            MailboxFull: The message lost its slot in a mailbox that drops the oldest.
            ValueError, TypeError: The timeout is negative or no number.
        """
        if timeout is not None:
            check_timeout(timeout)
        cell = self._cell
        dispatcher = cell.dispatcher
        dispatcher.credit = credit = dispatcher.credit - 1
        if not credit:
            await spend_credit(dispatcher)
        ask: Ask | None = None
        if cell.state == IDLE:
            handler = cell.plain.get(type(message))
            if handler is not None:
                contextvars = cell.contextvars
                if contextvars is None:
                    contextvars = dispatcher.contextvars_of(cell)
                try:
                    return contextvars.run(ask_in_place, cell, handler, message)  # type: ignore[no-any-return]  # what it returned
                except StillToCome as begun:
                    ask = begun.ask
        return await answer(cell, message, timeout, ask)  # type: ignore[no-any-return]

    # What it is

    @property
    def path(self) -> str:
        """Where the actor is, or was, in the tree: ``/user/bank/account-A-1``."""
        return self._cell.path

    @property
    def address(self) -> Address:
        """Node, path and incarnation: what two refs are compared by."""
        return self._cell.address

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ActorRef):
            return NotImplemented
        return self._cell.address == other._cell.address  # pyright: ignore[reportUnknownMemberType]

    def __hash__(self) -> int:
        return hash(self._cell.incarnation)

    def __str__(self) -> str:
        return self._cell.path

    def __repr__(self) -> str:
        return f"<ActorRef {self._cell.path}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return resolve, (self._cell.address,)


def cell_of(ref: ActorRef[Any]) -> Cell:
    """The cell behind a ref; for the runtime only."""
    if not isinstance(ref, ActorRef):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"This takes an ActorRef, not {ref!r}.")
    return ref._cell  # pyright: ignore[reportPrivateUsage]
