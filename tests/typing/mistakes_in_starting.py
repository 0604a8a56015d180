"""Planted mistakes in specs: each marked line must be an error. Read by type checkers, never run."""

from __future__ import annotations

from functools import partial

from attrs import define, frozen

from trouper import Actor, ActorSpec, Supervision, actor, handles, supervisor


@frozen
class Deposit:
    cents: int


@frozen
class Close:
    pass


@define(eq=False)
class Account(Actor[Deposit]):
    number: str
    balance_cents: int = 0

    @handles(Deposit)
    def deposit(self, command: Deposit) -> None:
        self.balance_cents += command.cents


class NoActor:
    pass


def wrong_arguments() -> None:
    actor(Account)  # expect-error
    actor(Account, 1)  # expect-error
    actor(Account, "A-1", "much")  # expect-error
    actor(Account, "A-1", 10, 11)  # expect-error
    actor(Account, number="A-1")  # expect-error
    actor(partial(Account, 1))  # expect-error
    actor(partial(Account, "A-1"), "A-2", "A-3")  # expect-error: pyright


def wrong_factories() -> None:
    actor(NoActor)  # expect-error
    actor(Account("A-1"))  # expect-error
    actor("Account")  # expect-error


def wrong_options() -> None:
    actor(Account, "A-1", restart="permanant")  # expect-error
    actor(Account, "A-1", mailbox="big")  # expect-error
    actor(Account, "A-1", name=1)  # expect-error
    actor(Account, "A-1", mailbx=64)  # expect-error
    actor(Account, "A-1", supervision="one_for_one")  # expect-error
    supervisor("bank", strategy="one_for_al")  # expect-error
    supervisor("bank", auto_shutdown="any")  # expect-error
    supervisor("bank", directives={ValueError: "ignore"})  # expect-error
    supervisor("bank", [], "one_for_one")  # expect-error
    supervisor()  # expect-error
    Supervision(strategy="all")  # expect-error


def wrong_children(account: Account) -> None:
    supervisor("bank", [Account])  # expect-error
    supervisor("bank", [account])  # expect-error
    supervisor("bank", ["account"])  # expect-error
    supervisor("bank", actor(Account, "A-1"))  # expect-error


def needs_closing(spec: ActorSpec[Close]) -> None:
    print(spec)


def wrong_messages(spec: ActorSpec[Deposit]) -> None:
    needs_closing(spec)  # expect-error
    needs_closing(actor(Account, "A-1"))  # expect-error
    spec.name = "other"  # expect-error
