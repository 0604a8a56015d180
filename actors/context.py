"""
`Context`: an actor's only door to effects, so that a simulator can stand behind it.

It holds nothing of its own; each verb is carried out by the file that owns its subject.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, final

import trio
from trio.lowlevel import enable_ki_protection as protected

from . import background, commands, spawning, stashing
from .cell import GONE, UP, Cell
from .door import unstash
from .errors import ActorGone, ForeignRef
from .pending import Pending
from .ref import ActorRef, cell_of
from .reply import Reply, defer
from .timers import Timer, start_timer
from .waiting import wait
from .watching import unwatch, watch

if TYPE_CHECKING:
    import logging
    from random import Random

    from .directory import Registry
    from .messages import Answers
    from .spec import ActorSpec
    from .stream import OnFullFacts

M = TypeVar("M")
R = TypeVar("R")
T = TypeVar("T")
Args = TypeVarTuple("Args")


def own_cell(cell: Cell, ref: ActorRef[Any]) -> Cell:
    """The cell behind *ref*, which must be of the same system as *cell*. Raises ForeignRef if it is not."""
    other = cell_of(ref)
    if other.dispatcher is not cell.dispatcher:
        raise ForeignRef(other.path, other.dispatcher.node, cell.dispatcher.node)
    return other


@final
class Context:
    """
    What an actor may do besides computing: `self.context` in its handlers, hooks and background tasks.

    Raises:
        ActorGone: By every verb, once the actor is dead.
        ForeignRef: A ref of another system where only one's own actors have a place.
    """

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def _living(self, verb: str) -> Cell:
        cell = self._cell
        if cell.phase == GONE:
            raise ActorGone(cell.path, verb)
        return cell

    # Who it is

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor's own ref, to be handed out."""
        return self._cell.ref

    @property
    def path(self) -> str:
        """Where it is in the tree: ``/user/bank/account-A-1``."""
        return self._cell.path

    @property
    def parent(self) -> ActorRef[Any] | None:
        """Its parent; None above the guardians."""
        parent = self._cell.parent
        return None if parent is None else parent.ref

    @property
    def children(self) -> tuple[ActorRef[Any], ...]:
        """Its living children in start order."""
        ties = self._cell.ties
        return () if ties is None or ties.family is None else tuple(cell.ref for cell in ties.family.in_start_order())

    @property
    def registry(self) -> Registry:
        """The system's registry."""
        return self._living("registry").dispatcher.registry

    @property
    def log(self) -> logging.Logger:
        """A logger named ``trouper`` and the path, with dots."""
        return self._cell.dispatcher.log.getChild(self._cell.path.strip("/").replace("/", "."))

    @property
    def random(self) -> Random:
        """The system's source of randomness; a simulation seeds it."""
        return self._cell.dispatcher.random

    def now(self) -> float:
        """Seconds on the runtime's clock, which never goes back. Its zero means nothing."""
        return self._cell.dispatcher.now()

    # Facts

    @protected
    def publish(self, fact: object) -> None:
        """
        Tells the event stream that something happened. Never waits, and never fails because of a subscriber.

        Raises:
            MutableFact: The fact could change after it was published.
        """
        self._living("publish").dispatcher.stream.publish(fact)

    @protected
    def subscribe(
        self,
        fact_type: type[T],
        where: Callable[[T], bool] | None = None,
        on_full: OnFullFacts = "drop_oldest",
        capacity: int = 1000,
    ) -> None:
        """
        From now on every published instance of *fact_type* comes to this actor as a message.

        Guarantees:
            * Active when this returns: it sees the facts published after that, in each publisher's order, each once.
            * It outlives restarts, and ends with the actor. Subscribing to the same class again replaces the options.

        Args:
            fact_type: A class; its subclasses are included.
            where: Only facts for which this is true. It runs at publish; what it raises fails this actor.
            on_full: When *capacity* facts wait: ``drop_oldest``, ``drop_newest``, ``latest`` (only the newest waits,
                whatever the capacity), or ``fail`` (the actor fails with SubscriptionFull).
            capacity: Facts that may wait, at least 1.

        Raises:
            TypeError: The actor handles no such class.
            ValueError: An unknown word, or a capacity below 1.
        """
        self._living("subscribe").dispatcher.stream.subscribe_actor(self._cell, fact_type, where, on_full, capacity)

    @protected
    def unsubscribe(self, fact_type: type[Any]) -> None:
        """
        No fact of this class comes any more; those already queued are still handled. Of a subclass of what is subscribed to,
        it carves that subclass out.
        """
        self._living("unsubscribe").dispatcher.stream.unsubscribe_actor(self._cell, fact_type)

    # Other actors

    @protected
    def watch(self, ref: ActorRef[Any]) -> None:
        """
        One `Terminated` comes when that actor dies, or at once if it is dead. A restart is no death.

        An actor that watches and does not handle `Terminated` fails with `DeathPact` when it comes.
        """
        watch(self._living("watch"), own_cell(self._cell, ref))

    @protected
    def unwatch(self, ref: ActorRef[Any]) -> None:
        """No `Terminated` of that actor comes any more, not even one that is queued."""
        unwatch(self._living("unwatch"), own_cell(self._cell, ref))

    async def spawn(self, spec: ActorSpec[M]) -> ActorRef[M]:
        """
        Starts a child, and returns its ref when it has started. Cancelled, there is no child.

        Raises:
            StartFailed: From the cause. Nothing is left of the child.
            NameTaken: A living child has the name.
            Deadlock: The child's `on_start` asks this actor, which waits for it.
        """
        return (await spawning.spawn(self._living("spawn"), spec)).ref

    @protected
    def spawn_nowait(self, spec: ActorSpec[M]) -> ActorRef[M]:
        """Starts a child, and returns its ref at once. A first start that fails is a failure of the child: supervision decides."""
        return spawning.spawn_nowait(self._living("spawn_nowait"), spec).ref

    async def stop(self, ref: ActorRef[Any], drain: bool = False) -> None:
        """
        Stops an actor by hand, and returns when it is dead. It is no crash. Of the own ref it is `stop_self`; of an
        ancestor it only asks, and returns at once.

        Args:
            ref: Whom.
            drain: What is queued is handled first.
        """
        await commands.stop(own_cell(self._living("stop"), ref), drain=drain)

    @protected
    def stop_self(self) -> None:
        """Ends this actor when its handler has ended: a normal exit. A permanent one is started again by its supervisor."""
        commands.stop_self(self._living("stop_self"))

    # Time

    @protected
    def after(self, seconds: float, message: object, key: object = None) -> Timer:
        """Sends *message* to this actor in *seconds*, once. A timer with the same *key* is replaced."""
        return start_timer(self._running("after"), seconds, message, key, repeats=False)

    @protected
    def every(self, seconds: float, message: object, key: object = None) -> Timer:
        """Sends *message* to this actor every *seconds*, the first time in *seconds*. A timer with the same *key* is replaced."""
        return start_timer(self._running("every"), seconds, message, key, repeats=True)

    @protected
    async def sleep(self, seconds: float) -> None:
        """Waits without holding a task of trio; the actor handles nothing meanwhile. For many sleepers this is the way."""
        cell = self._living("sleep")
        if not isinstance(seconds, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"sleep() takes a number of seconds, at least 0, not {seconds!r}.")
        if not seconds >= 0:
            raise ValueError(f"sleep() takes seconds, at least 0, not {seconds!r}.")
        rested = Pending()
        alarm = None if seconds == math.inf else cell.dispatcher.alarms.after(seconds, rested.settle)
        try:
            await wait(rested)
        finally:
            if alarm is not None:
                alarm.cancel()

    # The message in hand

    @protected
    def stash(self) -> None:
        """Sets the message in hand aside, in order; an ask stays open. Raises StashFull beyond the spec's `stash`."""
        stashing.stash(self._living("stash"))

    @protected
    def unstash_all(self) -> None:
        """Puts everything that was set aside in front of the mailbox, in its order."""
        unstash(self._living("unstash_all"))

    @protected
    def become(self, handler: Callable[[Any], Any]) -> None:
        """From the next message on, *handler* takes each message of the union, until `unbecome`. A restart forgets it."""
        stashing.become(self._living("become"), handler)

    @protected
    def unbecome(self) -> None:
        """Goes back to what handled messages before the last `become`. Without one it does nothing."""
        stashing.unbecome(self._living("unbecome"))

    @protected
    def defer(self, command: Answers[Any, R]) -> Reply[R]:
        """
        The reply to the message in hand, to be sent later: ``reply.send(value)`` or ``reply.fail(error)``, by any actor.

        Raises:
            LookupError: *command* is not the message that is being handled.
        """
        return defer(self._living("defer"), command)

    # Work beside the handlers

    @protected
    def start_soon(self, call: Callable[[*Args], Awaitable[object]], *arguments: *Args) -> None:
        """
        Runs ``await call(*arguments)`` as a background task of this actor: cancelled when it stops or restarts. What it raises
        is the actor's failure.
        """
        background.start_soon(self._running("start_soon"), call, *arguments)

    async def run_sync(self, call: Callable[[*Args], T], *arguments: *Args) -> T:
        """Runs blocking work in a thread, and waits for it. Its time is not cut short: a thread cannot be cancelled."""
        self._living("run_sync")
        return await trio.to_thread.run_sync(call, *arguments)

    def _running(self, verb: str) -> Cell:
        """The cell, if its instance can still own timers and tasks."""
        cell = self._living(verb)
        if cell.instance is None or (cell.phase > UP):
            raise ActorGone(cell.path, verb)
        return cell
