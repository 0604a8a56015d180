"""Deferred replies: sent later, by any actor, once; and what becomes of them when the actor that owes them fails or stops."""

import gc
import math
import weakref
from typing import Any

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    AlreadyReplied,
    AskError,
    AskFailed,
    AskStopped,
    AskTimeout,
    Backoff,
    Reply,
    Request,
    actor,
    handles,
    open_system,
    supervisor,
)


class Broken(Exception):
    """What the actors of these tests fail with."""


@frozen
class Question(Request[str]):
    """Deferred by the actor."""

    text: str = ""
    seconds: float = 0.0


@frozen
class Answer:
    """Sends the oldest deferred reply."""

    text: str


@frozen
class Refuse:
    """Fails the oldest deferred reply."""

    error: Exception


@frozen
class Fail:
    """Fails the actor."""


@frozen
class HandOver:
    """Gives the oldest deferred reply to somebody else."""

    to: ActorRef["Owed"]


@frozen
class Owed:
    reply: Reply[str]
    text: str = "from another actor"


@define(eq=False)
class Oracle(Actor[Question | Answer | Refuse | Fail | HandOver]):
    """Answers when it is told to."""

    replies: list[Reply[str]] = field(factory=list[Reply[str]])

    @handles(Question)
    async def question(self, query: Question) -> Reply[str]:
        if query.seconds:
            await trio.sleep(query.seconds)
        self.replies.append(self.context.defer(query))
        return self.replies[-1]

    @handles(Answer)
    def answer(self, command: Answer) -> None:
        self.replies.pop(0).send(command.text)

    @handles(Refuse)
    def refuse(self, command: Refuse) -> None:
        self.replies.pop(0).fail(command.error)

    @handles(Fail)
    def fail(self, command: Fail) -> None:
        raise Broken

    @handles(HandOver)
    async def hand_over(self, command: HandOver) -> None:
        await command.to.tell(Owed(self.replies.pop(0)))


Questions = Question | Answer | Refuse | Fail | HandOver


@define(eq=False)
class PlainOracle(Actor[Question | Answer]):
    """Defers in a plain handler, so that it is asked in place."""

    replies: list[Reply[str]] = field(factory=list[Reply[str]])

    @handles(Question)
    def question(self, query: Question) -> Reply[str]:
        reply = self.context.defer(query)
        if query.text:
            reply.send(query.text)
        else:
            self.replies.append(reply)
        return reply

    @handles(Answer)
    def answer(self, command: Answer) -> None:
        self.replies.pop(0).send(command.text)


@define(eq=False)
class Proxy(Actor[Owed]):
    """Sends replies that others owe."""

    @handles(Owed)
    async def send(self, owed: Owed) -> None:
        await trio.sleep(1)
        owed.reply.send(owed.text)


async def keep_asking(ref: ActorRef[Question], outcomes: list[object], query: Question | None = None, timeout: float = math.inf) -> None:
    """Writes down the reply or the error."""
    try:
        outcomes.append(await ref.ask(query or Question(), timeout=timeout))
    except AskError as error:
        outcomes.append(error)


@pytest.mark.parametrize("seconds", [0.0, 0.5])
async def test_a_deferred_reply_is_sent_later(autojump_clock: MockClock, seconds: float) -> None:
    """The handler's end answers nothing; messages are handled meanwhile; the asker gets what is sent, in any order."""
    outcomes: list[object] = []
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Oracle))
            for _ in range(2):
                nursery.start_soon(keep_asking, ref, outcomes, Question("", seconds))
            await trio.sleep(2)
            assert outcomes == []
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.waiting) == (2, 2, 0)
            await ref.tell(Answer("yes"))
            await wait_all_tasks_blocked()
            assert outcomes == ["yes"]
            await ref.tell(Answer("no"))
    assert outcomes == ["yes", "no"]


async def test_a_reply_may_be_deferred_in_place_and_sent_at_once(autojump_clock: MockClock) -> None:
    """A plain handler of an idle actor defers like any other; what is sent before it ends is the reply."""
    outcomes: list[object] = []
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(PlainOracle))
            assert await ref.ask(Question("at once")) == "at once"
            nursery.start_soon(keep_asking, ref, outcomes)
            await wait_all_tasks_blocked()
            assert outcomes == []
            await ref.tell(Answer("later"))
    assert outcomes == ["later"]


async def test_a_deferred_reply_may_fail(autojump_clock: MockClock) -> None:
    """`fail` gives the asker AskFailed with that cause, and does the actor no harm."""
    outcomes: list[Any] = []
    error = Broken("not today")
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Oracle))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_asking, ref, outcomes)
                await wait_all_tasks_blocked()
                await ref.tell(Refuse(error))
            assert isinstance(outcomes[0], AskFailed)
            assert outcomes[0].__cause__ is error
            counts = system.statistics().actors[ref.path]
            assert (counts.failed, counts.handled) == (0, 2)


