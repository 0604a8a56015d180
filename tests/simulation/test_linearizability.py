"""The judge of histories, on histories written by hand."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any, TypeAlias

import pytest

from trouper.simulation import Client, Simulation, explore, linearizability
from trouper.simulation.history import UNKNOWN, Operation
from trouper.simulation.linearizability import NotLinearizable, Undecided, judge
from trouper.simulation.models import Counter, KeyValue, Model, Mutex, Queue, Register, Set

Row = tuple[str, Any, Any, int, int | None]


def _history(*rows: Row) -> list[Operation]:
    return [
        Operation(f"c{index}", kind, argument, begun, ended, result) for index, (kind, argument, result, begun, ended) in enumerate(rows)
    ]


def _case(model: Model, rows: list[Row]) -> tuple[Model, list[Row]]:
    return model, rows


EXPLAINED: dict[str, tuple[Model, list[Row]]] = {
    "a read of an earlier write": _case(Register(), [("write", 1, None, 1, 2), ("read", None, 1, 3, 4)]),
    "a read beside a write sees either": _case(Register(0), [("write", 1, None, 1, 6), ("read", None, 0, 2, 3), ("read", None, 1, 4, 5)]),
    "an unknown write that was seen": _case(Register(), [("write", 1, UNKNOWN, 1, None), ("read", None, 1, 5, 6)]),
    "an unknown write that was not seen": _case(Register(), [("write", 1, UNKNOWN, 1, None), ("read", None, None, 5, 6)]),
    "a compare and swap": _case(Register(0), [("cas", (0, 1), True, 1, 4), ("cas", (0, 2), False, 2, 5), ("read", None, 1, 6, 7)]),
    "keys of their own": _case(KeyValue(), [("put", ("a", 1), None, 1, 2), ("get", "b", None, 3, 4), ("get", "a", 1, 5, 6)]),
    "a counter": _case(Counter(), [("add", 2, None, 1, 5), ("add_and_get", 3, 5, 2, 4), ("read", None, 5, 6, 7)]),
    "a queue": _case(
        Queue(), [("enqueue", 1, None, 1, 5), ("enqueue", 2, None, 2, 4), ("dequeue", None, 2, 6, 7), ("dequeue", None, 1, 8, 9)]
    ),
    "a set": _case(Set(), [("add", 1, True, 1, 2), ("add", 1, False, 3, 4), ("contains", 1, True, 5, 6), ("remove", 1, True, 7, 8)]),
    "a mutex": _case(Mutex(), [("acquire", "a", True, 1, 2), ("acquire", "b", False, 3, 4), ("release", "a", True, 5, 6)]),
}
UNEXPLAINED: dict[str, tuple[Model, list[Row]]] = {
    "a stale read": _case(Register(0), [("write", 1, None, 1, 2), ("read", None, 0, 3, 4)]),
    "new, then old": _case(Register(0), [("write", 1, None, 1, 8), ("read", None, 1, 2, 3), ("read", None, 0, 4, 5)]),
    "an unknown write that is seen and unseen": _case(
        Register(0),
        [("write", 1, UNKNOWN, 1, None), ("read", None, 1, 2, 3), ("read", None, 0, 4, 5)],
    ),
    "a value from nowhere": _case(KeyValue(), [("put", ("a", 1), None, 1, 2), ("get", "a", 2, 3, 4)]),
    "a lost update": _case(Counter(), [("add", 1, None, 1, 2), ("add", 1, None, 3, 4), ("read", None, 1, 5, 6)]),
    "an effect that came twice": _case(Counter(), [("add", 1, UNKNOWN, 1, None), ("read", None, 2, 5, 6)]),
    "a queue out of order": _case(
        Queue(),
        [("enqueue", 1, None, 1, 2), ("enqueue", 2, None, 3, 4), ("dequeue", None, 2, 5, 6)],
    ),
    "an element that is there and not": _case(Set(), [("add", 1, True, 1, 2), ("contains", 1, False, 3, 4)]),
    "two owners": _case(Mutex(), [("acquire", "a", True, 1, 2), ("acquire", "b", True, 3, 4)]),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_history_with_an_explanation_is_accepted(name: str) -> None:
    """There is an order within the spans of the operations that gives all answers."""
    model, rows = EXPLAINED[name]
    assert judge(_history(*rows), model) is None


@pytest.mark.parametrize("name", UNEXPLAINED)
def test_a_history_without_an_explanation_is_refused_and_shown(name: str) -> None:
    """No order gives all answers; what is shown are the operations of the part that cannot be explained."""
    model, rows = UNEXPLAINED[name]
    verdict = judge(_history(*rows), model)
    assert isinstance(verdict, NotLinearizable)
    assert verdict.explained < len(rows)
    assert "no order explains" in str(verdict)


def test_an_operation_that_the_model_does_not_have_is_an_error() -> None:
    """A misspelt kind is no verdict."""
    with pytest.raises(ValueError, match="Register has no operation 'wirte'"):
        judge(_history(("wirte", 1, None, 1, 2)), Register())


def _by_brute_force(operations: list[Operation], model: Model) -> bool:
    for order in itertools.permutations(operations):
        if any(
            later.returned is not None and later.returned < earlier.invoked
            for place, earlier in enumerate(order)
            for later in order[place + 1 :]
        ):
            continue
        state: Any = model.initial()
        for operation in order:
            state, result = model.apply(state, operation.kind, operation.argument)
            if operation.result is not UNKNOWN and result != operation.result:
                break
        else:
            return True
    return False


def test_the_search_agrees_with_trying_all_orders() -> None:
    """On 600 random small histories of a register the search and brute force give the same verdict, and both verdicts occur."""
    random = Random(4)
    verdicts = set[bool]()
    for _ in range(600):
        places = random.sample(range(1, 100), 10)
        rows: list[Row] = []
        for index in range(5):
            begun, ended = sorted(places[2 * index : 2 * index + 2])
            kind = random.choice(("write", "read"))
            value = random.randrange(2)
            rows.append((kind, value, None, begun, ended) if kind == "write" else (kind, None, value, begun, ended))
        operations = _history(*rows)
        explained = judge(operations, Register(0)) is None
        assert explained == _by_brute_force(operations, Register(0)), [str(operation) for operation in operations]
        verdicts.add(explained)
    assert verdicts == {True, False}


_Rows: TypeAlias = list[tuple[str, Any, tuple[Any, ...]]]


def _mixed(model: Model, rows: _Rows) -> tuple[Model, _Rows]:
    return model, rows


MIXED = {
    "register": _mixed(
        Register(0),
        [
            ("write", 1, (None,)),
            ("write", 0, (None,)),
            ("cas", (0, 1), (True, False)),
            ("cas", (1, 0), (True, False)),
            ("read", None, (0, 1)),
        ],
    ),
    "counter": _mixed(Counter(), [("add", 1, (None,)), ("add", 0, (None,)), ("add_and_get", 1, (1, 2)), ("read", None, (0, 1, 2))]),
    "set": _mixed(Set(), [("add", 1, (True, False)), ("remove", 1, (True, False)), ("contains", 1, (True, False))]),
    "mutex": _mixed(Mutex(), [("acquire", "a", (True, False)), ("acquire", "b", (True, False)), ("release", "a", (True, False))]),
    "queue": _mixed(Queue(), [("enqueue", 1, (None,)), ("enqueue", 2, (None,)), ("dequeue", None, (1, 2, None))]),
}


@pytest.mark.parametrize("name", MIXED)
def test_what_keeps_the_search_small_loses_no_order(name: str) -> None:
    """With operations that change nothing, that are alike, or have no answer, the search and brute force agree too."""
    model, kinds = MIXED[name]
    random = Random(5)
    verdicts = set[bool]()
    for _ in range(300):
        places = random.sample(range(1, 100), 10)
        rows: list[Row] = []
        for index in range(5):
            begun, ended = sorted(places[2 * index : 2 * index + 2])
            kind, argument, results = random.choice(kinds)
            is_unknown = random.random() < 0.3
            rows.append((kind, argument, UNKNOWN if is_unknown else random.choice(results), begun, None if is_unknown else ended))
        operations = _history(*rows)
        explained = judge(operations, model) is None
        assert explained == _by_brute_force(operations, model), [(str(one), one.invoked, one.returned) for one in operations]
        verdicts.add(explained)
    assert verdicts == {True, False}


def test_a_search_that_is_too_long_is_given_up_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve enqueues at once whose order nobody saw have too many orders; a part that is surely wrong is found all the same."""
    monkeypatch.setattr(linearizability, "CONFIGURATIONS_MAX", 500)
    rows: list[Row] = [("enqueue", number, None, number, 100 + number) for number in range(1, 13)]
    rows += [("dequeue", None, 99, 200, 201)]
    verdict = judge(_history(*rows), Queue())
    assert isinstance(verdict, Undecided)
    assert "whether an order explains the 13 operations was not found out in 500 configurations" in str(verdict)


def test_a_run_whose_history_was_not_judged_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no violation, and no silence either."""
    monkeypatch.setattr(linearizability, "CONFIGURATIONS_MAX", 1)

    async def workload(client: Client) -> None:
        for number in range(3):
            await client.perform("write", number, client.sleep(0.1))

    def target(sim: Simulation) -> None:
        sim.client(workload)
        sim.linearizable(Register)

    report = explore(target, 2)
    assert (report.violations, report.undecided) == (0, 2)
    assert "2 runs were not judged" in str(report)
