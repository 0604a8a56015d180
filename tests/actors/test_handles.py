"""`@handles` marks a method, and refuses what could not be one; `receive` is the layer below; `context` comes with the runtime."""

# pyright: reportUnusedClass=false

import functools
import pickle
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest
import trio
from attrs import define, frozen

from trouper.actors.actor import Actor, NoContextYet
from trouper.actors.handles import handles, message_of
from trouper.actors.messages import Request
from trouper.supervision import Exit

T = TypeVar("T")


@frozen
class Deposit:
    cents: int


@frozen
class Balance(Request[int]):
    pass


@frozen
class Refresh:
    pass


@frozen
class Page(Request[list[T]], Generic[T]):
    items: list[T]


@define(eq=False)
class Account(Actor[Deposit | Balance]):
    balance_cents: int = 0

    @handles(Deposit)
    def deposit(self, command: Deposit) -> None:
        self.balance_cents += command.cents

    @handles(Balance)
    async def balance(self, query: Balance) -> int:
        return self.balance_cents


def test_a_marked_method_is_still_the_method() -> None:
    """It can be called directly, which is how an actor's logic is tried without a system."""
    account = Account(5)
    account.deposit(Deposit(10))
    assert trio.run(account.balance, Balance()) == 15


def test_the_mark_is_the_class_of_the_message() -> None:
    """A parametrised message counts by its class; a function without the decorator has no mark."""

    def plain(actor: object, page: Page[int]) -> list[int]:
        return page.items

    assert message_of(plain) is None
    assert message_of(Account.deposit) is Deposit
    assert message_of(handles(Page[int])(plain)) is Page
    assert message_of(3) is None


@pytest.mark.parametrize("wrong", [3, "Deposit", Deposit(1), None, Deposit | Balance, type, type[Deposit]])
def test_only_a_class_can_be_handled(wrong: Any) -> None:
    """The error shows what was given and how it is written."""
    with pytest.raises(TypeError, match=r"@handles takes the class of a message, as in @handles\(Deposit\), not " + re.escape(repr(wrong))):
        handles(wrong)


def test_the_decorator_without_its_class_is_refused() -> None:
    """`@handles` with no brackets would take the method for the class."""
    with pytest.raises(TypeError, match="@handles takes the class of a message"):

        class Wrong(Actor[Deposit]):
            @handles
            def take(self, command: Deposit) -> None: ...


@pytest.mark.parametrize("wrapper", [staticmethod, classmethod, property, functools.partial])
def test_only_a_method_can_be_marked(wrapper: Callable[[Any], Any]) -> None:
    """A static method, a class method, a property or some other object takes no actor and message."""

    def take(self: object, command: Deposit) -> None: ...

    with pytest.raises(TypeError, match=r"@handles\(Deposit\) goes on a method, directly above its 'def'"):
        handles(Deposit)(wrapper(take))


def test_a_method_handles_one_class() -> None:
    """Two decorators on one method are a mistake: the error names the method and both classes."""
    with pytest.raises(TypeError, match=r"Both\.take handles Refresh already, .* Write a second method for Deposit"):

        class Both(Actor[Deposit | Refresh]):
            @handles(Deposit)  # type: ignore[arg-type]
            @handles(Refresh)
            def take(self, command: Any) -> None: ...


