"""The fixtures as a user's test file meets them: each test here runs one in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

pytest_plugins = ["pytester"]

ACTORS = """
from functools import partial
import pytest, trio
from attrs import define, frozen
from trouper import Actor, AskFailed, AskStopped, Request, actor, handles, open_system

@frozen
class Pay(Request[str]):
    cents: int

@frozen
class Crash:
    text: str

@define(eq=False)
class Till(Actor[Pay | Crash]):
    balance: int = 0

    @handles(Pay)
    def pay(self, command: Pay) -> str:
        self.balance += command.cents
        return f"balance {self.balance}"

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise ValueError(command.text)
"""


def run(pytester: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    """Runs *test* below the actors in a pytest of its own."""
    pytester.makeini("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    pytester.makepyfile(ACTORS + dedent(test))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def test_a_test_of_an_actor_is_shorter_than_ten_lines(pytester: pytest.Pytester) -> None:
    """Spawn it, ask it, look: three lines and a signature, on the virtual clock, and the system is opened and stopped around it."""
    test = """
    async def test_a_till_adds_up(autojump_clock, actor_system) -> None:
        till = await actor_system.spawn(actor(Till))
        await till.tell(Pay(5))
        assert await till.ask(Pay(7)) == "balance 12"
    """
    assert len(dedent(test).strip().splitlines()) < 10
    run(pytester, test).assert_outcomes(passed=1)


def test_an_unexpected_failure_fails_a_test_that_saw_nothing_of_it(pytester: pytest.Pytester) -> None:
    """The text names the actor, the exception, what was decided, and the line that accepts it; the traceback is the actor's."""
    result = run(
        pytester,
        """
        async def test_a_crash(autojump_clock, actor_system):
            till = await actor_system.spawn(actor(Till, name="till"))
            till.tell_nowait(Crash("no such account"))
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*raise ValueError(command.text)",
            "*SystemNotClean: The test left its system unclean:",
            "*- /user/till failed: ValueError: no such account. The directive was 'restart'. If the test means it to: *(ValueError).",
        ]
    )


def test_a_failure_during_the_stop_is_seen_too(pytester: pytest.Pytester) -> None:
    """The end is part of the test: what raises in on_stop fails it."""
    result = run(
        pytester,
        """
        @define(eq=False)
        class Careless(Till):
            def on_stop(self, reason):
                raise OSError("the file is open")

        async def test_a_crash(autojump_clock, actor_system):
            await actor_system.spawn(actor(Careless, name="till"))
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- /user/till failed: OSError: the file is open. The directive was 'stop'.*"])


def test_an_expected_failure_is_accepted_before_and_after_it_happens(pytester: pytest.Pytester) -> None:
    """By its class or a base of it, as often as it comes; in an exception group when every leaf is expected."""
    run(
        pytester,
        """
        @define(eq=False)
        class Parallel(Actor[Crash]):
            @handles(Crash)
            async def crash(self, command: Crash) -> None:
                async def fail(error):
                    raise error
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(fail, ValueError("one"))
                    nursery.start_soon(fail, KeyError("two"))

        async def test_before(autojump_clock, actor_system):
            actor_system.expect_failure(ArithmeticError, ValueError)
            till = await actor_system.spawn(actor(Till))
            till.tell_nowait(Crash("once"))
            with pytest.raises(AskFailed):
                await till.ask(Crash("twice"))
            actor_system.expect_failure(ValueError)
            broken = await actor_system.spawn(actor(lambda: Broken()))
            await broken.tell(Crash("zero"))

        @define(eq=False)
        class Broken(Till):
            @handles(Crash)
            def crash(self, command: Crash) -> None:
                1 / 0

        async def test_after(autojump_clock, actor_system):
            till = await actor_system.spawn(actor(Till))
            with pytest.raises(AskFailed):
                await till.ask(Crash("once"))
            actor_system.expect_failure(Exception)

        async def test_group(autojump_clock, actor_system):
            actor_system.expect_failure(ValueError, KeyError)
            (await actor_system.spawn(actor(Parallel))).tell_nowait(Crash("both"))
        """,
    ).assert_outcomes(passed=3)


def test_a_failure_of_another_kind_than_expected_fails_the_test_and_so_does_one_that_did_not_come(pytester: pytest.Pytester) -> None:
    """Both are said, each on its line."""
    result = run(
        pytester,
        """
        async def test_a_crash(autojump_clock, actor_system):
            actor_system.expect_failure(KeyError)
            till = await actor_system.spawn(actor(Till, name="till"))
            till.tell_nowait(Crash("no such account"))
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- /user/till failed: ValueError: no such account.*", "*- KeyError was expected, but no actor failed with it."]
    )


def test_a_reply_that_is_owed_when_the_test_ends_is_a_leak(pytester: pytest.Pytester) -> None:
    """Deferred and never sent, stashed, in a handler's hand, or queued behind one: the debtor, the asker and the place are named."""
    result = run(
        pytester,
        """
        @define(eq=False)
        class Debtor(Actor[Pay]):
            how: str

            @handles(Pay)
            async def pay(self, command: Pay) -> str:
                match self.how:
                    case "deferred": self.context.defer(command)
                    case "stash": self.context.stash()
                    case _: await self.context.sleep(3.0)
                return ""

        @define(eq=False)
        class Customer(Actor[Pay]):
            debtor: object

            @handles(Pay)
            async def pay(self, command: Pay) -> str:
                return await self.debtor.ask(command, timeout=1000)

        @pytest.mark.parametrize("how", ["deferred", "stash", "hand"])
        async def test_leak(autojump_clock, actor_system, how):
            debtor = await actor_system.spawn(actor(Debtor, how, name="debtor"))
            customer = await actor_system.spawn(actor(Customer, debtor, name="customer"))
            await customer.tell(Pay(1))

        async def test_queue(autojump_clock, actor_system):
            debtor = await actor_system.spawn(actor(Debtor, "hand", name="debtor"))
            await debtor.tell(Pay(0))
            await (await actor_system.spawn(actor(Customer, debtor, name="customer"))).tell(Pay(1))
        """,
    )
    result.assert_outcomes(failed=4)
    for place in ("deferred", "stash", "hand", "queue"):
        result.stdout.fnmatch_lines(
            [
                "*SystemNotClean: The test left its system unclean:",
                f"*- /user/debtor owes /user/customer the reply to Pay (it is in its {place}), 1.0 s*",
            ]
        )
    result.stdout.no_fnmatch_line("*customer failed*")


def test_what_is_answered_within_a_second_or_given_up_is_no_leak(pytester: pytest.Pytester) -> None:
    """The end of a test takes nobody by surprise: a reply on its way arrives, an ask that timed out is nobody's debt."""
    run(
        pytester,
        """
        @define(eq=False)
        class Slow(Actor[Pay]):
            seconds: float

            @handles(Pay)
            async def pay(self, command: Pay) -> str:
                await trio.sleep(self.seconds)
                return "late"

        @define(eq=False)
        class Customer(Actor[Pay]):
            slow: object

            @handles(Pay)
            async def pay(self, command: Pay) -> str:
                return await self.slow.ask(command)

        async def test_answered(autojump_clock, actor_system):
            slow = await actor_system.spawn(actor(Slow, 0.9))
            await (await actor_system.spawn(actor(Customer, slow))).tell(Pay(1))

        async def test_given_up(autojump_clock, actor_system):
            slow = await actor_system.spawn(actor(Slow, 4.0))
            with trio.move_on_after(0.1):
                await slow.ask(Pay(1))
        """,
    ).assert_outcomes(passed=2)


def test_an_actor_that_has_to_be_cut_off_is_a_leak(pytester: pytest.Pytester) -> None:
    """
    A handler that outlives its actor's stop_timeout when the test has ended: cancelled, waited for if it shields itself, and
    named. One that the test itself had cut off is what the test wanted.
    """
    result = run(
        pytester,
        """
        @define(eq=False)
        class Sleeper(Actor[Crash]):
            shield: bool

            @handles(Crash)
            async def sleep(self, command: Crash) -> None:
                with trio.CancelScope(shield=self.shield):
                    await trio.sleep(20)

        @pytest.mark.parametrize("shield", [False, True])
        async def test_hangs(autojump_clock, actor_system, shield):
            sleeper = await actor_system.spawn(actor(Sleeper, shield, name="sleeper", stop_timeout=2.0))
            await sleeper.tell(Crash("good night"))

        async def test_cuts_off(autojump_clock, actor_system):
            sleeper = await actor_system.spawn(actor(Sleeper, False, stop_timeout=2.0))
            await sleeper.tell(Crash("good night"))
            await actor_system.stop(sleeper)
        """,
    )
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*- /user/sleeper did not stop in order: it was cut off when its stop_timeout was over.*"] * 2)


def test_a_system_that_gives_up_ends_the_test_at_once(pytester: pytest.Pytester) -> None:
    """More failures than the user guardian bears: the test is cancelled, not hung, and shows the causes."""
    result = run(
        pytester,
        """
        async def test_collapse(autojump_clock, actor_system):
            actor_system.expect_failure(ValueError)
            till = await actor_system.spawn(actor(Till))
            for number in range(4):
                till.tell_nowait(Crash(f"number {number}"))
            await trio.sleep_forever()
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RestartLimitReached*", "*number 3*"])


def test_a_failing_test_shows_the_failure_of_the_actor_beside_its_own(pytester: pytest.Pytester) -> None:
    """One is often the reason for the other."""
    result = run(
        pytester,
        """
        async def test_both(autojump_clock, actor_system):
            till = await actor_system.spawn(actor(Till, name="till"))
            till.tell_nowait(Crash("the reason"))
            assert await till.ask(Pay(5)) == "balance 6"
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines_random(["*'balance 5' == 'balance 6'*", "*ValueError: the reason*"])


def test_one_suite_runs_on_every_kind_of_system(pytester: pytest.Pytester) -> None:
    """`system_kind` says how a system is opened; overridden with parameters, every test of the suite runs on each kind."""
    result = run(
        pytester,
        """
        KINDS = {"real": open_system, "impatient": partial(open_system, name="impatient", ask_timeout=0.5)}

        @pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
        def system_kind(request):
            return request.param

        async def test_its_name(autojump_clock, actor_system, probe):
            assert actor_system.name in ("trouper", "impatient")
        """,
        "-v",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(["*test_its_name?real? PASSED*", "*test_its_name?impatient? PASSED*"])


def test_without_pytest_trio_the_fixtures_name_the_extra_and_other_tests_are_left_alone(pytester: pytest.Pytester) -> None:
    """The plugin is loaded wherever trouper is installed, so it must not need what it was not asked for."""
    pytester.makepyfile(
        """
        def test_of_something_else():
            pass

        def test_of_actors(probe):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:trio", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*actor_system and probe need pytest-trio, which is not active: pip install 'trouper?testing?'*"])


def test_without_pytest_the_plugin_names_the_extra_and_the_classes_are_there() -> None:
    """`trouper.testing` has no dependency of its own; only its plugin does."""
    code = "import sys; sys.modules['pytest'] = None; from trouper.testing import Probe, open_for_test; import trouper.testing.plugin"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: trouper.testing.plugin needs pytest, which is not installed: pip install 'trouper[testing]'" in done.stderr
