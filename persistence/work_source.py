"""
`WorkSource`: many workers, one source of durable jobs. A worker gets a job when it has room for one, and never before.

It is a courier whose receiver is chosen anew for each attempt. What a worker has in its hands is an ask that is never given up: so a
worker that is too slow keeps its place taken, though another one has got the job, and what it finishes late still counts.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Hashable
from typing import Any, ClassVar, Final, Generic, TypeVar

import trio
from attrs import define, field, frozen, validators

from ..actors.cell import GONE
from ..actors.errors import AskStopped
from ..actors.handles import handles
from ..actors.ref import ActorRef, cell_of
from ..actors.watching import Terminated
from .courier import Courier

F_contra = TypeVar("F_contra", contravariant=True)

_OWN: Final = ("deliver", "on_restart", "on_terminated")


@frozen
class WantWork:
    """
    A worker's wish, told to a `WorkSource`: so many jobs at a time. Each that it answers makes room for the next.

    Args:
        worker: Who gets the jobs.
        window: How many it may have in hand, from now on; 0: no more come.
    """

    worker: ActorRef[Any]
    window: int = field(default=1, validator=validators.ge(0))


@define(eq=False)
class _Worker:
    """What the source knows of a worker."""

    window: int
    in_hand: int = 0


@define(eq=False)
class _Job:
    """A job until it is confirmed. *news* is set when its present holder has it, or ended, and when it is done."""

    message: Any = field(default=None, init=False)
    holders: set[ActorRef[Any]] = field(factory=set[ActorRef[Any]], init=False)
    present: ActorRef[Any] | None = field(default=None, init=False)
    failure: Exception | None = field(default=None, init=False)
    is_done: bool = field(default=False, init=False)
    news: trio.Event = field(factory=trio.Event, init=False)


@define(eq=False)
class WorkSource(Courier[WantWork, F_contra], Generic[F_contra]):
    """
    The base of actors that share durable jobs out: ``class Printing(WorkSource[PageOrdered])`` with a `job`.

    A worker tells it `WantWork` in its `on_start`, and confirms a job by answering.

    Guarantees:
        * At least once: a job is handed out until a worker has answered it, over restarts of workers, source and program. Of what
            was confirmed each offset is kept, so that one slow job does not have those behind it repeated.
        * A worker has at most as many jobs in hand as it has asked for, those that are overdue too. Without workers, jobs wait.
        * A job whose worker has ended goes to another at once; one that failed, or is not answered within *deadline_seconds*, after the
            pause of a courier, and an overdue one never to a worker that still has it. A late answer counts.
        * Jobs of one `lane` are handed out in order, each when the one before is confirmed. By default each has a lane of its own.

    Not guaranteed:
        * At most once: an overdue job may be done twice, and the second time after later ones of its lane. Whoever the workers write to
            can keep what it has `Seen`, by `delivery`; a worker by itself does not know what the others have done.
        * That a source which was stopped, and started by hand, knows its workers: they tell it anew. After a restart it does, but
            what they had in hand then is not counted.

    Attributes:
        window: Jobs in hand or next, of all workers together, at least 1. When so many cannot go on, no other begins.
        deadline_seconds: Seconds after which a job that is not answered goes to another worker.
        attempts_max: Jobs that fail, or are overdue, so often fail the source with `DeliveryFailed`; 0: it never gives up.
    """

    deadline_seconds: ClassVar[float] = 30.0

    _keeps_each: ClassVar[bool] = True

    _workers: dict[ActorRef[Any], _Worker] = field(factory=dict[ActorRef[Any], _Worker], init=False)
    _jobs: dict[int, _Job] = field(factory=dict[int, _Job], init=False)
    _waiting: dict[_Job, None] = field(factory=dict[_Job, None], init=False)

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuses a class that overrides what hands out the jobs, or makes none of its facts."""
        super().__init_subclass__(**options)
        for name in _OWN:
            if inspect.getattr_static(cls, name) is not inspect.getattr_static(WorkSource, name):
                raise TypeError(f"{cls.__name__} overrides {name}, by which it hands out jobs. Override job, or use another name.")
        base: type[WorkSource[Any]] = WorkSource
        if cls.__facts__ and cls.job is base.job:
            raise TypeError(f"{cls.__name__} names its facts and has no job. Add: def job(self, fact, offset) -> Print.")

    def job(self, fact: Any, offset: int, /) -> Any:
        """
        What a worker is asked; to be overridden. Its answer confirms the job.

        Args:
            fact: What was published.
            offset: Its number in the log; `delivery(offset)` is what a receiver knows it by.
        """
        raise NotImplementedError("a class that names its facts has a job of its own")

    def lane(self, fact: Any, /) -> Hashable:  # noqa: ARG002  # who overrides it looks at the fact
        """Jobs of one lane are done in order; by default each has its own. To be overridden, with a job's key for example."""
        return object()

    @handles(WantWork)
    def want_work(self, wish: WantWork) -> None:
        """Takes a worker on, or notes that it wants more or less."""
        worker = self._workers.get(wish.worker)
        if worker is None:
            self._workers[wish.worker] = _Worker(wish.window)
            self.context.watch(wish.worker)
        else:
            worker.window = wish.window
        self._share_out()

    def on_terminated(self, terminated: Terminated) -> None:
        """A worker has ended. Not to be overridden."""
        self._workers.pop(terminated.ref, None)

    def on_restart(self, cause: BaseException) -> None:  # noqa: ARG002
        """Lets the next instance know the workers. Not to be overridden."""
        for ref, worker in self._workers.items():
            self.context.ref.tell_nowait(WantWork(ref, worker.window))

    async def deliver(self, fact: Any, offset: int, /) -> None:
        """Has one job done. Not to be overridden."""
        job = self._jobs.get(offset)
        if job is None:
            job = self._jobs[offset] = _Job()
        while not job.is_done:
            job.message = self.job(fact, offset)  # anew for each attempt: more may be confirmed by now
            job.news = trio.Event()
            job.present = job.failure = None
            self._waiting[job] = None
            self._share_out()
            await job.news.wait()
            await self._until_ended(job)
        del self._jobs[offset]

    async def _until_ended(self, job: _Job) -> None:
        """Returns when the job is done or its worker has ended; raises why it is to be tried again after a pause."""
        if job.present is not None and job.present in job.holders and not job.is_done:
            job.news = trio.Event()
            with trio.move_on_after(self.deadline_seconds) as limit:
                await job.news.wait()
            if limit.cancelled_caught:
                raise TimeoutError(f"{job.present} has not answered within {self.deadline_seconds:g} seconds")
        if job.failure is not None and not job.is_done:
            raise job.failure

    def _share_out(self) -> None:
        """Gives jobs that wait, the oldest first, to workers that have room."""
        for job in tuple(self._waiting):
            free = [(worker.in_hand, ref) for ref, worker in self._workers.items() if worker.in_hand < worker.window]
            if not free:
                return
            ref = min((one for one in free if one[1] not in job.holders), default=(0, None), key=lambda one: one[0])[1]
            if ref is not None:
                worker = self._workers[ref] = self._workers.pop(ref)  # the last in line among equals
                worker.in_hand += 1
                del self._waiting[job]
                job.present = ref
                job.holders.add(ref)
                job.news.set()
                self.context.start_soon(self._hand, job, ref, worker)

    async def _hand(self, job: _Job, ref: ActorRef[Any], worker: _Worker) -> None:
        """Has one worker do a job, however long it takes."""
        failure: Exception | None = None
        try:
            await ref.ask(job.message, timeout=math.inf)
        except Exception as error:  # noqa: BLE001  # whatever it is, the job is not confirmed
            failure = error
        worker.in_hand -= 1
        job.holders.discard(ref)
        if failure is None:
            job.is_done = True
            self._waiting.pop(job, None)
            job.news.set()
        else:
            ended = isinstance(failure, AskStopped) and cell_of(ref).phase == GONE
            if ended:
                self._workers.pop(ref, None)
            if job.present is ref:
                job.failure = None if ended else failure
                job.news.set()
        self._share_out()