async def test_another_actor_may_send_the_reply(autojump_clock: MockClock) -> None:
    """A reply is an object that may be passed on in a message; also after the actor that deferred it handled other things."""
    outcomes: list[object] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Oracle))
            proxy = await system.spawn(actor(Proxy))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_asking, ref, outcomes)
                await wait_all_tasks_blocked()
                await ref.tell(HandOver(proxy))
    assert outcomes == ["from another actor"]


async def test_an_actor_that_asks_waits_for_the_deferred_reply(autojump_clock: MockClock) -> None:
    """A handler of an actor is as patient as code outside."""

    @define(eq=False)
    class Seeker(Actor[Question]):
        whom: ActorRef[Question]

        @handles(Question)
        async def seek(self, query: Question) -> str:
            return await self.whom.ask(Question()) + "!"

    outcomes: list[object] = []
    with trio.fail_after(5):
        async with open_system() as system:
            for oracle in (actor(Oracle), actor(PlainOracle)):
                ref: ActorRef[Any] = await system.spawn(oracle)
                seeker = await system.spawn(actor(Seeker, ref))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(keep_asking, seeker, outcomes)
                    await trio.sleep(1)
                    await ref.tell(Answer("found"))
    assert outcomes == ["found!", "found!"]


async def test_a_reply_is_sent_once(autojump_clock: MockClock) -> None:
    """The second time raises AlreadyReplied, whatever the first was."""
    outcomes: list[object] = []
    replies: list[Reply[str]] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Oracle, replies))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_asking, ref, outcomes)
                await wait_all_tasks_blocked()
                replies[0].send("first")
            with pytest.raises(AlreadyReplied, match=f"The reply to Question, asked of {ref.path}, was sent before"):
                replies[0].send("second")
            with pytest.raises(AlreadyReplied):
                replies[0].fail(Broken())
    assert outcomes == ["first"]


async def test_a_reply_that_nobody_waits_for_goes_nowhere(autojump_clock: MockClock) -> None:
    """For a message that was told, and for an asker that gave up, sending does nothing."""
    outcomes: list[Any] = []
    replies: list[Reply[str]] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Oracle, replies))
            await ref.tell(Question())
            await keep_asking(ref, outcomes, timeout=1.0)
            with trio.move_on_after(1):
                await ref.ask(Question())
            await keep_asking(ref, outcomes, Question("", 1.0), timeout=0.5)
            await trio.sleep(2)
            assert len(replies) == 4
            for reply in replies:
                reply.send("too late")
            await wait_all_tasks_blocked()
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.handled, counts.withdrawn) == (4, 4, 0)
    assert [type(outcome) for outcome in outcomes] == [AskTimeout, AskTimeout]


async def test_an_ask_that_was_given_up_is_forgotten_by_the_actor_that_deferred_it(autojump_clock: MockClock) -> None:
    """Replies that nobody will send do not pile up: with the asker gone, nothing keeps the message."""

    @define(eq=False)
    class Forgetful(Actor[Any]):
        async def receive(self, message: Any) -> Any:
            return self.context.defer(message)

    class Heavy:
        pass

    with trio.fail_after(5):
        async with open_system() as system:
            ref: ActorRef[Any] = await system.spawn(actor(Forgetful))
            heavy: Any = Heavy()
            trace = weakref.ref(heavy)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ref.ask, heavy)
                del heavy
                await wait_all_tasks_blocked()
                assert trace() is not None
                nursery.cancel_scope.cancel()
            gc.collect()
            assert trace() is None


async def test_only_the_message_in_hand_can_be_deferred(autojump_clock: MockClock) -> None:
    """Another message, an equal one even, or none in hand: LookupError."""
    raised: list[str] = []

    @define(eq=False)
    class Confused(Actor[Question]):
        async def on_start(self) -> None:
            self.attempt(Question())

        @handles(Question)
        async def question(self, query: Question) -> str:
            self.attempt(Question())
            self.context.start_soon(self.in_the_background, query)
            await trio.sleep(1)
            return "still mine"

        async def in_the_background(self, query: Question) -> None:
            self.attempt(query)

        def attempt(self, query: Question) -> None:
            try:
                self.context.defer(query)
            except LookupError as error:
                raised.append(str(error))

    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Confused))
            assert await ref.ask(Question()) == "still mine"
    assert len(raised) == 3
    assert all("does not have this Question in hand" in text for text in raised)


