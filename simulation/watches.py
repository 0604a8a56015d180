"""
Watching an actor on another node: its death is told over the network, and a node of which nothing is heard is taken for dead.

The failure detector is modelled by what it would conclude: a node hears nothing of another one while that is down or the link from it
is cut, and after so many seconds without a break its actors are reported as terminated, with `NodeDown` as the cause. So a partition
looks like a death; after it has healed a new watch tells that the actor lives.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from ..actors.cell import GONE, Cell
from ..actors.watching import tell_of_death, watch
from ..supervision import Exit
from .errors import NodeDown
from .footprints import EVERYTHING
from .packing import copied_exit
from .remote import RemoteCell, watching_agent

if TYPE_CHECKING:
    from .cluster import Cluster
    from .node_runtime import NodeRuntime

AGAIN_SECONDS: Final = 0.05
"""After so long the news of a death are sent once more, if the network was cut."""


@define(eq=False)
class _Watched:
    """What one node watches on another one: by which refs, in which life of the other node."""

    observer: NodeRuntime
    subject: NodeRuntime | None
    name: str
    stand_ins: dict[RemoteCell, None] = field(factory=dict[RemoteCell, None])


class Watches:
    """
    Who watches whom from node to node.

    Args:
        cluster: The nodes.
        detection_seconds: How long nothing is heard of a node until its actors are taken for dead.
    """

    def __init__(self, cluster: Cluster, detection_seconds: float) -> None:
        self.detection_seconds: float = detection_seconds
        self._cluster = cluster
        self._agents: dict[NodeRuntime, Cell] = {}
        self._watched: dict[tuple[NodeRuntime, Cell | RemoteCell], _Watched] = {}

    @property
    def is_in_use(self) -> bool:
        """Whether anybody watches an actor on another node."""
        return bool(self._watched)

    def begin(self, observer: NodeRuntime, stand_in: RemoteCell) -> None:
        """An actor of *observer* watches whom *stand_in* stands for."""
        self._cluster.world.touched(EVERYTHING, "")
        subject, cell = self._cluster.find(stand_in.target)
        name = stand_in.target.node.partition("@")[0]
        if subject is not None and (cell is None or cell.phase == GONE):
            gone = _Watched(observer, subject, name, {stand_in: None})
            self._carry(gone, Exit("normal") if cell is None or cell.ties is None else cell.ties.exit or Exit("normal"))
            return
        key = observer, stand_in if cell is None else cell
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched(observer, subject, name)
            if cell is not None:
                agent = self._agents.get(observer)
                if agent is None:
                    agent = self._agents[observer] = watching_agent(observer, partial(self._died, observer))
                watch(agent, cell)
        watched.stand_ins[stand_in] = None
        if subject is None or self._cluster.links.is_cut(name, observer.name):
            self._suspect(watched)

    def end(self, observer: NodeRuntime, stand_in: RemoteCell) -> None:
        """Nobody on *observer* watches by this stand-in any more."""
        self._cluster.world.touched(EVERYTHING, "")
        for (node, _), watched in self._watched.items():
            if node is observer:
                watched.stand_ins.pop(stand_in, None)

    def silence(self, name: str, observer_name: str | None = None) -> None:
        """Nothing is heard of the node *name* any more, by the node *observer_name* or by all."""
        for watched in self._watched.values():
            if watched.name == name and observer_name in (None, watched.observer.name):
                self._suspect(watched)

    def _died(self, observer: NodeRuntime, cell: Cell, reason: Exit) -> None:
        watched = self._watched.pop((observer, cell), None)
        if watched is not None:
            self._carry(watched, copied_exit(reason))

    def _carry(self, watched: _Watched, reason: Exit) -> None:
        """Sends the news, again and again until they are through."""
        observer = watched.observer
        links = self._cluster.links
        world = self._cluster.world
        if observer.is_dead or (watched.subject is not None and watched.subject.is_dead):
            return
        if links.is_cut(watched.name, observer.name) or not links.carry(
            watched.name, observer.name, (self, observer), partial(self._tell, watched, reason), 0, reason
        ):
            world.at(world.now + AGAIN_SECONDS, partial(self._carry, watched, reason))

    def _suspect(self, watched: _Watched) -> None:
        world = self._cluster.world
        since = self._cluster.links.cut_since(watched.name, watched.observer.name)
        world.at(world.now + self.detection_seconds, partial(self._detect, watched, since))

    def _detect(self, watched: _Watched, since: float | None) -> None:
        observer, name = watched.observer, watched.name
        is_down = watched.subject is None or watched.subject.is_dead
        if observer.is_dead or not (is_down or (since is not None and self._cluster.links.cut_since(name, observer.name) == since)):
            return
        for key in [key for key, other in self._watched.items() if other is watched]:
            del self._watched[key]
        self._tell(watched, Exit("failed", NodeDown(name, self.detection_seconds)))

    def _tell(self, watched: _Watched, reason: Exit) -> None:
        observer = watched.observer
        if observer.is_dead:
            return
        for stand_in in list(watched.stand_ins):
            ties = stand_in.ties_of(observer)
            ties.exit = reason
            watchers: Any = ties.watchers
            told = list(watchers)
            watchers.clear()
            for watcher in told:
                observer.here.run(tell_of_death, watcher, stand_in)
        watched.stand_ins.clear()
