"""A class that does not know all of its events is an error where it is defined, with the lines to add."""

# pyright: reportUnusedClass=false

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest
from attrs import define, frozen

from trouper import Request, handles
from trouper.persistence import EventSourced, NotStorable, applies, restores, stored

T = TypeVar("T")


@frozen
class Deposit:
    cents: int


@frozen
class Deposited:
    cents: int


@frozen
class Paid:
    cents: int


@frozen
class PaidLate(Paid):
    days: int


@frozen
class State:
    cents: int


def test_an_event_that_nothing_applies_is_an_error_with_the_lines_to_add() -> None:
    """The text names the class and the event, and gives the method to paste."""
    with pytest.raises(TypeError, match=r"Forgetful has the events Deposited \| Paid, but no method that applies Paid.") as caught:

        class Forgetful(EventSourced[Deposit, Deposited | Paid]):
            @handles(Deposit)
            async def deposit(self, command: Deposit) -> None: ...

            @applies(Deposited)
            def deposited(self, event: Deposited) -> None: ...

    assert "    @applies(Paid)\n    def paid(self, event: Paid) -> None: ...\n" in str(caught.value)


def test_a_message_that_nothing_handles_is_an_error_as_for_any_actor() -> None:
    """The messages stand first, and are looked at first."""
    with pytest.raises(TypeError, match=r"Deaf is an Actor of Deposit, but has no handler for Deposit"):

        class Deaf(EventSourced[Deposit, Deposited]):
            @applies(Deposited)
            def deposited(self, event: Deposited) -> None: ...


def test_a_method_for_what_is_no_event_is_an_error() -> None:
    """It would never run, or the union lacks an event that others persist."""
    with pytest.raises(TypeError, match=r"Curious applies Paid, which is none of its events: these are Deposited"):

        class Curious(EventSourced[Any, Deposited]):
            @applies(Deposited)
            def deposited(self, event: Deposited) -> None: ...

            @applies(Paid)
            def paid(self, event: Paid) -> None: ...


def test_a_method_for_a_base_class_applies_the_events_below_it() -> None:
    """The most specific one is taken; an override without the decorator keeps the mark; a generic base class may stand between."""

    class Base(EventSourced[Any, T], Generic[T]):
        @applies(Paid)
        def paid(self, event: Paid) -> None: ...

    class Account(Base[PaidLate | Paid]):
        def paid(self, event: Paid) -> None: ...

    assert Account.__repertoire__ is not None
    assert dict(Account.__repertoire__.applied) == {PaidLate: Account.paid, Paid: Account.paid}
    assert Base.__repertoire__ is None

    class Late(Account):
        @applies(PaidLate)
        def paid_late(self, event: PaidLate) -> None: ...

    assert Late.__repertoire__ is not None
    assert Late.__repertoire__.applied[PaidLate] is Late.paid_late


def test_two_methods_for_one_event_are_an_error() -> None:
    """Which of them is meant nobody knows."""
    with pytest.raises(TypeError, match=r"Torn has two methods for Deposited: one and two. Remove one."):

        class Torn(EventSourced[Any, Deposited]):
            @applies(Deposited)
            def one(self, event: Deposited) -> None: ...

            @applies(Deposited)
            def two(self, event: Deposited) -> None: ...


def test_a_method_that_waits_or_takes_something_else_is_an_error() -> None:
    """An event is applied at every recovery: in a plain method, called with the event."""
    with pytest.raises(TypeError, match="applies Deposited and must be a plain 'def'"):

        @applies(Deposited)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        async def slow(self: Any, event: Deposited) -> None: ...

    with pytest.raises(TypeError, match=r"Wide.deposited, for Deposited, is called with \(self, event\), but takes \(self\)"):

        class Wide(EventSourced[Any, Deposited]):
            @applies(Deposited)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            def deposited(self) -> None: ...

    class Right(EventSourced[Any, Deposited]):
        @applies(Deposited)
        def deposited(self, event: Deposited) -> None: ...

    with pytest.raises(TypeError, match=r"Overridden.deposited, for Deposited, must be a plain 'def'"):

        class Overridden(Right):
            async def deposited(self, event: Deposited) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    for wrong in ("Deposited", 7, Deposited(1)):
        with pytest.raises(TypeError, match="@applies takes a class"):
            applies(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="goes on a method, directly above its 'def'"):
        applies(Deposited)(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_what_it_comes_back_by_is_not_overridden() -> None:
    """on_start recovers: what is to run after that goes into on_recovered."""
    with pytest.raises(TypeError, match=r"Eager overrides on_start, by which .* Use on_recovered, which runs right after"):

        class Eager(EventSourced[Any, Deposited]):
            async def on_start(self) -> None: ...

            @applies(Deposited)
            def deposited(self, event: Deposited) -> None: ...


def test_events_must_be_storable_and_of_different_names() -> None:
    """Refused with the class, and not when the first one is persisted."""

    @define
    class Mutable:
        cents: int

    with pytest.raises(NotStorable, match="Mutable cannot be stored: it is not frozen"):

        class Account(EventSourced[Any, Mutable]):
            @applies(Mutable)
            def changed(self, event: Mutable) -> None: ...

    @stored("Deposited")
    @frozen
    class Other:
        cents: int

    with pytest.raises(ValueError, match="would both be stored as 'Deposited'"):

        class Confused(EventSourced[Any, Deposited | Other]):
            @applies(Deposited)
            def one(self, event: Deposited) -> None: ...

            @applies(Other)
            def two(self, event: Other) -> None: ...

    with pytest.raises(TypeError, match=r"Odd is EventSourced with the events .* which are no classes of events"):

        class Odd(EventSourced[Any, 7]):  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]
            pass


def test_taking_a_snapshot_and_taking_it_back_belong_together() -> None:
    """One without the other, a count without either, or two classes of snapshots are errors."""

    class Plain(EventSourced[Any, Deposited]):
        @applies(Deposited)
        def deposited(self, event: Deposited) -> None: ...

    with pytest.raises(TypeError, match=r"Taking has snapshot\(\) and no @restores"):

        class Taking(Plain):
            def snapshot(self) -> State:
                return State(1)

    with pytest.raises(TypeError, match=r"Giving has @restores and no snapshot\(\)"):

        class Giving(Plain):
            @restores(State)
            def restore(self, state: State) -> None: ...

    with pytest.raises(TypeError, match=r"Counting says snapshot_every=5, and has no snapshot\(\)"):

        class Counting(Plain):
            snapshot_every = 5

    with pytest.raises(TypeError, match="Double restores State and Paid: one class of snapshots is enough"):

        class Double(Plain):
            def snapshot(self) -> State:
                return State(1)

            @restores(State)
            def one(self, state: State) -> None: ...

            @restores(Paid)
            def two(self, state: Paid) -> None: ...


def test_attrs_may_make_the_class_anew() -> None:
    """A slotted class of attrs is made twice; what was read off it is the same."""

    @define(eq=False)
    class Account(EventSourced[Request[Any], Deposited]):
        cents: int = 0

        @handles(Request)
        def anything(self, message: Request[Any]) -> None: ...

        @applies(Deposited)
        def deposited(self, event: Deposited) -> None:
            self.cents += event.cents

    assert Account.__repertoire__ is not None
    assert list(Account.__repertoire__.applied) == [Deposited]
