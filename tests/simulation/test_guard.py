"""What no seed decides is refused in a simulation, with the substitute named."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define

from trouper import Actor, actor
from trouper.simulation import NotSimulated, Simulation, run_once


def _socket() -> object:
    with socket.socket() as made:
        made.connect(("127.0.0.1", 9))
    return None


FORBIDDEN: dict[str, tuple[Callable[[], Any], str]] = {
    # The lambdas look the functions up when they are called, since these are replaced then.
    "time.time": (lambda: time.time(), "context.now()"),  # noqa: PLW0108
    "time.monotonic": (lambda: time.monotonic(), "context.now()"),  # noqa: PLW0108
    "time.sleep": (lambda: time.sleep(0), "context.sleep"),
    "random.random": (lambda: random.random(), "context.random"),  # noqa: PLW0108
    "random.choice": (lambda: random.choice((1, 2)), "context.random"),
    "uuid.uuid4": (lambda: uuid.uuid4(), "context.random"),  # noqa: PLW0108
    "os.urandom": (lambda: os.urandom(4), "context.random"),
    "Thread.start": (lambda: threading.Thread(target=int).start(), "context.start_soon"),
    "socket.connect": (_socket, "messages"),
}


@define(eq=False)
class Curious(Actor[str]):
    """Does what is forbidden when it starts."""

    asks: Callable[[], Any]

    def on_start(self) -> None:
        self.asks()

    def receive(self, message: str) -> None:
        """It is told nothing."""


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_no_seed_decides_is_an_error_that_names_the_substitute(name: str) -> None:
    """The actor fails at the call, and the text says what to write instead."""
    asks, substitute = FORBIDDEN[name]

    def target(sim: Simulation) -> None:
        sim.node("a", actor(Curious, asks, name="curious"))

    outcome = run_once(target, 1)
    assert outcome.violation is not None
    assert outcome.violation.kind == "node"
    assert name.rpartition(".")[2] in outcome.violation.text
    assert substitute in outcome.violation.text


def test_outside_of_simulated_actors_all_is_as_before() -> None:
    """The target itself, oracles and what runs afterwards may look at clocks; nothing stays replaced."""
    before = time.time, random.random, uuid.uuid4, threading.Thread.start
    looked: list[float] = []

    def target(sim: Simulation) -> None:
        looked.append(time.time())
        sim.node("a", actor(Curious, lambda: None, name="curious"))
        sim.always(lambda: time.time() > 0)
        sim.duration = 0.1

    assert run_once(target, 1).violation is None
    assert looked
    assert (time.time, random.random, uuid.uuid4, threading.Thread.start) == before


def test_the_error_is_one_of_troupers() -> None:
    """It says which actor called what."""
    error = NotSimulated("/user/a", "time.time", "self.context.now()")
    assert str(error).startswith("/user/a called time.time")
