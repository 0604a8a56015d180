"""How a test fails for what its actors did or did not do: assertion errors, so that pytest shows them as such."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


@define(eq=False)
class SystemNotClean(TrouperError, AssertionError):
    """
    A test left its system unclean: an actor failed that was not expected to, owes a reply, or did not stop in order.

    Its `__cause__` is the first unexpected failure's exception, if there is one.

    Args:
        complaints: What is wrong, each with what to do about it.
    """

    complaints: tuple[str, ...]

    def __str__(self) -> str:
        return "The test left its system unclean:\n" + "\n".join(f"  - {complaint}" for complaint in self.complaints)


@define(eq=False)
class ExpectationFailed(TrouperError, AssertionError):
    """
    A probe did not get what its test expects.

    Args:
        path: The probe.
        reason: What was expected, and what came.
        received: The last messages that came to it, as text, the newest last.
    """

    path: str
    reason: str
    received: tuple[str, ...]

    def __str__(self) -> str:
        came = "Nothing has come to it so far." if not self.received else "The last that came to it:\n  " + "\n  ".join(self.received)
        return f"{self.path}: {self.reason}. {came}"


@define(eq=False)
class ProbeFull(TrouperError):
    """
    More messages came to a probe than it keeps. It fails with this.

    Args:
        path: The probe.
        limit: How many it keeps.
    """

    path: str
    limit: int

    def __str__(self) -> str:
        return f"{self.path} has received {self.limit} messages, the most that a probe keeps. Let an actor of the test's own count so many."
