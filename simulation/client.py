"""A client of a simulated cluster: code of the user's that asks things of it, and whose operations are judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from attrs import define, field, frozen

from ..actors import Actor, ActorRef, AskError, handles
from .describing import snapshot
from .history import UNKNOWN

if TYPE_CHECKING:
    from random import Random

    from .simulated_cluster import Simulation

R = TypeVar("R")


@frozen
class Begin:
    """The client is to do its work."""


class Client:
    """
    What a workload is given: ``async def workload(client: Client) -> None``.

    It runs on a node of its own, which does not fail, and sees the cluster over the same network.
    """

    def __init__(self, name: str, simulation: Simulation, actor: ClientActor) -> None:
        self.name: str = name
        self._simulation = simulation
        self._actor = actor

    @property
    def simulation(self) -> Simulation:
        """The run, for faults that a workload makes itself."""
        return self._simulation

    @property
    def random(self) -> Random:
        """Randomness of the run."""
        return self._actor.context.random

    def now(self) -> float:
        """Virtual seconds."""
        return self._actor.context.now()

    async def sleep(self, seconds: float) -> None:
        """Waits in virtual time."""
        await self._actor.context.sleep(seconds)

    def ref(self, node: str, path: str) -> ActorRef[Any]:
        """The ref of whoever lives at *path* on *node*."""
        return self._simulation.ref(node, path)

    async def perform(self, kind: str, argument: Any, answer: Awaitable[R], result: Callable[[R], Any] | None = None) -> R | None:
        """
        Does one operation, and writes it into the history.

        Guarantees:
            * If no answer comes (AskTimeout, or the actor failed or stopped), the operation counts as unknown: it may have had
              its effect, or may have it later. Then this returns None.

        Args:
            kind: What the model calls it, such as "write".
            argument: With what.
            answer: Gives the reply: ``ref.ask(Write(1))``.
            result: The model's result of that reply; None: the reply itself. `UNKNOWN` if the reply says that nobody knows.
        """
        simulation = self._simulation
        if simulation.world.tape.choose(2, f"skips: {self.name}", _does_it):
            if isinstance(answer, Coroutine):
                answer.close()
            return None
        operation = simulation.history.begin(self.name, kind, argument)
        simulation.note("client", self.name, kind, snapshot(argument))
        try:
            reply = await answer
        except AskError as error:
            simulation.note("client", self.name, f"{kind}: unknown", type(error).__name__)
            simulation.history.end(operation, UNKNOWN)
            return None
        answered = reply if result is None else result(reply)
        simulation.note("client", self.name, f"{kind}: done", snapshot(answered))
        simulation.history.end(operation, answered)
        return reply


def _does_it(_choices: int) -> int:
    """No run draws that a client skips an operation: it is a knob for the shrinker, who asks which operations are needed."""
    return 0


Workload: TypeAlias = Callable[[Client], Awaitable[object]]


@define(eq=False)
class ClientActor(Actor[Begin]):
    """Runs a workload, as its one handler."""

    name: str
    workload: Workload
    simulation: Any = field(repr=False)

    async def on_start(self) -> None:
        """The work begins at once."""
        self.context.ref.tell_nowait(Begin())

    @handles(Begin)
    async def begin(self, _begin: Begin) -> None:
        """The work."""
        try:
            await self.workload(Client(self.name, self.simulation, self))
        except Exception as error:  # noqa: BLE001  # what a workload raises is what it found
            self.simulation.client_failed(self.name, error)
        else:
            self.simulation.client_ended()
