"""
Two-phase commit as in "Consensus on Transaction Commit" (Gray and Lamport, 2006): the model that Stateright counts, by real actors.

In that specification what a resource manager decides for itself is a step like any other. Here such a step is a message of a node that
stands for the environment, which sends each of them once, at the start: that a resource manager may prepare, or may abort, and that
the transaction manager may commit, or may abort. A step that the state does not allow does nothing. In the specification messages are
never consumed: so is it on a network that doubles every message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Conditions, Simulation


@frozen
class MayPrepare:
    pass


@frozen
class MayAbort:
    pass


@frozen
class MayCommit:
    pass


@frozen
class Prepared:
    who: str


@frozen
class Commit:
    pass


@frozen
class Abort:
    pass


@define(eq=False)
class Resource(Actor[MayPrepare | MayAbort | Commit | Abort]):
    """One resource manager."""

    name: str
    manager: ActorRef[Prepared] = field(repr=False)
    state: str = "working"

    @handles(MayPrepare)
    def may_prepare(self, _message: MayPrepare) -> None:
        if self.state == "working":
            self.state = "prepared"
            self.manager.tell_nowait(Prepared(self.name))

    @handles(MayAbort)
    def may_abort(self, _message: MayAbort) -> None:
        if self.state == "working":
            self.state = "aborted"

    @handles(Commit)
    def commit(self, _message: Commit) -> None:
        self.state = "committed"

    @handles(Abort)
    def abort(self, _message: Abort) -> None:
        self.state = "aborted"


@define(eq=False)
class Manager(Actor[MayCommit | MayAbort | Prepared]):
    """The transaction manager."""

    resources: Mapping[str, ActorRef[Commit | Abort]] = field(repr=False)
    state: str = "init"
    prepared: set[str] = field(factory=set[str])

    @handles(Prepared)
    def count(self, message: Prepared) -> None:
        if self.state == "init":
            self.prepared.add(message.who)

    @handles(MayCommit)
    def may_commit(self, _message: MayCommit) -> None:
        if self.state == "init" and self.prepared == set(self.resources):
            self.state = "committed"
            for resource in self.resources.values():
                resource.tell_nowait(Commit())

    @handles(MayAbort)
    def may_abort(self, _message: MayAbort) -> None:
        if self.state == "init":
            self.state = "aborted"
            for resource in self.resources.values():
                resource.tell_nowait(Abort())


@define(eq=False)
class Hasty(Manager):
    """Commits without having heard of everybody."""

    @handles(MayCommit)
    def may_commit(self, _message: MayCommit) -> None:
        if self.state == "init" and self.prepared:
            self.state = "committed"
            for resource in self.resources.values():
                resource.tell_nowait(Commit())


@define(eq=False)
class Environment(Actor[Abort]):
    """Says what may happen by itself."""

    manager: ActorRef[MayCommit | MayAbort] = field(repr=False)
    resources: Mapping[str, ActorRef[MayPrepare | MayAbort]] = field(repr=False)

    def on_start(self) -> None:
        for resource in self.resources.values():
            resource.tell_nowait(MayPrepare())
            resource.tell_nowait(MayAbort())
        self.manager.tell_nowait(MayCommit())
        self.manager.tell_nowait(MayAbort())

    @handles(Abort)
    def abort(self, _message: Abort) -> None:
        """Nobody sends it anything."""


def two_phase_commit(resources: int, *, keeps: bool, manager_class: type[Manager] = Manager) -> Callable[[Simulation], None]:
    """
    The model with so many resource managers.

    Args:
        resources: How many.
        keeps: Whether messages are never consumed, as in the specification; else each is delivered once, in any order.
        manager_class: Of the transaction manager.
    """
    names = [f"rm{number}" for number in range(resources)]

    def target(sim: Simulation) -> None:
        manager = sim.ref("tm", "/user/manager")
        refs = {name: sim.ref(name, "/user/resource") for name in names}
        sim.network(Conditions(duplication=1.0 if keeps else 0.0, reorders=True))
        sim.node("tm", actor(manager_class, refs, name="manager"))
        for name in names:
            sim.node(name, actor(Resource, name, manager, name="resource"))
        sim.node("environment", actor(Environment, manager, refs, name="environment"))
        sim.always(consistent)

    return target


def consistent(sim: Simulation) -> bool:
    """Nobody has committed what another has aborted."""
    return not {"committed", "aborted"} <= {resource.state for resource in sim.actors(Resource)}


# The same by hand: an explicit model and a breadth-first search, which know nothing of actors.

Said: TypeAlias = tuple[str, int]
"""A message: what, and of or to which resource manager."""

State: TypeAlias = tuple[tuple[str, ...], str, frozenset[int], frozenset[Said]]
"""Of the resource managers, of the transaction manager, whom it has counted, and which messages there are."""

Kind = Literal["specification", "consumed"]


def specified(state: State) -> Iterator[State]:
    """What may come next in the specification of Gray and Lamport, where messages stay for ever."""
    resources, manager, counted, messages = state
    count = len(resources)
    if manager == "init":
        if len(counted) == count:
            yield resources, "committed", counted, messages | {("commit", 0)}
        yield resources, "aborted", counted, messages | {("abort", 0)}
        for number in range(count):
            if ("prepared", number) in messages:
                yield resources, manager, counted | {number}, messages
    for number, resource in enumerate(resources):
        if resource == "working":
            yield _with(resources, number, "prepared"), manager, counted, messages | {("prepared", number)}
            yield _with(resources, number, "aborted"), manager, counted, messages
        if ("commit", 0) in messages:
            yield _with(resources, number, "committed"), manager, counted, messages
        if ("abort", 0) in messages:
            yield _with(resources, number, "aborted"), manager, counted, messages


def consumed(state: State) -> Iterator[State]:
    """What may come next where each message, also those of the environment, is delivered once."""
    resources, manager, counted, messages = state
    count = len(resources)
    for message in messages:
        what, number = message
        left = messages - {message}
        if what == "may prepare" and resources[number] == "working":
            yield _with(resources, number, "prepared"), manager, counted, left | {("prepared", number)}
        elif what == "may abort" and resources[number] == "working":
            yield _with(resources, number, "aborted"), manager, counted, left
        elif what in ("commit", "abort"):
            yield _with(resources, number, "committed" if what == "commit" else "aborted"), manager, counted, left
        elif what == "prepared" and manager == "init":
            yield resources, manager, counted | {number}, left
        elif what == "manager may commit" and manager == "init" and len(counted) == count:
            yield resources, "committed", counted, left | {("commit", each) for each in range(count)}
        elif what == "manager may abort" and manager == "init":
            yield resources, "aborted", counted, left | {("abort", each) for each in range(count)}
        else:
            yield resources, manager, counted, left


def start_of(resources: int, kind: Kind) -> State:
    """The first state."""
    messages: set[Said] = set()
    if kind == "consumed":
        messages = {(what, number) for what in ("may prepare", "may abort") for number in range(resources)}
        messages |= {("manager may commit", 0), ("manager may abort", 0)}
    return ("working",) * resources, "init", frozenset(), frozenset(messages)


def reachable(start: State, following: Callable[[State], Iterator[State]], as_one: Callable[[State], State] = lambda state: state) -> int:
    """How many states there are; those that *as_one* makes one count once."""
    seen = {as_one(start)}
    fresh = list(seen)
    while fresh:
        state = fresh.pop()
        for one in map(as_one, following(state)):
            if one not in seen:
                seen.add(one)
                fresh.append(one)
    return len(seen)


def alike(state: State) -> State:
    """The same for all states that differ only in which resource manager is which."""
    resources, manager, counted, messages = state
    of_each = sorted((resource, number in counted, ("prepared", number) in messages) for number, resource in enumerate(resources))
    others = {message for message in messages if message[0] != "prepared"}
    return (
        tuple(resource for resource, _, _ in of_each),
        manager,
        frozenset(number for number, (_, is_counted, _) in enumerate(of_each) if is_counted),
        frozenset(others | {("prepared", number) for number, (_, _, is_said) in enumerate(of_each) if is_said}),
    )


def _with(resources: tuple[str, ...], number: int, state: str) -> tuple[str, ...]:
    return (*resources[:number], state, *resources[number + 1 :])