def test_a_decorator_above_or_below_keeps_the_mark_if_it_wraps_properly() -> None:
    """`functools.wraps` carries the mark from below, and is marked itself from above."""

    def doubled(function: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        @functools.wraps(function)
        def twice(actor: Any, message: Any) -> None:
            function(actor, message)
            function(actor, message)

        return twice

    class Above(Actor[Deposit]):
        cents = 0

        @doubled
        @handles(Deposit)
        def take(self, command: Deposit) -> None:
            self.cents += command.cents

    class Below(Above):
        @handles(Deposit)
        @doubled
        def take(self, command: Deposit) -> None:
            self.cents += command.cents

    for actor_class in (Above, Below):
        instance = actor_class()
        instance.receive(Deposit(2))
        assert instance.cents == 4


def test_receive_does_what_the_marks_say() -> None:
    """By the message's class and then its MRO; what the handler returns, a coroutine too, is what it returns."""

    class Bonus(Deposit):
        pass

    account = Account()
    account.receive(Bonus(7))
    assert trio.run(account.receive, Balance()) == 7


def test_an_override_of_receive_may_hand_on_the_rest() -> None:
    """`super().receive(message)` finds the marked method; for a message without one it says what is missing."""

    class Machine(Account):
        def receive(self, message: Deposit | Balance | Refresh) -> Any:
            match message:
                case Deposit(cents=0):
                    return "nothing"
                case _:
                    return super().receive(message)  # type: ignore[arg-type]

    machine = Machine()
    assert machine.receive(Deposit(0)) == "nothing"
    machine.receive(Deposit(3))
    assert trio.run(machine.receive, Balance()) == 3
    with pytest.raises(LookupError, match=r"Machine\.receive handed on a Refresh.*@handles\(Refresh\)"):
        machine.receive(Refresh())


def test_a_request_costs_nothing_at_run_time() -> None:
    """No instance dictionary in a slotted request, and asking it for its answer is refused with advice."""
    assert not hasattr(Balance(), "__dict__")
    assert Balance() == Balance()
    with pytest.raises(NotImplementedError, match=r"Balance is answered by the actor that is asked: await ref\.ask"):
        Balance().__answers__(None)  # type: ignore[arg-type]


def test_the_context_is_missing_until_the_runtime_gives_it() -> None:
    """In `__init__`, and in an instance made by hand, it raises a TrouperError that says where to go instead."""

    class Early(Actor[Any]):
        def __init__(self) -> None:
            self.context.publish("too early")

    with pytest.raises(NoContextYet, match=r"This Early has no context yet: .* on_start"):
        Early()
    with pytest.raises(RuntimeError, match="This Account has no context yet") as caught:
        _ = Account().context
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_failure_inside_the_context_is_not_taken_for_a_missing_context() -> None:
    """An AttributeError of the runtime itself comes out as it is."""

    class Broken:
        @property
        def context(self) -> Any:
            raise AttributeError("inside")

    account = Account()
    vars(Actor)["_cell"].__set__(account, Broken())
    with pytest.raises(AttributeError, match="inside"):
        _ = account.context


async def test_ctrl_c_reaches_handlers_hooks_and_receive() -> None:
    """Called from code that is protected from KeyboardInterrupt, they are not; what else the class has, stays protected."""
    protected: dict[str, bool] = {}

    class Watched(Actor[Deposit | Balance]):
        @handles(Deposit)
        def deposit(self, command: Deposit) -> None:
            protected["def"] = trio.lowlevel.currently_ki_protected()

        @handles(Balance)
        async def balance(self, query: Balance) -> int:
            protected["async def"] = trio.lowlevel.currently_ki_protected()
            return 0

        def on_stop(self, reason: Exit) -> None:
            protected["hook"] = trio.lowlevel.currently_ki_protected()

        def other(self) -> None:
            protected["other"] = trio.lowlevel.currently_ki_protected()

    class Machine(Actor[Deposit]):
        def receive(self, message: Deposit) -> None:
            protected["receive"] = trio.lowlevel.currently_ki_protected()

    @trio.lowlevel.enable_ki_protection
    async def runtime() -> None:
        watched = Watched()
        Watched.__table__.handlers[Deposit](watched, Deposit(1))
        await Watched.__table__.handlers[Balance](watched, Balance())
        watched.on_stop(Exit("normal"))
        watched.other()
        Machine().receive(Deposit(1))

    await runtime()
    assert protected == {"def": False, "async def": False, "hook": False, "other": True, "receive": False}
