"""
Whenever one thing holds, another one follows: TLA+'s ``P ~> Q`` with a bound on the time, for each key of its own.

Each key for which the premise holds, and the conclusion does not, is an obligation from then on, whatever becomes of the premise: an order
that was accepted and then forgotten in a crash was accepted. While links are cut and nodes are down nothing need follow, so the
clocks of obligations start anew when the faults end, unless the promise is one for bad times too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, TypeAlias, cast

from attrs import frozen

from .describing import describe
from .oracles import Finding, Predicate, bound, complaint, name_of

Keys: TypeAlias = "bool | frozenset[Hashable]"

KEYS_SHOWN: Final = 3
"""Keys that a report names; the others are counted."""


@frozen
class _Whole:
    """The key of a premise that has none."""


@frozen
class _Obligation:
    """Something that has to follow since *began*, after so many *events*."""

    began: float
    events: int


class LeadsTo:
    """
    Whenever the premise holds, the conclusion follows.

    Args:
        premise: Returns whether it holds, or the keys for which it does.
        conclusion: The same. True is for every key.
        within: Virtual seconds from the beginning of an obligation to its end.
        during_faults: Whether the clock of an obligation runs while there are faults.
        simulation: What both are asked of.
        count_events: How many events the trace has.
    """

    looks_at_faults: bool = True

    def __init__(  # noqa: PLR0917
        self,
        premise: Predicate,
        conclusion: Predicate,
        within: float,
        during_faults: bool,
        simulation: object,
        count_events: Callable[[], int],
    ) -> None:
        self.name: str = f"{name_of(premise)} ~> {name_of(conclusion)}"
        self._premise = bound(premise, simulation)
        self._conclusion = bound(conclusion, simulation)
        self._names = name_of(premise), name_of(conclusion)
        self._within = within
        self._during_faults = during_faults
        self._count_events = count_events
        self._pending: dict[Hashable, _Obligation] = {}  # the earliest first, so that the first one's deadline is the next
        self._calm_at = math.inf

    def calm(self, now: float) -> None:
        """What is pending has its time from now on."""
        self._calm_at = now

    def look(self, now: float) -> Finding | None:
        """What is new, what is done, and what is overdue."""
        try:
            held = _keys(self._premise)
            pending = self._pending
            if held or pending:
                self._follow(held, _keys(self._conclusion), now)
        except Exception as error:  # noqa: BLE001  # an oracle that fails has not been satisfied
            return Finding("leads_to", complaint(error))
        overdue = [key for key, obligation in pending.items() if now >= self._deadline(obligation)]
        return Finding("leads_to", self._text(overdue)) if overdue else None

    def _follow(self, held: Keys, done: Keys, now: float) -> None:
        pending = self._pending
        if done is True:
            pending.clear()
            return
        if held is True:
            if done:
                raise TypeError(f"{self._names[0]} says yes or no, and {self._names[1]} names keys. One of both is for keys of its own.")
            pending.setdefault(_Whole(), _Obligation(now, self._count_events()))
            return
        if done:
            for key in [key for key in pending if key in done]:
                del pending[key]
        if held:
            new = [key for key in held if key not in pending and not (done and key in done)]
            if len(new) > 1:
                new.sort(key=describe)  # a set has the order of its hashes
            for key in new:
                pending[key] = _Obligation(now, self._count_events())

    def _deadline(self, obligation: _Obligation) -> float:
        return (obligation.began if self._during_faults else max(obligation.began, self._calm_at)) + self._within

    def _text(self, overdue: list[Hashable]) -> str:
        premise, conclusion = self._names
        told: list[str] = []
        for key in overdue[:KEYS_SHOWN]:
            obligation = self._pending[key]
            about = "" if isinstance(key, _Whole) else f"of {describe(key)} "
            told.append(f"{about}{premise} held at {obligation.began:.6f} s (event {obligation.events})")
        more = f" and {len(overdue) - KEYS_SHOWN} more" if len(overdue) > KEYS_SHOWN else ""
        since = "of it"
        if not self._during_faults and self._pending[overdue[0]].began < self._calm_at:
            since = f"of the end of the faults at {self._calm_at:.6f} s"
        return f"{', '.join(told)}{more}, and {conclusion} did not hold within {self._within:g} s {since}"

    def next_look(self, now: float) -> float:
        """At the next deadline, and when no more is waited for."""
        if self._calm_at == math.inf and not self._during_faults:
            return math.inf
        first = next(iter(self._pending.values()), None)
        deadline = math.inf if first is None else self._deadline(first)
        return min(deadline, self._watched_until) if now < self._watched_until else deadline

    @property
    def _watched_until(self) -> float:
        return self._calm_at + self._within

    def is_settled(self, now: float) -> bool:
        """What began until so many seconds after the faults has been seen to its end."""
        return now >= self._watched_until and not any(one.began <= self._watched_until for one in self._pending.values())


def _keys(ask: Callable[[], Any]) -> Keys:
    try:
        verdict = ask()
    except AssertionError:
        return False
    if verdict is None:
        return True
    if isinstance(verdict, Iterable) and not isinstance(verdict, (str, bytes)):
        return frozenset(cast("Iterable[Hashable]", verdict))
    return bool(verdict)
