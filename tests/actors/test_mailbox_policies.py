"""What `tell_nowait` meets when the mailbox is full, and what keeps the bound: rejected, or one of two messages dropped."""

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import Actor, ActorRef, AskTimeout, Counts, DeadLetter, Fifo, MailboxFull, Request, System, actor, handles, open_system


@frozen
class Hold:
    """Keeps the handler until the event is set."""

    until: trio.Event


@frozen
class Note(Request[str]):
    """A message that may be asked."""

    text: str


@define(eq=False)
class Clerk(Actor[str | Hold | Note]):
    """Writes down what it handles."""

    seen: list[str]

    @handles(str)
    def note(self, text: str) -> None:
        self.seen.append(text)

    @handles(Note)
    def noted(self, query: Note) -> str:
        self.seen.append(query.text)
        return query.text

    @handles(Hold)
    async def hold(self, command: Hold) -> None:
        await command.until.wait()


async def busy_clerk(system: System, seen: list[str], mailbox: int | Fifo) -> tuple[ActorRef[str | Hold | Note], trio.Event]:
    """A clerk that holds until the event is set. Its mailbox is empty."""
    ref = await system.spawn(actor(Clerk, seen, mailbox=mailbox))
    release = trio.Event()
    await ref.tell(Hold(release))
    await wait_all_tasks_blocked()
    return ref, release


def counts_of(system: System, ref: ActorRef[str]) -> Counts:
    """The actor's accounts."""
    return system.statistics().actors[ref.path]


@pytest.mark.parametrize("capacity", [1, 2, 10])
async def test_a_full_mailbox_rejects_and_counts_nothing(autojump_clock: MockClock, capacity: int) -> None:
    """Up to its capacity messages are taken; the next raises MailboxFull and is not accepted: telling again later is safe."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            ref, release = await busy_clerk(system, seen, capacity)
            for number in range(capacity):
                ref.tell_nowait(str(number))
            with pytest.raises(MailboxFull) as caught:
                ref.tell_nowait("refused")
            with pytest.raises(MailboxFull):
                ref.tell_nowait("refused")
            assert (caught.value.path, caught.value.capacity, caught.value.message_type) == (ref.path, capacity, "str")
            assert (counts_of(system, ref).accepted, counts_of(system, ref).waiting) == (capacity + 1, capacity + 1)
            release.set()
            await wait_all_tasks_blocked()
            ref.tell_nowait("again")
            await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.handled, counts.dead_letters) == (capacity + 2, capacity + 2, 0)
    assert seen == [*map(str, range(capacity)), "again"]


async def test_the_default_mailbox_holds_a_thousand(autojump_clock: MockClock) -> None:
    """No mailbox is unbounded."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Clerk, seen))
            release = trio.Event()
            await ref.tell(Hold(release))
            await wait_all_tasks_blocked()
            for number in range(1000):
                ref.tell_nowait(str(number))
            with pytest.raises(MailboxFull, match="has 1000 of 1000 messages waiting"):
                ref.tell_nowait("one too many")
            release.set()
            await wait_all_tasks_blocked()
    assert len(seen) == 1000


async def test_drop_newest_makes_a_dead_letter_of_the_new_message(autojump_clock: MockClock) -> None:
    """It is accepted at the door and is a dead letter there, with the reason overflow; those that wait stay."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            ref, release = await busy_clerk(system, seen, Fifo(2, on_full="drop_newest"))
            for text in "abcd":
                ref.tell_nowait(text)
            assert await letters.__anext__() == DeadLetter("c", ref, "overflow")
            assert await letters.__anext__() == DeadLetter("d", ref, "overflow")
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.dead_letters, counts.waiting) == (5, 2, 3)
            release.set()
            await wait_all_tasks_blocked()
    assert seen == ["a", "b"]


async def test_drop_oldest_makes_a_dead_letter_of_the_longest_waiting(autojump_clock: MockClock) -> None:
    """The new message takes the slot of the oldest, which is a dead letter with the reason overflow."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            ref, release = await busy_clerk(system, seen, Fifo(2, on_full="drop_oldest"))
            for text in "abcd":
                ref.tell_nowait(text)
            assert await letters.__anext__() == DeadLetter("a", ref, "overflow")
            assert await letters.__anext__() == DeadLetter("b", ref, "overflow")
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.dead_letters, counts.waiting) == (5, 2, 3)
            release.set()
            await wait_all_tasks_blocked()
    assert seen == ["c", "d"]


@pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest"])
async def test_a_tell_and_an_ask_wait_for_room_whatever_the_policy(autojump_clock: MockClock, on_full: str) -> None:
    """`on_full` is for those that cannot wait: nothing is dropped for those that can."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system, trio.open_nursery() as nursery:
            policy = Fifo(1, on_full="drop_newest" if on_full == "drop_newest" else "drop_oldest")
            ref, release = await busy_clerk(system, seen, policy)
            await ref.tell("a")
            nursery.start_soon(ref.tell, "b")
            await wait_all_tasks_blocked()
            nursery.start_soon(ref.ask, Note("c"))
            await wait_all_tasks_blocked()
            assert counts_of(system, ref).dead_letters == 0
            release.set()
    assert seen == ["a", "b", "c"]


async def test_an_eviction_lets_no_waiting_sender_in(autojump_clock: MockClock) -> None:
    """The slot went to the new message; who waits goes on waiting, and is let in when one is handled."""
    seen: list[str] = []
    with trio.fail_after(1):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref, release = await busy_clerk(system, seen, Fifo(1, on_full="drop_oldest"))
            await ref.tell("a")
            nursery.start_soon(ref.tell, "b")
            await wait_all_tasks_blocked()
            ref.tell_nowait("c")
            assert (counts_of(system, ref).waiting, counts_of(system, ref).accepted) == (2, 3)
            release.set()
    assert seen == ["c", "b"]


async def test_a_given_up_ask_takes_no_slot_and_is_not_evicted(autojump_clock: MockClock) -> None:
    """The queue still holds it, but its slot is free and it is no dead letter when the mailbox overflows."""
    seen: list[str] = []
    with trio.fail_after(10):
        async with open_system() as system, system.subscribe(DeadLetter) as letters:
            ref, release = await busy_clerk(system, seen, Fifo(2, on_full="drop_oldest"))
            for _ in range(2):
                with pytest.raises(AskTimeout):
                    await ref.ask(Note("given up"), timeout=1.0)
            ref.tell_nowait("a")
            ref.tell_nowait("b")
            assert counts_of(system, ref).dead_letters == 0
            ref.tell_nowait("c")
            assert await letters.__anext__() == DeadLetter("a", ref, "overflow")
            release.set()
            await wait_all_tasks_blocked()
            counts = counts_of(system, ref)
            assert (counts.accepted, counts.handled, counts.withdrawn, counts.dead_letters) == (6, 3, 2, 1)
    assert seen == ["b", "c"]


async def test_facts_take_no_slot_and_are_not_evicted(autojump_clock: MockClock) -> None:
    """Facts and commands never take each other's room."""
    seen: list[str] = []

    @frozen
    class Happened:
        number: int

    @define(eq=False)
    class Listener(Actor[str | Happened | Hold]):
        def on_start(self) -> None:
            self.context.subscribe(Happened)

        @handles(Happened)
        def happened(self, fact: Happened) -> None:
            seen.append(f"fact {fact.number}")

        @handles(str)
        def note(self, text: str) -> None:
            seen.append(text)

        @handles(Hold)
        async def hold(self, command: Hold) -> None:
            await command.until.wait()

    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Listener, mailbox=Fifo(1, on_full="drop_oldest")))
            release = trio.Event()
            await ref.tell(Hold(release))
            await wait_all_tasks_blocked()
            for number in range(3):
                system.publish(Happened(number))
            ref.tell_nowait("a")
            ref.tell_nowait("b")
            system.publish(Happened(3))
            assert system.statistics().actors[ref.path].waiting == 6
            release.set()
            await wait_all_tasks_blocked()
    assert seen == ["fact 0", "fact 1", "fact 2", "b", "fact 3"]


@pytest.mark.parametrize("on_full", ["reject", "drop_newest", "drop_oldest"])
async def test_an_actor_that_restarts_keeps_its_bound(autojump_clock: MockClock, on_full: str) -> None:
    """While there is no instance its mailbox takes what fits, and no more."""
    seen: list[str] = []

    @define(eq=False)
    class Slow(Clerk):
        async def on_start(self) -> None:
            await trio.sleep(1)

    with trio.fail_after(10):
        async with open_system() as system:
            policy = {"reject": Fifo(2), "drop_newest": Fifo(2, on_full="drop_newest"), "drop_oldest": Fifo(2, on_full="drop_oldest")}
            ref = await system.spawn(actor(Slow, seen, mailbox=policy[on_full]))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.restart, ref)
                await wait_all_tasks_blocked()
                ref.tell_nowait("a")
                ref.tell_nowait("b")
                if on_full == "reject":
                    with pytest.raises(MailboxFull):
                        ref.tell_nowait("c")
                else:
                    ref.tell_nowait("c")
            await wait_all_tasks_blocked()
    assert seen == (["b", "c"] if on_full == "drop_oldest" else ["a", "b"])
