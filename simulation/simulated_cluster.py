"""
`Simulation`: one run of a cluster, as the function that describes it is given it.

A run has two parts. In the first one clients work and faults come. When the clients have ended, or the time is over, all faults end:
what must come true eventually has from then on the time that it was promised. At last the history is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from ..actors import ActorRef, ActorSpec, actor
from ..registry import Address
from ..supervision import describe_cause
from .any_order import AnyOrder
from .client import ClientActor, Workload
from .cluster import Cluster
from .coverage import Coverage, coverage_of
from .describing import describe
from .disk import Disk
from .errors import NotSimulated
from .fault_driver import FaultDriver
from .fault_scopes import FaultScopes
from .faults import Faults
from .history import History
from .links import Conditions, Links
from .models import Model
from .node_runtime import Conductor
from .nodes import SimulatedNode
from .oracles import Oracle, Predicate, Violation, linearizable, oracle
from .schedule import Schedule, SimulationPolicy
from .strategies import ANY_ORDER, BOUND_MAX, AnyOrderStrategy
from .trace import EventKind, Trace
from .world import World

if TYPE_CHECKING:
    from .strategies import Strategy
    from .tape import Tape

T = TypeVar("T")

DURATION_SECONDS = 5.0
"""How long a run without clients has faults."""

DURATION_OF_CLIENTS_SECONDS = 30.0
"""How long the clients of a run may work."""


class Simulation(FaultScopes):
    """
    One run.

    Args:
        tape: Every choice.
        trace: Everything that happens.
        strategy: Proposes who runs next.
    """

    def __init__(self, tape: Tape, trace: Trace, strategy: Strategy) -> None:
        self.world: World = World(tape, trace)
        self.history: History = History(lambda way: self.world.touched("history", way))
        self.violation: Violation | None = None
        self.duration: float | None = None
        self.ask_timeout: float = 1.0
        self.any_order: AnyOrder | None = None
        bound = strategy.bound if isinstance(strategy, AnyOrderStrategy) else -1
        if bound >= 0 or tape.begins_with(ANY_ORDER):  # so that the tape alone tells what kind of run it is
            bound = tape.choose(BOUND_MAX + 2, ANY_ORDER, lambda _: bound + 1) - 1
        if bound >= 0:
            self.any_order = AnyOrder(self.world, strategy, bound)
        self._schedule = Schedule(self.world, strategy) if self.any_order is None else self.any_order
        self._policy = SimulationPolicy(self.world, self._schedule)
        self.links: Links = Links(self.world, Conditions()) if self.any_order is None else self.any_order.links
        super().__init__(Cluster(self.world, self.links, self._schedule, detection_seconds=0.5))
        self._faults = Faults.none()
        self.driver: FaultDriver | None = None
        self.digest: str = ""
        self._is_calm = False
        self._clients: dict[str, SimulatedNode] = {}
        self._disks: dict[str, Disk] = {}
        self._working = 0
        self._always: list[Oracle] = []
        self._eventually: list[tuple[Oracle, float]] = []
        self._at_the_end: list[tuple[str, Oracle]] = []
        self._conductor: Conductor | None = None

    # What it consists of

    def node(self, name: str, *specs: ActorSpec[Any]) -> SimulatedNode:
        """
        Adds a node: a system of its own, which runs *specs* under its `/user` from each of its starts.

        Args:
            name: Unique, without ``@`` and ``/``.
            specs: As for `open_system`. Their arguments are the same objects in every life of the node: best immutable.
        """
        self._check_name(name)
        node = self.nodes[name] = self._new_node(name, specs)
        node.disk = self.disk(name)
        return node

    def client(self, workload: Workload, name: str | None = None) -> None:
        """Adds a client, which runs *workload* once, on a node of its own that does not fail."""
        if name is None:
            name = f"client-{len(self._clients) + 1}"
        self._check_name(name)
        self._clients[name] = self._new_node(name, (actor(ClientActor, name, workload, self, name="client", restart="temporary"),))
        self._working += 1

    def disk(self, name: str) -> Disk:
        """The disk of the node *name*, the same in all its lives. It is asked for before the node is added, for its specs."""
        disk = self._disks.get(name)
        if disk is None:
            disk = self._disks[name] = Disk(self.world, name)
        return disk

    @property
    def disks(self) -> list[Disk]:
        """Of all nodes."""
        return list(self._disks.values())

    def _check_name(self, name: str) -> None:
        if name in self.nodes or name in self._clients:
            raise ValueError(f"There is a node {name!r} already.")
        if not name or "@" in name or "/" in name:
            raise ValueError(f"A node's name is a text without '@' and '/', not {name!r}.")

    def _new_node(self, name: str, specs: tuple[ActorSpec[Any], ...]) -> SimulatedNode:
        assert self._conductor is not None
        return SimulatedNode(name, specs, self._cluster, self._conductor, ask_timeout=self.ask_timeout, on_failure=self._node_failed)

    def ref(self, node: str, path: str) -> ActorRef[Any]:
        """
        The ref of whoever lives at *path* on *node* when a message arrives there, in whichever life of the node. It may be
        an argument of specs, since it serves on every node.
        """
        return self._cluster.ref_at(Address(node, path, 0))

    def failure_detector(self, seconds: float) -> None:
        """After how many seconds of silence a node's actors are reported as terminated to those who watch them."""
        self._cluster.watches.detection_seconds = seconds

    def faults(self, faults: Faults) -> None:
        """Which faults there may be. Without this there are none."""
        self._faults = faults

    # What must hold

    def always(self, predicate: Predicate) -> None:
        """*predicate* must hold after every step."""
        self._always.append(oracle(predicate, self))

    def eventually(self, predicate: Predicate, within: float = 5.0) -> None:
        """*predicate* must come true within so many virtual seconds after the clients and the faults have ended."""
        self._eventually.append((oracle(predicate, self), within))

    def at_the_end(self, predicate: Predicate) -> None:
        """*predicate* must hold at the end of the run."""
        self._at_the_end.append(("at the end", oracle(predicate, self)))

    def linearizable(self, model: Model | type[Model]) -> None:
        """What the clients were told must be what *model* would have answered, in some order within the spans of the operations."""
        self._at_the_end.append(("linearizable", linearizable(model() if isinstance(model, type) else model, self)))

    # What is there now

    @property
    def message_types(self) -> dict[str, int]:
        """What was sent between nodes, and how often."""
        return self._cluster.message_types

    @property
    def coverage(self) -> Coverage:
        """Which messages the nodes' actors have handlers for, and which of them came."""
        return coverage_of([cell for node in self.nodes.values() for cell in node.cells], self.world.handled)

    @property
    def possible_faults(self) -> tuple[str, ...]:
        """The kinds of faults that this run might have had, as a mix names them."""
        return self._faults.kinds

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self.world.now

    def actors(self, kind: type[T]) -> list[T]:
        """The instances of *kind* on all nodes that are up: what oracles look at."""
        return [found for node in self.nodes.values() for found in node.actors(kind)]

    def at(self, seconds: float, call: Callable[[], object]) -> None:
        """Calls *call* at a virtual time."""
        self.world.at(seconds, call)

    def note(self, kind: EventKind, node: str, what: str, text: str) -> None:
        """Writes something into the trace."""
        self.world.trace.add(self.world.now, kind, node, "", what, text)

    # The run

    async def run(self, target: Callable[[Simulation], object]) -> None:
        """Runs what *target* describes, to its end or to what is broken."""
        world = self.world
        world.order.attach()
        over = trio.Event()
        world.on_over = over.set
        conductor = self._conductor = Conductor(world, self._policy)
        async with trio.open_nursery() as nursery:
            conductor.nursery = nursery
            target(self)
            if self.any_order is not None:
                self.any_order.allow(self._faults, self._cluster, self.nodes)
                self._faults = Faults.none()  # those that it chooses are no matter of chance
            driver = self.driver = FaultDriver(self._faults, self, self.world.tape)
            if world.trace.keeps_states:
                world.checks.append(self._note_states)
            if self._always:
                world.checks.append(self._check_always)
            for node in (*self.nodes.values(), *self._clients.values()):
                node.is_absent = bool(world.tape.choose(2, f"absent: {node.name}", lambda _: 0))  # a knob for the shrinker
                node.start()
                if node.is_absent and node.name in self._clients:
                    self.client_ended()
            driver.start()
            duration = self.duration or (DURATION_OF_CLIENTS_SECONDS if self._clients else DURATION_SECONDS)
            world.at(duration, self._calm)
            conductor.wake_if_asleep()
            await over.wait()
            self.forget_all()
            for kind, one in self._at_the_end if self.violation is None and not world.is_abandoned else ():
                self._judge(kind, one)
            self.digest = world.trace.digest  # what follows is no part of the run
            for node in (*self.nodes.values(), *self._clients.values()):
                node.end()
            nursery.cancel_scope.cancel()

    def _note_states(self) -> None:
        for node in self._cluster.up.values():
            for cell in node.cells:
                instance: object = cell.instance
                if node.name in self.nodes and cell.path.startswith("/user/") and attrs.has(type(instance)):
                    text = describe(instance)
                    self.world.trace.add_state(self.world.now, node.name, node.life, cell.path, type(instance).__name__, text)

    def client_ended(self) -> None:
        """A workload is done."""
        self._working -= 1
        if not self._working:
            self.world.at(self.world.now, self._calm)

    def client_failed(self, name: str, error: Exception) -> None:
        """A workload raised."""
        self._violate("client", name, str(error) if isinstance(error, AssertionError) else describe_cause(error))

    def refused(self, error: NotSimulated) -> None:
        """An actor asked for what no seed decides: the run is worth nothing, even if the actor catches the error."""
        self._violate("not simulated", error.path, str(error))

    def _node_failed(self, name: str, error: BaseException) -> None:
        if name not in self.nodes or not self.survives_collapse(name, error):
            self._violate("node", name, describe_cause(error))

    def _violate(self, kind: str, name: str, text: str) -> None:
        self.world.touched("the verdict", "")
        if self.violation is None:
            self.violation = Violation(kind, name, text, self.world.now)
            if self.world.ends_with_violation:
                self.world.end()

    def _judge(self, kind: str, one: Oracle) -> bool:
        text = one.holds()
        if text is not None:
            self._violate(kind, one.name, text)
        return text is None

    def _check_always(self) -> None:
        for one in self._always:
            if not self._judge("always", one):
                return

    def _calm(self) -> None:
        """The clients have ended, or had their time: the faults end, and what must come true has its time now."""
        world = self.world
        if self._is_calm:
            return
        self._is_calm = world.is_calm = True
        self.note("fault", "", "calm", "the clients have ended, or had their time: all faults end")
        assert self.driver is not None
        self.driver.stop()
        if not self._eventually:
            world.end()
            return
        for one, within in self._eventually:
            world.at(world.now + within, lambda one=one: self._too_late(one))  # type: ignore[misc]
        world.checks.append(self._check_eventually)
        self._check_eventually()

    def _check_eventually(self) -> None:
        self._eventually = [(one, within) for one, within in self._eventually if one.holds() is not None]
        if not self._eventually:
            self._end()

    def _end(self) -> None:
        """All that should come true has; if every order is possible, what is on its way arrives first."""
        if self.any_order is None:
            self.world.end()
        else:
            self.world.at(self.world.now, self.world.end)

    def _too_late(self, late: Oracle) -> None:
        if any(one is late for one, _ in self._eventually):
            self._judge("eventually", late)
