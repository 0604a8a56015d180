"""What users write, and what both type checkers must find nothing wrong with. Read by them, never run."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Never, TypeVar, assert_type

from attrs import define, frozen

from trouper import Actor, ActorRef, ActorSpec, Exit, Reply, Request, Supervision, Terminated, actor, handles, supervisor

T = TypeVar("T")
M = TypeVar("M")


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


@dataclass(frozen=True, slots=True)
class Balance(Request[int]):
    at: float = 0.0


class Close(Request[None]):
    pass


class CloseAtOnce(Close):
    pass


@frozen
class Put(Request[None], Generic[T]):
    key: str
    value: T


@frozen
class Get(Request[T]):
    key: str
    default: T


# An actor: plain and async handlers, a reply of several types, a subclass of a member, hooks of both kinds.


@define(eq=False)
class Account(Actor[Deposit | Pay | Balance | Close]):
    number: str
    balance_cents: int = 0

    async def on_start(self) -> None:
        await self.context.sleep(0.1)

    def on_stop(self, reason: Exit) -> None:
        print(self.context.path, reason.kind)

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> None:
        self.balance_cents += command.cents

    @handles(Pay)
    async def pay(self, command: Pay) -> Receipt | Declined:
        if command.cents > self.balance_cents:
            return Declined("too little")
        return Receipt(command.cents)

    @handles(Balance)
    def balance(self, query: Balance) -> int:
        return self.balance_cents

    @handles(Close)
    def close(self, command: Close) -> None:
        self.balance_cents = 0

    @handles(CloseAtOnce)
    async def close_at_once(self, command: CloseAtOnce) -> None:
        self.close(command)

    async def used_directly(self) -> None:
        assert_type(self.balance(Balance()), int)
        assert_type(await self.pay(Pay(1)), Receipt | Declined)


@define(eq=False)
class Savings(Account):
    rate: float = 0.01

    def on_restart(self, cause: BaseException) -> None:
        print(cause)

    async def on_terminated(self, terminated: Terminated) -> None:
        assert_type(terminated.reason, Exit)

    def balance(self, query: Balance) -> int:  # an override needs no decorator
        return super().balance(query) + 1

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> None:
        await super().deposit(command)


class Watching(Actor[Never]):
    @handles(Terminated)
    def on_death(self, terminated: Terminated) -> None:
        print(terminated.ref)


# A handler that answers later returns what `defer` returned; it may also answer at once, and may be plain.


@define(eq=False)
class Broker(Actor[Pay | Balance]):
    waiting: list[Reply[int]]

    @handles(Pay)
    async def pay(self, command: Pay) -> Reply[Receipt | Declined] | Declined:
        if command.cents < 0:
            return Declined("negative")
        reply = self.context.defer(command)
        assert_type(reply, Reply[Receipt | Declined])
        reply.send(Receipt(command.cents))
        return reply

    @handles(Balance)
    def balance(self, query: Balance) -> Reply[int]:
        reply = self.context.defer(query)
        self.waiting.append(reply)
        return reply


# Handlers may promise less than the message allows and accept more.


class Modest(Actor[Pay | Deposit]):
    @handles(Pay)
    def pay(self, command: Pay) -> Declined:
        return Declined("never")

    @handles(Deposit)
    async def deposit(self, command: object) -> None: ...


# The lower layer: a state machine.


class Machine(Actor[Deposit | Balance]):
    cents: int = 0

    async def receive(self, message: Deposit | Balance) -> int | None:
        match message:
            case Deposit(cents=cents):
                self.cents += cents
                return None
            case Balance():
                return self.cents


class Partly(Account):
    def receive(self, message: Deposit | Pay | Balance | Close) -> Any:
        return Declined("closed") if isinstance(message, Pay) else super().receive(message)


# Generic messages and actors.


class Store(Actor[Put[T] | Get[T]], Generic[T]):
    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[str, T] = {}

    @handles(Put)
    def put(self, command: Put[T]) -> None:
        self.values[command.key] = command.value

    @handles(Get)
    def get(self, query: Get[T]) -> T:
        return self.values.get(query.key, query.default)


class Numbers(Actor[Get[int]]):
    @handles(Get[int])
    async def get(self, query: Get[int]) -> int:
        return query.default


class Forwarding(Actor[M], Generic[M]):
    def __init__(self, target: ActorRef[M]) -> None:
        self.target = target

    async def receive(self, message: M) -> None:
        await self.target.tell(message)


# Specs know the actor's messages; supervisors take them all.

ACCOUNT = actor(Account, "A-1", 10_000, name="account-A-1", mailbox=64)
WITH_DEFAULT = actor(Account, "A-1", restart="transient", stop_timeout=1.0, significant=True)
WITH_KEYWORDS = actor(partial(Account, "A-1", balance_cents=5), supervision=Supervision(max_restarts=0))
STORE = actor(Store[int], "numbers")


def a_function(number: str) -> Account:
    return Account(number)


BY_FUNCTION = actor(a_function, "A-1")
ROOT = supervisor("bank", [ACCOUNT, STORE, actor(Broker, list[Reply[int]]()), supervisor("inner", (WITH_DEFAULT,))], within=2.0)
TOP = supervisor("top", (actor(Account, number) for number in ("A-1", "A-2")), directives={ValueError: "stop"})

assert_type(ACCOUNT, ActorSpec[Deposit | Pay | Balance | Close])
assert_type(WITH_DEFAULT, ActorSpec[Deposit | Pay | Balance | Close])
assert_type(WITH_KEYWORDS, ActorSpec[Deposit | Pay | Balance | Close])
assert_type(BY_FUNCTION, ActorSpec[Deposit | Pay | Balance | Close])
assert_type(STORE, ActorSpec[Put[int] | Get[int]])
assert_type(ROOT, ActorSpec[Never])


def ref_of(spec: ActorSpec[M]) -> ActorRef[M]:
    raise NotImplementedError(spec)


# Telling and asking.


async def use(account: ActorRef[Deposit | Pay | Balance | Close], store: ActorRef[Put[int] | Get[int]]) -> None:
    await account.tell(Deposit(1))
    account.tell_nowait(Pay(1))
    assert_type(await account.ask(Balance()), int)
    assert_type(await account.ask(Balance(), timeout=2.0), int)
    assert_type(await account.ask(Pay(9)), Receipt | Declined)
    await account.ask(CloseAtOnce())
    assert_type(await store.ask(Get("one", 1)), int)
    await store.ask(Put("one", 1))


async def all_cases(account: ActorRef[Pay]) -> str:
    """A match over the reply is complete without a last `case _`."""
    match await account.ask(Pay(9)):
        case Receipt(cents=cents):
            return str(assert_type(cents, int))
        case Declined(reason=reason):
            return assert_type(reason, str)


async def may_only_pay(payer: ActorRef[Pay]) -> None:
    assert_type(await payer.ask(Pay(1)), Receipt | Declined)


def keeps(refs: Sequence[ActorRef[Never]]) -> None:
    print(refs)


async def narrows(account: ActorRef[Deposit | Pay | Balance | Close], anything: ActorRef[Any], sink: ActorRef[object]) -> None:
    """A ref is contravariant: who takes more serves who sends less."""
    await may_only_pay(account)
    await may_only_pay(anything)
    await may_only_pay(sink)
    assert_type(await sink.ask(Balance()), int)
    assert_type(await anything.ask(Balance()), int)
    await use(ref_of(ACCOUNT), ref_of(STORE))
    await may_only_pay(ref_of(WITH_KEYWORDS))
    keeps([account, ref_of(STORE), ref_of(ROOT)])
    children: Sequence[ActorSpec[Never]] = [ACCOUNT, STORE, ROOT]
    print(children)


def hooks_may_be_called_by_who_knows_them(account: Account) -> Awaitable[None]:
    return account.on_start()