@pytest.mark.parametrize("backoff", [None, Backoff(first=20.0)])
async def test_when_the_actor_fails_those_it_owes_replies_are_told_at_once(autojump_clock: MockClock, backoff: Backoff | None) -> None:
    """AskFailed with the failure as cause, before the restart and its hooks and back-off; a reply sent after that goes nowhere."""

    class SlowToRestart(Oracle):
        async def on_restart(self, cause: BaseException) -> None:
            await trio.sleep(2)

    outcomes: list[Any] = []
    replies: list[Reply[str]] = []
    spec = actor(SlowToRestart, replies)
    with trio.fail_after(10):
        async with open_system(supervisor("top", [spec], backoff=backoff)) as system:
            ref = system.ref(spec)
            with trio.fail_after(1):
                async with trio.open_nursery() as nursery:
                    for _ in range(2):
                        nursery.start_soon(keep_asking, ref, outcomes)
                    await wait_all_tasks_blocked()
                    await ref.tell(Fail())
            assert all(isinstance(error, AskFailed) and isinstance(error.__cause__, Broken) for error in outcomes)
            assert len(outcomes) == 2
            replies[0].send("too late")


async def test_a_deferred_reply_that_was_handed_over_fails_with_the_actor_that_deferred_it(autojump_clock: MockClock) -> None:
    """It is that actor that owes it; what the other one sends then is dropped."""
    outcomes: list[Any] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Oracle))
            proxy = await system.spawn(actor(Proxy))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_asking, ref, outcomes)
                await wait_all_tasks_blocked()
                await ref.tell(HandOver(proxy))
                await wait_all_tasks_blocked()
                await ref.tell(Fail())
            await trio.sleep(2)
            assert system.statistics().actors[proxy.path].handled == 1
    assert [type(outcome) for outcome in outcomes] == [AskFailed]


async def test_when_the_handler_fails_after_deferring_the_asker_is_told(autojump_clock: MockClock) -> None:
    """A message that was deferred and then failed is owed like any other."""

    @define(eq=False)
    class Hasty(Actor[Question]):
        @handles(Question)
        def question(self, query: Question) -> Reply[str]:
            self.context.defer(query)
            raise Broken

    with trio.fail_after(1):
        async with open_system() as system:
            ref = await system.spawn(actor(Hasty))
            with pytest.raises(AskFailed) as caught:
                await ref.ask(Question())
            assert isinstance(caught.value.__cause__, Broken)
            counts = system.statistics().actors[ref.path]
            assert (counts.accepted, counts.failed, counts.handled) == (1, 1, 0)


async def test_a_resumed_actor_still_owes_its_replies(autojump_clock: MockClock) -> None:
    """With the directive "resume" the instance goes on, so the asker goes on waiting."""
    outcomes: list[object] = []
    spec = actor(Oracle)
    with trio.fail_after(5):
        async with open_system(supervisor("top", [spec], directives={Broken: "resume"})) as system, trio.open_nursery() as nursery:
            ref = system.ref(spec)
            nursery.start_soon(keep_asking, ref, outcomes)
            await wait_all_tasks_blocked()
            await ref.tell(Fail())
            await ref.tell(Answer("in the end"))
    assert outcomes == ["in the end"]


@pytest.mark.parametrize("drain", [False, True])
async def test_when_the_actor_stops_those_it_owes_replies_are_told(autojump_clock: MockClock, drain: bool) -> None:
    """AskStopped, by hand or by itself."""
    outcomes: list[Any] = []
    with trio.fail_after(5):
        async with open_system() as system:
            ref = await system.spawn(actor(Oracle))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_asking, ref, outcomes)
                await wait_all_tasks_blocked()
                await system.stop(ref, drain=drain)
    assert [type(outcome) for outcome in outcomes] == [AskStopped]


async def test_a_deferred_ask_may_be_answered_while_its_actor_drains(autojump_clock: MockClock) -> None:
    """What is still queued is handled, and may send the reply."""
    outcomes: list[object] = []
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Oracle))
            nursery.start_soon(keep_asking, ref, outcomes)
            await wait_all_tasks_blocked()
            ref.tell_nowait(Answer("just in time"))
            await system.stop(ref, drain=True)
    assert outcomes == ["just in time"]


async def test_fail_takes_an_exception(autojump_clock: MockClock) -> None:
    """Anything else is a mistake that is said, and the reply is still open."""
    outcomes: list[object] = []
    replies: list[Reply[str]] = []
    wrong: Any = "an error"
    with trio.fail_after(5):
        async with open_system() as system, trio.open_nursery() as nursery:
            ref = await system.spawn(actor(Oracle, replies))
            nursery.start_soon(keep_asking, ref, outcomes)
            await wait_all_tasks_blocked()
            with pytest.raises(TypeError, match="takes an exception, not 'an error'"):
                replies[0].fail(wrong)
            replies[0].send("fine")
    assert outcomes == ["fine"]
