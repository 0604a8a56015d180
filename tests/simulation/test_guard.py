"""What no seed decides is refused in a simulation, with the place and the substitute named."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import multiprocessing
import os
import queue
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date
from datetime import datetime as bound_class
from email.utils import formatdate
from os import urandom as bound_urandom
from pathlib import Path
from random import choice as bound_choice
from random import random as bound_random
from textwrap import dedent
from time import monotonic, sleep
from time import time as bound_time
from typing import Any, ClassVar
from uuid import uuid4 as bound_uuid4

import pytest
import trio
from attrs import define, field

from trouper import Actor, actor, supervisor
from trouper.simulation import Client, NotSimulated, Outcome, Simulation, run_once

THERE = socket.socket()
"""Made before the run."""
THERE.close()


@dataclass
class Stamped:
    """Knows when it was made."""

    at: float = dataclass_field(default_factory=time.time)


@define
class Numbered:
    """Knows when it was made."""

    at: float = field(factory=time.time)
    made_by: Callable[[], float] = time.monotonic


class Clocked:
    """Asks a clock of its class."""

    clock: ClassVar[Any] = time.time
    other: ClassVar[Any] = staticmethod(time.time_ns)


def with_default(clock: Callable[[], float] = time.time, *, other: Callable[[], float] = time.monotonic) -> tuple[float, float]:
    """Asks a clock that it is usually not given."""
    return clock(), other()


def _closing_over(clock: Callable[[], float]) -> Callable[[], float]:
    return lambda: clock()  # noqa: PLW0108  # it closes over what was bound


async def _nothing() -> None:
    """What asyncio would run."""


closing_over = _closing_over(time.time)
bound_now = dt.datetime.now

NOW, RANDOM, TASKS, MESSAGES = "context.now()", "context.random", "context.start_soon", "messages"
PROCESSES = "an actor on another node"

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    # The lambdas look the functions up when they are called, since these are replaced then.
    "time.time": (lambda: time.time(), NOW),  # noqa: PLW0108
    "time.time_ns": (lambda: time.time_ns(), NOW),  # noqa: PLW0108
    "time.monotonic": (lambda: time.monotonic(), NOW),  # noqa: PLW0108
    "time.perf_counter": (lambda: time.perf_counter(), NOW),  # noqa: PLW0108
    "time.process_time": (lambda: time.process_time(), NOW),  # noqa: PLW0108
    "time.localtime": (lambda: time.localtime(), NOW),  # noqa: PLW0108
    "time.gmtime": (lambda: time.gmtime(), NOW),  # noqa: PLW0108
    "time.strftime": (lambda: time.strftime("%H"), NOW),
    "time.ctime": (lambda: time.ctime(), NOW),  # noqa: PLW0108
    "time.sleep": (lambda: time.sleep(0), "context.sleep"),
    "datetime.now": (lambda: dt.datetime.now(UTC), NOW),
    "datetime.utcnow": (lambda: dt.datetime.utcnow(), NOW),  # noqa: DTZ003, PLW0108  # pyright: ignore[reportDeprecated]
    "date.today": (lambda: dt.date.today(), NOW),  # noqa: DTZ011, PLW0108
    "random.random": (lambda: random.random(), RANDOM),  # noqa: PLW0108
    "random.choice": (lambda: random.choice((1, 2)), RANDOM),
    "random.shuffle": (lambda: random.shuffle([1, 2]), RANDOM),
    "random.triangular": (lambda: random.triangular(), RANDOM),  # noqa: PLW0108
    "random.seed": (lambda: random.seed(4), RANDOM),
    "random.Random": (lambda: random.Random(), RANDOM),  # noqa: PLW0108
    "random.SystemRandom": (lambda: random.SystemRandom().random(), RANDOM),
    "secrets.token_hex": (lambda: secrets.token_hex(), RANDOM),  # noqa: PLW0108
    "secrets.randbelow": (lambda: secrets.randbelow(4), RANDOM),
    "uuid.uuid1": (lambda: uuid.uuid1(), RANDOM),  # noqa: PLW0108
    "uuid.uuid4": (lambda: uuid.uuid4(), RANDOM),  # noqa: PLW0108
    "os.urandom": (lambda: os.urandom(4), RANDOM),
    "os.getpid": (lambda: os.getpid(), "name of the node"),  # noqa: PLW0108
    "Thread.start": (lambda: threading.Thread(target=int).start(), TASKS),
    "threading.Timer": (lambda: threading.Timer(0, int).start(), TASKS),
    "ThreadPoolExecutor.submit": (lambda: ThreadPoolExecutor(1).submit(int), TASKS),
    "ProcessPoolExecutor": (lambda: ProcessPoolExecutor(1).submit(int), TASKS),
    "Event.wait": (lambda: threading.Event().wait(1), "trio.Event"),
    "queue.get": (lambda: queue.Queue[int]().get(timeout=1), "trio.open_memory_channel"),
    "asyncio.run": (lambda: asyncio.run(_nothing()), "trio"),
    "subprocess.run": (lambda: subprocess.run(["true"], check=False), PROCESSES),
    "os.system": (lambda: os.system("true"), PROCESSES),  # pyright: ignore[reportDeprecated]
    "multiprocessing.Process": (lambda: multiprocessing.Process(target=int).start(), PROCESSES),
    "socket.socket": (lambda: socket.socket(), MESSAGES),  # noqa: PLW0108
    "socket.connect": (lambda: THERE.connect(("127.0.0.1", 9)), MESSAGES),
    "socket.create_connection": (lambda: socket.create_connection(("127.0.0.1", 9)), MESSAGES),
    "socket.gethostname": (lambda: socket.gethostname(), "name of the node"),  # noqa: PLW0108
    # By a helper of somebody else's
    "formatdate": (lambda: formatdate(), NOW),  # noqa: PLW0108
    "tempfile.mkdtemp": (lambda: tempfile.TemporaryDirectory(), "sim.disk"),  # noqa: PLW0108
    # Bound before the run
    "from time import time": (lambda: bound_time(), NOW),  # noqa: PLW0108
    "from time import monotonic": (lambda: monotonic(), NOW),  # noqa: PLW0108
    "from time import sleep": (lambda: sleep(0), "context.sleep"),
    "from random import random": (lambda: bound_random(), RANDOM),  # noqa: PLW0108
    "from random import choice": (lambda: bound_choice((1, 2)), RANDOM),
    "from os import urandom": (lambda: bound_urandom(4), RANDOM),
    "from uuid import uuid4": (lambda: bound_uuid4(), RANDOM),  # noqa: PLW0108
    "from datetime import datetime": (lambda: bound_class.now(UTC), NOW),
    "from datetime import date": (lambda: date.today(), NOW),  # noqa: DTZ011, PLW0108
    "a default": (lambda: with_default(other=int), NOW),
    "a default by keyword": (lambda: with_default(int), NOW),
    "a factory of attrs": (lambda: Numbered(), NOW),  # noqa: PLW0108
    "a default of attrs": (lambda: Numbered(1.0).made_by(), NOW),
    "a factory of dataclasses": (lambda: Stamped(), NOW),  # noqa: PLW0108
    "a class's clock": (lambda: Clocked.clock(), NOW),  # noqa: PLW0108
    "an instance's clock": (lambda: Clocked().other(), NOW),
    "a closure": (lambda: closing_over(), NOW),  # noqa: PLW0108
}

INDIRECT = ("threading.Timer", "Event.wait", "queue.get", "subprocess.run", "formatdate")
"""Refused by what they stand on, under that name."""

ASKED_OF_TRIO: dict[str, tuple[Callable[[], Awaitable[Any]], str]] = {
    "trio.to_thread.run_sync": (lambda: trio.to_thread.run_sync(int), "context.run_sync"),
    "trio.run_process": (lambda: trio.run_process(["true"]), PROCESSES),  # noqa: ASYNC105
    "trio.open_tcp_stream": (lambda: trio.open_tcp_stream("127.0.0.1", 9), MESSAGES),  # noqa: ASYNC105
    "trio.socket.getaddrinfo": (lambda: trio.socket.getaddrinfo("localhost", 9), MESSAGES),
    "trio.open_file": (lambda: trio.open_file(os.devnull), "sim.disk"),  # noqa: ASYNC105
    "trio.Path": (lambda: trio.Path("/").exists(), "context.run_sync"),
}


@define(eq=False)
class Curious(Actor[str]):
    """Does what it is given, at one of the moments of its life."""

    asks: Callable[[], Any]
    moment: str = "hook"

    async def on_start(self) -> None:
        if self.moment == "hook":
            await self._ask()
        elif self.moment == "handler":
            self.context.after(0.1, "ask")
        elif self.moment == "background":
            self.context.start_soon(self._ask)
        elif self.moment == "caught":
            with suppress(Exception):  # as users do
                await self._ask()

    async def receive(self, message: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ask)

    async def _ask(self) -> None:
        asked = self.asks()
        if isinstance(asked, Awaitable):
            await asked


def outcome_of(asks: Callable[[], Any], moment: str = "hook") -> Outcome:
    """A short run in which an actor asks."""

    def target(sim: Simulation) -> None:
        if moment == "workload":
            sim.client(workload)
        elif moment == "restarted":
            sim.node("a", supervisor("top", [actor(Curious, asks, "handler", name="curious")], max_restarts=1000))
        else:
            sim.node("a", actor(Curious, asks, moment, name="curious"))
        sim.duration = 0.3

    async def workload(client: Client) -> None:
        await client.sleep(0.1)
        asks()

    return run_once(target, 1)


@pytest.mark.filterwarnings(
    "ignore:coroutine '_nothing' was never awaited:RuntimeWarning", "ignore:datetime.datetime.utcnow:DeprecationWarning"
)
@pytest.mark.parametrize("name", REFUSED)
def test_what_no_seed_decides_is_an_error_that_names_the_substitute(name: str) -> None:
    """Also when it was bound before the run, or is called by somebody else's code. Nothing of it has happened."""
    asks, substitute = REFUSED[name]
    outcome = outcome_of(asks)
    assert outcome.violation is not None, name
    assert outcome.violation.kind == "not simulated"
    assert " " in name or name in outcome.violation.text or name in INDIRECT
    assert substitute in outcome.violation.text
    assert "test_guard.py:" in outcome.violation.text


