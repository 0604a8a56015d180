"""What the file of a journal, or of a read model, can fail with: full, read-only, locked, damaged, closed, or too new."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError
from .errors import phrase


@define(eq=False)
class JournalError(TrouperError):
    """
    The journal, or the file of a read model, could not do what it was asked to.

    Args:
        journal: Which one: its file.
        why: What went wrong, in the words of whoever noticed.
        kind: What it is: "journal" or "read model".
    """

    journal: str
    why: str
    kind: str = "journal"

    @property
    def _why(self) -> str:
        return phrase(self.why)

    def __str__(self) -> str:
        return f"The {self.kind} {self.journal} failed: {self._why}. Of what was to be written together with this, nothing is acknowledged."


class JournalFull(JournalError):
    """The disk is full, or the file has reached its limit. Nothing of what was to be written is in the journal."""

    def __str__(self) -> str:
        return f"The {self.kind} {self.journal} has no room left: {self._why}. Nothing was written, nothing is lost. Make room on its disk."


class JournalReadOnly(JournalError):
    """The file, its folder or its disk cannot be written to. Nothing was written."""

    def __str__(self) -> str:
        return f"The {self.kind} {self.journal} cannot be written to: {self._why}. Let this user write to the file and to its folder."


class JournalLocked(JournalError):
    """Another process held the file for longer than the journal waits. Nothing was written."""

    def __str__(self) -> str:
        return (
            f"The {self.kind} {self.journal} is held by another process: {self._why}. Nothing was written. End that process, or wait "
            "longer for it: open_journal(..., busy_timeout=60.0)."
        )


class JournalCorrupt(JournalError):
    """The file is no journal, or is damaged. Nothing was changed."""

    def __str__(self) -> str:
        return f"{self.journal} is no {self.kind} that can be read: {self._why}. Nothing was changed. Restore it from a backup."


class JournalClosed(JournalError):
    """The journal was closed, or nothing was opened. Nothing was written."""

    def __str__(self) -> str:
        return f"The {self.kind} {self.journal} is not open: {self._why}."


@define(eq=False)
class NewerSchema(TrouperError):
    """
    The file was made by a newer trouper. It was not touched.

    Args:
        journal: The file.
        found: The version of its tables.
        known: The latest version that this trouper knows.
    """

    journal: str
    found: int
    known: int

    def __str__(self) -> str:
        return (
            f"The journal {self.journal} has tables of version {self.found}, and this trouper knows versions up to {self.known}. "
            "It was not touched. Install the trouper that wrote it, or a newer one."
        )
