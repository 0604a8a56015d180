"""What is no argument of a journal is refused where it enters, by a text that says what was meant."""

from __future__ import annotations

from math import inf

from ..supervision.amounts import check_real


def check_journal(journal: object) -> None:
    """Refuses with a TypeError what is no journal."""
    if not all(callable(getattr(journal, method, None)) for method in ("append", "events", "facts")):
        raise TypeError(f"This takes a journal, as open_journal gives one, not {journal!r}.")


def check_limits(older_than: float | None, keep: int | None, keep_bytes: int | None) -> None:
    """Refuses limits of `forget_facts` that are none. Raises ValueError, TypeError."""
    if older_than is not None:
        check_real("older_than", older_than, -inf)  # clocks are set back: a fact may be from the future
    if keep is not None:
        check_real("keep", keep, 0)
    if keep_bytes is not None:
        check_real("keep_bytes", keep_bytes, 0)
