"""
The nodes of a run and what passes between them: tells, asks and their replies.

A message is packed by the sender, carried by the links, and handed to the actor that lives at the address when it arrives, if the
node is up then. There is no back-pressure across the network: what finds a full mailbox is a dead letter there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..actors import ActorRef, AskStopped
from ..actors.cell import CURRENT, GONE, Cell
from ..actors.door import enqueue, has_room, put_nowait, refuse
from ..actors.envelopes import Ask
from ..mailbox import MailboxFull
from ..registry import Address
from ..supervision import describe_cause
from .describing import snapshot
from .errors import PowerLost
from .packing import pack, pack_error, unpack, unpack_error
from .remote import RemoteAsk, RemoteCell
from .watches import Watches

if TYPE_CHECKING:
    from .links import Links
    from .node_runtime import NodeRuntime
    from .schedule import Schedule
    from .world import World


class Cluster:
    """
    What the nodes of one run have in common.

    Args:
        world: The run.
        links: The network.
        schedule: Where cells become ready.
        detection_seconds: How long nothing is heard of a node until its actors are taken for dead.
    """

    def __init__(self, world: World, links: Links, schedule: Schedule, detection_seconds: float) -> None:
        self.world: World = world
        self.links: Links = links
        self.schedule: Schedule = schedule
        self.up: dict[str, NodeRuntime] = {}
        self.message_types: dict[str, int] = {}
        self.watches: Watches = Watches(self, detection_seconds)
        self._remote: dict[Address, RemoteCell] = {}
        self._asks: dict[int, tuple[Ask, NodeRuntime]] = {}
        self._numbers: dict[Ask, int] = {}

    def ref_at(self, address: Address) -> ActorRef[Any]:
        """The ref of an actor on whatever node, to be used on any."""
        cell = self._remote.get(address)
        if cell is None:
            cell = self._remote[address] = RemoteCell(self, address)
        return cell.ref

    def find(self, address: Address) -> tuple[NodeRuntime | None, Cell | None]:
        """The node that is up there, and the actor if it lives."""
        name, _, life = address.node.partition("@")
        runtime = self.up.get(name)
        if runtime is None or (life and life != str(runtime.life)):
            return runtime, None
        cell = runtime.find(address.path)
        if cell is not None and address.incarnation not in (0, cell.incarnation):
            cell = None
        return runtime, cell

    def cut(self, source: str, target: str) -> None:
        """From now on nothing gets from *source* to *target*, whose failure detector hears nothing either."""
        self.links.cut(source, target)
        self.watches.silence(source, target)

    # Sending

    def _sent(self, source: NodeRuntime, target: RemoteCell, message: Any) -> int:
        world = self.world
        world.messages = number = world.messages + 1
        kind = type(message).__name__
        types = self.message_types
        types[kind] = types.get(kind, 0) + 1
        chains = self.schedule.chains
        if chains is not None:
            chains.sent(number, CURRENT.get())
        world.trace.add(world.now, "sent", source.name, target.shown, kind, snapshot(message), number)
        return number

    def _dropped(self, node: str, path: str, why: str, number: int) -> None:
        self.world.trace.add(self.world.now, "dropped", node, path, "", why, number)

    def lost_on_the_way(self, node: str, number: int) -> None:
        """The network loses a message that was on its way."""
        self._dropped(node, "", "network", number)

    def send_tell(self, source: NodeRuntime, target: RemoteCell, message: Any) -> None:
        """Sends a message that is told."""
        packed = pack(message)
        number = self._sent(source, target, message)
        arrive = partial(self._arrive, target, packed, number)
        if not self.links.carry(source.name, target.node, (CURRENT.get(), target), arrive, number, message):
            self._dropped(source.name, target.path, "network", number)
        if source.after_sending is not None:
            source.has_sent()
            if source.is_dead:
                raise PowerLost

    def send_ask(self, source: NodeRuntime, target: RemoteCell, ask: Ask) -> None:
        """Sends a message that is asked."""
        packed = pack(ask.message)
        number = self._sent(source, target, ask.message)
        self._asks[number] = ask, source
        self._numbers[ask] = number
        arrive = partial(self._arrive, target, packed, number, source.name)
        if not self.links.carry(source.name, target.node, (CURRENT.get(), target), arrive, number, ask.message):
            self._dropped(source.name, target.path, "network", number)
        if source.after_sending is not None:
            self.world.at(self.world.now, source.has_sent)

    def forget_ask(self, ask: Ask) -> None:
        """Nobody waits for its reply any more."""
        number = self._numbers.pop(ask, None)
        if number is not None:
            self._asks.pop(number, None)

    def travelling(self) -> list[Any]:
        """What is on the network, packed, in the order in which it arrives; of replies those that are no errors and still waited for."""
        found: list[Any] = []
        for call in (*self.world.agenda, *self.links.arrivals()):
            if not isinstance(call, partial):
                continue
            if call.func == self._arrive:
                found.append(call.args[1])
            elif call.func == self._arrive_reply:
                _, number, _, packed, is_error = call.args
                if not is_error and number in self._asks:
                    found.append(packed)
        return found

    # Arriving

    def _arrive(self, target: RemoteCell, packed: Any, number: int, asker: str | None = None) -> None:
        runtime = self.up.get(target.node)
        if runtime is None:
            self._dropped(target.node, target.path, "node is down", number)
            return
        cell = target.found
        if cell is None or cell.dispatcher is not runtime or cell.phase == GONE:
            target.found = cell = self.find(target.target)[1]
        here = runtime.here
        message: Any = here.run(unpack, packed) if type(packed) is bytes else packed
        if cell is None:
            self._dropped(target.node, target.path, "no such actor", number)
            if asker is not None:
                here.run(self._reply, runtime, asker, number, target.path, None, AskStopped(target.path, type(message).__name__))
            return
        self.world.trace.add(self.world.now, "delivered", target.node, target.path, "", "", number)
        self.schedule.arrives(cell, message, number)
        if asker is None:
            here.run(_put, cell, message)
        else:
            here.run(_post, cell, RemoteAsk(message, cell, partial(self._reply, runtime, asker, number, target.path)))

    def _reply(  # noqa: PLR0917
        self, source: NodeRuntime, asker: str, number: int, path: str, value: Any, error: BaseException | None
    ) -> None:
        if source.is_dead:
            return
        world = self.world
        world.messages += 1
        back = world.messages
        if error is None:
            try:
                packed, what, text = pack(value), type(value).__name__, snapshot(value)
            except Exception as cause:
                raise TypeError(
                    f"The reply of {path} on node {source.name!r} to {asker!r} cannot be pickled: {describe_cause(cause)}"
                ) from cause
        else:
            packed, what, text = pack_error(error, path, "a message"), type(error).__name__, str(error)
        if self.schedule.chains is not None:
            self.schedule.chains.sent(back, CURRENT.get())
        world.trace.add(world.now, "sent", source.name, f"{asker} reply to {number}", what, text, back)
        arrive = partial(self._arrive_reply, asker, number, back, packed, error is not None)
        if not self.links.carry(source.name, asker, (CURRENT.get(), asker), arrive, back, value if error is None else error):
            self._dropped(source.name, asker, "network", back)
        if source.after_sending is not None:
            self.world.at(self.world.now, source.has_sent)

    def _arrive_reply(self, asker: str, number: int, back: int, packed: Any, is_error: bool) -> None:
        ask, source = self._asks.pop(number, (None, None))
        if ask is None or source is None or source.is_dead or ask.done:
            self._dropped(asker, "", "nobody waits for this reply", back)
            return
        self._numbers.pop(ask, None)
        self.world.trace.add(self.world.now, "delivered", asker, "", "", "", back)
        if self.schedule.chains is not None:
            self.schedule.chains.replied(back, ask.cell)
        ask.place = "over"
        if is_error:
            ask.settle(error=source.here.run(unpack_error, packed))
        else:
            ask.settle(source.here.run(unpack, packed))


def _put(cell: Cell, message: Any) -> None:
    try:
        put_nowait(cell, message)
    except MailboxFull:
        cell.dispatcher.count_accepted(cell)
        cell.dispatcher.dead_letter(cell, message, "overflow")


def _post(cell: Cell, ask: RemoteAsk) -> None:
    if cell.limit < 0:
        ask.place = "over"
        refuse(cell, ask)
    elif has_room(cell):
        enqueue(cell, ask)
        ask.place = "queue"
    else:
        ties = cell.tied()
        if ties.waiters is None:
            ties.waiters = {}
        ties.waiters[ask] = None
        cell.attention = True
