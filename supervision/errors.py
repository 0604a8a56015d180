"""The two ways in which supervision fails: a child that never started, and a child that keeps failing."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError
from .causes import describe_cause


@define(eq=False)
class StartFailed(TrouperError):
    """
    A child did not start. It left nothing behind: its name is free, and what had started with it was stopped.

    The starter gets it `from` the exception that was raised.

    Args:
        path: The child's path.
        reason: What went wrong, in words.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} did not start: {self.reason}. Nothing of it is left, so it can be started again once the cause is removed."


@define(eq=False)
class RestartLimitReached(TrouperError):
    """
    A supervisor gave up: its children failed more often than it may restart them. They are stopped.

    It is the supervisor's own failure, raised `from` the last of the causes.

    Args:
        path: The supervisor's path.
        max_restarts: How many restarts it allows.
        within: In how many seconds.
        causes: The exceptions that its children ended with in that time, oldest first; of many, the last 10.
    """

    path: str
    max_restarts: int
    within: float
    causes: tuple[BaseException, ...]

    def __str__(self) -> str:
        return (
            f"{self.path} gave up: its children needed more than max_restarts={self.max_restarts} restarts within {self.within} s."
            f"{self._last_cause()} "
            f"Mend the cause, or allow more: supervisor(..., max_restarts={max(1, self.max_restarts * 2)}, within={self.within})."
        )

    def _last_cause(self) -> str:
        """What began it. Supervisors that gave up for it one after the other are named, and not what each of them would say."""
        if not self.causes:
            return ""
        cause, through = self.causes[-1], list[str]()
        while isinstance(cause, RestartLimitReached) and cause.causes:
            through.append(cause.path)
            cause = cause.causes[-1]
        gave_up = f", for which {' and '.join(reversed(through))} gave up before" if through else ""
        return f" The last cause was {describe_cause(cause).removesuffix('.')}{gave_up}."
