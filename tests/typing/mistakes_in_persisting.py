"""Planted mistakes of those who write actors that keep their events: each marked line must be an error. Read by type checkers, never run."""

from __future__ import annotations

from typing import assert_type

from attrs import define, frozen

from trouper import Request, actor, handles
from trouper.persistence import EventSourced, applies, restores, stored


@frozen
class Deposited:
    cents: int


@stored("paid", version=2, upcasts={1: lambda fields: {**fields, "currency": "EUR"}})
@frozen
class Paid:
    reference: str
    cents: int


@frozen
class Declined:
    reason: str


@frozen
class State:
    balance_cents: int


@frozen
class Deposit:
    cents: int


@frozen
class Pay(Request[Paid | Declined]):
    reference: str
    cents: int


Events = Deposited | Paid


@define(eq=False)
class Account(EventSourced[Deposit | Pay, Events]):
    number: str
    balance_cents: int = 0

    @handles(Deposit)
    async def deposit(self, command: Deposit) -> None:
        assert_type(await self.persist(Deposited(command.cents)), Deposited)
        assert_type(await self.persist(Deposited(command.cents), Paid("fee", 1)), None)
        await self.save_snapshot()

    @handles(Pay)
    async def pay(self, command: Pay) -> Paid | Declined:
        if command.cents > self.balance_cents:
            return Declined("not enough")
        return await self.persist(Paid(command.reference, command.cents))

    @applies(Deposited)
    def deposited(self, event: Deposited) -> None:
        self.balance_cents += event.cents

    @applies(Paid)
    def paid(self, event: Paid) -> None:
        self.balance_cents -= event.cents

    def on_recovered(self) -> None:
        self.context.log.info("back")

    def snapshot(self) -> State:
        return State(self.balance_cents)

    @restores(State)
    def restore(self, state: State) -> None:
        self.balance_cents = state.balance_cents


ACCOUNT = actor(Account, "A-1")


class Mistaken(EventSourced[Deposit | Pay, Events]):
    @handles(Deposit)
    async def deposit(self, command: Deposit) -> None:
        # mypy looks at the `self` of an `__await__` with its type variables erased, and lets it pass; the actor refuses it when it runs.
        await self.persist(Declined("no event"))  # expect-error: pyright
        await self.persist(Deposited(1), Declined("no event"))  # expect-error
        await self.persist()  # expect-error
        await self.persist([Deposited(1)], Deposited(1))  # expect-error

    @handles(Pay)
    async def pay(self, command: Pay) -> Paid | Declined:
        return await self.persist(Deposited(command.cents))  # expect-error

    @applies(Paid)  # expect-error
    def paid(self, event: Deposited) -> None: ...

    @applies(Deposited)  # expect-error
    async def deposited(self, event: Deposited) -> None: ...

    @applies(Deposited)  # expect-error
    def deposited_and_says(self, event: Deposited) -> int:
        return 1

    @applies(Deposited(1))  # expect-error
    def deposited_one(self, event: Deposited) -> None: ...

    @restores(State)  # expect-error
    def restore(self, state: Deposited) -> None: ...

    async def on_recovered(self, balance: int) -> None: ...  # expect-error

    snapshot_every = "often"  # expect-error


@stored("paid", version="2")  # expect-error
@frozen
class Misspelled:
    cents: int


async def no_reply_but_what_is_declared(account: Account) -> Declined:
    return await account.persist(Paid("rent", 1))  # expect-error
