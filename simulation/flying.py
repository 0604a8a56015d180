"""
The network of a run in which every order is possible: messages lie in it until they are chosen, however long that takes.

No latency is drawn. Of each channel, from one sender to one actor, the first message may arrive next, so that a channel keeps its
order; of a network that reorders, any. A network that doubles every message (`duplication=1.0`) keeps each for ever, and may deliver it
again at any time: it is a set of messages, as in the specifications of TLA+.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import define

from ..actors.cell import Background, Cell
from ..registry import Address
from .describing import Snapshot, shown, snapshot
from .links import Conditions, Links

if TYPE_CHECKING:
    from .world import World


@define(eq=False)
class Flying:
    """
    One message on its way.

    Args:
        source: The node it comes from.
        target: The node it goes to.
        place: Of who shall get it: node and path.
        arrive: Has it arrive.
        number: Of the message in the trace.
        message: What it is.
        since: Its place among all that has become possible.
        sent_by: The step that sent it.
    """

    source: str
    target: str
    place: str
    arrive: Callable[[], object]
    number: int
    message: Snapshot
    since: int
    sent_by: int


class InFlight(Links):
    """
    What is on its way between the nodes.

    Args:
        world: The run.
        conditions: May be replaced at any time.
        next_place: Gives the place of what has become possible.
        present_step: Gives the step that is being made.
    """

    cut_off: int
    duplicates: int

    def __init__(self, world: World, conditions: Conditions, next_place: Callable[[], int], present_step: Callable[[], int]) -> None:
        super().__init__(world, conditions)
        self.channels: dict[str, deque[Flying]] = {}
        self.reorders: bool = False
        self._next_place = next_place
        self._present_step = present_step
        self._sent: dict[str, int] = {}

    @property
    def keeps(self) -> bool:
        """Whether what was delivered may be delivered again and again."""
        return self.conditions.duplication >= 1.0

    def carry(  # noqa: PLR0917
        self, source: str, target: str, channel: object, arrive: Callable[[], object], number: int = 0, message: object = None
    ) -> bool:
        """See `Links.carry`. It arrives when it is chosen."""
        if source != target and self.is_cut(source, target):
            self.cut_off += 1
            return False
        sender, receiver, place = _ends(channel, source)
        flying = Flying(source, target, place, arrive, number, snapshot(message), self._next_place(), self._present_step())
        name = f"{sender} > {receiver}"
        if self.keeps:
            self.channels.setdefault(f"{name} {shown(flying.message)}", deque((flying,)))
            return True
        if self.reorders or self.conditions.reorders:
            name = self._numbered(name)
        self._put(name, flying)
        return True

    def arrivals(self) -> list[Callable[[], object]]:
        """See `Links.arrivals`."""
        return [flying.arrive for channel in self.channels.values() for flying in channel]

    def double(self, name: str, flying: Flying) -> None:
        """A message that is being delivered arrives once more, at any time."""
        self.duplicates += 1
        again = Flying(
            flying.source,
            flying.target,
            flying.place,
            flying.arrive,
            flying.number,
            flying.message,
            self._next_place(),
            self._present_step(),
        )
        self._put(self._numbered(f"{name} again"), again)

    def take(self, name: str) -> Flying:
        """The first message of a channel, out of it unless the network keeps all."""
        channel = self.channels[name]
        if self.keeps:
            return channel[0]
        flying = channel.popleft()
        if not channel:
            del self.channels[name]
        return flying

    def _numbered(self, name: str) -> str:
        count = self._sent[name] = self._sent.get(name, 0) + 1
        return f"{name} #{count}"

    def _put(self, name: str, flying: Flying) -> None:
        self.channels.setdefault(name, deque()).append(flying)


def name_of(cell: Cell) -> str:
    """An actor, in this life of its node: ``a@1/user/server``."""
    node: Any = cell.dispatcher
    return f"{node.node}{cell.path}"


def place_of(cell: Cell) -> str:
    """Where an actor is, in whichever life of its node."""
    node: Any = cell.dispatcher
    return f"{node.name}{cell.path}"


def _ends(channel: Any, source: str) -> tuple[str, str, str]:
    """Who sends and who shall get what is sent over *channel*, as text that is the same in all runs that got so far; and where."""
    sender, receiver = channel
    if isinstance(sender, Background):
        sender = sender.cell
    from_text = name_of(sender) if isinstance(sender, Cell) else source
    if isinstance(receiver, Address):
        incarnation = f":{receiver.incarnation}" if receiver.incarnation else ""
        return from_text, f"{receiver.node}{receiver.path}{incarnation}", f"{receiver.node.partition('@')[0]}{receiver.path}"
    to_text = receiver if isinstance(receiver, str) else f"{receiver.node} watches"
    return from_text, to_text, to_text
