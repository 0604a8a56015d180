"""directive_for and its table: the most specific type, the leaves of groups, and the child's restart type."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trouper.supervision import Directive, DirectiveTable, Restart, directive_for


class Base(Exception): ...


class Left(Base): ...


class Right(Base): ...


class Both(Left, Right): ...


class Unlisted(BaseException): ...


SEVEREST_FIRST: list[Directive] = ["escalate", "stop", "restart", "resume"]


@pytest.mark.parametrize(("restart", "expected"), [("permanent", "restart"), ("transient", "restart"), ("temporary", "stop")])
def test_without_a_directive_the_restart_type_decides(restart: Restart, expected: Directive) -> None:
    """A failure restarts permanent and transient children and ends temporary ones."""
    assert directive_for(ValueError(), {}, restart) == expected
    assert directive_for(ValueError(), {KeyError: "resume"}, restart) == expected


@pytest.mark.parametrize("restart", get_args(Restart))
@pytest.mark.parametrize("directive", get_args(Directive))
def test_a_listed_directive_holds_for_every_restart_type_except_a_restart_of_a_temporary_child(
    directive: Directive, restart: Restart
) -> None:
    """The whole grid."""
    expected = "stop" if (directive, restart) == ("restart", "temporary") else directive
    assert directive_for(ValueError(), {ValueError: directive}, restart) == expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({Exception: "stop", Base: "escalate", Left: "resume", Both: "restart"}, "restart"),
        ({Exception: "stop", Base: "escalate", Left: "resume"}, "resume"),
        ({Right: "stop", Left: "resume"}, "resume"),
        ({Exception: "stop", Base: "escalate", Right: "resume"}, "resume"),
        ({Exception: "stop", Base: "escalate"}, "escalate"),
        ({Exception: "stop"}, "stop"),
    ],
)
def test_the_most_specific_type_wins(listed: dict[type[Exception], Directive], expected: Directive) -> None:
    """The first of the exception's MRO, in whatever order the types are listed."""
    backwards = dict(reversed(listed.items()))
    assert directive_for(Both(), listed, "permanent") == directive_for(Both(), backwards, "permanent") == expected


@pytest.mark.parametrize("first", get_args(Directive))
@pytest.mark.parametrize("second", get_args(Directive))
def test_a_group_gets_the_severest_directive_of_its_leaves(first: Directive, second: Directive) -> None:
    """The order is escalate > stop > restart > resume, whichever leaf comes first."""
    group = ExceptionGroup("both", [Left(), Right()])
    severest = min(first, second, key=SEVEREST_FIRST.index)
    assert directive_for(group, {Left: first, Right: second}, "permanent") == severest


@pytest.mark.parametrize(
    ("listed", "expected"), [("escalate", "escalate"), ("stop", "stop"), ("restart", "restart"), ("resume", "restart")]
)
def test_an_unlisted_leaf_ranks_as_restart(listed: Directive, expected: Directive) -> None:
    """It outranks resume, and nothing else."""
    assert directive_for(ExceptionGroup("both", [Left(), Right()]), {Left: listed}, "transient") == expected


def test_a_group_of_a_temporary_childs_failures_never_restarts_it() -> None:
    """Restart becomes stop after the leaves are ranked; resume alone stays resume."""
    assert directive_for(ExceptionGroup("g", [Left(), Right()]), {Left: "resume"}, "temporary") == "stop"
    assert directive_for(ExceptionGroup("g", [Left()]), {Left: "resume"}, "temporary") == "resume"


def test_the_type_of_the_group_itself_does_not_count() -> None:
    """Neither ExceptionGroup nor, for the group, Exception: the leaves decide."""
    listed: dict[type[Exception], Directive] = {ExceptionGroup: "escalate", Base: "resume"}
    assert directive_for(ExceptionGroup("g", [Left()]), listed, "permanent") == "resume"
    assert directive_for(ExceptionGroup("g", [Left()]), {Exception: "escalate", Base: "resume"}, "permanent") == "resume"


def test_a_leaf_that_is_no_exception_of_supervision_ranks_as_restart() -> None:
    """A BaseExceptionGroup may hold what nothing can list."""
    group = BaseExceptionGroup("g", [Unlisted(), Left()])
    assert directive_for(group, {Exception: "resume"}, "permanent") == "restart"


def test_a_group_nested_deeper_than_the_stack_is_judged_by_its_leaf() -> None:
    """The search does not recurse."""
    group: ExceptionGroup[Exception] = ExceptionGroup("leaf", [Left()])
    for _ in range(3_000):
        group = ExceptionGroup("nested", [group])
    assert directive_for(group, {Left: "escalate"}, "permanent") == "escalate"


def grouped(errors: list[Exception]) -> Exception:
    return ExceptionGroup("g", errors)


leaves: st.SearchStrategy[Exception] = st.sampled_from([Base, Left, Right, Both, ValueError]).map(lambda error_type: error_type())
trees = st.recursive(leaves, lambda inner: st.lists(inner, min_size=1, max_size=4).map(grouped))
tables = st.dictionaries(st.sampled_from([Exception, Base, Left, Right, Both]), st.sampled_from(SEVEREST_FIRST))


@given(trees, tables, st.sampled_from(get_args(Restart)))
def test_a_group_is_as_severe_as_its_severest_part(tree: Exception, table: dict[type[Exception], Directive], restart: Restart) -> None:
    """However it is nested."""
    directive = directive_for(tree, table, restart)
    if isinstance(tree, ExceptionGroup):
        parts: list[Exception] = [*tree.exceptions]  # pyright: ignore[reportUnknownMemberType]
        ranks = [SEVEREST_FIRST.index(directive_for(part, table, restart)) for part in parts]
        assert directive == SEVEREST_FIRST[min(ranks)]
    assert not (directive == "restart" and restart == "temporary")


def test_a_table_is_a_copy_that_can_be_hashed_and_pickled() -> None:
    """It is equal to any mapping of the same entries."""
    source: dict[type[Exception], Directive] = {ValueError: "stop", KeyError: "resume"}
    table = DirectiveTable(source)
    source[ValueError] = "escalate"
    assert table == {KeyError: "resume", ValueError: "stop"}
    assert (len(table), set(table)) == (2, {ValueError, KeyError})
    again = pickle.loads(pickle.dumps(table))
    assert again == table
    assert hash(again) == hash(table)
    assert "'stop'" in repr(table)


@pytest.mark.parametrize("key", [KeyboardInterrupt, BaseException, BaseExceptionGroup, int, "ValueError", ValueError()])
def test_a_key_that_is_no_subclass_of_exception_is_refused(key: Any) -> None:
    """Supervision takes Exception only."""
    with pytest.raises(TypeError, match="subclasses of Exception only"):
        DirectiveTable({key: "stop"})


def test_a_type_of_group_is_refused_since_it_would_never_apply() -> None:
    """The text says what to list instead."""
    with pytest.raises(ValueError, match="leaves"):
        DirectiveTable({ExceptionGroup: "stop"})


def test_an_unknown_directive_is_refused_by_name() -> None:
    """With the exception's type and all words that are allowed."""
    wrong: Any = "ignore"
    with pytest.raises(ValueError, match=r"directives\[KeyError\]='ignore'.*'restart', 'resume', 'stop', 'escalate'"):
        DirectiveTable({KeyError: wrong})
