"""A class that misses a handler, or has one too many, is a TypeError where it is defined."""

# pyright: reportUnusedClass=false

import abc
import re
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Never, NewType, TypeVar, Union

import pytest
from attrs import define, frozen

from trouper.actors.actor import Actor
from trouper.actors.handles import handles
from trouper.actors.messages import Request
from trouper.actors.watching import Terminated

M = TypeVar("M")
T = TypeVar("T")


@frozen
class Receipt:
    cents: int


@frozen
class Declined:
    reason: str


@frozen
class Deposit:
    cents: int


@frozen
class Pay(Request[Receipt | Declined]):
    cents: int


@frozen
class Close:
    pass


class Command:
    pass


class OpenAccount(Command):
    pass


class OpenJointAccount(OpenAccount):
    pass


@frozen
class Page(Request[list[T]]):
    items: list[T]


EITHER = Deposit | Pay


def members(actor_class: type[Actor[Any]]) -> tuple[type, ...]:
    """The union that the class was found to have; `(object,)` stands for any."""
    vocabulary = actor_class.__table__.vocabulary
    return (object,) if vocabulary.is_open else vocabulary.members


def test_a_member_that_nothing_handles_is_named_with_the_method_to_paste() -> None:
    """The error names the class and the message, and its stub has the message, a method name and the type of the reply."""
    with pytest.raises(TypeError) as caught:

        class Account(Actor[Deposit | Pay | OpenJointAccount]):
            @handles(Deposit)
            def deposit(self, command: Deposit) -> None: ...

    text = str(caught.value)
    assert "Account is an Actor of Deposit | Pay | OpenJointAccount, but has no handler for Pay or OpenJointAccount" in text
    assert "    @handles(Pay)\n    async def pay(self, message: Pay) -> Receipt | Declined: ...\n" in text
    assert "    @handles(OpenJointAccount)\n    async def open_joint_account(self, message: OpenJointAccount) -> None: ...\n" in text


def test_the_pasted_method_completes_the_class() -> None:
    """What the error says to add is all that is missing, and runs as it stands."""
    source = "class Account(Actor[Deposit | Pay]):\n    @handles(Deposit)\n    def pay(self, command): ...\n"
    names = {"Actor": Actor, "handles": handles, "Deposit": Deposit, "Pay": Pay, "Receipt": Receipt, "Declined": Declined}
    with pytest.raises(TypeError, match="no handler for Pay") as caught:
        exec(source, names)
    stub = str(caught.value).partition("\n\n")[2]
    assert "async def on_pay(" in stub, "the name 'pay' is taken"
    exec(source + stub, names)


def test_a_handler_for_what_nobody_can_send_is_named_with_the_line_to_change() -> None:
    """The error names the class and the message, and gives the class statement with the wider union."""
    with pytest.raises(TypeError) as caught:

        class Account(Actor[Deposit]):
            @handles(Deposit)
            def deposit(self, command: Deposit) -> None: ...
            @handles(Close)
            def close(self, command: Close) -> None: ...

    text = str(caught.value)
    assert "Account handles Close, but nobody can send it Close" in text
    assert "    class Account(Actor[Deposit | Close]):" in text


def test_an_empty_body_is_incomplete() -> None:
    """A class statement without any method is checked as any other."""
    with pytest.raises(TypeError, match="has no handler for Deposit"):

        class Account(Actor[Deposit]):
            pass


def test_a_member_is_covered_by_a_handler_for_any_class_of_its_mro() -> None:
    """A handler for a base class covers all members below it, and `object` covers everything."""

    class Bank(Actor[OpenAccount | OpenJointAccount]):
        @handles(Command)
        def command(self, command: Command) -> None: ...

    class Sink(Actor[Deposit | Pay]):
        @handles(object)
        def anything(self, message: object) -> None: ...

    assert set(Bank.__table__.handlers) == {OpenAccount, OpenJointAccount}
    assert set(Sink.__table__.handlers) == {Deposit, Pay}


