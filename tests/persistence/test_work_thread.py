"""A thread that works for a run of trio: what waits is done in order, what is given up is counted out, and the runtime knows of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from attrs import define, frozen

from trouper import Actor, actor, handles, open_system
from trouper.actors.threads import threads_work
from trouper.persistence.errors import WriteConflict
from trouper.persistence.journal_errors import JournalClosed
from trouper.persistence.work_thread import Outcome, WorkThread


class Gated:
    """Work that is done when the gate is open; odd numbers are refused."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.done: list[list[int]] = []

    def perform(self, works: Sequence[int]) -> list[Outcome]:
        self.gate.wait(10)
        self.done.append(list(works))
        return [Outcome(error=WriteConflict("a", work, "me", "you")) if work % 2 else Outcome(work) for work in works]


async def test_what_is_under_way_is_counted_until_its_outcome_is_back_or_it_was_given_up() -> None:
    """Values, errors and work that was taken back: nothing is counted for ever, else the runtime would nap for ever."""
    gated = Gated()
    outcomes: list[int] = []
    work = threads_work()
    before = work.under_way
    with trio.fail_after(10):
        thread: WorkThread[int] = WorkThread("test", gated.perform, lambda: None)

        async def do(number: int) -> None:
            try:
                outcomes.append(await thread.do(number))
            except WriteConflict as error:
                outcomes.append(error.sequence)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(do, 0)
            await trio.testing.wait_all_tasks_blocked()
            with trio.CancelScope() as given_up:
                async with trio.open_nursery() as doomed:
                    doomed.start_soon(do, 8)
                    for number in (1, 2, 3):
                        nursery.start_soon(do, number)
                    await trio.testing.wait_all_tasks_blocked()
                    assert work.under_way == before + 5
                    given_up.cancel()
            assert work.under_way == before + 4
            gated.gate.set()
        assert work.under_way == before
        assert sorted(outcomes) == [0, 1, 2, 3]
        assert not any(8 in works for works in gated.done)
        await thread.close()
        with pytest.raises(JournalClosed):
            await thread.do(4)
        assert work.under_way == before


@frozen
class Spin:
    """To itself, again and again."""


@define(eq=False)
class Spinning(Actor[Spin]):
    @handles(Spin)
    def spin(self, message: Spin) -> None:
        self.context.ref.tell_nowait(message)


async def test_between_slices_a_thread_that_has_work_is_let_run_and_one_that_has_none_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An actor that is never done would keep the interpreter's lock; the runtime gives it away, and only while something is under way."""
    naps: list[bool] = []
    work = threads_work()
    nap = time.sleep

    def counted(seconds: float) -> None:
        naps.append(work.under_way > 0 or trio.to_thread.current_default_thread_limiter().borrowed_tokens > 0)
        nap(seconds)

    monkeypatch.setattr("trouper.actors.threads.time.sleep", counted)
    gated = Gated()
    with trio.fail_after(30):
        thread: WorkThread[int] = WorkThread("test", gated.perform, lambda: None)
        async with open_system() as system:
            (await system.spawn(actor(Spinning))).tell_nowait(Spin())
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            assert naps == []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(thread.do, 0)
                while len(naps) < 3:
                    await trio.lowlevel.checkpoint()
                gated.gate.set()
            gated.gate.clear()
            so_far = len(naps)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, lambda: gated.gate.wait(10))
                while len(naps) < so_far + 3:
                    await trio.lowlevel.checkpoint()
                gated.gate.set()
            so_far = len(naps)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            assert len(naps) == so_far
            await system.stop()
        await thread.close()
    assert all(naps)
