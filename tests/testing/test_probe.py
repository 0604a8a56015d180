"""The probe: what a test sees of the messages that its actors send."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock

from trouper import Actor, ActorRef, AlreadyReplied, AskFailed, Request, Terminated, actor, handles
from trouper.testing import ActorSystem, ExpectationFailed, Probe, ProbeFull


@frozen
class Deposit:
    cents: int


@frozen
class Pay(Request[str]):
    cents: int


@frozen
class Paid:
    cents: int


@define(eq=False)
class Shop(Actor[Deposit | Pay]):
    """Passes deposits on, and asks the till for payments."""

    till: ActorRef[Deposit | Pay]

    @handles(Deposit)
    def deposit(self, command: Deposit) -> None:
        self.till.tell_nowait(command)

    @handles(Pay)
    async def pay(self, command: Pay) -> str:
        receipt = await self.till.ask(command, timeout=60.0)
        self.context.publish(Paid(command.cents))
        return receipt


async def test_a_probe_gets_what_is_sent_in_order_and_shows_all_of_it(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """`expect` takes one message after the other; `messages` is everything that came so far, taken or not."""
    shop = await actor_system.spawn(actor(Shop, probe.ref))
    for cents in (1, 2, 3):
        await shop.tell(Deposit(cents))
    assert await probe.expect(Deposit) == Deposit(1)
    assert await probe.expect(Deposit) == Deposit(2)
    await trio.sleep(1)
    assert probe.messages == [Deposit(1), Deposit(2), Deposit(3)]
    assert await probe.expect(object) == Deposit(3)


async def test_a_probe_replies_when_the_test_says_so(autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
    """The ask stays open meanwhile; an answer, or a failure with its cause, reaches the asker."""
    actor_system.expect_failure(AskFailed)
    shop = await actor_system.spawn(actor(Shop, probe.ref))
    got: list[Any] = []

    async def pay(cents: int) -> None:
        try:
            got.append(await shop.ask(Pay(cents), timeout=60.0))
        except AskFailed as error:
            got.append(error.__cause__.__cause__ if error.__cause__ else None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pay, 5)
        assert await probe.expect(Pay) == Pay(5)
        await trio.sleep(30)
        assert got == []
        probe.reply("receipt")
    refused = ValueError("no")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pay, 6)
        await probe.expect(Pay)
        probe.fail(refused)
    assert got == ["receipt", refused]


async def test_a_message_in_time_is_taken_at_the_boundary_and_none_after_it(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """`within` is in seconds of the clock of the test; what comes later is still there for the next one."""
    shop = await actor_system.spawn(actor(Shop, probe.ref))

    async def send(after: float) -> None:
        await trio.sleep(after)
        await shop.tell(Deposit(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, 1.9)
        began = trio.current_time()
        await probe.expect(Deposit, within=2.0)
        assert trio.current_time() - began == pytest.approx(1.9)
        nursery.start_soon(send, 2.1)
        began = trio.current_time()
        with pytest.raises(ExpectationFailed, match=r"/user/probe-1: no Deposit came within 2.0 s. The last that came to it:\n  Deposit"):
            await probe.expect(Deposit, within=2.0)
        assert trio.current_time() - began == pytest.approx(2.0)
        await probe.expect(Deposit)


async def test_another_message_than_expected_is_shown(autojump_clock: MockClock, probe: Probe) -> None:
    """The error is an assertion, names the probe, what was expected, what came, and what came before."""
    await probe.ref.tell(Paid(1))
    await probe.ref.tell(Deposit(2))
    assert await probe.expect(Paid) == Paid(1)
    with pytest.raises(AssertionError) as raised:
        await probe.expect(Paid)
    assert str(raised.value) == (
        "/user/probe-1: expected Paid, but Deposit(cents=2) came. The last that came to it:\n  Paid(cents=1)\n  Deposit(cents=2)"
    )
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


async def test_expecting_nothing_waits_and_takes_nothing(autojump_clock: MockClock, probe: Probe) -> None:
    """Silence is waited for; a message, also one that waits already, breaks it and is still there afterwards."""
    await probe.expect_none(within=5.0)
    assert trio.current_time() == pytest.approx(5.0)
    await probe.ref.tell(Deposit(1))
    with pytest.raises(ExpectationFailed, match=r"expected nothing for 0.1 s, but Deposit\(cents=1\) came"):
        await probe.expect_none()
    await probe.expect(Deposit)
    await probe.expect_none()


async def test_fishing_passes_over_what_it_does_not_want(autojump_clock: MockClock, probe: Probe) -> None:
    """Those passed over are taken; one deadline holds for all of them together."""
    for cents in range(5):
        await probe.ref.tell(Deposit(cents))
    assert await probe.fish_for(lambda message: message.cents == 3) == Deposit(3)
    assert await probe.expect(Deposit) == Deposit(4)

    async def drip() -> None:
        for cents in range(5, 15):
            await trio.sleep(0.4)
            await probe.ref.tell(Deposit(cents))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        began = trio.current_time()
        with pytest.raises(ExpectationFailed, match=r"no message that was fished for came within 1.0 s"):
            await probe.fish_for(lambda message: message.cents == 14)
        assert trio.current_time() - began == pytest.approx(1.0)
        assert await probe.fish_for(lambda message: message.cents == 14, within=10.0) == Deposit(14)


async def test_replying_where_nobody_asked_says_so(autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
    """Before the first message, to one that was told, and twice; to an asker that has given up it does nothing."""
    with pytest.raises(ExpectationFailed, match="there is nothing to reply to yet: take a message first"):
        probe.reply("x")
    await probe.ref.tell(Deposit(1))
    await probe.expect(Deposit)
    with pytest.raises(ExpectationFailed, match=r"Deposit\(cents=1\) was told and not asked"):
        probe.reply("x")
    with trio.move_on_after(1):
        await probe.ref.ask(Pay(1), timeout=10.0)
    await probe.expect(Pay)
    probe.reply("too late")
    with pytest.raises(AlreadyReplied):
        probe.reply("again")


async def test_a_probe_sees_facts_and_deaths_when_told_to(autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
    """`subscribe` and `watch`, from the test; five thousand facts published at once are all there."""
    probe.subscribe(Paid, where=lambda paid: paid.cents > 1)
    till = await actor_system.probe("till")
    shop = await actor_system.spawn(actor(Shop, till.ref))
    probe.watch(shop)
    async with trio.open_nursery() as nursery:
        for cents in (1, 2):
            nursery.start_soon(shop.ask, Pay(cents))
            await till.expect(Pay)
            till.reply("")
    assert await probe.expect(Paid) == Paid(2)
    for cents in range(2, 5_002):
        actor_system.publish(Paid(cents))
    assert await probe.fish_for(lambda paid: paid == Paid(5_001)) == Paid(5_001)
    assert len(probe.messages) == 5_001
    await actor_system.stop(shop)
    assert (await probe.expect(Terminated)).ref == shop
    assert till.ref.path == "/user/till"


async def test_a_probe_keeps_ten_thousand_messages_and_fails_beyond(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Nothing in a test grows without end either."""
    actor_system.expect_failure(ProbeFull)
    for cents in range(10_001):
        await probe.ref.tell(Deposit(cents))
    await trio.sleep(1)
    assert len(probe.messages) == 10_000
    actor_system.expect_failure(ProbeFull)
