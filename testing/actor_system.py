"""
A system for one test, and the verdict at its end.

Errors pass silently where nobody looks: an actor that failed was restarted, an ask without an answer is cut off with the
system. So the end of a test looks: what failed, who owes a reply, and who had to be cut off.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final, TypeAlias, TypeVar, final

from ..actors import ActorFailed, ActorRef, ActorSpec, ActorStopped, AskStopped, Registry, actor
from ..actors.stream import OnFullFacts
from ..events import Facts
from ..supervision import describe_cause, leaves_of
from ..system import Node, Statistics, System, open_system
from .errors import SystemNotClean
from .owed import OwedReply, owed_after
from .probe import Inbox, Probe, ProbeActor

M = TypeVar("M")
T = TypeVar("T")

SystemKind: TypeAlias = Callable[[], AbstractAsyncContextManager[System]]
"""How a system is opened for a test: `open_system`, or another kind of system with the same interface."""

GRACE_SECONDS: Final = 1.0
"""How long after the test replies may still be owed."""

SEEN_MAX: Final = 10_000
"""Failures, and ends of actors that were cut off, that are looked at."""


@final
class ActorSystem:
    """
    The system of one test. It has the verbs of `System`, and these: `expect_failure` and `probe`.

    At the end of the test it is stopped in order, and the test fails with `SystemNotClean` when
        * an actor failed, and no `expect_failure` names the exception; or one was named and did not come;
        * an actor owes a reply that somebody still waits for, one second after the test;
        * an actor did not stop within its `stop_timeout` then, and was cut off. (What the test itself stops may be.)

    Args:
        system: What is tested.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self._expected: dict[type[BaseException], bool] = {}
        self._probes = 0

    def __repr__(self) -> str:
        return f"<ActorSystem {self.system!r}>"

    def expect_failure(self, *kinds: type[BaseException]) -> None:
        """
        The test means some actor to fail with each of these, once at least. May be said before or after it happens.

        An exception group is expected when all its leaves are.
        """
        self._expected.update(dict.fromkeys(kinds, False))

    async def probe(self, name: str | None = None) -> Probe:
        """Starts a probe. The fixture `probe` is one; this is for tests that need several."""
        self._probes += 1
        inbox = Inbox()
        ref = await self.system.spawn(actor(ProbeActor, inbox, name=name or f"probe-{self._probes}", mailbox=10_000))
        return Probe(ref, inbox)

    # The verbs of System

    @property
    def name(self) -> str:
        """See `System.name`."""
        return self.system.name

    @property
    def registry(self) -> Registry:
        """See `System.registry`."""
        return self.system.registry

    def ref(self, spec: ActorSpec[M]) -> ActorRef[M]:
        """See `System.ref`."""
        return self.system.ref(spec)

    async def spawn(self, spec: ActorSpec[M], under: ActorRef[Any] | None = None) -> ActorRef[M]:
        """See `System.spawn`."""
        return await self.system.spawn(spec, under)

    async def stop(self, ref: ActorRef[Any] | None = None, drain: bool = False) -> None:
        """See `System.stop`."""
        await self.system.stop(ref, drain)

    async def start(self, spec: ActorSpec[M]) -> ActorRef[M]:
        """See `System.start`."""
        return await self.system.start(spec)

    async def restart(self, ref: ActorRef[Any]) -> None:
        """See `System.restart`."""
        await self.system.restart(ref)

    def publish(self, fact: object) -> None:
        """See `System.publish`."""
        self.system.publish(fact)

    def subscribe(
        self,
        fact_type: type[T],
        where: Callable[[T], bool] | None = None,
        on_full: OnFullFacts = "drop_oldest",
        capacity: int = 1000,
    ) -> Facts[T]:
        """See `System.subscribe`."""
        return self.system.subscribe(fact_type, where, on_full, capacity)

    def statistics(self) -> Statistics:
        """See `System.statistics`."""
        return self.system.statistics()

    def tree(self) -> Node:
        """See `System.tree`."""
        return self.system.tree()

    @contextmanager
    def current(self) -> Generator[None]:
        """See `System.current`."""
        with self.system.current():
            yield

    # The verdict

    def judge(self, failures: list[ActorFailed], cut_off: list[ActorStopped], owed: tuple[OwedReply, ...]) -> None:
        """Raises `SystemNotClean` if something is wrong with what happened."""
        if owed:  # then these failures only say that the replies never came
            failures = [failure for failure in failures if not all(isinstance(leaf, AskStopped) for leaf in leaves_of(failure.cause))]
        unexpected = [failure for failure in failures if not self._is_expected(failure.cause)]
        complaints = [
            *map(_say_failed, unexpected),
            *(f"{kind.__name__} was expected, but no actor failed with it." for kind, came in self._expected.items() if not came),
            *map(_say_owed, owed),
            *map(_say_cut_off, cut_off),
        ]
        if complaints:
            raise SystemNotClean(tuple(complaints)) from (unexpected[0].cause if unexpected else None)

    def _is_expected(self, cause: BaseException) -> bool:
        kinds = [[kind for kind in self._expected if isinstance(leaf, kind)] for leaf in leaves_of(cause)]
        for found in kinds:
            self._expected.update(dict.fromkeys(found, True))
        return all(kinds)


@asynccontextmanager
async def open_for_test(kind: SystemKind = open_system) -> AsyncGenerator[ActorSystem]:
    """
    Opens a system for a test, without pytest: ``async with open_for_test() as actor_system: ...``.

    Guarantees:
        * The verdict comes when all is down. If the block raised, that comes out, and there is no verdict.

    Args:
        kind: How the system is opened.

    Raises:
        SystemNotClean: See `ActorSystem`.
    """
    async with AsyncExitStack() as after_the_system:
        async with kind() as system:
            tested = ActorSystem(system)
            failed = await after_the_system.enter_async_context(system.subscribe(ActorFailed, capacity=SEEN_MAX))
            yield tested
            owed = await owed_after(system, GRACE_SECONDS)
            ended = await after_the_system.enter_async_context(
                system.subscribe(ActorStopped, where=lambda stopped: stopped.reason.kind == "killed", capacity=SEEN_MAX)
            )
        failures = [failure async for failure in failed]
        cut_off = [stopped async for stopped in ended]
    tested.judge(failures, cut_off, owed)


def _say_failed(failure: ActorFailed) -> str:
    kinds = ", ".join(dict.fromkeys(type(leaf).__name__ for leaf in leaves_of(failure.cause)))
    return (
        f"{failure.path} failed: {describe_cause(failure.cause)}. The directive was {failure.directive!r}. "
        f"If the test means it to: actor_system.expect_failure({kinds})."
    )


def _say_owed(owed: OwedReply) -> str:
    asker = "code outside of a handler" if owed.asker is None else owed.asker
    return (
        f"{owed.path} owes {asker} the reply to {owed.message_type} (it is in its {owed.place}), {GRACE_SECONDS} s after the test. "
        "Reply to it, or end the ask: await it, or give it a timeout."
    )


def _say_cut_off(stopped: ActorStopped) -> str:
    return (
        f"{stopped.path} did not stop in order: it was cut off when its stop_timeout was over. "
        "Let its handler end, or give it the time that it needs: actor(..., stop_timeout=...)."
    )
