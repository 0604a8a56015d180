"""What goes wrong with a simulation itself, as opposed to what it finds in the simulated."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


@define(eq=False)
class SimulationStuck(TrouperError):
    """The run can't go on, and would last for ever."""

    now: float
    why: str

    def __str__(self) -> str:
        return f"The simulation is stuck at {self.now:.6f} virtual seconds: {self.why}."


@define(eq=False)
class NodeDown(TrouperError):
    """The reason of a `Terminated` that a failure detector sent: its node did not answer. The actor may be alive behind a partition."""

    node: str
    seconds: float

    def __str__(self) -> str:
        return f"nothing was heard of node {self.node!r} for {self.seconds} s; it crashed, or the network between is cut"


@define(eq=False)
class DiskCorrupted(TrouperError):
    """What was read from a simulated disk is no whole value: a crash tore its write. Bytes and text are read in part instead."""

    node: str
    key: str

    def __str__(self) -> str:
        return (
            f"The disk of node {self.node!r} has no whole value for {self.key!r}: a crash tore its write. Write under a new key, sync, and "
            f"only then let a small record point to it; or catch this error and recover from elsewhere."
        )


@define(eq=False)
class InjectedFailure(TrouperError):
    """The failure of an actor in a restart storm: no code of its own raised it."""

    path: str
    count: int

    def __str__(self) -> str:
        return f"{self.path} was made to fail by the simulation: failure {self.count} of this storm"


@define(eq=False)
class RemoteFailure(TrouperError):
    """Stands for an exception on another node that could not be pickled."""

    text: str

    def __str__(self) -> str:
        return self.text


@define(eq=False)
class NotSimulated(TrouperError):
    """
    A simulated actor asked for what no seed decides, so that no run could be repeated. It also ends the run, whoever catches it.

    Args:
        path: Of the actor.
        what: The function.
        substitute: What to use instead.
        where: The file, line and function of the call; empty: unknown.
    """

    path: str
    what: str
    substitute: str
    where: str = ""

    def __str__(self) -> str:
        where = f" at {self.where}" if self.where else ""
        return (
            f"{self.path} called {self.what}{where}, which no seed decides: the run could not be repeated. Use {self.substitute} instead."
        )


class PowerLost(BaseException):  # nobody is to catch it
    """Ends a handler in whose middle its node crashes: no failure of its actor, and nothing follows from it."""
