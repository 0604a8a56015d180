"""Planted mistakes of those who write actors: each marked line must be an error. Read by type checkers, never run."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import frozen

from trouper import Actor, Exit, Reply, Request, Terminated, handles

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
class Balance(Request[int]):
    pass


@frozen
class Close(Request[None]):
    pass


@frozen
class Get(Request[T], Generic[T]):
    default: T


Everything = Deposit | Pay | Balance | Close


class WrongReply(Actor[Everything]):
    @handles(Balance)  # expect-error
    async def balance(self, query: Balance) -> str:
        return "much"

    @handles(Balance)  # expect-error
    def balance_in_text(self, query: Balance) -> str:
        return "much"

    @handles(Balance)  # expect-error
    async def balance_forgotten(self, query: Balance) -> None:
        print(query)

    @handles(Pay)  # expect-error
    async def pay(self, command: Pay) -> Receipt | Declined | None:
        return None

    @handles(Close)  # expect-error
    def close(self, command: Close) -> bool:
        return True

    @handles(Deposit)  # expect-error
    def deposit(self, command: Deposit) -> int:
        return command.cents

    @handles(Deposit)  # expect-error
    async def deposit_and_say(self, command: Deposit) -> int:
        return command.cents

    @handles(Get[int])  # expect-error
    def get(self, query: Get[int]) -> str:
        return "zero"

    @handles(Balance)  # expect-error
    def balance_later(self, query: Balance) -> Reply[str]:
        raise NotImplementedError

    @handles(Balance)  # expect-error
    async def balance_later_too(self, query: Balance) -> Reply[str]:
        raise NotImplementedError

    @handles(Balance)
    def balance_deferred(self, query: Balance) -> Reply[int]:
        self.context.defer(query).send("much")  # expect-error
        return self.context.defer(Close())  # expect-error

    @handles(Balance)
    def balance_of_another_type(self, query: Balance) -> int:
        return "much"  # expect-error


class WrongParameter(Actor[Everything]):
    @handles(Deposit)  # expect-error
    def deposit(self, command: Pay) -> None: ...

    @handles(Balance)  # expect-error
    async def balance(self, query: Close) -> int:
        return 1

    @handles(Close)  # expect-error
    def close(self) -> None: ...

    @handles(Close)  # expect-error
    def close_now(self, command: Close, now: bool) -> None: ...

    @handles(Get[int])  # expect-error
    def get(self, query: Get[str]) -> int:
        return 1

    @handles(Terminated)  # expect-error
    def on_death(self, reason: Exit) -> None: ...


class NoClass(Actor[Everything]):
    @handles("Deposit")  # expect-error
    def deposit(self, command: Deposit) -> None: ...

    @handles(Deposit(1))  # expect-error
    def deposit_one(self, command: Deposit) -> None: ...

    @handles()  # expect-error
    def deposit_two(self, command: Deposit) -> None: ...


class Right(Actor[Everything]):
    @handles(Balance)
    def balance(self, query: Balance) -> int:
        return 1


class WrongOverride(Right):
    def balance(self, query: Balance) -> str:  # expect-error
        return "much"


class WrongHooks(Actor[Deposit]):
    async def on_start(self, now: float) -> None: ...  # expect-error

    def on_stop(self, reason: str) -> None: ...  # expect-error

    async def on_restart(self) -> None: ...  # expect-error

    def on_terminated(self, terminated: Terminated) -> int:  # expect-error
        return 1


class WrongReceive(Actor[Deposit | Pay]):
    def receive(self, message: Deposit) -> None: ...  # expect-error


def no_effects_but_through_the_context(actor: Right) -> None:
    actor.publish(Deposit(1))  # expect-error
    actor.context.publsh(Deposit(1))  # expect-error
