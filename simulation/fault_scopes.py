"""
What can be done to a cluster, each as a `with` block: `Simulation` is one of these, and the driver of faults enters the same blocks.

Blocks may overlap. A link is cut, a node down or paused, a mailbox full while one block at least says so; of slownesses the greatest
counts, drifts multiply, and of a degraded network the worst of each condition is what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from ..actors.cell import UP, Cell
from ..actors.supervising import fail_from_outside
from ..supervision import RestartLimitReached, leaves_of
from .arguments import check_choice, check_rate, check_seconds
from .disk import DISK_FATES, DiskFate
from .errors import InjectedFailure
from .links import Conditions
from .mailboxes import fill_mailbox, free_mailbox, may_be_full
from .open_scopes import OpenScopes
from .scope import Scope

if TYPE_CHECKING:
    from .cluster import Cluster
    from .nodes import SimulatedNode

REVIVED_SECONDS = 0.5
"""After so long a node starts again whose supervisors gave up in a restart storm: whoever watches over processes does that."""


class FaultScopes(OpenScopes):
    """
    Faults of one cluster.

    Args:
        cluster: To whom.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.nodes: dict[str, SimulatedNode] = {}
        self.conditions: Conditions = cluster.links.conditions
        self._degradations: dict[Scope, Conditions] = {}
        self._turn_seconds: dict[str, list[float]] = {}
        self._drifts: dict[str, list[float]] = {}

    # The network

    def network(self, conditions: Conditions) -> None:
        """How the network is where no fault makes it worse."""
        self.conditions = conditions
        self._apply_conditions()

    def cut(self, some: Iterable[str], others: Iterable[str], *, both_ways: bool = True) -> Scope:
        """Cuts the nodes *some* off from *others* in a block: both ways, or only what *some* send. Clients have links too."""
        some, others = tuple(some), tuple(others)
        self.check_nodes((*some, *others), clients=True)
        links = [(one, other) for one in some for other in others if one != other]
        links += [(other, one) for one, other in links] if both_ways else []
        text = ", ".join(f"{one}>{other}" for one, other in links)

        def begin() -> None:
            self._fire("partition", "", text)
            for link in links:
                if self._hold("cut", link):
                    self._cluster.cut(*link)

        def end() -> None:
            self._note("", "heal", text)
            for link in links:
                if self._release("cut", link):
                    self._cluster.links.mend(*link)

        return self._scope(begin, end)

    def swizzled(self, names: Sequence[str], seconds: float = 1.0) -> Scope:
        """
        Cuts nodes off from all others one after another in a drawn order, and heals them one after another in another one (the swizzle
        of FoundationDB's simulation): in between, the cuts of some are over while those of others are to come.

        Args:
            names: Which nodes.
            seconds: The cuts come in the first half of this time, and heal in the second. What is cut at the end of the block heals there.
        """
        self.check_nodes(names)
        check_seconds("swizzled()", seconds)
        world = self._cluster.world
        cuts = {name: self.cut([name], [other for other in self.nodes if other != name]) for name in names}

        def begin() -> None:
            orders = self._shuffled(names), self._shuffled(names)
            self._fire("swizzle", "", f"cut off {', '.join(orders[0])}; healed {', '.join(orders[1])}")
            for half, order, does in ((0.0, orders[0], Scope.begin), (0.5, orders[1], Scope.end)):
                for place, name in enumerate(order):
                    when = world.now + seconds * (half + 0.5 * place / len(order))
                    world.at(when, partial(self._while, scope, partial(does, cuts[name])))

        def end() -> None:
            for one in cuts.values():
                one.end()
            self._note("", "swizzle ends", "")

        scope = self._scope(begin, end)
        return scope

    def degraded(self, *, loss: float = 0.0, duplication: float = 0.0, tail: float = 0.0, reorders: bool = False) -> Scope:
        """
        The network of all nodes is worse in a block, where it is not so already.

        Args:
            loss: How probable it is that a message is lost.
            duplication: How probable it is that it arrives twice.
            tail: How probable it is that it takes far longer.
            reorders: Whether messages of one sender to one actor may overtake each other.
        """
        worse = Conditions(tail=tail, loss=loss, duplication=duplication, reorders=reorders)

        def begin() -> None:
            self._fire("degraded network", "", f"loss {loss}, duplication {duplication}, tail {tail}{', reorders' if reorders else ''}")
            self._degradations[scope] = worse
            self._apply_conditions()

        def end() -> None:
            del self._degradations[scope]
            self._apply_conditions()
            self._note("", "degraded network ends", "")

        scope = self._scope(begin, end)
        return scope

    def _apply_conditions(self) -> None:
        now = self.conditions
        for worse in self._degradations.values():
            now = evolve(
                now,
                tail=max(now.tail, worse.tail),
                loss=max(now.loss, worse.loss),
                duplication=max(now.duplication, worse.duplication),
                reorders=now.reorders or worse.reorders,
            )
        self._cluster.links.conditions = now

    # Nodes

    def down(self, name: str, *, disk: DiskFate = "kept") -> Scope:
        """
        A node crashes, and starts again at the end of a block.

        Args:
            name: The node.
            disk: What its disk has when it starts again: what was synced and the first of the other writes; one of these torn;
                or nothing at all.
        """
        check_choice("A disk's fate", disk, DISK_FATES)
        node = self._node(name)

        def begin() -> None:
            if node.is_up:
                self._count("crash")
                if node.crash(disk) and disk != "kept":
                    self._count({"torn": "torn write", "lost": "lost disk"}[disk])
            self._hold("down", name)

        def end() -> None:
            if self._release("down", name) and not node.is_up and not node.is_absent:
                self._count("restart")
                node.start()

        return self._scope(begin, end)

    def paused(self, name: str) -> Scope:
        """A node stands still in a block."""
        node = self._node(name)
        lives: list[int] = []

        def begin() -> None:
            lives.append(node.life)
            if self._hold("pause", name, node.life) and node.is_up:
                self._count("pause")
                node.pause()

        def end() -> None:
            life = lives.pop()
            if self._release("pause", name, life) and node.life == life:
                node.unpause()

        return self._scope(begin, end)

    def slow(self, name: str, turn_seconds: float = 0.01) -> Scope:
        """
        A node is slow in a block, over all its lives: a machine that has too much to do.

        Guarantees:
            * Of all its actors one has its turn at a time, and each turn takes *turn_seconds* from when it could begin to its effect.
              So what it is sent waits in mailboxes, and what it sends leaves late.

        Not guaranteed:
            * That a handler which trio has woken (from a sleep of trio's) is held back: it goes on at once.

        Args:
            name: The node.
            turn_seconds: What the handling of one message, or going on after one wait, takes in virtual seconds.
        """
        check_seconds("slow()", turn_seconds)
        node = self._node(name)
        text = f"{turn_seconds} s a turn"
        lasting = self._turn_seconds.setdefault(name, [])

        def begin() -> None:
            self._fire("slow node", name, text)
            lasting.append(turn_seconds)
            node.slow_down(max(lasting))

        def end() -> None:
            lasting.remove(turn_seconds)
            node.slow_down(max(lasting, default=0.0))
            self._note(name, "slow node ends", text)

        return self._scope(begin, end)

    def drifting(self, name: str, rate: float) -> Scope:
        """
        A node's clock runs *rate* times as fast as it would otherwise in a block: 1.05 gains fifty milliseconds a second. It never jumps,
        since `context.now()` is a monotonic clock, here as in production.
        """
        check_rate("What drifting() takes", rate)
        node = self._node(name)
        lasting = self._drifts.setdefault(name, [])

        def apply() -> None:
            product = 1.0
            for one in lasting:
                product *= one
            node.drift_at(product)

        def begin() -> None:
            self._fire("drift", name, f"{rate:g} times as fast")
            lasting.append(rate)
            apply()

        def end() -> None:
            lasting.remove(rate)
            apply()
            self._note(name, "drift ends", f"{rate:g} times as fast")

        return self._scope(begin, end)

    # Actors

    def full(self, name: str, path: str) -> Scope:
        """
        The mailbox of the actor at *path* refuses in a block as if it were full: a message from another node is a dead letter there, on its
        node `tell_nowait` raises MailboxFull (or drops the message, if `on_full` says so), `tell` and `ask` wait. What it has is handled.

        Not guaranteed:
            * That an actor on its node which asks it has to wait after it was restarted in the block, or took from its stash.

        Raises (where the block begins):
            LookupError: Nobody lives there, or its mailbox drops the oldest, and so never refuses.
        """
        self.check_nodes([name])
        cells: list[Cell] = []

        def begin() -> None:
            cell = self._cell_at(name, path)
            if not may_be_full(cell):
                raise LookupError(f"The mailbox of {path} on node {name!r} makes room by dropping its oldest message: it is never full.")
            self._fire("full mailbox", name, path)
            cells.append(cell)
            if self._hold("full", cell):
                fill_mailbox(cell)

        def end() -> None:
            for cell in cells:
                if self._release("full", cell):
                    free_mailbox(cell)
                self._note(name, "full mailbox ends", path)
            cells.clear()

        return self._scope(begin, end)

    def failing(self, name: str, path: str, every: float = 0.05) -> Scope:
        """
        The actor at *path* fails again and again in a block, by no fault of its code: its supervisors restart it, or give up. If all of
        them give up, the node crashes with its disk kept, and starts again after half a second.

        Args:
            name: The node.
            path: Of the actor, in whichever life of it. While nobody lives there nothing happens.
            every: Seconds from one failure to the next; the first comes at once.
        """
        self.check_nodes([name])
        check_seconds("failing()", every, above_zero=True)
        world = self._cluster.world
        count = 0

        def strike() -> None:
            nonlocal count
            runtime = self.nodes[name].runtime
            cell = None if runtime is None else runtime.find(path)
            if runtime is not None and cell is not None and cell.phase == UP:
                count += 1
                self._count("failure")
                runtime.here.run(fail_from_outside, cell, InjectedFailure(path, count))
            world.at(world.now + every, partial(self._while, scope, strike))

        def begin() -> None:
            self._fire("restart storm", name, path)
            self._hold("storm", name)
            strike()

        def end() -> None:
            self._release("storm", name)
            self._note(name, "restart storm ends", path)

        scope = self._scope(begin, end)
        return scope

    def is_in_a_storm(self, name: str) -> bool:
        """Whether an actor of the node is made to fail again and again, so that the node may go down."""
        return self._holds["storm", name] > 0

    def survives_collapse(self, name: str, error: BaseException) -> bool:
        """Whether a node's tree gave up because of a storm: then it crashes, and starts again later."""
        if not any(isinstance(cause, InjectedFailure) for cause in _causes(error)):
            return False
        node, world = self.nodes[name], self._cluster.world
        life = node.life

        def crash() -> None:  # not in the middle of its turn
            if node.life == life and node.is_up:
                self._note(name, "gave up", "its supervisors gave up in a restart storm")
                scope = self.down(name)
                scope.begin()
                world.at(world.now + REVIVED_SECONDS, scope.end)

        world.at(world.now, crash)
        return True

    def check_nodes(self, names: Iterable[str], *, clients: bool = False) -> None:  # noqa: ARG002
        """Raises LookupError unless all of *names* are names of nodes, or of *clients* where these count too."""
        for name in sorted(set(names) - set(self.nodes)):
            raise LookupError(f"The cluster has no node {name!r}. Its nodes: {', '.join(self.nodes) or 'none'}.")

    def _node(self, name: str) -> SimulatedNode:
        self.check_nodes([name])
        return self.nodes[name]

    def _cell_at(self, name: str, path: str) -> Cell:
        runtime = self.nodes[name].runtime
        cell = None if runtime is None else runtime.find(path)
        if cell is None:
            raise LookupError(f"Nobody lives at {path} on node {name!r} now.")
        return cell


def _causes(error: BaseException) -> Iterable[BaseException]:
    """What ended the children, down to the first of them."""
    for leaf in leaves_of(error):
        yield leaf
        if isinstance(leaf, RestartLimitReached):
            for cause in leaf.causes:
                yield from _causes(cause)
