"""
`EventSourced`: an actor whose state is what its events add up to, and which comes back from them.

A handler decides and says what happened, `await self.persist(Paid(...))`; a method marked with `@applies` changes the fields, now and at
every recovery. So what the actor knows is never ahead of what is on the disk, and everything after the `await` is an effect of
something that will not be forgotten.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Generator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, final, overload

from ..actors.actor import Actor
from ..actors.generics import arguments_of
from ..actors.vocabulary import Vocabulary, vocabulary_of
from .applies import applied_events, restored_state
from .codec import Codec
from .errors import EffectWhileApplying, NoIdentity, NoJournal, PersistMisused
from .journal_errors import JournalError
from .opening import JOURNAL
from .recording import Recording, Repertoire

if TYPE_CHECKING:
    from ..actors.context import Context
    from .codec import Encoded
    from .journal import Journal

M_contra = TypeVar("M_contra", contravariant=True)
E_contra = TypeVar("E_contra", contravariant=True)
P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)
Q = TypeVar("Q")


class Persisting(Generic[E_contra, P_co]):
    """
    What `persist` returns, to be awaited: it gives the event back that was passed.

    Generic over the events that the actor may persist and the one that it was given: it can only be awaited if that is one of those.
    """

    __slots__ = ("_actor", "_events", "_facts", "_is_awaited")

    def __init__(self, actor: EventSourced[Any, Any], events: tuple[Any, ...], facts: tuple[object, ...]) -> None:
        self._actor = actor
        self._events = events
        self._facts = facts
        self._is_awaited = False

    def __del__(self) -> None:
        """An `await` that was forgotten fails the actor; elsewhere than in its turn it is a warning, as that of a coroutine is."""
        if self._is_awaited:
            return
        recording = recording_of(self._actor)
        if recording is not None and recording.is_in_turn:
            recording.fail(PersistMisused(recording.cell.path, "and did not await it. Write: await self.persist(...)"))
        else:
            warnings.warn(f"'{type(self._actor).__name__}.persist' was never awaited", RuntimeWarning, stacklevel=2)

    def __await__(self: Persisting[Q, Q]) -> Generator[Any, Any, P_co]:
        """Waits until the events are on the disk and applied. Once: awaited again, it would write them again."""
        was_awaited, self._is_awaited = self._is_awaited, True
        recording = recording_of(self._actor)
        if recording is None:
            raise PersistMisused(type(self._actor).__name__, "before it was started")
        if was_awaited:
            raise PersistMisused(recording.cell.path, "once and awaited that twice. Call it again for each time that something happened")
        return recording.write(self._events, self._facts).__await__()


class _Recorded(Generic[E_contra]):
    """Carries the union of events: what stands second in the brackets of `EventSourced`."""

    __slots__ = ()


class EventSourced(Actor[M_contra], _Recorded[E_contra], Generic[M_contra, E_contra]):
    """
    The base of actors that come back from their events: ``class Account(EventSourced[Deposit | Pay, Deposited | Paid])``.

    Guarantees:
        * An event is applied when it is on the disk and not before; several of one `persist` are written together or not at all.
        * Before the first message is handled, and before `on_recovered`, everything that was persisted is applied, in order.
            Messages that come meanwhile wait in the mailbox, as they do while a handler persists.
        * A journal that refuses or fails fails the actor, whatever the handler catches; nothing is applied. Supervision decides.
        * Of two incarnations of one identity that want to write, one is told `WriteConflict`, and has written nothing.
        * A class that lacks a method for an event, or has one for what is no event, is a TypeError where it is defined.
        * A snapshot that cannot be used is passed over, and `SnapshotBroken` published: the events are what counts.

    Not guaranteed:
        * That effects after a `persist` happen: a crash may come between. What must happen is made to by an event of its own.
        * That two incarnations in two processes do not both answer questions: the older one is told when it next writes.

    Attributes:
        snapshot_every: Events after which a snapshot is saved beside the handlers; 0: only by `save_snapshot`.
    """

    __slots__ = ("_recording",)

    _recording: Recording

    __repertoire__: ClassVar[Repertoire | None] = None

    snapshot_every: ClassVar[int] = 0

    def __init_subclass__(cls, **options: Any) -> None:
        """Reads the class's events, and refuses it if it is not complete. Runs once more when attrs makes a slotted class anew."""
        super().__init_subclass__(**options)
        base: type[EventSourced[Any, Any]] = EventSourced
        for name in ("on_start", "persist", "save_snapshot"):
            if inspect.getattr_static(cls, name) is not inspect.getattr_static(base, name):
                instead = "on_recovered, which runs right after" if name == "on_start" else "another name"
                raise TypeError(f"{cls.__name__} overrides {name}, by which it keeps its events and comes back from them. Use {instead}.")
        vocabulary = _events_of(cls)
        if vocabulary.is_open:
            cls.__repertoire__ = None
            return
        applied = applied_events(cls, vocabulary)
        events = Codec(vocabulary.members)
        state = restored_state(cls)
        if (state is None) is not (cls.snapshot is base.snapshot):
            has, lacks = ("@restores", "snapshot()") if state is not None else ("snapshot()", "@restores(...)")
            raise TypeError(f"{cls.__name__} has {has} and no {lacks}. What takes a snapshot and what takes it back belong together.")
        if state is None:
            if cls.snapshot_every:
                raise TypeError(f"{cls.__name__} says snapshot_every={cls.snapshot_every}, and has no snapshot().")
            cls.__repertoire__ = Repertoire(events, applied)
        else:
            cls.__repertoire__ = Repertoire(events, applied, Codec([state[0]]), state[1])

    # What a subclass may override

    @property
    def identity(self) -> str:
        """Whose the events are: the actor's path, unless overridden. Two actors of one identity are one actor that runs twice."""
        if self._cell.spec.name is None:
            raise NoIdentity(self._cell.path)
        return self._cell.path

    @property
    def journal(self) -> Journal:
        """Where the events are: the journal in whose block the system was opened, unless overridden."""
        journal = JOURNAL.get()
        if journal is None:
            raise NoJournal(self._cell.path)
        return journal

    def on_recovered(self) -> Awaitable[None] | None:
        """Runs when every event is applied, before the first message; may persist, publish and tell. What it raises is a failed start."""

    def snapshot(self) -> object:
        """The state as an instance of the class in ``@restores(...)``. For classes that have snapshots."""
        raise NotImplementedError(f"{type(self).__name__} has no snapshots: it needs snapshot() and a method marked @restores(...).")

    # What it does

    @overload
    def persist(self, event: P, /, *, publish: Sequence[object] = ()) -> Persisting[E_contra, P]: ...
    @overload
    def persist(
        self, event: E_contra, second: E_contra, /, *more: E_contra, publish: Sequence[object] = ()
    ) -> Persisting[object, None]: ...
    @final
    def persist(self, event: Any, /, *more: Any, publish: Sequence[object] = ()) -> Persisting[Any, Any]:
        """
        Writes what happened, applies it, and then returns: ``return await self.persist(Paid(...))``.

        Guarantees:
            * When it returns, all events are on the disk and applied, in their order.
            * What is in *publish* is written with the events, into the log of facts, and published when they are applied.
            * When it raises, none is applied, and the actor fails; unless it raised before anything was written, by `NotStorable` or
                `PersistMisused`.
            * Cancelled, nothing was written. If it is too late for that it returns, and the next checkpoint is cancelled.

        Args:
            event: What happened.
            more: What else happened at the same moment.
            publish: Facts to be announced, to whoever subscribes now, and with their offsets to whoever follows the log, also later.

        Returns:
            The event, if there is one; nothing, if there are several.

        Raises:
            WriteConflict: Another incarnation has written meanwhile.
            JournalError: The journal failed. Whether the events are on the disk is found out by the next incarnation.
            NotStorable: It is no event of this class, or holds what JSON cannot.
            PersistMisused: Called outside of a turn of the actor, by two of its tasks at once, or by what applies an event. A call that
                is not awaited fails the actor with it.
        """
        recording = recording_of(self)
        if recording is not None and recording.is_applying:
            raise PersistMisused(recording.cell.path, "while it applied an event, which it does at every recovery. Persist in a handler")
        return Persisting(self, (event, *more), tuple(publish))

    async def save_snapshot(self) -> None:
        """
        Saves a snapshot now, and returns when it is on the disk. The two latest are kept.

        Raises:
            NotStorable: What `snapshot` returned cannot be stored.
            JournalError: The journal failed. The actor goes on: nothing is lost.
        """
        recording = self._recording
        await recording.save(recording.state(self.snapshot()), recording.sequence)

    @property
    def context(self) -> Context:
        """The only door to effects; locked while an event is applied."""
        try:
            if self._recording.is_applying:
                raise EffectWhileApplying(type(self).__name__)
        except AttributeError:  # before its first start
            pass
        return super().context

    async def on_start(self) -> None:
        """Brings it back from its events. Not to be overridden: `on_recovered` is."""
        repertoire = type(self).__repertoire__
        if repertoire is None:
            raise TypeError(f"{type(self).__name__} names no events: class {type(self).__name__}(EventSourced[..., Deposited | Paid]).")
        self._recording = Recording(self, self._cell, repertoire, self.journal, self.identity, self._save_if_due)
        for broken in await self._recording.recover():
            self.context.log.warning("the snapshot after event %d of %s cannot be used: %s", broken.sequence, broken.identity, broken.why)
            self.context.publish(broken)
        result = self.on_recovered()
        if result is not None:
            await result

    def _save_if_due(self) -> None:
        """After enough events takes a snapshot, and saves it beside the handlers. What goes wrong is logged: the events are safe."""
        recording, every = self._recording, self.snapshot_every
        if not every or recording.sequence - recording.snapshot_sequence < every:
            return
        recording.snapshot_sequence = recording.sequence
        try:
            state = recording.state(self.snapshot())
        except Exception as error:  # noqa: BLE001  # the event is on the disk and applied: it is not undone by this
            self.context.log.warning("no snapshot of %s was taken: %s", recording.identity, error)
        else:
            self.context.start_soon(self._save_beside, state, recording.sequence)

    async def _save_beside(self, state: Encoded, sequence: int) -> None:
        try:
            await self._recording.save(state, sequence)
        except JournalError as error:
            self.context.log.warning("a snapshot of %s was not saved: %s", self._recording.identity, error)


def recording_of(actor: EventSourced[Any, Any]) -> Recording | None:
    """What it knows of its events; None before its first start."""
    return getattr(actor, "_recording", None)


def _events_of(cls: type[EventSourced[Any, Any]]) -> Vocabulary:
    """The union of events. Raises TypeError if it holds what is no class of events."""
    base: type[_Recorded[Any]] = _Recorded
    try:
        return vocabulary_of(cls, base)
    except TypeError as error:
        written = " and ".join(repr(argument) for argument, _ in arguments_of(cls, base))
        raise TypeError(
            f"{cls.__name__} is EventSourced with the events {written}, which are no classes of events. "
            "Write EventSourced[Deposit | Pay, Deposited | Paid]: the messages, then the events, each a union of classes."
        ) from error
