"""
What leaves a process comes back: refs by their address, specs with closures, and every public error with its fields and its text.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import cloudpickle  # type: ignore[import-untyped, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]
import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

import trouper
from trouper import (
    Actor,
    ActorRef,
    Address,
    AskStopped,
    DeadLetter,
    ForeignRef,
    Request,
    Terminated,
    TrouperError,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.actors.resolving import resolve

Dumps = Callable[[Any], bytes]


def cloud_dumps(thing: Any) -> bytes:
    blob: bytes = cloudpickle.dumps(thing)  # pyright: ignore[reportUnknownMemberType]
    return blob


PICKLERS: list[Dumps] = [pickle.dumps, cloud_dumps]


@frozen
class Echo(Request[str]):
    """Answered with the actor's path."""


@frozen
class Load(Request[ActorRef[Any]]):
    """Answered with what the blob holds."""

    blob: bytes


@frozen
class LoadBeside(Request[ActorRef[Any]]):
    """The same, by a background task."""

    blob: bytes


@define(eq=False)
class Loader(Actor[Echo | Load | LoadBeside]):
    """Unpickles what it is sent."""

    @handles(Echo)
    def echo(self, _: Echo) -> str:
        return self.context.path

    @handles(Load)
    def load(self, command: Load) -> ActorRef[Any]:
        ref: ActorRef[Any] = unpickled(command.blob)
        return ref

    @handles(LoadBeside)
    async def load_beside(self, command: LoadBeside) -> ActorRef[Any]:
        send, receive = trio.open_memory_channel[ActorRef[Any]](1)

        async def load() -> None:
            await trio.lowlevel.checkpoint()
            await send.send(unpickled(command.blob))

        self.context.start_soon(load)
        return await receive.receive()


def unpickled(blob: bytes) -> Any:
    return pickle.loads(blob)


# Refs


@pytest.mark.parametrize("dumps", PICKLERS)
async def test_a_ref_pickles_to_its_address_and_resolves_in_the_system_that_is_named(autojump_clock: MockClock, dumps: Dumps) -> None:
    """Inside `with system.current()` a pickled ref is the same actor's ref again, equal to the first, and leads to it."""
    loader = actor(Loader, name="loader")
    with trio.fail_after(10):
        async with open_system(loader) as system:
            ref = system.ref(loader)
            blob = dumps({"to": ref, "twice": [ref, ref]})
            with system.current():
                back = unpickled(blob)
            assert back["to"] == ref
            assert hash(back["to"]) == hash(ref)
            assert back["to"].address == ref.address == attrs.evolve(ref.address)
            assert await back["twice"][1].ask(Echo()) == "/user/loader"


async def test_inside_an_actor_a_ref_resolves_by_itself_in_the_actors_system(autojump_clock: MockClock) -> None:
    """Handlers and background tasks need no `with`: they are in their actor's system, also when the other one is `current`."""
    loader = actor(Loader, name="loader")
    with trio.fail_after(10):
        async with open_system(loader) as system, open_system(name="other") as other:
            ref = system.ref(loader)
            with other.current():
                assert await ref.ask(Load(pickle.dumps(ref))) == ref
                assert await ref.ask(LoadBeside(pickle.dumps(ref))) == ref


async def test_a_ref_that_crosses_several_systems_belongs_to_its_own_only(autojump_clock: MockClock) -> None:
    """In another system the address means nobody: ForeignRef, naming both. `current` can be nested, and ends with its block."""
    with trio.fail_after(10):
        async with open_system(name="here") as here, open_system(name="there") as there:
            ref = await here.spawn(actor(Loader, name="loader"))
            blob = pickle.dumps(ref)
            with here.current():
                with there.current(), pytest.raises(ForeignRef) as caught:
                    unpickled(blob)
                assert unpickled(blob) == ref
            assert caught.value.path == "/user/loader"
            assert "here-" in str(caught.value)
            assert "there-" in str(caught.value)


async def test_a_ref_does_not_resolve_where_no_system_is_at_hand(autojump_clock: MockClock) -> None:
    """LookupError says how to say which system is meant."""
    with trio.fail_after(10):
        async with open_system() as system:
            blob = pickle.dumps(await system.spawn(actor(Loader)))
            with pytest.raises(LookupError, match=r"with system\.current\(\)"):
                unpickled(blob)


