"""
Which faults runs may have.

Swarm testing (Groce et al., ISSTA 2012): not every fault in every run, since faults hide each other's bugs. Each seed draws which kinds it
has and how often; of ten seeds some crash a node again and again and never cut a link. What was drawn is in the report.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

FIRES: Final = {
    "crashes": "crash",
    "partitions": "partition",
    "pauses": "pause",
    "loss": "loss",
    "duplication": "duplicate",
    "reordering": "",
    "tail": "slow",
    "skew": "",
    "slow nodes": "slow node",
    "drift": "drift",
    "torn writes": "torn write",
    "lost disks": "lost disk",
    "full mailboxes": "full mailbox",
    "restart storms": "restart storm",
}
"""What each kind of a mix is counted as when it comes; empty: it is there all the time in a run that has drawn it."""


@frozen
class Faults:
    """
    The kinds of faults that runs may have; made by `Faults.swarm` or `Faults.none`.

    Args:
        crashes: Nodes lose their memory and what of their disks was not synced, and start again later. A majority stays up.
        partitions: Links are cut: between two groups, of one node, in one direction, between two nodes that both reach all
            others, or of one node after another (a swizzle).
        pauses: Nodes stand still for a while.
        loss: Messages are lost.
        duplication: Messages arrive twice.
        reordering: Messages of one sender to one actor overtake each other.
        tail: Some messages take far longer than most.
        skew: How much faster or slower than the world's a node's clock may be: 0.05 is five per cent.
        every: Seconds between two opportunities for a fault.
        lasts: Seconds that a fault lasts at most.
        slow_nodes: Nodes are slow for a while: every turn of their actors takes virtual time.
        drift: How much faster or slower still a node's clock may become for a while, on top of its skew.
        torn_writes: A crash may leave half of the first write that it loses.
        lost_disks: A crash may lose all of a node's disk; a minority of the nodes in the whole of a run.
        full_mailboxes: Mailboxes of actors refuse for a while as if they were full.
        restart_storms: Actors fail again and again for a while, so that supervisors restart them or give up.
    """

    crashes: bool = False
    partitions: bool = False
    pauses: bool = False
    loss: bool = False
    duplication: bool = False
    reordering: bool = False
    tail: bool = False
    skew: float = field(default=0.0, validator=[validators.ge(0), validators.lt(1)])
    every: float = field(default=0.2, validator=validators.gt(0))
    lasts: float = field(default=1.0, validator=validators.gt(0))
    slow_nodes: bool = False
    drift: float = field(default=0.0, validator=[validators.ge(0), validators.lt(1)])
    torn_writes: bool = False
    lost_disks: bool = False
    full_mailboxes: bool = False
    restart_storms: bool = False

    @classmethod
    def swarm(
        cls,
        *,
        crashes: bool = True,
        partitions: bool = True,
        pauses: bool = True,
        loss: bool = True,
        duplication: bool = True,
        reordering: bool = False,
        tail: bool = True,
        skew: float = 0.0,
        slow_nodes: bool | None = None,
        drift: float = 0.0,
        torn_writes: bool = False,
        lost_disks: bool = False,
        full_mailboxes: bool = False,
        restart_storms: bool = False,
        every: float = 0.2,
        lasts: float = 1.0,
    ) -> Faults:
        """
        Faults that each seed draws its own mix of: what is True may be in the mix.

        On without being asked for is what every protocol has to survive. Reordering breaks a promise of one system. Torn writes,
        lost disks, full mailboxes and restart storms take what many protocols rely on by right, and are asked for.

        Args:
            slow_nodes: None: as *pauses*, since what bears a pause bears a slow node.
        """
        return cls(
            crashes=crashes,
            partitions=partitions,
            pauses=pauses,
            loss=loss,
            duplication=duplication,
            reordering=reordering,
            tail=tail,
            skew=skew,
            slow_nodes=pauses if slow_nodes is None else slow_nodes,
            drift=drift,
            torn_writes=torn_writes,
            lost_disks=lost_disks,
            full_mailboxes=full_mailboxes,
            restart_storms=restart_storms,
            every=every,
            lasts=lasts,
        )

    @classmethod
    def none(cls) -> Faults:
        """A network that only takes its time."""
        return cls()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of those that there may be, as a mix has them."""
        return tuple(name for name in FIRES if getattr(self, name.replace(" ", "_")))
