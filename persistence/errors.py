"""What those who keep events, and those who read them, can be told."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


def phrase(why: str) -> str:
    """What another error said, as a part of a sentence."""
    return why.rstrip(". ")


@define(eq=False)
class MissingExtra(TrouperError, ImportError):
    """
    Something needs a package that is not installed.

    Args:
        package: What is missing.
        extra: The extra of trouper that brings it.
    """

    package: str
    extra: str

    def __str__(self) -> str:
        return f"This needs {self.package}, which is not installed. Install it with the extra: pip install 'trouper[{self.extra}]'."


@define(eq=False)
class NotStorable(TrouperError, TypeError):
    """
    A class, or an instance of it, cannot be kept as JSON. Nothing was written.

    Args:
        type_name: The class.
        why: What stands in the way.
    """

    type_name: str
    why: str

    def __str__(self) -> str:
        return (
            f"{self.type_name} cannot be stored: {phrase(self.why)}. What is stored is a frozen attrs class, a frozen dataclass or a "
            "frozen msgspec.Struct whose fields are plain data: numbers, texts, times, lists, dicts, and classes of the same kinds."
        )


@define(eq=False)
class UnknownType(TrouperError):
    """
    What was stored is of a type that the code does not know. It was not read, and is still there.

    Args:
        place: Where it is kept.
        type_name: The name that it was stored under.
        known: The names that the reader knows.
    """

    place: str
    type_name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.place} is of type {self.type_name!r}, and its reader knows {', '.join(map(repr, self.known)) or 'none'}. If the "
            f"class was renamed, keep the name: @stored({self.type_name!r}), or give the old "
            f"one as well: @stored('new-name', aliases=[{self.type_name!r}])."
        )


@define(eq=False)
class NewerVersion(TrouperError):
    """
    What was stored is of a later version of its type than the code's. It was not read, and is still there.

    Args:
        place: Where it is kept.
        type_name: The name of its type.
        found: Its version.
        known: The latest version that the code knows.
    """

    place: str
    type_name: str
    found: int
    known: int

    def __str__(self) -> str:
        return (
            f"{self.place} is {self.type_name!r} in version {self.found}, and this program knows versions up to {self.known}: "
            "a newer program has written it. Run that one."
        )


@define(eq=False)
class CorruptRecord(TrouperError):
    """
    What is kept in one place is not what was written there, or cannot be read as its type. It was not used, and is still there.

    Args:
        place: Where it is kept.
        why: What is wrong with it.
    """

    place: str
    why: str

    def __str__(self) -> str:
        return (
            f"{self.place} is broken: {phrase(self.why)}. Nothing was changed. 'trouper journal check FILE' lists everything that is; "
            "restore the file from a backup, or correct the record by hand."
        )


@define(eq=False)
class NoJournal(TrouperError, LookupError):
    """
    An actor that keeps its events runs in a system that was opened without a journal.

    Args:
        path: The actor.
    """

    path: str

    def __str__(self) -> str:
        return (
            f"{self.path} keeps its events, and there is no journal to keep them in. Open one around the system: "
            "async with open_journal('bank.db'), open_system(...) as system."
        )


@define(eq=False)
class NoIdentity(TrouperError):
    """
    An actor that keeps its events has no name to find them by the next time.

    Args:
        path: The actor.
    """

    path: str

    def __str__(self) -> str:
        return (
            f"{self.path} was numbered, since its spec has no name, and in the next run the number may belong to another actor. Name it, "
            "actor(..., name='account-A-1'), or override its property 'identity'."
        )


@define(eq=False)
class WriteConflict(TrouperError):
    """
    Another incarnation of the same identity has written. This one's events were not written and not applied.

    Args:
        identity: What both claim to be.
        sequence: The number of the event that both wanted to write.
        writer: Who was refused.
        winner: Who had written it.
    """

    identity: str
    sequence: int
    writer: str
    winner: str

    def __str__(self) -> str:
        return (
            f"Event {self.sequence} of {self.identity} was written by {self.winner} before {self.writer} could. Two actors have "
            "this identity, or two programs this journal. The refused one wrote nothing; started anew, it goes on from there. Stop one."
        )


@define(eq=False)
class RecoveryFailed(TrouperError):
    """
    An actor could not come back from its events. From the cause. Nothing was changed.

    Args:
        identity: Whose events.
        sequence: The number of the event that could not be taken.
        why: What went wrong.
    """

    identity: str
    sequence: int
    why: str

    def __str__(self) -> str:
        return f"{self.identity} cannot come back: event {self.sequence} could not be applied ({phrase(self.why)}). It was not changed."


@define(eq=False)
class EventsOutOfOrder(TrouperError):
    """
    The events of an identity have a gap. Nothing was changed.

    Args:
        identity: Whose events.
        expected: The number that should come next.
        found: The number that came.
    """

    identity: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"The events of {self.identity} have a gap: after {self.expected - 1} comes {self.found}. Restore the journal from a backup."


@define(eq=False)
class FactsForgotten(TrouperError):
    """
    A follower of the log asked for a fact that was deleted from its beginning.

    Args:
        journal: Which journal.
        offset: The fact that was to come next.
        earliest: The first one that is still there.
    """

    journal: str
    offset: int
    earliest: int

    def __str__(self) -> str:
        return (
            f"Fact {self.offset} of {self.journal} was deleted: the log begins with {self.earliest}. Who follows it has missed facts. "
            "Rebuild what is made from them from other data, then follow from there; or keep more: forget_facts(keep=...)."
        )


@define(eq=False)
class PoisonedFact(TrouperError):
    """
    A projection could not fold a fact into its read model. From the cause. What came before it is in the model, and nothing of it is.

    Args:
        projection: The path of the projection.
        offset: The fact's number in the log.
        why: What went wrong.
    """

    projection: str
    offset: int
    why: str

    def __str__(self) -> str:
        return (
            f"{self.projection} cannot fold fact {self.offset} into its read model: {phrase(self.why)}. The model ends right before it. "
            "Correct the method, and the projection goes on from there when it is started again."
        )


@define(eq=False)
class DeliveryFailed(TrouperError):
    """
    A courier has tried as often as it may. From the last cause. The fact is still in the log, and so are all behind it.

    Args:
        courier: The path of the courier.
        offset: The fact's number in the log.
        attempts: How often it was tried.
        why: What went wrong the last time.
    """

    courier: str
    offset: int
    attempts: int
    why: str

    def __str__(self) -> str:
        return (
            f"{self.courier} could not deliver fact {self.offset} in {self.attempts} attempts: {phrase(self.why)}. "
            "Started again, it goes on with it. To try for ever: attempts_max = 0."
        )


@define(eq=False)
class SeenFull(TrouperError):
    """
    A receiver remembers as many deliveries as it may, and could not remember one more. Nothing was handled; it is to be sent again.

    Args:
        source: Whose delivery it was.
        number: Its number.
        limit: How many may be remembered.
    """

    source: str
    number: int
    limit: int

    def __str__(self) -> str:
        return (
            f"Delivery {self.number} of {self.source} was refused: {self.limit} deliveries are remembered, and none of them is settled. "
            f"It can be sent again when an earlier one is confirmed; or raise the limit: Seen({self.limit * 2}), or forget() a source."
        )


@define(eq=False)
class EffectWhileApplying(TrouperError, RuntimeError):
    """
    A method marked with `@applies` reached for the actor's context. Such a method runs again at every recovery.

    Args:
        actor_type: The actor's class.
    """

    actor_type: str

    def __str__(self) -> str:
        return (
            f"{self.actor_type} reached for its context while it applied an event. An event is applied again whenever the actor comes "
            "back, so a method marked with @applies only changes fields. Publish and tell after 'await self.persist(...)'."
        )


@define(eq=False)
class PersistMisused(TrouperError, RuntimeError):
    """
    `persist` was called where it cannot be. Nothing was written.

    Args:
        path: The actor.
        why: What is wrong with the call.
    """

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path} called persist() {self.why}. Nothing was written."
