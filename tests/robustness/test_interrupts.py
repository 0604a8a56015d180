"""
Ctrl-C and SIGTERM, wherever they hit: each program runs in a process of its own, says READY, gets its signals, and must end in
order within seconds. What it says on the way is the claim: that its actors were stopped (`on_stop` ran), and how the block ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
import trio
from trio.testing import MockClock

from trouper import Actor, Request, TrouperError, actor, handles, open_system, supervisor

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to processes")

PATIENCE_SECONDS = 20.0
"""For a process that hangs. One that works needs a fraction of a second."""

PROLOGUE = """
import logging, math, os, signal, sys, threading, time
import trio
from attrs import define, frozen
from trouper import *
logging.disable(logging.CRITICAL)

def say(text):
    os.write(1, (text + "\\n").encode())

@frozen
class Spin: ...
@frozen
class SpinAsync: ...
@frozen
class Ping:
    other: object
@frozen
class Ask(Request[int]): ...
@frozen
class Nap: ...

@define(eq=False)
class Busy(Actor[Spin | SpinAsync | Ping | Ask | Nap]):
    async def on_stop(self, reason):
        say(f"stopped {self.context.path} {reason.kind}")
        await trio.sleep(0)
    @handles(Spin)
    def spin(self, _):
        say("READY")
        while True:
            pass
    @handles(SpinAsync)
    async def spin_async(self, _):
        await trio.sleep(0)
        say("READY")
        while True:
            pass
    @handles(Ping)
    async def ping(self, message):
        await message.other.tell(Ping(self.context.ref))
    @handles(Ask)
    def ask(self, _):
        return 1
    @handles(Nap)
    async def nap(self, _):
        say("READY")
        await trio.sleep(60)

BUSY = actor(Busy, name="busy", stop_timeout=0.2)
OTHER = actor(Busy, name="other", stop_timeout=0.2)
ROOT = supervisor("root", [BUSY, OTHER])
"""


def ended(program: str, *signals: signal.Signals, after_each: str = "READY") -> tuple[int, list[str], str]:
    """Runs *program*; sends each signal when the process has said *after_each* once more. Returns status, what it said, and stderr."""
    text = PROLOGUE + textwrap.dedent(program)
    with subprocess.Popen([sys.executable, "-u", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said: list[str] = []
        watchdog = signal.Signals.SIGKILL
        try:
            for number in signals:
                for line in process.stdout:
                    said.append(line.strip())
                    if line.strip() == after_each:
                        break
                process.send_signal(number)
            rest, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(watchdog)
            rest, errors = process.communicate()
            pytest.fail(f"the process hung; it said {said} {rest.splitlines()} {errors}")
    return process.returncode, [*said, *rest.splitlines()], errors


# Ctrl-C


IN_HANDLER = """
async def main():
    try:
        async with open_system(ROOT) as system:
            {trigger}
            await trio.sleep_forever()
    except KeyboardInterrupt:
        say("bare KeyboardInterrupt")
    except BaseException as error:
        say(f"came out as {{error!r}}")