async def test_the_ref_of_a_dead_actor_resolves_to_one_that_leads_nowhere(autojump_clock: MockClock) -> None:
    """
    A new actor of the same name is another one: the old ref stays dead, equal to itself and not to the new one; what is sent to it
    is a dead letter, who asks it gets AskStopped, and who watches it hears of its death.
    """

    @define(eq=False)
    class Watcher(Actor[Load | Terminated]):
        heard: list[Terminated] = field(factory=list[Terminated])

        @handles(Load)
        def load(self, command: Load) -> ActorRef[Any]:
            ref: ActorRef[Any] = unpickled(command.blob)
            self.context.watch(ref)
            return ref

        @handles(Terminated)
        def terminated(self, terminated: Terminated) -> None:
            self.heard.append(terminated)

    heard: list[Terminated] = []
    with trio.fail_after(10):
        async with open_system() as system:
            old = await system.spawn(actor(Loader, name="loader"))
            blob = pickle.dumps(old)
            await system.stop(old)
            new = await system.spawn(actor(Loader, name="loader"))
            with system.current():
                back = unpickled(blob)
            assert back == old
            assert back != new
            async with system.subscribe(DeadLetter) as letters:
                await back.tell(Echo())
                assert (await anext(letters)).message == Echo()
            with pytest.raises(AskStopped):
                await back.ask(Echo())
            watcher = await system.spawn(actor(Watcher, heard))
            assert await watcher.ask(Load(blob)) == old
            await trio.testing.wait_all_tasks_blocked()
            assert [terminated.ref for terminated in heard] == [old]
            statistics = system.statistics()
            assert statistics.accepted == statistics.handled + statistics.withdrawn + statistics.dead_letters


async def test_an_address_that_never_was_resolves_to_a_ref_that_leads_nowhere(autojump_clock: MockClock) -> None:
    """A path under an actor that lives, or of nobody, is no crash in `pickle.loads`."""
    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Loader, name="loader"))
            node = ref.address.node
            for path in ("/user/loader/nobody", "/nobody/at/all", "/"):
                with system.current():
                    back = resolve(Address(node, path, 7))
                back.tell_nowait(Echo())
                assert str(back) == path


async def test_a_ref_pickled_in_a_message_comes_back_as_itself(autojump_clock: MockClock) -> None:
    """A frozen message that holds refs pickles as a whole."""

    @frozen
    class Holds:
        who: ActorRef[Any]

    with trio.fail_after(10):
        async with open_system() as system:
            ref = await system.spawn(actor(Loader))
            with system.current():
                back = unpickled(cloud_dumps(Terminated(ref, trouper.Exit("normal"))))
                assert back == Terminated(ref, trouper.Exit("normal"))
                assert unpickled(cloud_dumps(Holds(ref))).who == ref


# Specs


async def test_a_spec_with_a_class_and_a_closure_of_its_own_goes_through_cloudpickle(autojump_clock: MockClock) -> None:
    """A spec made inside a function, of a class and with arguments from there, can be sent to another process and started."""
    greeting = "hello"

    @frozen
    class Greet(Request[str]):
        name: str

    @define(eq=False)
    class Greeter(Actor[Greet]):
        decorate: Callable[[str], str]

        @handles(Greet)
        async def greet(self, command: Greet) -> str:
            return self.decorate(command.name)

    def greeting_of(name: str) -> str:
        return f"{greeting}, {name}"

    spec = supervisor("top", [actor(Greeter, greeting_of, name="greeter", mailbox=3)], max_restarts=1)
    back: Any
    greet: Any
    back, greet = unpickled(cloud_dumps((spec, Greet("you"))))
    assert back is not spec
    with trio.fail_after(10):
        async with open_system(back) as system:
            assert await system.ref(back.children[0]).ask(greet) == "hello, you"
            assert system.ref(back.children[0]).path == "/user/top/greeter"


# Errors


def _public_errors() -> list[type[TrouperError]]:
    found = {thing for thing in vars(trouper).values() if isinstance(thing, type) and issubclass(thing, TrouperError)}
    return sorted(found, key=lambda error: error.__name__)


def _made_up(kind: str, name: str) -> Any:
    """A value for a field of an error, by its annotation."""
    if name == "causes":
        return (ValueError("first"), KeyError("second"))
    if kind.startswith("tuple"):
        return ("/user/a", "/user/b", "/user/a")
    return {"str": f"the {name}", "int": 64, "float": 2.5}[kind]


def _fields(kind: Any) -> tuple[Any, ...]:
    return tuple(attrs.fields(kind)) if attrs.has(kind) else ()


def _made(kind: Any, values: list[Any]) -> Any:
    return kind(*values)


@pytest.mark.parametrize("dumps", PICKLERS)
@pytest.mark.parametrize("kind", _public_errors(), ids=lambda kind: kind.__name__)
def test_every_public_error_pickles_with_its_fields_its_text_and_its_notes(kind: type[TrouperError], dumps: Dumps) -> None:
    """Each error of the facade survives pickling: type, fields, text, notes. Its text is more than the name of a class."""
    fields = _fields(kind)
    values = [_made_up(str(each.type), each.name) for each in fields]
    error = _made(kind, values)
    error.add_note("seen in the test")
    back: Any = unpickled(dumps(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert back.__notes__ == ["seen in the test"]
    for each in fields:
        assert repr(getattr(back, each.name)) == repr(getattr(error, each.name))
    if values:
        assert str(error).endswith(".")
        assert len(str(error).split()) >= 4


def test_the_walk_over_the_facade_finds_the_errors() -> None:
    """The test above looks at something."""
    assert len(_public_errors()) >= 20
