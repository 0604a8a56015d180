"""
What must hold of a run: always, or eventually, or of what clients were told.

An oracle is a function of the simulation. It says no by returning False, or by raising an AssertionError, whose text is then
what the report says.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from attrs import define, frozen

from .linearizability import judge
from .models import Model

Predicate = Callable[..., object]
"""Takes the simulation, or nothing. Returns whether it holds; None counts as yes."""


@frozen
class Violation:
    """
    What was found.

    Args:
        kind: always, eventually, linearizable, client (a workload raised), node (it did not start, or its tree gave up), stuck.
        name: Which one: of the predicate, the model, the client or the node.
        text: What there is to say.
        time: When, in virtual seconds.
    """

    kind: str
    name: str
    text: str
    time: float

    def __str__(self) -> str:
        text = f": {self.text}" if self.text else ""
        return f"{self.kind} {self.name} is broken at {self.time:.6f} s{text}"


@define(eq=False)
class Oracle:
    """One predicate, and how it is called."""

    name: str
    holds: Callable[[], str | None]
    """None if it holds, else what there is to say."""


def oracle(predicate: Predicate, simulation: object) -> Oracle:
    """The oracle of a predicate, with *simulation* given to it if it takes an argument."""
    arguments = (simulation,) if signature(predicate).parameters else ()

    def holds() -> str | None:
        try:
            verdict = predicate(*arguments)
        except Exception as error:  # noqa: BLE001  # an oracle that fails has not been satisfied
            return str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        return None if verdict is None or verdict else ""

    return Oracle(getattr(predicate, "__name__", type(predicate).__name__), holds)


def linearizable(model: Model, simulation: Any) -> Oracle:
    """Whether what the clients were told can be explained by *model*."""

    def holds() -> str | None:
        verdict = judge(simulation.history.operations, model)
        return None if verdict is None else str(verdict)

    return Oracle(type(model).__name__, holds)