trio.run(main)
"""


@pytest.mark.parametrize(
    "trigger",
    [
        "await system.ref(BUSY).tell(Spin())",
        "await system.ref(BUSY).tell(SpinAsync())",
        "await system.ref(BUSY).tell(Nap())",
        "await system.ref(BUSY).tell(Ping(system.ref(OTHER))); await trio.sleep(0.01); say('READY')",
        "system.ref(BUSY).tell_nowait(Spin()); await system.ref(OTHER).ask(Ask()); await trio.sleep_forever()",
        "say('READY'); time.sleep(30)",
        "say('READY')\n            while True: pass",
        "say('READY')\n            while True: await system.ref(BUSY).ask(Ask())",
        "say('READY')\n            while True: await system.ref(BUSY).tell(Ping(system.ref(OTHER)))",
    ],
    ids=[
        "endless-loop-in-a-def-handler",
        "endless-loop-in-an-async-handler",
        "sleeping-handler",
        "endless-ping-pong",
        "busy-while-the-body-sleeps",
        "blocked-body",
        "endless-loop-in-the-body",
        "endless-asks-in-the-body",
        "endless-tells-in-the-body",
    ],
)
def test_ctrl_c_breaks_whatever_runs_and_stops_the_system_in_order(trigger: str) -> None:
    """
    Wherever SIGINT hits - a handler that loops for ever, messages that never end, the body - the tree is stopped, children before parents,
    and KeyboardInterrupt leaves the block as it is.
    """
    status, said, errors = ended(IN_HANDLER.format(trigger=trigger), signal.SIGINT)
    assert said[-1] == "bare KeyboardInterrupt", (said, errors)
    stopped = [line.split()[1] for line in said if line.startswith("stopped")]
    assert stopped == ["/user/root/other", "/user/root/busy"], (said, errors)
    assert status == 0, errors


def test_a_second_ctrl_c_during_the_shutdown_cuts_it_short() -> None:
    """
    The first SIGINT starts the ordered stop, in which a handler may take its time; the second one cancels whatever still runs.
    """
    program = """
    @define(eq=False)
    class Slow(Actor[Nap]):
        async def on_stop(self, reason):
            say("READY")
            await trio.sleep(60)
        @handles(Nap)
        async def nap(self, _): ...

    async def main():
        try:
            async with open_system(actor(Slow, name="slow", stop_timeout=math.inf), shutdown_timeout=math.inf):
                say("READY")
                await trio.sleep_forever()
        except KeyboardInterrupt:
            say("bare KeyboardInterrupt")
    trio.run(main)
    """
    status, said, errors = ended(program, signal.SIGINT, signal.SIGINT)
    assert said == ["READY", "READY", "bare KeyboardInterrupt"], (said, errors)
    assert status == 0, errors


# SIGTERM


def test_sigterm_cancels_the_body_and_stops_the_tree_in_order() -> None:
    """SIGTERM cancels the body, the tree stops in order, and the block ends as a cancelled scope does: the code behind it runs."""
    program = """
    async def main():
        async with open_system(ROOT) as system:
            await system.ref(BUSY).tell(Ping(system.ref(OTHER)))
            try:
                await trio.sleep(0.01)
                say("READY")
                await trio.sleep_forever()
            except trio.Cancelled:
                say("body cancelled")
                raise
        say("behind the block")
    trio.run(main)
    """
    status, said, errors = ended(program, signal.SIGTERM)
    assert said == [
        "READY",
        "body cancelled",
        "stopped /user/root/other shutdown",
        "stopped /user/root/busy shutdown",
        "behind the block",
    ], errors
    assert status == 0, errors


def test_sigterm_stops_every_open_system_and_the_last_restores_the_old_handler() -> None:
    """One receiver a process tells all systems; when the last is closed, SIGTERM does again what it did before the first one opened."""
    program = """
    signal.signal(signal.SIGTERM, lambda *_: say("the old handler"))

    async def run(name, task_status):
        async with open_system(actor(Busy, name=name), name=name):
            task_status.started()
            await trio.sleep_forever()
        say(f"closed {name}")

    async def main():
        async with trio.open_nursery() as nursery:
            await nursery.start(run, "one")
            async with open_system(name="short"):
                pass
            await nursery.start(run, "two")
            say("READY")
        os.kill(os.getpid(), signal.SIGTERM)
    trio.run(main)
    """
    status, said, errors = ended(program, signal.SIGTERM)
    assert {"closed one", "closed two", "stopped /user/one shutdown", "stopped /user/two shutdown"} <= set(said), (said, errors)
    assert said[-1] == "the old handler", (said, errors)
    assert status == 0, errors


def test_sigterm_that_was_ignored_is_ignored_again_afterwards() -> None:
    """What was set before is restored, whatever it was."""
    program = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    async def main():
        async with open_system():
            say(str(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN))
        say(str(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN))
    trio.run(main)
    """
    status, said, errors = ended(program)
    assert (status, said) == (0, ["False", "True"]), errors


def test_a_system_outside_of_the_main_thread_leaves_signals_alone() -> None:
    """Signals belong to the main thread: a system in another one opens and closes without touching them."""
    program = """
    async def main():
        async with open_system(ROOT) as system:
            say(str(await system.ref(BUSY).ask(Ask())))
            say(str(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL))
    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    thread.join()
    """
    status, said, errors = ended(program)
    assert (status, said[:2]) == (0, ["1", "True"]), errors


# Raised by an actor


class Leave(Request[int]):
    """Raises what is no failure of an actor."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error


class LeaveAtOnce(Leave):
    """Handled by a plain def."""


class LeaveLater(Leave):
    """Handled by a handler that has waited before."""


class Quitter(Actor[Leave]):
    """Raises KeyboardInterrupt or SystemExit in its handlers."""

    def __init__(self, ended: list[str]) -> None:
        self.ended = ended

    @handles(LeaveAtOnce)
    def leave_at_once(self, message: LeaveAtOnce) -> int:
        raise message.error()

    @handles(Leave)
    async def leave(self, message: Leave) -> int:
        raise message.error()

    @handles(LeaveLater)
    async def leave_later(self, message: LeaveLater) -> int:
        await trio.sleep(0.1)
        raise message.error()

    def on_stop(self, reason: object) -> None:
        self.ended.append(self.context.path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("kind", [LeaveAtOnce, Leave, LeaveLater])
@pytest.mark.parametrize("asked", [False, True], ids=["told", "asked"])
async def test_an_interrupt_raised_in_a_handler_stops_the_system_in_order_and_comes_out_bare(
    autojump_clock: MockClock, error: type[BaseException], kind: type[Leave], asked: bool
) -> None:
    """
    KeyboardInterrupt and SystemExit in a handler are no failure of the actor: nobody is restarted, the tree stops in order, and the
    exception leaves the block as it is, also when the body fails over the ask that the handler did not answer.
    """
    ends: list[str] = []
    first, second = (actor(Quitter, ends, name=name) for name in ("first", "second"))

    async def main() -> None:
        async with open_system(supervisor("root", [first, second])) as system:
            if asked:
                await system.ref(first).ask(kind(error))
            await system.ref(first).tell(kind(error))
            await trio.sleep_forever()

    with trio.fail_after(30), pytest.raises(error) as caught:
        await main()
    assert type(caught.value) is error
    assert ends == ["/user/root/second", "/user/root/first"]


async def test_an_interrupt_in_the_body_comes_out_bare(autojump_clock: MockClock) -> None:
    """If only the body raised, its exception leaves as it is, whatever it is."""
    with trio.fail_after(30):
        for error in (KeyboardInterrupt, SystemExit, ZeroDivisionError, TrouperError):
            with pytest.raises(error) as caught:
                async with open_system(supervisor("root", [])):
                    raise error()
            assert type(caught.value) is error
