"""A restart that has nothing to wait for: the new instance takes the place of the old one within the turn, and the turn goes on."""

from __future__ import annotations

from typing import Self, TypeAlias

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRestarted,
    ActorStopped,
    AskFailed,
    Request,
    RestartLimitReached,
    StartFailed,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import Strategy

Line: TypeAlias = tuple[str, int]


class Broken(Exception):
    pass


@frozen
class Note:
    number: int


@frozen
class Crash:
    number: int = 0


@define(eq=False)
class Diary(Actor[Note | Crash | ActorRestarted]):
    """Writes down which instance took what."""

    lines: list[Line]
    instances: list[Diary]

    def __attrs_post_init__(self) -> None:
        self.instances.append(self)

    @handles(Note)
    def note(self, note: Note) -> None:
        assert self is self.instances[-1]
        self.lines.append((f"instance {len(self.instances)}", note.number))

    @handles(Crash)
    def crash(self, crash: Crash) -> None:
        assert self is self.instances[-1]
        raise Broken(crash.number)

    @handles(ActorRestarted)
    def hear(self, fact: ActorRestarted) -> None:
        assert self is self.instances[-1]
        self.lines.append(("heard of", fact.attempt))


async def test_each_message_is_handled_by_the_instance_that_the_failures_before_it_left() -> None:
    """Failures one after the other, between messages and as the last of all."""
    lines: list[Line] = []
    instances: list[Diary] = []
    diary = actor(Diary, lines, instances)
    with trio.fail_after(5):
        async with open_system(supervisor("top", [diary], max_restarts=10)) as system:
            for message in (Note(1), Crash(), Note(2), Note(3), Crash(), Crash(), Note(4), Crash()):
                system.ref(diary).tell_nowait(message)
            await wait_all_tasks_blocked()
            system.ref(diary).tell_nowait(Note(5))
            await wait_all_tasks_blocked()
            counts = system.statistics().actors[system.ref(diary).path]
    assert lines == [("instance 1", 1), ("instance 2", 2), ("instance 2", 3), ("instance 4", 4), ("instance 5", 5)]
    assert (counts.handled, counts.failed, counts.waiting, len(instances)) == (5, 4, 0, 5)


@pytest.mark.parametrize(("strategy", "instances"), [("one_for_one", [1, 2, 1]), ("rest_for_one", [1, 2, 2]), ("one_for_all", [2, 2, 2])])
async def test_siblings_without_hooks_are_restarted_with_their_group_too(strategy: Strategy, instances: list[int]) -> None:
    """That an actor has nothing to wait for makes its restart quicker, and no other: the strategy decides who is restarted."""
    made: list[list[Diary]] = [[], [], []]
    lines: list[Line] = []
    diaries = [actor(Diary, lines, of_this) for of_this in made]
    with trio.fail_after(5):
        async with open_system(supervisor("top", diaries, strategy=strategy)) as system:
            for message in (Crash(), Note(1)):
                system.ref(diaries[1]).tell_nowait(message)
            await wait_all_tasks_blocked()
            assert [len(of_this) for of_this in made] == instances
    assert lines == [("instance 2", 1)]


async def test_a_failure_lets_waiting_senders_in() -> None:
    """The slot of the message that failed is free at once, and the new instance takes what comes in."""
    lines: list[Line] = []
    diary = actor(Diary, lines, list[Diary](), mailbox=1)
    with trio.fail_after(5):
        async with open_system(supervisor("top", [diary], max_restarts=10)) as system, trio.open_nursery() as nursery:
            ref = system.ref(diary)
            ref.tell_nowait(Crash())
            for message in (Note(1), Crash(), Note(2), Note(3)):
                nursery.start_soon(ref.tell, message)
            await wait_all_tasks_blocked()
    assert sorted(number for _, number in lines) == [1, 2, 3]


async def test_an_idle_actor_that_fails_at_an_ask_takes_the_next_message() -> None:
    """Also where the ask was run in place, on the stack of the one who asked: nothing is left of a turn that has ended."""

    @frozen
    class Question(Request[int]):
        fails: bool

    class Answering(Actor[Question]):
        @handles(Question)
        def answer(self, question: Question) -> int:
            if question.fails:
                raise Broken("question")
            return 1

    answering = actor(Answering)
    with trio.fail_after(5):
        async with open_system(supervisor("top", [answering], max_restarts=10)) as system:
            for fails in (True, True, False, True):
                if fails:
                    with pytest.raises(AskFailed):
                        await system.ref(answering).ask(Question(fails))
                else:
                    assert await system.ref(answering).ask(Question(fails)) == 1
            system.ref(answering).tell_nowait(Question(fails=False))
            await wait_all_tasks_blocked()
            assert [node.state for node in system.tree() if node.path.endswith("Answering-1")] == ["idle"]


async def test_an_actor_that_fails_on_and_on_lets_others_have_their_turns() -> None:
    """A turn has its share of messages, whatever becomes of them: of a thousand failures most come after the other's first message."""
    lines: list[Line] = []
    instances: list[Diary] = []
    failing, other = actor(Diary, list[Line](), instances), actor(Diary, lines, list[Diary]())
    failures_before: list[int] = []
    with trio.fail_after(5):
        async with open_system(supervisor("top", [failing, other], max_restarts=1000)) as system:
            for _ in range(1000):
                system.ref(failing).tell_nowait(Crash())
            system.ref(other).tell_nowait(Note(1))
            while not lines:
                await trio.lowlevel.checkpoint()
                failures_before.append(len(instances) - 1)
            await wait_all_tasks_blocked()
    assert failures_before[0] < 1000
    assert len(instances) == 1001


