"""What the system counts: a frozen snapshot that adds up, and the living tree to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from attrs import field, frozen
from trio.lowlevel import enable_ki_protection as protected

from ..actors.cell import CLOSED, PHASES, STATES, UP, Cell, Losses
from ..actors.runtime import Runtime

State = Literal["idle", "ready", "running", "waiting", "blocked", "starting", "restarting", "stopping", "dead", "closed"]


@frozen
class Counts:
    """
    The accounts of an actor: ``accepted == handled + failed + withdrawn + dead_letters + waiting`` at any quiet moment.

    Args:
        accepted: Put in the queue, or made a dead letter at the door.
        handled: Its handler returned.
        failed: Its handler raised, or was cut off.
        withdrawn: Given up while it waited: an ask, a timer's message, a fact dropped or left over.
        dead_letters: Never to be handled: stopped, overflow, unhandled, stash.
        waiting: Queued, stashed, or in the hand of a suspended handler.
    """

    accepted: int
    handled: int
    failed: int
    withdrawn: int
    dead_letters: int
    waiting: int


@frozen
class Statistics(Counts):
    """
    The accounts of a system: totals that include the dead, and each living actor by its path.

    A moment is quiet when no handler runs; where one runs, its message may be missing.
    """

    actors: Mapping[str, Counts] = field(factory=dict[str, Counts])


@frozen
class Node:
    """
    One living actor of the tree.

    Args:
        path: Where it is.
        state: ``idle``, ``ready``, ``running``, ``waiting`` (its handler awaits something), ``blocked`` (too many handlers
            wait), ``starting``, ``restarting`` (or in back-off), ``stopping``.
        waiting: Messages that wait for it.
        handled: Messages it has handled.
        restarts: How often it was restarted.
        children: Its living children in start order.
    """

    path: str
    state: State
    waiting: int
    handled: int
    restarts: int
    children: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        """Itself and all below it, parents first."""
        nodes: list[Node] = [self]
        while nodes:
            node = nodes.pop()
            yield node
            nodes.extend(reversed(node.children))

    def __str__(self) -> str:
        rows = [(f"{prefix}{_label(node)}", node) for prefix, node in _drawn(self, "", "")]
        width = max(len(label) for label, _ in rows)
        return "\n".join(
            f"{label:<{width}}  {node.state:<10}  waiting {node.waiting:>5}  handled {node.handled:>8}  restarts {node.restarts:>3}"
            for label, node in rows
        )


def _label(node: Node) -> str:
    return node.path.rsplit("/", 1)[-1] or "/"


def _drawn(node: Node, prefix: str, below: str) -> Iterator[tuple[str, Node]]:
    """Depth first, without recursion: a tree may be deeper than the stack."""
    stack = [(node, prefix, below)]
    while stack:
        current, first, rest = stack.pop()
        yield first, current
        last = len(current.children) - 1
        for index in range(last, -1, -1):
            end = index == last
            stack.append((current.children[index], rest + ("└─ " if end else "├─ "), rest + ("   " if end else "│  ")))


def cells_of(runtime: Runtime, top: Cell | None = None) -> Iterator[Cell]:
    """All living actors, or *top* and those below it, parents first."""
    cells = [top or runtime.root]
    while cells:
        cell = cells.pop()
        if cell is not runtime.root:
            yield cell
        if cell.ties is not None and cell.ties.family is not None:
            cells.extend(reversed(cell.ties.family.in_start_order()))


def _counts(cell: Cell) -> Counts:
    losses = cell.losses or Losses()
    return Counts(cell.accepted, cell.handled, losses.failed, losses.withdrawn, losses.dead_letters, cell.user_messages())


@protected
def take_statistics(runtime: Runtime) -> Statistics:
    """Counts everything now."""
    runtime.stream.settle()
    actors = {cell.path: _counts(cell) for cell in cells_of(runtime)}
    dead = runtime.dead_losses
    living = actors.values()
    return Statistics(
        runtime.dead_accepted + sum(counts.accepted for counts in living),
        runtime.dead_handled + sum(counts.handled for counts in living),
        dead.failed + sum(counts.failed for counts in living),
        dead.withdrawn + sum(counts.withdrawn for counts in living),
        dead.dead_letters + sum(counts.dead_letters for counts in living),
        sum(counts.waiting for counts in living),
        actors,
    )


def _state(cell: Cell) -> State:
    name = PHASES[cell.phase] if cell.phase != UP or cell.state == CLOSED else STATES[cell.state]
    return "restarting" if name == "up" else name  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


@protected
def draw_tree(runtime: Runtime) -> Node:
    """The living tree now, from the root."""
    runtime.stream.settle()
    nodes: dict[Cell, Node] = {}
    for cell in reversed([runtime.root, *cells_of(runtime)]):
        family = None if cell.ties is None else cell.ties.family
        children = () if family is None else tuple(nodes[child] for child in family.in_start_order())
        restarts = 0 if cell.losses is None else cell.losses.restarts
        state = "idle" if cell is runtime.root else _state(cell)
        nodes[cell] = Node(cell.path, state, cell.user_messages(), cell.handled, restarts, children)
    return nodes[runtime.root]
