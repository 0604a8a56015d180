"""
A probe: an actor whose part is played by the test.

Its ref is handed out like any other. What comes to it is kept, and the test takes it out one by one; an ask stays open until
the test replies, so the asker sees whatever timing and answer the test gives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar, final

import trio
from attrs import define, field, frozen

from ..actors import Actor, ActorRef, Context, Reply
from ..actors.envelopes import Ask
from .errors import ExpectationFailed, ProbeFull

T = TypeVar("T")

RECEIVED_MAX: Final = 10_000
"""Messages that a probe keeps in all."""

TOLD_MAX: Final = 10
"""Messages that an error tells of."""


@frozen(eq=False)
class Received:
    """A message that came to a probe, with the reply that is owed for it if it was asked."""

    message: Any
    reply: Reply[Any] | None


@define(eq=False)
class Inbox:
    """What came to a probe: its actor puts it in, its test takes it out. It outlives restarts of the actor."""

    # Invariant: unread is the end of received.
    received: list[Any] = field(factory=list[Any])
    unread: deque[Received] = field(factory=deque[Received])
    arrived: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    context: Context | None = None


@define(eq=False)
class ProbeActor(Actor[Any]):
    """The actor of a probe: takes whatever it is sent."""

    inbox: Inbox

    def on_start(self) -> None:
        """The test watches and subscribes through the context."""
        self.inbox.context = self.context

    def receive(self, message: Any, /) -> None:
        """Keeps the message, and owes the reply if it was asked."""
        inbox = self.inbox
        if len(inbox.received) >= RECEIVED_MAX:
            raise ProbeFull(self.context.path, RECEIVED_MAX)
        asked = isinstance(self._cell.hand_as_item(), Ask)
        inbox.received.append(message)
        inbox.unread.append(Received(message, self.context.defer(message) if asked else None))
        inbox.arrived.unpark_all()


@final
class Probe:
    """
    An actor that the test plays: it looks at what came, in order, and replies.

    Guarantees:
        * Messages are taken in the order in which they came, each once. `messages` shows all of them, taken or not.
        * An ask stays open until the test replies, the asker gives up, or the system ends.

    Args:
        ref: The ref to hand out. It takes any message.
    """

    def __init__(self, ref: ActorRef[Any], inbox: Inbox) -> None:
        self.ref = ref
        self._inbox = inbox
        self._taken: Received | None = None

    def __repr__(self) -> str:
        return f"<Probe {self.ref.path}>"

    @property
    def messages(self) -> list[Any]:
        """All that came so far, the newest last."""
        return list(self._inbox.received)

    async def expect(self, kind: type[T], within: float = 1.0) -> T:
        """
        The next message, which must be an instance of *kind*.

        Args:
            within: Seconds that it has to come.

        Raises:
            ExpectationFailed: None came in time, or one of another class, which counts as taken.
        """
        __tracebackhide__ = True
        received = await self._next(within)
        if received is None:
            raise self._failed(f"no {kind.__name__} came within {within} s")
        if not isinstance(received.message, kind):
            raise self._failed(f"expected {kind.__name__}, but {received.message!r} came")
        return received.message

    async def expect_none(self, within: float = 0.1) -> None:
        """
        Waits *within* seconds, in which no message may come; none may wait untaken either.

        Raises:
            ExpectationFailed: One came. It is not taken.
        """
        __tracebackhide__ = True
        if await self._arrives(within):
            raise self._failed(f"expected nothing for {within} s, but {self._inbox.unread[0].message!r} came")

    async def fish_for(self, predicate: Callable[[Any], bool], within: float = 1.0) -> Any:
        """
        The next message for which *predicate* is true. Those before it are taken and passed over.

        Args:
            within: Seconds that it has to come, those before it included.

        Raises:
            ExpectationFailed: None came in time.
        """
        __tracebackhide__ = True
        until = trio.current_time() + within
        while True:
            received = await self._next(until - trio.current_time())
            if received is None:
                raise self._failed(f"no message that was fished for came within {within} s")
            if predicate(received.message):
                return received.message

    def reply(self, value: Any) -> None:
        """
        Answers the message that `expect` or `fish_for` returned last. If its asker has given up, nothing happens.

        Raises:
            ExpectationFailed: No message was taken yet, or it was told and not asked.
            AlreadyReplied: It was answered before.
        """
        __tracebackhide__ = True
        self._owed().send(value)

    def fail(self, error: BaseException) -> None:
        """Answers the message that was returned last with `AskFailed` from *error*. Raises as `reply` does."""
        __tracebackhide__ = True
        self._owed().fail(error)

    def subscribe(self, fact_type: type[Any], where: Callable[[Any], bool] | None = None) -> None:
        """From now on the published facts of this class come to the probe too, as many as it keeps: none is lost silently."""
        self._context.subscribe(fact_type, where, on_full="fail", capacity=RECEIVED_MAX)

    def watch(self, ref: ActorRef[Any]) -> None:
        """When that actor dies, its `Terminated` comes to the probe."""
        self._context.watch(ref)

    @property
    def _context(self) -> Context:
        context = self._inbox.context
        assert context is not None, "its on_start has run"
        return context

    def _owed(self) -> Reply[Any]:
        if self._taken is None:
            raise self._failed("there is nothing to reply to yet: take a message first, with 'await probe.expect(...)'")
        if self._taken.reply is None:
            raise self._failed(f"{self._taken.message!r} was told and not asked, so nobody waits for a reply")
        return self._taken.reply

    async def _next(self, within: float) -> Received | None:
        if not await self._arrives(within):
            return None
        self._taken = self._inbox.unread.popleft()
        return self._taken

    async def _arrives(self, within: float) -> bool:
        """Whether a message waits to be taken, *within* seconds from now at the latest."""
        inbox = self._inbox
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(max(0.0, within)):
            while not inbox.unread:
                await inbox.arrived.park()
        return bool(inbox.unread)

    def _failed(self, reason: str) -> ExpectationFailed:
        last = self._inbox.received[-TOLD_MAX:]
        return ExpectationFailed(self.ref.path, reason, tuple(map(repr, last)))
