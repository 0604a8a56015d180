"""What came of many runs: violations, what they cost, and what was covered. For people and, as JSON, for programs."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from attrs import asdict, define, field

from .explored import Explored
from .faults import FIRES
from .run import Outcome

REPORT_VERSION: Final = 1
"""Of the report's form as JSON."""

VIOLATIONS_KEPT: Final = 10
"""Runs with a violation whose tape is kept in a report; the others are counted."""


@define(eq=False)
class Report:
    """
    What came of many runs.

    Args:
        target: Its name.
        strategy: Which one proposed who runs.
        seeds: How many runs there were.
        violations: How many found something.
        found: The first of these, by seed.
        steps: Of all runs.
        messages: Of all runs, between nodes.
        virtual_seconds: Of all runs.
        cpu_seconds: What they cost.
        possible_faults: Which kinds of faults there might have been, as a mix names them.
        drawn: Of how many runs they were in the mix.
        fired: Which faults came, and how often.
        fired_in: In how many runs.
        message_types: What was sent between nodes, and how often.
        declared: Messages that actors have handlers for.
        handled: Those of them that came in some run.
        kinds: Which oracles were broken, in how many runs.
        explored: How much of what can happen the runs were, if every order was asked for.
        undecided: In how many runs the search for an explanation of the history was given up.
        ended: Why there were no more runs: all seeds, first violation, interrupted, or error.
    """

    target: str
    strategy: str
    seeds: int = 0
    violations: int = 0
    found: list[Outcome] = field(factory=list[Outcome])
    steps: int = 0
    messages: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    possible_faults: set[str] = field(factory=set[str])
    drawn: Counter[str] = field(factory=Counter[str])
    fired: Counter[str] = field(factory=Counter[str])
    fired_in: Counter[str] = field(factory=Counter[str])
    message_types: Counter[str] = field(factory=Counter[str])
    declared: set[str] = field(factory=set[str])
    handled: set[str] = field(factory=set[str])
    kinds: Counter[str] = field(factory=Counter[str])
    explored: Explored | None = None
    undecided: int = 0
    ended: str = "all seeds"

    @property
    def first(self) -> Outcome | None:
        """The violation with the lowest seed."""
        return self.found[0] if self.found else None

    @property
    def never_fired(self) -> list[str]:
        """Kinds of faults that there might have been, and that came in no run."""
        return sorted(kind for kind in self.possible_faults if not (self.fired[FIRES[kind]] if FIRES[kind] else self.drawn[kind]))

    @property
    def never_handled(self) -> list[str]:
        """Messages that actors have handlers for, and that came in no run."""
        return sorted(self.declared - self.handled)

    def add(self, outcome: Outcome, cpu_seconds: float = 0.0) -> None:
        """One more run, and what it cost."""
        self.seeds += 1
        self.steps += outcome.steps
        self.messages += outcome.messages
        self.undecided += bool(outcome.undecided)
        self.virtual_seconds += outcome.seconds
        self.cpu_seconds += cpu_seconds
        self.possible_faults.update(outcome.possible_faults)
        self.drawn.update(outcome.mix.keys() & FIRES.keys())
        self.fired.update(outcome.fired)
        self.fired_in.update(outcome.fired.keys())
        self.message_types.update(outcome.message_types)
        self.declared |= outcome.coverage.declared
        self.handled |= outcome.coverage.handled
        if outcome.violation is not None:
            self.violations += 1
            self.kinds[f"{outcome.violation.kind} {outcome.violation.name}"] += 1
            self.found = sorted([*self.found, outcome], key=lambda one: one.seed)[:VIOLATIONS_KEPT]

    def as_json(self, records: Mapping[int, str] | None = None) -> dict[str, Any]:
        """
        The report for programs: see "The report" in docs/simulation.md. Without tapes, which have files of their own.

        Args:
            records: Where the runs of these seeds were recorded.
        """
        files = records or {}
        return {
            "version": REPORT_VERSION,
            "trouper": version("trouper"),
            "python": platform.python_version(),
            "target": self.target,
            "strategy": self.strategy,
            "ended": self.ended,
            "seeds": self.seeds,
            "violations": self.violations,
            "oracles": _in_order(self.kinds),
            "undecided": self.undecided,
            "found": [
                {
                    "seed": one.seed,
                    "oracle": f"{one.violation.kind} {one.violation.name}",
                    "text": one.violation.text,
                    "time": one.violation.time,
                    "digest": one.digest,
                    "mix": one.mix,
                    "record": files.get(one.seed),
                }
                for one in self.found
                if one.violation is not None
            ],
            "faults": {
                "possible": sorted(self.possible_faults),
                "drawn": _in_order(self.drawn),
                "fired": _in_order(self.fired),
                "fired_in": _in_order(self.fired_in),
                "never": self.never_fired,
            },
            "message_types": {
                "sent": _in_order(self.message_types),
                "declared": sorted(self.declared),
                "never": self.never_handled,
            },
            "explored": None if self.explored is None else asdict(self.explored),
            "steps": self.steps,
            "messages": self.messages,
            "virtual_seconds": self.virtual_seconds,
            "cpu_seconds": self.cpu_seconds,
        }

    def __str__(self) -> str:
        rate = self.seeds / self.cpu_seconds if self.cpu_seconds else 0.0
        fired = ", ".join(f"{kind} {count} in {self.fired_in[kind]}" for kind, count in sorted(self.fired.items()))
        cut = {"interrupted": "interrupted after ", "error": "stopped by an error after "}.get(self.ended, "")
        counts = f"{count_of(self.seeds, 'seed')}, {count_of(self.violations, 'violation')}"
        lines = [
            f"{self.target}: {cut}{counts} ({self.strategy}; {rate:.0f} seeds a CPU second)",
            f"  {self.steps} steps, {self.messages} messages, {self.virtual_seconds:.1f} virtual seconds",
            f"  faults, how often in how many seeds: {fired}" if fired else "  no faults",
        ]
        if self.explored is not None:
            lines.insert(1, f"  {self.explored}")
        if self.never_fired:
            lines.append(f"  faults that never came: {', '.join(self.never_fired)}")
        if self.declared:
            never = f"; never seen: {', '.join(self.never_handled)}" if self.never_handled else ""
            lines.append(f"  messages: {len(self.handled)} of {len(self.declared)} types that have handlers{never}")
        lines += [f"  {count} x {kind}" for kind, count in sorted(self.kinds.items())]
        if self.undecided:
            lines.append(f"  {self.undecided} runs were not judged: their histories are too long for it")
        if self.first is not None:
            lines.append(f"  seed {self.first.seed}: {self.first.violation}")
        return "\n".join(lines)


def count_of(number: int, noun: str) -> str:
    """1 violation, 2 violations."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _in_order(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
