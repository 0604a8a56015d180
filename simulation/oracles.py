"""
What must hold of a run: always, or eventually, or of what clients were told.

An oracle is a function of the simulation. It says no by returning False, or by raising an AssertionError, whose text is then
what the report says. Of one that returns False the report says what it claims: the first line of its docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import getdoc, signature
from types import FunctionType, MethodType
from typing import Any, Protocol

from attrs import define, frozen

from .arguments import check_function, is_unfinished
from .linearizability import Undecided, judge
from .models import Model

Predicate = Callable[..., object]
"""Takes the simulation, or nothing. Returns whether it holds; None counts as yes."""


@frozen
class Violation:
    """
    What was found.

    Args:
        kind: always, eventually, leads_to, converges, conserves, linearizable, client (a workload raised), node (it did not start, or
            its tree gave up), never judged (an oracle had nothing to look at), stuck.
        name: Which one: of the predicate, the model, the client or the node.
        text: What there is to say.
        time: When, in virtual seconds.
        event: How many events of the trace there were until then.
    """

    kind: str
    name: str
    text: str
    time: float
    event: int = 0

    def __str__(self) -> str:
        text = f": {self.text}" if self.text else ""
        return f"{self.kind} {self.name} is broken at {self.time:.6f} s{text}"


@frozen
class Finding:
    """What an oracle has found: the *kind* of violation, and what there is to say."""

    kind: str
    text: str


@define(eq=False)
class Oracle:
    """One predicate, and how it is called."""

    name: str
    holds: Callable[[], str | None]
    """None if it holds, else what there is to say."""


class LastingOracle(Protocol):
    """An oracle about more than one moment. It is looked at after every step."""

    name: str

    looks_at_faults: bool
    """Whether it is looked at from the beginning on, and not only when clients and faults have ended."""

    def calm(self, now: float) -> None:
        """Clients and faults have ended."""
        ...

    def look(self, now: float) -> Finding | None:
        """Looks at the simulation as it is now."""
        ...

    def next_look(self, now: float) -> float:
        """When it has to look again even if nobody makes a step; infinity: never."""
        ...

    def is_settled(self, now: float) -> bool:
        """Whether the run may end, as far as this is concerned. Asked when clients and faults have ended."""
        ...


def name_of(predicate: Callable[..., object]) -> str:
    """What a function of the user's is called in reports."""
    return str(getattr(predicate, "__name__", type(predicate).__name__))


def bound(function: Callable[..., Any], simulation: object) -> Callable[[], Any]:
    """*function* with *simulation* given to it if it takes an argument. Raises TypeError if it is none that can be asked."""
    check_function("what must hold", function)
    arguments = (simulation,) if signature(function).parameters else ()
    return lambda: function(*arguments)


def complaint(error: Exception) -> str:
    """What there is to say when a function of the user's raised."""
    return str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"


def oracle(predicate: Predicate, simulation: object) -> Oracle:
    """The oracle of a predicate, with *simulation* given to it if it takes an argument."""
    ask = bound(predicate, simulation)

    def holds() -> str | None:
        try:
            verdict = ask()
            if verdict is None or verdict is True:
                return None
            if is_unfinished(verdict):
                raise TypeError(f"it returned a {type(verdict).__name__}, which says neither yes nor no")  # noqa: TRY301  # as if it had raised it
            return None if verdict else _claim(predicate)
        except Exception as error:  # noqa: BLE001  # an oracle that fails has not been satisfied
            return complaint(error)

    return Oracle(name_of(predicate), holds)


def linearizable(model: Model, simulation: Any) -> Oracle:
    """Whether what the clients were told can be explained by *model*. Where that was not found out the simulation keeps the reason."""

    def holds() -> str | None:
        verdict = judge(simulation.history.operations, model)
        if isinstance(verdict, Undecided):
            simulation.undecided = f"linearizable {type(model).__name__}: {verdict}"
            return None
        return None if verdict is None else str(verdict)

    return Oracle(type(model).__name__, holds)


def _claim(predicate: Predicate) -> str:
    text = (getdoc(predicate) if isinstance(predicate, (FunctionType, MethodType)) else None) or ""
    first = text.partition("\n")[0]
    return f"the claim was: {first}" if first else ""
