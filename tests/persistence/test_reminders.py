"""A reminder fires once, at its time, or when the program runs again, and then says that it is late."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trouper import actor, open_system
from trouper.persistence import ForgetReminder, InMemoryJournal, Journal, Remind, ReminderDue, Reminders, follow, open_journal

YEAR_2030 = 1_900_000_000.0


def wall() -> float:
    """A wall clock that goes with trio's."""
    return YEAR_2030 + trio.current_time()


REMINDERS = actor(Reminders, wall, name="reminders")


async def fired(journal: Journal) -> list[tuple[str, bool]]:
    """What has fired so far: the keys, and whether they were late."""
    found: list[tuple[str, bool]] = []
    following = follow(journal, ReminderDue)
    for _ in range(await journal.last_offset()):
        due = (await anext(following)).fact
        found.append((due.key, due.late))
    return found


async def test_reminders_fire_in_the_order_of_their_times_and_not_before(autojump_clock: MockClock) -> None:
    """Whatever the order in which they were asked for; subscribers hear of it as of any fact."""
    journal = InMemoryJournal()
    with trio.fail_after(100_000):
        async with open_journal(journal), open_system(REMINDERS) as system, system.subscribe(ReminderDue) as due:
            began = wall()
            for seconds in (30.0, 10.0, 20_000.0, 20.0):
                await system.ref(REMINDERS).ask(Remind(f"after {seconds}", began + seconds, note="call"))
            times: list[float] = []
            for seconds in (10.0, 20.0, 30.0, 20_000.0):
                assert await anext(due) == ReminderDue(f"after {seconds}", began + seconds, "call", late=False)
                times.append(round(wall() - began, 3))
            assert times == [10.0, 20.0, 30.0, 20_000.0]


async def test_a_missed_reminder_fires_once_when_the_program_runs_again_and_is_late(autojump_clock: MockClock) -> None:
    """Those that are still to come fire at their time; those that have fired do not fire again."""
    journal = InMemoryJournal()
    with trio.fail_after(10_000):
        began = wall()
        async with open_journal(journal), open_system(REMINDERS) as system:
            for seconds in (1.0, 50.0, 500.0):
                await system.ref(REMINDERS).ask(Remind(str(seconds), began + seconds))
            await trio.sleep(2)
            assert await fired(journal) == [("1.0", False)]
        await trio.sleep(100)
        for _ in range(3):
            async with open_journal(journal), open_system(REMINDERS) as system:
                assert await fired(journal) == [("1.0", False), ("50.0", True)]
                await system.restart(system.ref(REMINDERS))
        async with open_journal(journal), open_system(REMINDERS):
            await trio.sleep(500)
            assert await fired(journal) == [("1.0", False), ("50.0", True), ("500.0", False)]


async def test_a_reminder_that_is_replaced_or_taken_back_does_not_fire(autojump_clock: MockClock) -> None:
    """The key names it; to take back what has fired, or never was, says so."""
    journal = InMemoryJournal()
    with trio.fail_after(10_000):
        async with open_journal(journal), open_system(REMINDERS) as system:
            reminders = system.ref(REMINDERS)
            began = wall()
            for key, seconds in (("a", 10.0), ("b", 10.0), ("a", 30.0), ("c", 20.0), ("c", 5.0)):
                await reminders.ask(Remind(key, began + seconds))
            assert await reminders.ask(ForgetReminder("b"))
            assert not await reminders.ask(ForgetReminder("b"))
            await trio.sleep(15)
            assert await fired(journal) == [("c", False)]
            assert not await reminders.ask(ForgetReminder("c"))
            await trio.sleep(100)
            assert await fired(journal) == [("c", False), ("a", False)]


async def test_a_moment_that_has_passed_is_now(autojump_clock: MockClock) -> None:
    """A reminder for yesterday fires at once, late."""
    journal = InMemoryJournal()
    with trio.fail_after(100):
        async with open_journal(journal), open_system(REMINDERS) as system:
            await system.ref(REMINDERS).ask(Remind("yesterday", wall() - 86_400))
            assert await fired(journal) == [("yesterday", True)]


@pytest.mark.parametrize(
    "wrong", [("a", float("inf")), ("a", float("nan")), ("a", "soon"), (5, 1.0), ("\ud800", 1.0), ("a", 1.0, None)], ids=repr
)
def test_what_is_no_reminder_is_refused_where_it_is_made(wrong: tuple[Any, ...]) -> None:
    """It does not reach the actor, whose failures would be those of everybody's reminders."""
    with pytest.raises((ValueError, TypeError)):
        Remind(*wrong)


async def test_a_wall_clock_that_is_set_is_noticed_within_the_hour(autojump_clock: MockClock) -> None:
    """Set forward, a reminder fires at the next look; set backward, it waits for its time. One that is a little behind is not late."""
    del autojump_clock
    journal = InMemoryJournal()
    ahead = 0.0
    spec = actor(Reminders, lambda: wall() + ahead, name="reminders")
    with trio.fail_after(100_000):
        async with open_journal(journal), open_system(spec) as system:
            await system.ref(spec).ask(Remind("a", wall() + 50_000.0))
            await system.ref(spec).ask(Remind("b", wall() + 3600.5))
            ahead = -10_000.0
            await trio.sleep(4000)
            assert await fired(journal) == []
            ahead = 45_000.0
            await trio.sleep(3600)
            assert await fired(journal) == [("b", True), ("a", True)]
            ahead = 0.0
            await system.ref(spec).ask(Remind("c", wall() - 0.5))
            assert (await fired(journal))[-1] == ("c", False)