async def test_an_actor_hears_of_its_own_restart_behind_what_was_queued() -> None:
    """The fact is published while the turn goes on, and waits in the queue like any message."""
    lines: list[Line] = []

    @define(eq=False)
    class Listener(Diary):
        @handles(Note)
        def note(self, note: Note) -> None:
            self.context.subscribe(ActorRestarted)
            self.lines.append(("note", note.number))

    diary = actor(Listener, lines, list[Diary]())
    with trio.fail_after(5):
        async with open_system(supervisor("top", [diary], max_restarts=10)) as system:
            for message in (Note(1), Crash(), Note(2)):
                system.ref(diary).tell_nowait(message)
            await wait_all_tasks_blocked()
    assert lines == [("note", 1), ("note", 2), ("heard of", 1)]


async def test_the_failure_with_which_a_supervisor_gives_up_is_said_to_be_escalated() -> None:
    """`ActorFailed` tells what is done: the failure that is one too many restarts nothing."""
    diary = actor(Diary, list[Line](), list[Diary](), name="diary")
    top = supervisor("top", [diary], max_restarts=2, restart="temporary")
    with trio.fail_after(5):
        async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorFailed) as failures:
            for _ in range(3):
                system.ref(diary).tell_nowait(Crash())
            said = [await anext(failures) for _ in range(4)]
    assert [(fact.path, fact.directive) for fact in said] == [
        ("/user/all/top/diary", "restart"),
        ("/user/all/top/diary", "restart"),
        ("/user/all/top/diary", "escalate"),
        ("/user/all/top", "stop"),
    ]


@pytest.mark.parametrize(("max_restarts", "kept"), [(2, [10, 11, 12]), (11, list(range(3, 13)))])
async def test_giving_up_holds_the_causes_that_count_and_the_last_ten_of_many(
    max_restarts: int, kept: list[int], autojump_clock: MockClock
) -> None:
    """What is out of the window is not held against anybody; more than ten are not kept, since each holds on to frames."""
    diary = actor(Diary, list[Line](), list[Diary]())
    top = supervisor("top", [diary], max_restarts=max_restarts, within=5.0, restart="temporary")
    with trio.fail_after(100):
        async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorStopped) as stopped:
            first = 10 if max_restarts == 2 else 1
            for number in range(8, 10):
                system.ref(diary).tell_nowait(Crash(number))
            await trio.sleep(6.0)
            for number in range(first, 13):
                system.ref(diary).tell_nowait(Crash(number))
            await anext(stopped)
            cause = (await anext(stopped)).reason.cause
    assert isinstance(cause, RestartLimitReached)
    assert [error.args[0] for error in cause.causes] == kept


async def test_a_class_that_hands_out_an_instance_twice_is_found_out_at_the_start_and_at_a_restart() -> None:
    """An instance has one life: a class with a `__new__` of its own is looked at like any other factory."""

    class Only(Actor[Crash]):
        one: Only | None = None

        def __new__(cls) -> Self:
            if cls.one is None:
                cls.one = super().__new__(cls)
            return cls.one  # type: ignore[return-value]  # the class has no subclasses  # pyright: ignore[reportReturnType]

        @handles(Crash)
        def crash(self, crash: Crash) -> None:
            raise Broken(crash.number)

    only = actor(Only)
    top = supervisor("top", [only], max_restarts=1, restart="temporary")
    with trio.fail_after(5):
        async with open_system(supervisor("all", [top])) as system, system.subscribe(ActorFailed) as failures:
            with pytest.raises(StartFailed, match="in use"):
                await system.spawn(actor(Only))
            system.ref(only).tell_nowait(Crash())
            said = [await anext(failures) for _ in range(2)]
    assert isinstance(said[0].cause, Broken)
    assert "in use" in str(said[1].cause)


@define(eq=False)
class Planner(Actor[Note | Crash]):
    """Plans notes to itself and a task, and fails; it has no hook that a restart would wait for."""

    lines: list[Line]
    instances: list[Planner]

    def __attrs_post_init__(self) -> None:
        self.instances.append(self)

    @handles(Note)
    def note(self, note: Note) -> None:
        self.lines.append((f"instance {self.instances.index(self) + 1}", note.number))

    @handles(Crash)
    def crash(self, crash: Crash) -> None:
        if crash.number == 1:
            self.context.after(0.5, Note(1))
        else:
            self.context.start_soon(self.work)
        raise Broken

    async def work(self) -> None:
        try:
            await trio.sleep(0.5)
            self.lines.append(("work of the dead instance", 0))
        finally:
            self.lines.append(("task over", len(self.instances)))


@pytest.mark.parametrize(("number", "lines"), [(1, []), (2, [("task over", 1)])], ids=["a timer", "a task"])
async def test_what_the_old_instance_had_begun_ends_before_the_new_one_is_made(
    autojump_clock: MockClock, number: int, lines: list[Line]
) -> None:
    """A timer of the old instance rings no more, and its task is over, also where no hook makes the restart wait."""
    seen: list[Line] = []
    instances: list[Planner] = []
    with trio.fail_after(10):
        async with open_system(supervisor("top", [actor(Planner, seen, instances)])) as system:
            ref = instances[0].context.ref
            await ref.tell(Crash(number))
            await ref.tell(Note(7))
            await trio.sleep(2)
            assert seen == [*lines, ("instance 2", 7)]
            assert system.statistics().waiting == 0
