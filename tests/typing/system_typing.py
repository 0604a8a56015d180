"""What a system and its registry know of messages: right uses, and planted mistakes. Read by type checkers, never run."""

from __future__ import annotations

from typing import assert_type

from attrs import define, frozen

from trouper import Actor, ActorRef, Request, ServiceKey, System, actor, group, handles, router


@frozen
class Deposit:
    cents: int


@frozen
class Balance(Request[int]):
    pass


@frozen
class Other:
    pass


@define(eq=False)
class Account(Actor[Deposit | Balance]):
    number: str
    cents: int = 0

    @handles(Deposit)
    def deposit(self, command: Deposit) -> None:
        self.cents += command.cents

    @handles(Balance)
    def balance(self, _request: Balance) -> int:
        return self.cents


ACCOUNT = actor(Account, "A-1", name="account")
PAYMENTS = ServiceKey[Deposit]("payments")


async def right(system: System) -> None:
    ref = system.ref(ACCOUNT)
    assert_type(ref, ActorRef[Deposit | Balance])
    assert_type(await ref.ask(Balance()), int)
    assert_type(await system.spawn(actor(Account, "A-2")), ActorRef[Deposit | Balance])
    assert_type(await system.start(ACCOUNT), ActorRef[Deposit | Balance])
    system.registry.register(PAYMENTS, ref)
    assert_type(system.registry.find(PAYMENTS), tuple[ActorRef[Deposit], ...])
    assert_type(await system.registry.wait_for(PAYMENTS), tuple[ActorRef[Deposit], ...])
    pool = await system.spawn(router("pool", ACCOUNT, 3))
    assert_type(await pool.ask(Balance()), int)
    await (await system.spawn(group("all", PAYMENTS))).tell(Deposit(1))
    async with system.subscribe(Deposit, where=lambda fact: fact.cents > 1) as facts:
        async for fact in facts:
            assert_type(fact, Deposit)


async def wrong(system: System, only_balance: ActorRef[Balance]) -> None:
    await system.ref(ACCOUNT).tell(Other())  # expect-error
    await system.ref(ACCOUNT).ask(Deposit(1))  # expect-error
    await system.spawn(Account)  # expect-error
    system.registry.register(PAYMENTS, only_balance)  # expect-error
    for member in system.registry.find(PAYMENTS):
        member.tell_nowait(Balance())  # expect-error
    router("pool", ACCOUNT, 3, routing="round-robin")  # expect-error
    system.subscribe(Deposit, where=lambda fact: fact.euros > 1)  # expect-error
    system.subscribe(Deposit, on_full="block")  # expect-error
