"""The handler table: the exact class first, then the MRO, only within the union, and never without a bound."""

import functools
from collections.abc import Callable
from typing import Any, Never

from attrs import frozen

from trouper.actors.actor import Actor
from trouper.actors.handles import handles
from trouper.actors.table import TYPES_REMEMBERED_MAX, HandlerTable
from trouper.actors.watching import Terminated


class Fact:
    pass


class Paid(Fact):
    pass


class PaidInFull(Paid):
    pass


class Shipped(Fact):
    pass


@frozen
class Deposit:
    cents: int


class Mixed(Actor[Paid | Deposit]):
    @handles(Paid)
    def paid(self, fact: Paid) -> None: ...

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> None: ...


def test_the_exact_class_is_found_without_asking() -> None:
    """The members and the marked classes of the union are in the dict from the start."""

    class Fresh(Mixed):
        pass

    assert Fresh.__table__.handlers == {Paid: Mixed.paid, Deposit: Mixed.deposit}


def test_plain_handlers_are_known_apart() -> None:
    """Only `def` all the way through: a wrapper around an `async def` returns a coroutine as well."""

    def traced(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        @functools.wraps(function)
        def call(actor: Any, message: Any) -> Any:
            return function(actor, message)

        return call

    class Wrapped(Actor[Paid | Shipped]):
        @traced
        @handles(Paid)
        async def paid(self, fact: Paid) -> None: ...
        @traced
        @handles(Shipped)
        def shipped(self, fact: Shipped) -> None: ...

    class Fresh(Mixed):
        pass

    assert Fresh.__table__.plain == {Paid: Mixed.paid}
    assert Wrapped.__table__.plain == {Shipped: Wrapped.shipped}


def test_a_subclass_is_found_by_its_mro_and_remembered() -> None:
    """The second message of a class costs what any costs; also in `plain`."""

    class Account(Mixed):
        pass

    table = Account.__table__
    assert PaidInFull not in table.handlers
    assert table.resolve(PaidInFull) is Mixed.paid
    assert table.handlers[PaidInFull] is table.plain[PaidInFull] is Mixed.paid


def test_the_nearest_class_of_the_mro_wins() -> None:
    """A handler for the class itself, then for the next class up."""

    class Account(Actor[Fact]):
        @handles(Fact)
        def fact(self, fact: Fact) -> None: ...
        @handles(Paid)
        def paid(self, fact: Paid) -> None: ...

    table = Account.__table__
    assert table.resolve(PaidInFull) is Account.paid
    assert table.resolve(Shipped) is Account.fact


def test_outside_the_union_nothing_is_handled_even_where_a_handler_would_fit() -> None:
    """A handler for a base class serves the members of the union, and no other class below that base."""

    class Account(Actor[Paid]):
        @handles(Fact)
        def fact(self, fact: Fact) -> None: ...

    table = Account.__table__
    assert table.resolve(PaidInFull) is Account.fact
    assert table.resolve(Shipped) is None
    assert table.resolve(Fact) is None
    assert table.resolve(str) is None
    assert set(table.handlers) == {Paid, PaidInFull}


def test_terminated_is_taken_by_its_own_handler_only_or_as_a_member() -> None:
    """A handler for `object` is none for `Terminated`, unless the union takes it: a watcher has to say that it means it."""

    class Says(Actor[Deposit]):
        @handles(object)
        def anything(self, message: object) -> None: ...
        @handles(Terminated)
        def on_death(self, terminated: Terminated) -> None: ...

    class Silent(Actor[Deposit]):
        @handles(object)
        def anything(self, message: object) -> None: ...

    class Everything(Actor[object]):
        @handles(object)
        def anything(self, message: object) -> None: ...

    class Machine(Actor[Deposit]):
        def receive(self, message: Deposit) -> None: ...
        @handles(Terminated)
        def on_death(self, terminated: Terminated) -> None: ...

    assert Says.__table__.resolve(Terminated) is Says.on_death
    assert Silent.__table__.resolve(Terminated) is None
    assert Everything.__table__.resolve(Terminated) is Everything.anything
    assert Machine.__table__.resolve(Terminated) is Machine.on_death


def test_an_override_of_receive_takes_the_whole_union_and_goes_before_marks() -> None:
    """Subclasses of members too; a class outside the union stays unhandled. With `Any` it takes everything."""

    class Machine(Mixed):
        def receive(self, message: Paid | Deposit) -> Any: ...

    class Anything(Actor[Any]):
        async def receive(self, message: Any) -> None: ...

    assert Machine.__table__.handlers == {Paid: Machine.receive, Deposit: Machine.receive}
    assert Machine.__table__.resolve(PaidInFull) is Machine.receive
    assert Machine.__table__.resolve(Shipped) is None
    assert Anything.__table__.resolve(str) is Anything.receive
    assert Anything.__table__.plain == {}


def test_a_plain_receive_is_plain_only_where_it_has_no_coroutine_to_hand_on() -> None:
    """`return super().receive(message)` returns whatever the marked method returns."""

    class Machine(Mixed):
        def receive(self, message: Paid | Deposit) -> Any:
            return super().receive(message)

    class Simple(Actor[Paid]):
        def receive(self, message: Paid) -> None: ...

    assert Machine.__table__.plain == {}
    assert Simple.__table__.plain == {Paid: Simple.receive}


def test_an_open_union_handles_what_has_a_handler() -> None:
    """`Actor[Any]` without `receive`: whoever fits by MRO, and nothing else."""

    class Account(Actor[Any]):
        @handles(Fact)
        def fact(self, fact: Fact) -> None: ...

    assert Account.__table__.resolve(Shipped) is Account.fact
    assert Account.__table__.resolve(Deposit) is None


def test_an_actor_of_nothing_handles_nothing() -> None:
    """`Actor[Never]` and the bare base class have empty tables."""

    class Nothing(Actor[Never]):
        def receive(self, message: Never) -> None: ...

    assert Nothing.__table__.resolve(object) is None
    assert Nothing.__table__.resolve(Deposit) is None
    assert Actor.__table__.resolve(Deposit) is None


def test_the_table_is_bounded_and_still_right_beyond_its_bound() -> None:
    """Classes made without end are handled for ever, and remembered up to the limit: at the limit and one beyond."""

    class Account(Actor[Fact]):
        @handles(Fact)
        def fact(self, fact: Fact) -> None: ...

    table: HandlerTable = Account.__table__
    made = [type(f"Fact{number}", (Fact,), {}) for number in range(TYPES_REMEMBERED_MAX)]
    assert all(table.resolve(fact_type) is Account.fact for fact_type in made)
    assert len(table.handlers) == len(table.plain) == TYPES_REMEMBERED_MAX
    assert made[-2] in table.handlers
    assert made[-1] not in table.handlers
    assert table.resolve(Fact) is Account.fact


def test_what_could_be_handled_may_be_subscribed_to() -> None:
    """A member, a class below one, and a class above one, of whose instances some are handled; nothing unrelated."""
    table = Mixed.__table__
    assert table.accepts(Paid)
    assert table.accepts(PaidInFull)
    assert table.accepts(Fact)
    assert table.accepts(object)
    assert not table.accepts(Shipped)
    assert not table.accepts(Terminated)


def test_with_receive_the_union_says_what_may_be_subscribed_to() -> None:
    """Open: everything. Closed: what touches the union."""

    class Machine(Actor[Paid]):
        def receive(self, message: Paid) -> None: ...

    class Anything(Actor[Any]):
        def receive(self, message: Any) -> None: ...

    class Marked(Actor[Any]):
        @handles(Paid)
        def paid(self, fact: Paid) -> None: ...

    assert Machine.__table__.accepts(Fact)
    assert not Machine.__table__.accepts(Shipped)
    assert Anything.__table__.accepts(Shipped)
    assert Marked.__table__.accepts(Fact)
    assert not Marked.__table__.accepts(Shipped)