def test_a_handler_for_a_subclass_of_a_member_is_legitimate_but_does_not_cover_it() -> None:
    """One may treat a subclass apart; the member itself still needs its handler."""

    class Bank(Actor[Command]):
        @handles(Command)
        def command(self, command: Command) -> None: ...
        @handles(OpenJointAccount)
        def joint(self, command: OpenJointAccount) -> None: ...

    with pytest.raises(TypeError, match="has no handler for Command"):

        class Half(Actor[Command]):
            @handles(OpenJointAccount)
            def joint(self, command: OpenJointAccount) -> None: ...

    assert set(Bank.__table__.handlers) == {Command, OpenJointAccount}


def test_a_sibling_of_a_member_cannot_be_sent() -> None:
    """Two classes that share a base are nothing to each other."""
    with pytest.raises(TypeError, match="Bank handles Close, but nobody can send it Close"):

        class Bank(Actor[OpenAccount]):
            @handles(OpenAccount)
            def account(self, command: OpenAccount) -> None: ...
            @handles(Close)
            def close(self, command: Close) -> None: ...


def test_two_handlers_of_one_class_are_refused() -> None:
    """Also when one is inherited, and when they differ only in what a generic message carries."""
    with pytest.raises(TypeError, match="Account has two handlers for Deposit: one and two"):

        class Account(Actor[Deposit]):
            @handles(Deposit)
            def one(self, command: Deposit) -> None: ...
            @handles(Deposit)
            def two(self, command: Deposit) -> None: ...

    class Plain(Actor[Deposit]):
        @handles(Deposit)
        def one(self, command: Deposit) -> None: ...

    with pytest.raises(TypeError, match="Savings has two handlers for Deposit: one and two"):

        class Savings(Plain):
            @handles(Deposit)
            def two(self, command: Deposit) -> None: ...

    with pytest.raises(TypeError, match="Pages has two handlers for Page"):

        class Pages(Actor[Page[int] | Page[str]]):
            @handles(Page[int])
            def numbers(self, page: Page[int]) -> list[int]:
                return page.items

            @handles(Page[str])
            def words(self, page: Page[str]) -> list[str]:
                return page.items