@pytest.mark.parametrize("name", ASKED_OF_TRIO)
def test_what_trio_does_outside_of_the_simulation_is_refused(name: str) -> None:
    """Threads, processes, sockets and files of trio, even when a nursery calls them."""
    asks, substitute = ASKED_OF_TRIO[name]
    for moment in ("hook", "handler", "background"):
        outcome = outcome_of(asks, moment)
        assert outcome.violation is not None
        assert substitute in outcome.violation.text


@pytest.mark.parametrize("moment", ["hook", "handler", "background", "workload", "restarted", "caught"])
def test_it_is_refused_wherever_simulated_code_runs_and_ends_the_run(moment: str) -> None:
    """A supervisor that restarts the actor for ever hides nothing, and neither does an actor that catches everything."""
    outcome = outcome_of(lambda: time.time(), moment)  # noqa: PLW0108
    assert outcome.violation is not None
    assert outcome.violation.kind == "not simulated"
    assert "called time.time at " in outcome.violation.text


def test_a_nursery_that_is_given_a_thread_to_start_is_refused_too() -> None:
    """The caller is trio then, which does it for the actor."""

    async def asks() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, threading.get_ident)

    outcome = outcome_of(asks)
    assert outcome.violation is not None
    assert "to_thread.run_sync" in outcome.violation.text


