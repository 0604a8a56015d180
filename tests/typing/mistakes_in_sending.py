"""Planted mistakes of those who hold a ref: each marked line must be an error. Read by type checkers, never run."""

from __future__ import annotations

from typing import Any, Never, assert_never

from attrs import frozen

from trouper import Actor, ActorRef, ActorSpec, Reply, Request, actor, handles


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
class Command:
    pass


@frozen
class Open(Command):
    pass


class Account(Actor[Deposit | Pay]):
    @handles(Deposit)
    def deposit(self, command: Deposit) -> None: ...

    @handles(Pay)
    def pay(self, command: Pay) -> Receipt | Declined:
        return Receipt(command.cents)


ACCOUNT = actor(Account)


def ref_of(spec: ActorSpec[Deposit | Pay]) -> ActorRef[Deposit | Pay]:
    raise NotImplementedError(spec)


async def wrong_tell(account: ActorRef[Deposit | Pay], commands: ActorRef[Open]) -> None:
    await account.tell(Balance())  # expect-error
    account.tell_nowait(Balance())  # expect-error
    await account.tell("deposit")  # expect-error
    await account.tell(Deposit)  # expect-error
    await account.tell()  # expect-error
    await commands.tell(Command())  # expect-error
    await ref_of(ACCOUNT).tell(Balance())  # expect-error


async def wrong_ask(account: ActorRef[Deposit | Pay], nobody: ActorRef[Never]) -> None:
    await account.ask(Balance())  # expect-error
    await account.ask(Pay)  # expect-error
    await account.ask(Pay(1), timeout="soon")  # expect-error
    await nobody.ask(Balance())  # expect-error
    await ref_of(ACCOUNT).ask(Balance())  # expect-error


async def ask_without_reply(account: ActorRef[Deposit | Pay], anything: ActorRef[Any], sink: ActorRef[object]) -> None:
    await account.ask(Deposit(1))  # expect-error
    await sink.ask(Deposit(1))  # expect-error
    await anything.ask(Deposit(1))  # expect-error


async def wrong_use_of_the_reply(account: ActorRef[Deposit | Pay]) -> None:
    reply = await account.ask(Pay(1))
    print(reply.cents)  # expect-error
    receipt: Receipt = await account.ask(Pay(1))  # expect-error
    number: int = await account.ask(Pay(1))  # expect-error
    print(receipt, number)
    match reply:
        case Receipt(cents=cents):
            print(cents)
        case unexpected:
            assert_never(unexpected)  # expect-error


async def forgotten_case(account: ActorRef[Pay]) -> int:  # expect-error
    match await account.ask(Pay(1)):  # expect-error: pyright
        case Receipt(cents=cents):
            return cents


async def needs_to_deposit(account: ActorRef[Deposit]) -> None:
    await account.tell(Deposit(1))


async def needs_both(account: ActorRef[Deposit | Pay]) -> None:
    await account.tell(Deposit(1))


async def needs_any_command(bank: ActorRef[Command]) -> None:
    await bank.tell(Command())


async def wrong_variance(may_pay: ActorRef[Pay], may_deposit: ActorRef[Deposit], opens: ActorRef[Open]) -> None:
    await needs_to_deposit(may_pay)  # expect-error
    await needs_both(may_pay)  # expect-error
    await needs_both(may_deposit)  # expect-error
    await needs_any_command(opens)  # expect-error


def wrong_deferred_reply(reply: Reply[int]) -> None:
    reply.send("five")  # expect-error
    reply.fail("because")  # expect-error