def test_an_override_keeps_the_mark_and_a_new_mark_replaces_it() -> None:
    """The decorator of the base class counts for the method's name; a decorator on the override counts more."""

    class Account(Actor[Deposit]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    class Savings(Account):
        def take(self, command: Deposit) -> None: ...

    assert Savings.__table__.handlers == {Deposit: Savings.take}
    with pytest.raises(TypeError, match="Wrong handles Close"):

        class Wrong(Account):
            @handles(Close)
            def take(self, command: Close) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


def test_an_override_that_is_no_method_is_refused() -> None:
    """A handler cannot be taken away by putting something else under its name."""

    class Account(Actor[Deposit]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    with pytest.raises(TypeError, match=r"Wrong\.take, the handler of Deposit, must be a method made with 'def', not None"):

        class Wrong(Account):
            take = None  # type: ignore[assignment]


def test_a_generic_member_counts_by_its_origin() -> None:
    """`Page[int]` in the union and `Page` or `Page[int]` in the decorator are the same class of messages."""

    class Pages(Actor[Page[int]]):
        @handles(Page[int])
        def page(self, page: Page[int]) -> list[int]:
            return page.items

    assert members(Pages) == (Page,)
    assert Pages.__table__.handlers == {Page: Pages.page}


def test_overriding_receive_covers_the_union_but_excuses_no_handler_too_many() -> None:
    """A state machine needs no marks; a mark for what is not in its union is still a mistake."""

    class Light(Actor[Deposit | Pay]):
        def receive(self, message: Deposit | Pay) -> None: ...

    assert Light.__table__.handlers == {Deposit: Light.receive, Pay: Light.receive}
    with pytest.raises(TypeError, match="nobody can send it Close"):

        class Wrong(Actor[Deposit]):
            def receive(self, message: Deposit) -> None: ...
            @handles(Close)
            def close(self, command: Close) -> None: ...


def test_terminated_needs_no_place_in_the_union() -> None:
    """The runtime sends it, to whoever watches; so even an actor of nothing may handle it."""

    class Watcher(Actor[Never]):
        @handles(Terminated)
        def on_death(self, terminated: Terminated) -> None: ...

    assert Watcher.__table__.handlers == {Terminated: Watcher.on_death}


def test_a_subclass_inherits_the_union() -> None:
    """Without brackets of its own a class has the union of its base, and its completeness."""

    class Account(Actor[Deposit]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    class Savings(Account):
        pass

    assert members(Savings) == (Deposit,)
    with pytest.raises(TypeError, match="Odd handles Close"):

        class Odd(Account):
            @handles(Close)
            def close(self, command: Close) -> None: ...


def test_a_subclass_may_widen_the_union() -> None:
    """Several bases count together: `Actor[...]` once more adds to what the base class has."""

    class Account(Actor[Deposit]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    class Closable(Account, Actor[Deposit | Close]):
        @handles(Close)
        def close(self, command: Close) -> None: ...

    assert members(Closable) == (Deposit, Close)


def test_a_generic_base_class_is_checked_when_its_messages_are_known() -> None:
    """A type variable leaves the union open; filling it closes it, also through two generic classes and inside a union."""

    class Logging(Actor[M | Close], Generic[M]):
        @handles(Close)
        def close(self, command: Close) -> None: ...

    class Named(Logging[T], Generic[T]):
        pass

    class Account(Named[Deposit]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    assert members(Logging) == members(Named) == (object,)
    assert members(Account) == (Deposit, Close)
    with pytest.raises(TypeError, match=r"Missing is an Actor of Pay \| Close, but has no handler for Pay\."):

        class Missing(Named[Pay]):
            pass


def test_a_variable_inside_a_member_leaves_nothing_open() -> None:
    """`Actor[Page[T]]` takes pages, whatever is on them."""

    class Pages(Actor[Page[T]], Generic[T]):
        @handles(Page)
        def page(self, page: Page[T]) -> list[T]:
            return page.items

    class Numbers(Pages[int]):
        pass

    assert members(Pages) == members(Numbers) == (Page,)


def test_any_and_no_brackets_at_all_are_unchecked() -> None:
    """An actor of anything handles what it has handlers for."""

    class Anything(Actor[Any]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    class Bare(Actor):  # type: ignore[type-arg]
        @handles(Close)
        def close(self, command: Close) -> None: ...

    assert members(Anything) == members(Bare) == (object,)


def test_object_is_a_member_like_any_other() -> None:
    """`Actor[object]` needs a handler for `object` or a `receive`, and may have one for every class."""

    class Sink(Actor[object]):
        @handles(object)
        def anything(self, message: object) -> None: ...
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    assert members(Sink) == (object,)
    assert not Sink.__table__.vocabulary.is_open
    with pytest.raises(TypeError, match="has no handler for object"):

        class Half(Actor[object]):
            @handles(Deposit)
            def take(self, command: Deposit) -> None: ...


def test_a_union_may_be_written_in_every_way_python_has() -> None:
    """`|`, `Union`, an alias, `None`, `Annotated`, a quoted name, and duplicates."""

    def takes(union: Any) -> tuple[type, ...]:
        class Sink(Actor[union]):
            @handles(object)
            def anything(self, message: object) -> None: ...

        return members(Sink)

    assert takes(Deposit | Pay) == takes(Union[Deposit, Pay]) == takes(EITHER) == (Deposit, Pay)  # noqa: UP007
    assert takes(Deposit | None) == (Deposit, type(None))
    assert takes(Annotated[Deposit | Pay, "money"]) == (Deposit, Pay)
    assert takes("Deposit | Pay") == takes(Union["Deposit", Pay]) == takes(Union[Pay, "EITHER"])[::-1] == (Deposit, Pay)
    assert takes(Page[int] | Page[str]) == (Page,)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is Python 3.12's")
def test_a_union_may_be_a_type_alias_of_the_type_statement() -> None:
    """`type Both = Deposit | Pay`, and one with a parameter."""
    names: dict[str, Any] = {"Deposit": Deposit, "Pay": Pay, "Page": Page, "Close": Close}
    exec("type Both = Deposit | Pay\ntype Paged[X] = Page[X] | Close\n", names)
    for alias, wanted in ((names["Both"], (Deposit, Pay)), (names["Paged"][int], (Page, Close))):

        class Sink(Actor[alias]):  # type: ignore[valid-type]
            @handles(object)
            def anything(self, message: object) -> None: ...

        assert members(Sink) == wanted


def test_a_name_that_is_not_defined_yet_is_refused_with_advice() -> None:
    """A quoted name is looked up in the module, when the class is defined; later is too late to check the class."""
    with pytest.raises(TypeError, match=r"Account is an Actor of the name 'Later'.*Define the messages above the actor"):

        class Account(Actor["Later"]):  # type: ignore[name-defined]
            pass


@pytest.mark.parametrize("nonsense", [type[Deposit], type, Literal["deposit"], NewType("Cents", int), Annotated[Literal[3], "three"]])
def test_what_is_no_class_of_messages_is_refused(nonsense: Any) -> None:
    """The error shows what stood in the brackets, and what could."""
    with pytest.raises(TypeError, match=r"(?s)Account is an Actor of .*Write Actor\[Deposit \| Pay\]"):

        class Account(Actor[nonsense]):
            pass


@pytest.mark.parametrize(
    ("parameters", "fine"),
    [
        ("self, message", True),
        ("self, message, /", True),
        ("self, message, retries=3", True),
        ("self, *messages", True),
        ("self", False),
        ("self, message, other", False),
        ("self, *, message", False),
        ("", False),
    ],
)
def test_a_handler_is_called_with_the_actor_and_one_message(parameters: str, fine: bool) -> None:
    """Whatever cannot be called so is refused, with the line to write instead."""
    source = f"class Account(Actor[Deposit]):\n    @handles(Deposit)\n    def take({parameters}): ...\n"
    names = {"Actor": Actor, "handles": handles, "Deposit": Deposit}
    if fine:
        exec(source, names)
    else:
        taken = re.escape(f"({parameters})")
        with pytest.raises(TypeError, match=rf"Account\.take, the handler of Deposit, .* takes {taken}\. Write: def take\(self, message\)"):
            exec(source, names)


def test_a_handler_that_yields_is_refused() -> None:
    """A generator would be made and never run, silently."""
    with pytest.raises(TypeError, match=r"Account\.take, the handler of Deposit, yields"):

        class Account(Actor[Deposit]):
            @handles(Deposit)
            def take(self, command: Deposit) -> Any:
                yield command

    with pytest.raises(TypeError, match=r"Account\.take, the handler of Deposit, yields"):

        class AsyncAccount(Actor[Deposit]):
            __qualname__ = "Account"

            @handles(Deposit)
            async def take(self, command: Deposit) -> Any:
                yield command


def test_hooks_and_receive_must_fit_their_call_too() -> None:
    """A hook without its parameter would fail on the day it is needed."""
    with pytest.raises(TypeError, match=r"Account\.on_stop, a hook, is called with \(self, reason\), but takes \(self\)"):

        class Account(Actor[Never]):
            def on_stop(self) -> None: ...  # type: ignore[override]

    with pytest.raises(TypeError, match=r"Account2\.receive, .* is called with \(self, message\), but takes \(self\)"):

        class Account2(Actor[Never]):
            def receive(self) -> None: ...  # type: ignore[override]


def test_the_hooks_that_a_class_overrides_are_known_by_name() -> None:
    """Inherited ones included, and none besides: the runtime calls no others."""

    class Account(Actor[Never]):
        async def on_start(self) -> None: ...

    class Savings(Account):
        def on_terminated(self, terminated: Terminated) -> None: ...

    class Plain(Actor[Never]):
        pass

    assert Account.__hooks__ == {"on_start"}
    assert Savings.__hooks__ == {"on_start", "on_terminated"}
    assert Plain.__hooks__ == Actor.__hooks__ == frozenset()


def test_handlers_may_come_from_a_mixin_that_is_no_actor() -> None:
    """What counts is the class that is started, with everything in its MRO."""

    class Closing:
        @handles(Close)
        def close(self, command: Close) -> None: ...

    class Account(Closing, Actor[Deposit | Close]):
        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    assert Account.__table__.handlers == {Deposit: Account.take, Close: Closing.close}


def test_an_abstract_handler_covers_and_its_implementation_handles() -> None:
    """A base class says what is handled, a subclass how."""

    class Base(Actor[Deposit], abc.ABC):
        @handles(Deposit)
        @abc.abstractmethod
        def take(self, command: Deposit) -> None: ...

    class Account(Base):
        def take(self, command: Deposit) -> None: ...

    assert Account.__table__.handlers == {Deposit: Account.take}


def test_attrs_and_dataclasses_make_actors_slotted_or_not() -> None:
    """Where attrs makes a slotted class a second time, the class that remains is the one that is checked and used."""

    made: list[type] = []

    @define(eq=False)
    class Slotted(Actor[Deposit]):
        number: str

        @handles(Deposit)
        def take(self, command: Deposit) -> None:
            made.append(__class__)  # type: ignore[name-defined]

    @dataclass(eq=False)
    class Data(Actor[Deposit]):
        number: str

        @handles(Deposit)
        def take(self, command: Deposit) -> None: ...

    assert not hasattr(Slotted("A-1"), "__dict__")
    Slotted.__table__.handlers[Deposit](Slotted("A-1"), Deposit(1))
    assert made == [Slotted]
    assert Data("A-1").number == "A-1"
    with pytest.raises(TypeError, match="no handler for Deposit"):

        @define(eq=False)
        class Empty(Actor[Deposit]):
            number: str


WRITES_AN_ACTOR_CLASS = """
import sys, cloudpickle
from attrs import define, frozen
from trouper.actors.actor import Actor
from trouper.actors.handles import handles

@frozen
class Deposit:
    cents: int

@define(eq=False)
class Account(Actor[Deposit]):
    number: str

    async def on_start(self): ...

    @handles(Deposit)
    def take(self, command):
        return f"{self.number} takes {command.cents}"

class Savings(Account):
    pass

with open(sys.argv[1], "wb") as file:
    cloudpickle.dump((Savings, Deposit), file)
"""

READS_AN_ACTOR_CLASS = """
import pickle, sys

with open(sys.argv[1], "rb") as file:
    Savings, Deposit = pickle.load(file)
print(Savings.__table__.handlers[Deposit](Savings("A-1"), Deposit(5)), *Savings.__hooks__)
"""


def test_an_actor_class_of_a_script_survives_cloudpickle(tmp_path: Path) -> None:
    """Unpickling makes such a class before its methods: the check does not refuse that, and the table comes along."""
    outputs: list[str] = []
    for program in (WRITES_AN_ACTOR_CLASS, READS_AN_ACTOR_CLASS):
        command = [sys.executable, "-c", program, str(tmp_path / "classes")]
        outputs.append(subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout)
    assert outputs == ["", "A-1 takes 5 on_start\n"]


@pytest.mark.parametrize("name", ["receive", "on_start", "on_terminated"])
def test_a_handler_may_not_have_the_name_of_what_the_runtime_calls(name: str) -> None:
    """A handler called `receive` would be given every message, of whatever class."""

    def handler(self: object, message: Close) -> None:
        """Never called."""

    handler.__name__ = name
    with pytest.raises(TypeError, match=rf"Careless handles Close in a method called {name}, .* Give the handler another name"):
        types.new_class("Careless", (Actor[Close],), {}, lambda names: names.update({name: handles(Close)(handler)}))
