"""`retention`: keeps the log of facts from growing for ever. Events are never touched: they are what actors come back from."""

from __future__ import annotations

from typing import Never

from attrs import define, frozen

from ..actors.actor import Actor
from ..actors.handles import handles
from ..actors.spec import ActorSpec, actor
from ..supervision.amounts import check_real
from .arguments import check_limits
from .errors import NoJournal
from .journal_errors import JournalError
from .opening import JOURNAL


@frozen
class _Enforce:
    """To itself: facts may have become too old, or too many."""


@frozen
class FactsRetired:
    """
    A fact on the event stream: the beginning of the log was deleted.

    Args:
        journal: Which journal.
        count: How many facts were deleted.
    """

    journal: str
    count: int


@define(eq=False)
class _Retention(Actor[_Enforce]):
    """Deletes old facts at its start and from time to time."""

    older_than: float | None
    keep: int | None
    keep_bytes: int | None
    every_seconds: float

    async def on_start(self) -> None:
        """Looks at once, and then from time to time."""
        await self.enforce(_Enforce())
        self.context.every(self.every_seconds, _Enforce())

    @handles(_Enforce)
    async def enforce(self, _message: _Enforce) -> None:
        """Deletes what is beyond the limits."""
        journal = JOURNAL.get()
        if journal is None:
            raise NoJournal(self.context.path)
        try:
            count = await journal.forget_facts(older_than=self.older_than, keep=self.keep, keep_bytes=self.keep_bytes)
        except JournalError as error:
            self.context.log.warning("no facts of %s were deleted: %s", journal.name, error)
            return
        if count:
            self.context.publish(FactsRetired(journal.name, count))


def retention(
    *,
    older_than: float | None = None,
    keep: int | None = None,
    keep_bytes: int | None = None,
    every_seconds: float = 3600.0,
    name: str = "retention",
) -> ActorSpec[Never]:
    """
    An actor that deletes old facts at its start and from time to time: ``supervisor("bank", [..., retention(older_than=30 * 86_400)])``.

    Guarantees:
        * A fact goes when it is beyond any of the limits, the oldest first; events and snapshots stay.
        * `FactsRetired` is published whenever facts were deleted.
        * A journal that fails is logged, and asked again the next time: a log that is too long for a while harms nobody.

    Not guaranteed:
        * That everybody has read what is deleted: a projection or a courier that is further behind than the limits is told by
            `FactsForgotten`. Choose limits beyond the longest time for which one of them may be down.

    Args:
        older_than: Seconds after which a fact may go; None: age does not count.
        keep: How many facts stay at most; None: their number does not count.
        keep_bytes: How many bytes of JSON stay at most; None: their size does not count.
        every_seconds: How often it looks.
        name: Of the actor.

    Raises:
        ValueError, TypeError: A number out of range, what is no number, or no limit at all.
    """
    if older_than is None and keep is None and keep_bytes is None:
        raise ValueError("retention needs a limit: older_than=SECONDS, keep=FACTS or keep_bytes=BYTES.")
    check_limits(older_than, keep, keep_bytes)
    if older_than is not None:
        check_real("older_than", older_than, 0, or_equal=False)
    check_real("every_seconds", every_seconds, 0, or_equal=False)
    return actor(_Retention, older_than, keep, keep_bytes, every_seconds, name=name)
