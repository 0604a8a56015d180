"""What is no argument of a journal is refused where it enters, by a text that says what was meant."""

from __future__ import annotations

from math import inf


def check_journal(journal: object) -> None:
    """Refuses with a TypeError what is no journal."""
    if not all(callable(getattr(journal, method, None)) for method in ("append", "events", "facts")):
        raise TypeError(f"This takes a journal, as open_journal gives one, not {journal!r}.")


def check_number(name: str, said: float | None, least: float = 0) -> None:
    """Refuses a limit that is below the *least*, or no number; None is no limit. Raises ValueError, TypeError."""
    if said is None:
        return
    if isinstance(said, bool) or not isinstance(said, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} must be a number, not {said!r}.")
    if not said >= least:
        raise ValueError(f"{name} must be at least {least}, not {said!r}.")


def check_limits(older_than: float | None, keep: int | None, keep_bytes: int | None) -> None:
    """Refuses limits of `forget_facts` that are none. Raises ValueError, TypeError."""
    check_number("older_than", older_than, -inf)  # clocks are set back: a fact may be from the future
    check_number("keep", keep)
    check_number("keep_bytes", keep_bytes)
