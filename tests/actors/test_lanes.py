"""Stop, watch, restart and the failure of a child have a lane of their own: no bound holds them up, no message comes before them."""

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRef,
    ActorRestarted,
    MailboxFull,
    Supervision,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)


class Broken(Exception):
    """What the actors of these tests fail with."""


@frozen
class Hold:
    """Keeps the handler until the event is set."""

    until: trio.Event


@frozen
class Fail:
    """Fails the actor."""


@frozen
class Watch:
    whom: ActorRef[str]


@define(eq=False)
class Worker(Actor[str | Hold | Fail | Watch]):
    """Writes down what happens to it, with the number of its instance."""

    seen: list[str]
    instances: list[None]

    async def on_start(self) -> None:
        self.instances.append(None)

    @handles(str)
    def note(self, text: str) -> None:
        self.seen.append(f"{text} by {len(self.instances)}")

    @handles(Hold)
    async def hold(self, command: Hold) -> None:
        await command.until.wait()

    @handles(Fail)
    def fail(self, command: Fail) -> None:
        raise Broken

    @handles(Watch)
    def watch(self, command: Watch) -> None:
        self.context.watch(command.whom)

    def on_terminated(self, terminated: Terminated) -> None:
        self.seen.append(f"{terminated.ref.path} is dead")


Work = str | Hold | Fail | Watch


async def fill(ref: ActorRef[Work], messages: int) -> trio.Event:
    """Has the actor hold until the event is set, with so many messages in its full mailbox."""
    release = trio.Event()
    await ref.tell(Hold(release))
    await wait_all_tasks_blocked()
    for number in range(messages):
        ref.tell_nowait(str(number))
    with pytest.raises(MailboxFull):
        ref.tell_nowait("one too many")
    return release


async def test_a_stop_overtakes_what_is_queued_in_a_full_mailbox(autojump_clock: MockClock) -> None:
    """It needs no slot, and comes right after the running handler."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Worker, seen, list[None](), mailbox=3))
            release = await fill(ref, 3)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.stop, ref)
                await wait_all_tasks_blocked()
                release.set()
            assert system.statistics().dead_letters == 3
    assert seen == []


async def test_a_restart_overtakes_what_is_queued_in_a_full_mailbox(autojump_clock: MockClock) -> None:
    """By hand, or because of a sibling: what waits is handled by the new instance."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            by_hand = actor(Worker, seen, list[None](), name="by-hand", mailbox=3)
            sibling = actor(Worker, seen, list[None](), name="sibling", mailbox=3)
            failing = actor(Worker, seen, list[None](), name="failing")
            await system.spawn(supervisor("all", [sibling, failing], strategy="one_for_all"))
            ref = await system.spawn(by_hand)
            release = await fill(ref, 3)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.restart, ref)
                await wait_all_tasks_blocked()
                release.set()
            await wait_all_tasks_blocked()
            assert seen == ["0 by 2", "1 by 2", "2 by 2"]
            seen.clear()
            release = await fill(system.ref(sibling), 3)
            await system.ref(failing).tell(Fail())
            await wait_all_tasks_blocked()
            release.set()
            await wait_all_tasks_blocked()
    assert seen == ["0 by 2", "1 by 2", "2 by 2"]


async def test_a_childs_failure_is_decided_while_its_parent_is_busy_with_a_full_mailbox(autojump_clock: MockClock) -> None:
    """The parent's handler and queue delay nothing: the child is up again before the parent has looked."""

    @define(eq=False)
    class Parent(Worker):
        async def on_start(self) -> None:
            child.append(await self.context.spawn(actor(Worker, list[str](), list[None](), name="child")))

    child: list[ActorRef[Work]] = []
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system, system.subscribe(ActorFailed) as failures, system.subscribe(ActorRestarted) as restarts:
            spec = actor(Parent, seen, list[None](), mailbox=1, supervision=Supervision(max_restarts=1))
            ref = await system.spawn(spec)
            release = await fill(ref, 1)
            await child[0].tell(Fail())
            assert (await failures.__anext__()).path == child[0].path
            assert (await restarts.__anext__()).path == child[0].path
            assert not release.is_set()
            release.set()


async def test_the_news_of_a_death_needs_no_slot_and_does_not_overtake(autojump_clock: MockClock) -> None:
    """A full mailbox takes any number of Terminated, each behind what was queued at the death and before what came later."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Worker, seen, list[None](), mailbox=2))
            others = [await system.spawn(actor(Worker, list[str](), list[None](), name=f"other-{number}")) for number in range(20)]
            for other in others:
                await ref.tell(Watch(other))
            await wait_all_tasks_blocked()
            release = await fill(ref, 2)
            for other in others:
                await system.stop(other)
            assert system.statistics().actors[ref.path].waiting == 1 + 2 + 20
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ref.tell, "later")
                await wait_all_tasks_blocked()
                release.set()
            await wait_all_tasks_blocked()
    assert seen == ["0 by 1", "1 by 1", *(f"/user/other-{number} is dead" for number in range(20)), "later by 1"]
