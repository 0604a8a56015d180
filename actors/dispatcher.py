"""
Who runs: workers, which are tasks of trio, and the baton that one of them holds.

The worker with the baton takes ready cells and runs their turns. When a handler yields to trio, its worker hands the baton to
another one at that moment and stays with the handler until it ends; so an actor costs a task only while its handler waits on
trio. After a slice the worker lets trio run, with the baton in its hand: nothing else of the runtime runs meanwhile.

The workers' nursery is shielded, their checkpoints are not: a worker's own scope can always be cancelled, which is how
one handler is cancelled and nothing else.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from threading import current_thread, get_ident
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import trio

from .alarms import Alarms
from .cell import CURRENT, DRIVEN, HELD, IDLE, READY, RUNNING, Cell
from .circles import is_awaited
from .errors import HandlerCutOff, WrongThread
from .resume import Resume
from .threads import threads_work
from .turn import CUT, RUN_CANCELLED, Driver, alone, drive, ended, is_doomed, suspend

if TYPE_CHECKING:
    from .jobs import Job
    from .policy import Policy, ReadyQueue

from trio.lowlevel import enable_ki_protection as protected

PARKED_MAX: Final = 64
"""Workers that wait for work; more than that end."""

POOLED_MAX: Final = 1024
"""Empty queues that are kept for the next actor that gets a message, and drivers for the next handlers that wait."""

HOLDS_HANDLERS: Final = hasattr(trio.lowlevel.Task, "_cancel_status")
"""Whether a task tells which cancel scope it is in (private to trio). Without it no handler is held: all asks park a task."""

IN_SOME_SCOPE: Final = SimpleNamespace(_cancel_status=object())
"""Stands for the running task where that is unknown: it seems to be in a scope of its own."""

CREDIT: Final = 64
"""Calls of tell and ask after which they look whether others should run."""


class Worker:
    """One task that runs turns."""

    __slots__ = ("cell", "has_baton", "retired", "scope", "task")

    def __init__(self) -> None:
        self.has_baton: bool = True  # it is started to take it
        self.task: trio.lowlevel.Task = trio.lowlevel.current_task()
        self.cell: Cell | None = None  # the actor whose handler it stays with
        self.scope: trio.CancelScope = trio.CancelScope()
        self.retired: bool = False

    def cut(self) -> None:
        """Cancels the handler that it stays with."""
        self.scope.cancel()


class Dispatcher:
    """
    Runs the ready cells of one system.

    Args:
        policy: Who runs next, and for how long.
        max_suspended: Handlers that may wait on trio at once; beyond that no further async handler starts.
        slow_handler: Seconds after which a handler is reported as slow.
        log: Where the runtime logs.
    """

    # Invariant: at most one worker holds the baton; is_awake iff one does or is scheduled to take it.
    # Invariant: if ready is not empty then is_awake.
    # Invariant: suspended == the number of workers with a cell.

    # Slots, for speed: beyond thirty attributes an instance is an ordinary dict, and every message looks at some of these.
    __slots__ = (
        "_cancel_status",
        "_contextvars",
        "_parked",
        "_starting",
        "_task",
        "_threads_work",
        "alarms",
        "blocked",
        "credit",
        "credit_max",
        "deques",
        "drivers",
        "is_awake",
        "is_full",
        "log",
        "max_suspended",
        "nursery",
        "outside_slice_end",
        "policy",
        "ready",
        "said_full",
        "share",
        "slice_end",
        "slow_handler",
        "suspended",
        "thread",
    )

    def __init__(self, policy: Policy, *, max_suspended: int, slow_handler: float, log: logging.Logger) -> None:
        self.policy: Policy = policy
        self.ready: ReadyQueue = policy.new_ready_queue()
        self.share: range = range(policy.turn_max)  # a turn has so many messages
        self.drivers: list[Driver] = []  # that wait for work
        self.deques: deque[deque[Any]] = deque()
        self.alarms: Alarms = Alarms(trio.lowlevel.current_clock().current_time)
        self.log: logging.Logger = log
        self.is_awake: bool = False
        self.is_full: bool = False
        self.thread: int = get_ident()
        self.credit: int = CREDIT
        self.credit_max: int = CREDIT
        self.outside_slice_end: float = 0.0
        self.suspended: int = 0
        self.max_suspended: int = max_suspended
        self.slow_handler: float = slow_handler
        self.slice_end: float = 0.0
        self.blocked: deque[Cell] = deque()
        self._starting: Cell | None = None
        self.nursery: trio.Nursery | None = None
        self.said_full: bool = False
        self._parked: list[Worker] = []
        self._task: Any = None
        self._cancel_status: object = None
        self._threads_work = threads_work()
        self._contextvars = copy_context()
        self._contextvars.run(CURRENT.set, None)

    def now(self) -> float:
        """Seconds on the runtime's clock."""
        return self.alarms.clock()

    # Ready cells

    @protected
    def make_ready(self, cell: Cell) -> None:
        """Queues a cell whose state is READY, and wakes a worker if none is awake."""
        if not self.is_awake:
            self.wake()
        self.ready.append(cell)

    @protected
    def wake(self) -> None:
        """Gives the baton to a worker. Raises WrongThread outside of the system's thread, before anything is changed."""
        if get_ident() != self.thread:
            raise WrongThread(current_thread().name)
        self.is_awake = True
        if self._parked:
            trio.lowlevel.reschedule(self._parked.pop().task)
        elif self.nursery is not None:
            self.nursery.start_soon(self._work)

    def may_hold(self) -> bool:
        """Whether the handler that runs right now may be suspended by the runtime: it is in no scope of its own."""
        return self._task._cancel_status is self._cancel_status

    def end_slice_early(self) -> None:
        """Somebody outside waits for what has just happened: trio runs soon."""
        self.slice_end = 0.0

    @protected
    def cut_held(self, cell: Cell) -> None:
        """The handler that no task stays with is to be cancelled: a worker will throw trio's Cancelled into it."""
        if cell.state == HELD:
            if cell.pending is not None:
                cell.pending.cell = None
            cell.state = READY
            self.make_ready(cell)
        elif cell.state != READY:
            self.blocked.remove(cell)
            cell.state = READY
            self.make_ready(cell)

    # The limit of suspended handlers

    @protected
    def block(self, cell: Cell) -> None:
        """The coroutine in `cell.held` may start when fewer are suspended, or at once if a suspended handler may await this actor."""
        if is_awaited(cell):
            cell.state = READY
            self.make_ready(cell)
            return
        if not self.said_full:
            self.said_full = True
            self.log.warning(
                "%d handlers wait on trio, the most that max_suspended allows. Async handlers of other actors start when one ends; "
                "use timers or messages instead of sleeping in handlers, or raise open_system(max_suspended=...)",
                self.suspended,
            )
        self.blocked.append(cell)

    @protected
    def unblock(self, cell: Cell) -> None:
        """Its handler starts: there is a place for it, or a suspended handler may await this actor now."""
        self.blocked.remove(cell)
        cell.state = READY
        self.make_ready(cell)

    def _count_suspended(self, change: int) -> None:
        self.suspended += change
        self.is_full = self.suspended >= self.max_suspended

    def _start_next(self) -> None:
        """
        The next blocked handler may start, if there is a place and the one before has taken its own. One at a time, since one that
        ends without waiting leaves its place free, and called again and again for the same reason.
        """
        if not self.is_full and (self._starting is None or self._starting.state != READY):
            self._starting = self.blocked[0]
            self.unblock(self._starting)

    # Workers

    @protected
    async def _work(self) -> None:
        me = Worker()
        while not me.retired:
            me.scope = trio.CancelScope()
            failure: BaseException | None = None
            try:
                with me.scope:
                    await self._serve(me)
            except BaseException as error:  # what is left when trio has taken its Cancelled out
                if me.cell is None or not me.scope.cancel_called:
                    raise
                failure = error
            cell = me.cell
            if cell is not None:  # its handler ended because the scope was cancelled
                self._let_go_of(me, cell, None, failure or HandlerCutOff(cell.path))

    async def _serve(self, me: Worker) -> None:
        """Runs turns and stays with handlers, until the scope is used up or the worker is not needed."""
        task: Any = me.task
        status = getattr(task, "_cancel_status", task)
        ready = self.ready
        clock = self.policy.clock
        slice_seconds = self.policy.slice_seconds
        driver = self._take_driver()
        run_turn = driver.send
        while True:
            if not me.has_baton:
                if len(self._parked) >= PARKED_MAX:
                    me.retired = True
                    return
                await self._park(me)
                me.has_baton = True
            self._task = task if HOLDS_HANDLERS else IN_SOME_SCOPE
            self._cancel_status = status
            last = clock()
            self.slice_end = last + slice_seconds
            while ready:
                cell = ready.popleft()
                cell.state = RUNNING
                contextvars = cell.contextvars
                if cell.held is not None:
                    trap = self._go_on(cell)
                elif contextvars is not None:
                    trap = contextvars.run(run_turn, cell)
                else:
                    trap = self._first_turn(cell, run_turn)
                if trap is not None:
                    if cell.held is None:
                        cell.held = driver
                        driver = self._take_driver()
                        run_turn = driver.send
                    trap = suspend(cell, trap)
                    if trap is not None:
                        me.has_baton = False
                        await self._stay_with(me, cell, trap)
                        if me.scope.cancel_called:
                            return  # a used-up scope is not used again
                        break
                now = clock()
                if now >= self.slice_end:
                    self._adjust_share(cell, now - last)
                    if self.blocked:
                        self._start_next()
                    await self._let_trio_run()
                    now = clock()
                    self.slice_end = now + slice_seconds
                last = now
                if cell.held is None:
                    cell.hand = None
            else:
                if self.blocked and not self.is_full:
                    self._start_next()
                    continue
                if self.alarms.asked:
                    self.alarms.arm_the_unanswered()
                me.has_baton = False
                self.is_awake = False

    def _adjust_share(self, cell: Cell, took: float) -> None:
        """A slice ends with a turn that *took* so many seconds: shorter turns if it was one alone, and longer ones if not."""
        if took > self.policy.slice_seconds:
            self.share = range(max(1, len(self.share) // 4))
            if took > self.slow_handler:
                self.report_slow(cell, cell.hand, took)
        elif len(self.share) < self.policy.turn_max:
            self.share = range(min(len(self.share) * 2, self.policy.turn_max))

    def _take_driver(self) -> Driver:
        """A driver that waits to be sent a cell."""
        if self.drivers:
            return self.drivers.pop()
        driver = drive()
        next(driver)
        return driver

    def driver_of(self, job: Job) -> Driver:
        """A driver for a hook."""
        assert job.target is not None
        return alone(job.target, job.call, *job.arguments, job=job)

    def _go_on(self, cell: Cell) -> object | None:
        """Goes on with what is in `cell.held`: a handler that the runtime held, whatever it waited for, or a hook that is to begin."""
        held = cell.held
        assert held is not None
        if cell.contextvars is None:
            cell.contextvars = cell.dispatcher._contextvars.copy()
            cell.contextvars.run(CURRENT.set, cell)
        if cell.attention and cell.hand is not None and is_doomed(cell) and (cell.pending is None or not cell.pending.done):
            return CUT  # but what was settled is not taken back, and a hook begins in any case
        try:
            trap: object | None = cell.contextvars.run(held.send, None)
        except StopIteration:
            return None  # the hook has ended
        if trap is None:
            self.drivers.append(held)
        else:
            cell.held = held  # it may have gone on with further messages, of which one waits
        return trap

    def _first_turn(self, cell: Cell, run_turn: Callable[[Cell], object | None]) -> object | None:
        """
        A turn of a cell that has no contextvars yet. Most actors of a crowd are told once, and put nothing into theirs: then they are
        not kept, since their three objects are half of what the garbage collector would have to look at.
        """
        contextvars = cell.contextvars = cell.dispatcher._contextvars.copy()
        contextvars.run(CURRENT.set, cell)
        if cell.handled:
            return contextvars.run(run_turn, cell)
        before = contextvars.copy()
        trap = contextvars.run(run_turn, cell)
        if cell.state == IDLE:
            try:
                if contextvars == before:
                    cell.contextvars = None
            except Exception:  # noqa: BLE001, S110  # the user's: a value that cannot be compared is kept
                pass
        return trap

    async def _park(self, me: Worker) -> None:
        self._parked.append(me)

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            self._parked.remove(me)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def _let_trio_run(self) -> None:
        self._threads_work.nap()
        while len(self.deques) > POOLED_MAX:
            self.deques.pop()
        del self.drivers[POOLED_MAX:]
        if self.alarms.asked:
            self.alarms.arm_the_unanswered()
        await trio.lowlevel.checkpoint()

    async def _stay_with(self, me: Worker, cell: Cell, trap: object) -> None:
        """Drives a handler that waits on trio to its end. The baton goes to another worker now."""
        me.cell = cell
        cell.worker = me
        cell.state = DRIVEN
        self._count_suspended(1)
        if self.alarms.asked:
            self.alarms.arm_the_unanswered()
        self.is_awake = False
        if self.ready or (self.blocked and not self.is_full):
            self.wake()
        assert cell.held is not None
        assert cell.contextvars is not None
        item = cell.hand
        began = self.now()
        try:
            if trap is CUT:
                me.scope.cancel()
                value = await Resume(cell.held, cell.contextvars, None, await _a_cancelled())
            elif trap is RUN_CANCELLED:
                me.scope.cancel()
                value = await Resume(cell.held, cell.contextvars, None)
            else:
                if is_doomed(cell):
                    me.scope.cancel()
                value = await Resume(cell.held, cell.contextvars, trap)
        except BaseException as error:
            if me.scope.cancel_called:
                raise  # to the `with`: trio takes its Cancelled out, also out of groups
            self._let_go_of(me, cell, None, error)
        else:
            self._let_go_of(me, cell, value, None)
        if self.now() - began > self.slow_handler:
            self.report_slow(cell, item, self.now() - began)

    def _let_go_of(self, me: Worker, cell: Cell, value: Any, error: BaseException | None) -> None:
        me.cell = None
        cell.worker = None
        if not self.is_awake:  # what becomes ready now is this worker's
            self.is_awake = True
            me.has_baton = True
        self._count_suspended(-1)
        ended(cell, value, error)

    # What the runtime adds

    def report_slow(self, cell: Cell, item: Any, seconds: float) -> None:
        """A handler or hook of *cell* took *seconds* for *item*."""
        raise NotImplementedError


async def _a_cancelled() -> trio.Cancelled:
    """Trio's own Cancelled of the worker's scope, which is cancelled."""
    try:
        await trio.lowlevel.checkpoint()
    except trio.Cancelled as cancelled:
        return cancelled
    raise AssertionError("a checkpoint in a cancelled scope did not raise")
