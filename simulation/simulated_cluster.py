"""
`Simulation`: one run of a cluster, as the function that describes it is given it.

A run has two parts. In the first one clients work and faults come. When the clients have ended, or the time is over, all faults end:
what must come true eventually has from then on the time that it was promised. At last the history is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from ..actors import ActorRef, ActorSpec, actor
from ..registry import Address
from ..supervision import describe_cause
from .any_order import AnyOrder
from .arguments import check_function, check_rate, check_seconds, is_unfinished
from .client import ClientActor, Workload
from .cluster import Cluster
from .conductor import Conductor
from .conservation import Conserves
from .convergence import Converges
from .coverage import Coverage, coverage_of
from .describing import describe
from .disk import Disk
from .errors import NotSimulated
from .eventually import Eventually
from .fault_driver import FaultDriver
from .fault_scopes import FaultScopes
from .faults import Faults
from .history import History
from .in_flight import in_flight
from .jury import Jury
from .knobs import SKIPPED_CALLS, shortened, start
from .leads_to import LeadsTo
from .links import Conditions, Links
from .models import Model
from .nodes import SimulatedNode, Within
from .oracles import Predicate, Violation, linearizable, oracle
from .population import Population
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
        self.undecided: str = ""
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
        self.seconds: float = 0.0
        self._is_calm = False
        self._population = Population(self.world, self.nodes)
        self._clients: dict[str, SimulatedNode] = {}
        self._disks: dict[str, Disk] = {}
        self._working = 0
        self._is_described = False
        self._mentioned: set[str] = set()
        self._jury = Jury(self.world)
        self._conductor: Conductor | None = None

    # What it consists of

    def node(self, name: str, *specs: ActorSpec[Any], within: Within | None = None) -> SimulatedNode:
        """
        Adds a node: a system of its own, which runs *specs* under its `/user` from each of its starts.

        Args:
            name: Unique, without ``@`` and ``/``.
            specs: As for `open_system`. Their arguments are the same objects in every life of the node: best immutable.
            within: Makes a context manager that is entered before each start of the system, and left when that has ended, by a crash
                or otherwise. It sets contextvars, such as the journal: ``within=lambda: use_journal(DiskJournal(sim.disk(name)))``.
        """
        self._check_name(name)
        node = self.nodes[name] = self._new_node(name, specs, within)
        node.disk = self.disk(name)
        return node

    def client(self, workload: Workload, name: str | None = None) -> None:
        """Adds a client, which runs *workload* once, on a node of its own that does not fail."""
        self._check_described("client")
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

    def _check_described(self, what: str) -> None:
        """What is said when the run has begun would have no effect, or half of it."""
        if self._is_described:
            raise RuntimeError(f"sim.{what}() belongs into the description of the cluster: the run has begun.")

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # who describes clusters need not check types
            raise TypeError(f"A node's name is a text, not {name!r}.")
        if name in self.nodes or name in self._clients:
            raise ValueError(f"There is a node {name!r} already.")
        if not name or "@" in name or "/" in name or not name.isprintable():
            raise ValueError(f"A node's name is a printable text without '@' and '/', not {name!r}.")

    def _new_node(self, name: str, specs: tuple[ActorSpec[Any], ...], within: Within | None = None) -> SimulatedNode:
        assert self._conductor is not None
        return SimulatedNode(
            name, specs, self._cluster, self._conductor, ask_timeout=self.ask_timeout, on_failure=self._node_failed, within=within
        )

    def ref(self, node: str, path: str) -> ActorRef[Any]:
        """
        The ref of whoever lives at *path* on *node* when a message arrives there, in whichever life of the node. It may be
        an argument of specs, since it serves on every node.

        Raises:
            ValueError: *path* does not begin with a slash.
            LookupError: The cluster has no node of that name when it has been described.
        """
        if not path.startswith("/"):
            raise ValueError(f"A path begins with a slash, such as /user/{path}, not {path!r}.")
        self._mentioned.add(node)
        if self._is_described:
            self._check_mentioned()
        return self._cluster.ref_at(Address(node, path, 0))

    def _check_mentioned(self) -> None:
        self.check_nodes(self._mentioned, clients=True)
        self._mentioned.clear()

    def check_nodes(self, names: Iterable[str], *, clients: bool = False) -> None:
        """See `FaultScopes.check_nodes`."""
        super().check_nodes(set(names) - set(self._clients) if clients else names)

    def failure_detector(self, seconds: float) -> None:
        """After how many seconds of silence a node's actors are reported as terminated to those who watch them."""
        check_seconds("failure_detector()", seconds)
        self._cluster.watches.detection_seconds = seconds

    def faults(self, faults: Faults) -> None:
        """Which faults there may be. Without this there are none."""
        self._check_described("faults")
        if not isinstance(faults, Faults):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"sim.faults() takes Faults.swarm(...) or Faults.none(), not {faults!r}.")
        self._faults = faults

    # What must hold

    def always(self, predicate: Predicate) -> None:
        """*predicate* must hold after every step."""
        self._check_described("always")
        self._jury.always.append(oracle(predicate, self))

    def eventually(self, predicate: Predicate, within: float = 5.0) -> None:
        """*predicate* must come true within so many virtual seconds after the clients and the faults have ended."""
        self._check_described("eventually")
        check_seconds("eventually()", within)
        self._jury.lasting.append(Eventually(oracle(predicate, self), within))

    def leads_to(self, premise: Predicate, conclusion: Predicate, within: float = 5.0, *, during_faults: bool = False) -> None:
        """
        Whenever *premise* holds, *conclusion* must hold then or later, within so many virtual seconds.

        Each may return keys instead of yes or no, such as the numbers of orders: then each key for which the premise holds must become
        one for which the conclusion does. That the premise holds no longer releases from nothing.

        Args:
            premise: Looked at after every step, as an invariant is.
            conclusion: As well; True is for every key.
            within: Virtual seconds. What is still to follow when the clients and the faults end has its time from then on. The run goes
                on for so long after that, and then until all that had begun has followed.
            during_faults: Whether the time runs while there are faults too.
        """
        self._check_described("leads_to")
        check_seconds("leads_to()", within)
        self._jury.lasting.append(LeadsTo(premise, conclusion, within, during_faults, self, self._count_events))

    def converges(self, view: Callable[..., Mapping[str, object]], within: float = 5.0, *, stays: float = 1.0) -> None:
        """
        What replicas show must become equal, and stay so.

        Args:
            view: Takes the simulation, and returns what each replica shows by the replica's name.
            within: Virtual seconds after the clients and the faults have ended, after which all are equal at every step.
            stays: Virtual seconds for which they must be equal without a break before the run may end.
        """
        self._check_described("converges")
        check_seconds("converges()", within)
        check_seconds("stays of converges()", stays)
        self._jury.lasting.append(Converges(view, within, stays, self))

    def conserves(self, quantity: Callable[..., object], within: float = 5.0) -> None:
        """
        *quantity* must be the same after every step at which every node is up and has started.

        It is compared with the first that is told. None says that it cannot be told at that moment, which is not judged then. A run in
        which it is not told any more after the faults breaks this too, as *never judged*.

        Args:
            quantity: Takes the simulation, and returns the total: whatever can be compared. It counts what is on its way if it asks
                `in_flight`.
            within: Virtual seconds after the clients and the faults have ended, in which it must be told once more.
        """
        self._check_described("conserves")
        check_seconds("conserves()", within)
        self._jury.lasting.append(Conserves(quantity, within, self._is_whole, self, self._count_events))

    def at_the_end(self, predicate: Predicate) -> None:
        """*predicate* must hold at the end of the run."""
        self._jury.at_the_end.append(("at the end", oracle(predicate, self)))

    def linearizable(self, model: Model | type[Model]) -> None:
        """What the clients were told must be what *model* would have answered, in some order within the spans of the operations."""
        judged = model() if isinstance(model, type) else model
        if not all(hasattr(judged, name) for name in ("initial", "apply", "part")):
            raise TypeError(f"sim.linearizable() takes a model, such as Register, with initial, apply and part, not {model!r}.")
        self._jury.at_the_end.append(("linearizable", linearizable(judged, self)))

    def _count_events(self) -> int:
        return self.world.trace.length

    def _is_whole(self) -> bool:
        return all(node.is_absent or node.has_started for node in self.nodes.values())

    # What is there now

    @property
    def violation(self) -> Violation | None:
        """What was found first; None: nothing so far."""
        return self._jury.violation

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
        self.world.observed(self.nodes, kind)
        return self._population.instances(kind)

    def in_flight(self, kind: type[T], *, in_hand: bool = False) -> list[T]:
        """
        The messages of *kind*, and the replies, that were sent and have not come into anybody's hands: on the network, or in the mailbox
        or stash of an actor of a node that is up. What the network has doubled is there twice; what is lost is not there.

        Args:
            kind: A class; its subclasses are included.
            in_hand: Whether a message counts too while its handler has it and waits for something.
        """
        self.world.observed(("",), kind)
        return in_flight(self._cluster, kind, in_hand=in_hand)

    def at(self, seconds: float, call: Callable[[], object]) -> None:
        """Calls *call* at a virtual time, or at once if that is past."""
        check_seconds("at()", seconds)
        check_function("at()", call)
        if not self.world.tape.knob(2, SKIPPED_CALLS):
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
            if is_unfinished(target(self)):
                raise TypeError("What describes a cluster is a plain function: this one is async, or yields, and so describes nothing.")
            self._describe()
            if self.any_order is not None:
                self.any_order.allow(self._faults, self._cluster, self.nodes)
                self._faults = Faults.none()  # those that it chooses are no matter of chance
            driver = self.driver = FaultDriver(self._faults, self, self.world.tape)
            if world.trace.keeps_states:
                world.checks.append(self._note_states)
            self._jury.begin()
            duration = shortened(world.tape, self._duration())
            start(world, self.nodes.values(), self._clients.values(), duration, self.client_ended)
            driver.start()
            world.at(duration, self._calm)
            conductor.wake()
            try:
                await over.wait()
            finally:
                world.order.release_all()
            self.forget_all()
            if not world.is_abandoned:
                self._jury.end()
            self.digest, self.seconds = world.trace.digest, world.now  # what follows is no part of the run
            for node in (*self.nodes.values(), *self._clients.values()):
                node.end()
            nursery.cancel_scope.cancel()

    def _describe(self) -> None:
        """The description is over: what only the whole of it can tell is looked at."""
        self._is_described = True
        self._check_mentioned()
        check_seconds("sim.ask_timeout", self.ask_timeout)
        for node in self.nodes.values():
            check_rate(f"The rate of node {node.name!r}", node.rate)

    def _duration(self) -> float:
        if self.duration is None:
            return DURATION_OF_CLIENTS_SECONDS if self._clients else DURATION_SECONDS
        check_seconds("sim.duration", self.duration)
        return self.duration

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
        self._jury.violate("client", name, str(error) if isinstance(error, AssertionError) else describe_cause(error))

    def refused(self, error: NotSimulated) -> None:
        """An actor asked for what no seed decides: the run is worth nothing, even if the actor catches the error."""
        self._jury.violate("not simulated", error.path, str(error))

    def _node_failed(self, name: str, error: BaseException) -> None:
        if name not in self.nodes or not self.survives_collapse(name, error):
            self._jury.violate("node", name, describe_cause(error))

    def _calm(self) -> None:
        """The clients have ended, or had their time: the faults end, and what must come true has its time now."""
        if self._is_calm:
            return
        self._is_calm = self.world.is_calm = True
        self.note("fault", "", "calm", "the clients have ended, or had their time: all faults end")
        assert self.driver is not None
        self.driver.stop()
        self._jury.calm()