def test_what_is_given_a_seed_or_a_time_is_not_refused() -> None:
    """A generator with a seed of its own, a given time as text, a constructed date: all of them are deterministic."""
    seen: list[object] = []

    def asks() -> None:
        seen.append(random.Random(4).random())
        seen.append(time.gmtime(0.0).tm_year)
        seen.append(time.strftime("%Y", time.gmtime(0.0)))
        seen.append(bound_class.fromtimestamp(0.0, UTC).isoformat())
        seen.append(uuid.uuid5(uuid.NAMESPACE_DNS, "a").hex)

    assert outcome_of(asks).violation is None
    assert len(seen) == 5


def test_loggers_and_modules_that_are_imported_may_look_at_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log record has the time of the real world, and a module that a handler imports does what it does."""
    (tmp_path / "looks_at_the_clock.py").write_text(dedent("import time, uuid\nat = time.time(), uuid.uuid4()\n"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    seen: list[float] = []

    class Late(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            seen.append(time.time())
            return super().format(record)

    log = logging.getLogger("of a test")
    handler = logging.StreamHandler(open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    handler.setFormatter(Late())
    monkeypatch.setattr(log, "handlers", [handler])
    monkeypatch.setattr(log, "propagate", False)

    def asks() -> None:
        log.warning("said")
        __import__("looks_at_the_clock")

    assert outcome_of(asks).violation is None
    assert seen
    assert "looks_at_the_clock" in sys.modules
    handler.stream.close()


def test_work_that_blocks_is_run_in_turn_and_takes_virtual_time() -> None:
    """`context.run_sync` starts no thread: it is done in this one, others run meanwhile, and what it calls is refused as ever."""
    seen: list[Any] = []

    @define(eq=False)
    class Blocking(Actor[str]):
        work: Callable[[], Any]

        async def on_start(self) -> None:
            began = self.context.now()
            seen.append(await self.context.run_sync(self.work))
            seen.append(self.context.now() - began)

        def receive(self, message: str) -> None:
            """It is told nothing."""

    def target(work: Callable[[], Any]) -> Outcome:
        return run_once(lambda sim: sim.node("a", actor(Blocking, work, name="a")), 3)

    assert target(threading.get_ident).violation is None
    assert seen[0] == threading.get_ident()
    assert 0.0 < seen[1] < 0.01
    again = list(seen)
    target(threading.get_ident)
    assert seen == again * 2
    slept = target(lambda: time.sleep(60))
    assert slept.violation is not None
    assert "time.sleep" in slept.violation.text


def test_outside_of_simulated_actors_all_is_as_before() -> None:
    """The target itself, oracles, other threads and what runs afterwards may look at clocks; nothing stays replaced."""

    def state() -> tuple[object, ...]:
        return (
            *(time.time, random.random, uuid.uuid4, threading.Thread.start, bound_time, bound_random, socket.socket.connect),
            *(with_default.__defaults__, Clocked.__dict__["clock"], trio.to_thread.run_sync, dt.datetime.__dict__["now"]),
        )

    before = state()
    looked: list[object] = []

    def elsewhere() -> None:
        looked.append((bound_time(), time.time(), random.random(), uuid.uuid4(), bound_class.now(UTC), Numbered()))

    def target(sim: Simulation) -> None:
        looked.append(bound_time())
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        sim.node("a", actor(Curious, lambda: None, "handler", name="curious"))
        sim.always(lambda: time.time() > 0 and bound_time() > 0 and bound_class.now(UTC).year > 2000)
        sim.at(0.05, lambda: looked.append(time.time()))
        sim.duration = 0.2

    assert run_once(target, 1).violation is None
    assert len(looked) == 3
    assert state() == before
    with pytest.raises(ZeroDivisionError):
        run_once(lambda _sim: 1 / 0, 1)
    assert state() == before


def test_the_error_is_one_of_troupers() -> None:
    """It says which actor called what, where."""
    assert str(NotSimulated("/user/a", "time.time", "self.context.now()")).startswith("/user/a called time.time, which")
    assert "at bank.py:12 in pay, which" in str(NotSimulated("/user/a", "time.time", "x", "bank.py:12 in pay"))
