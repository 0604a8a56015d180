"""Priority mailboxes of running actors: the most urgent message first, and what is no user message has its own place."""

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    AskTimeout,
    DeadLetter,
    MailboxFull,
    Priority,
    Request,
    Terminated,
    actor,
    handles,
    open_system,
)


@frozen
class Hold:
    """Keeps the handler until the event is set; the most urgent."""

    until: trio.Event


@frozen
class Job(Request[str]):
    urgency: int
    text: str = ""


@frozen
class Happened:
    text: str


@define(eq=False)
class Triage(Actor[Hold | Job | Happened | str]):
    """Writes down what it handles. A text is a timer's message."""

    seen: list[str]
    whom: ActorRef[Hold] | None = None

    def on_start(self) -> None:
        self.context.subscribe(Happened)
        if self.whom is not None:
            self.context.watch(self.whom)

    @handles(Hold)
    async def hold(self, command: Hold) -> None:
        self.context.after(1.0, "timer")
        await command.until.wait()

    @handles(Job)
    def job(self, job: Job) -> str:
        self.seen.append(f"{job.urgency}{job.text}")
        return job.text

    @handles(Happened)
    def happened(self, fact: Happened) -> None:
        self.seen.append(fact.text)

    @handles(str)
    def timer(self, text: str) -> None:
        self.seen.append(text)

    @handles(Terminated)
    def terminated(self, notice: Terminated) -> None:
        self.seen.append("terminated")


def urgency(message: Hold | Job | str) -> int:
    """The key of these tests. It is given user messages only."""
    assert isinstance(message, (Hold, Job)), message
    return message.urgency if isinstance(message, Job) else -1


async def held(ref: ActorRef[Hold]) -> trio.Event:
    """Has the actor hold until the event is set."""
    release = trio.Event()
    await ref.tell(Hold(release))
    await wait_all_tasks_blocked()
    return release


async def test_the_smallest_key_comes_first_and_equal_keys_keep_their_order(autojump_clock: MockClock) -> None:
    """Told or asked alike; what runs already is not interrupted."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Triage, seen, mailbox=Priority(10, key=urgency)))
            release = await held(ref)
            for job in (Job(2, "a"), Job(1, "b"), Job(2, "c"), Job(0, "d"), Job(1, "e")):
                if job.text in "ce":
                    nursery.start_soon(ref.ask, job)
                    await wait_all_tasks_blocked()
                else:
                    await ref.tell(job)
            release.set()
    assert seen == ["0d", "1b", "1e", "2a", "2c"]


async def test_facts_and_timer_messages_come_before_and_terminated_after_what_was_queued(autojump_clock: MockClock) -> None:
    """In arrival order; the news of a death comes behind every user message queued at the death, and before those sent later."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            whom = await system.spawn(actor(Triage, list[str]()))
            ref = await system.spawn(actor(Triage, seen, whom, mailbox=Priority(10, key=urgency)))
            release = await held(ref)
            await ref.tell(Job(5))
            system.publish(Happened("fact 1"))
            await ref.tell(Job(1))
            await trio.sleep(2)  # the timer
            await system.stop(whom)
            system.publish(Happened("fact 2"))
            await ref.tell(Job(3, " sent after the death"))
            release.set()
            await wait_all_tasks_blocked()
    assert seen[:3] == ["fact 1", "timer", "fact 2"]
    assert seen.index("terminated") > seen.index("5")
    assert seen.index("terminated") > seen.index("1")
    assert sorted(seen[3:]) == sorted(["1", "3 sent after the death", "5", "terminated"])


async def test_a_full_priority_mailbox_has_the_same_policies(autojump_clock: MockClock) -> None:
    """Rejecting, and dropping the one that waits longest, whatever its urgency; facts and timer messages take no slot."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            for on_full in ("reject", "drop_oldest", "drop_newest"):
                mailbox = {
                    "reject": Priority(2, key=urgency),
                    "drop_oldest": Priority(2, key=urgency, on_full="drop_oldest"),
                    "drop_newest": Priority(2, key=urgency, on_full="drop_newest"),
                }[on_full]
                ref = await system.spawn(actor(Triage, seen, mailbox=mailbox))
                release = await held(ref)
                system.publish(Happened("fact"))
                ref.tell_nowait(Job(1, "oldest"))
                ref.tell_nowait(Job(9, "waits"))
                system.publish(Happened("fact"))
                if on_full == "reject":
                    with pytest.raises(MailboxFull):
                        ref.tell_nowait(Job(0, "new"))
                else:
                    ref.tell_nowait(Job(0, "new"))
                    lost = Job(1, "oldest") if on_full == "drop_oldest" else Job(0, "new")
                    assert await letters.__anext__() == DeadLetter(lost, ref, "overflow")
                release.set()
                await wait_all_tasks_blocked()
                await system.stop(ref)
    assert [text for text in seen if text != "fact"] == ["1oldest", "9waits", "0new", "9waits", "1oldest", "9waits"]
    assert seen.count("fact") == 6


async def test_senders_wait_for_room_in_the_order_in_which_they_came(autojump_clock: MockClock) -> None:
    """Urgency counts inside the mailbox, not before its door."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Triage, seen, mailbox=Priority(1, key=urgency)))
            release = await held(ref)
            for number, value in enumerate((5, 9, 1)):
                nursery.start_soon(ref.tell, Job(value))
                await wait_all_tasks_blocked()
                assert system.statistics().actors[ref.path].waiting == 2, number
            release.set()
    assert seen == ["5", "9", "1"]


async def test_a_given_up_ask_leaves_a_priority_mailbox(autojump_clock: MockClock) -> None:
    """Its slot is free at once, and it is not handled."""
    seen: list[str] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Triage, seen, mailbox=Priority(2, key=urgency)))
            release = await held(ref)
            await ref.tell(Job(3))
            with pytest.raises(AskTimeout):
                await ref.ask(Job(0, "given up"), timeout=1.0)
            ref.tell_nowait(Job(2))
            release.set()
            await wait_all_tasks_blocked()
    assert [text for text in seen if text != "timer"] == ["2", "3"]


async def test_what_the_key_raises_comes_out_at_the_sender_and_nothing_is_queued(autojump_clock: MockClock) -> None:
    """Of tell, tell_nowait and ask; with room or waiting for it; the actor is not affected."""
    seen: list[str] = []
    errors: list[Exception] = []

    def picky(message: Hold | Job | str) -> int:
        if isinstance(message, Job) and message.text == "bad":
            raise ValueError(message.text)
        return urgency(message)

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Triage, seen, mailbox=Priority(1, key=picky)))
            for _ in range(2):
                with pytest.raises(ValueError, match="bad"):
                    await ref.tell(Job(1, "bad"))
                with pytest.raises(ValueError, match="bad"):
                    ref.tell_nowait(Job(1, "bad"))
            assert await ref.ask(Job(1, "good")) == "good"
            release = await held(ref)
            with pytest.raises(ValueError, match="bad"):
                await ref.ask(Job(1, "bad"))
            await ref.tell(Job(1))

            async def send(verb: str) -> None:
                try:
                    if verb == "tell":
                        await ref.tell(Job(1, "bad"))
                    else:
                        await ref.ask(Job(1, "bad"))
                except ValueError as error:
                    errors.append(error)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send, "tell")
                nursery.start_soon(send, "ask")
                nursery.start_soon(ref.tell, Job(2))
                await wait_all_tasks_blocked()
                release.set()
            await wait_all_tasks_blocked()
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.failed) == (4, 4, 0)
    assert len(errors) == 2
    assert seen == ["1good", "1", "2"]
