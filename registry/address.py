"""Where an actor is: what a ref pickles to, and what two refs are compared by."""

from __future__ import annotations

from attrs import frozen


@frozen
class Address:
    """
    The address of one life of one actor.

    Guarantees:
        * No two actors that ever lived have the same address, if the nodes' names are unique.

    Args:
        node: The system that the actor lives in, unique to each open system.
        path: Its place in the tree, such as "/user/bank/account-A-1".
        incarnation: Tells apart actors that had this path one after the other. A restart keeps it.
    """

    node: str
    path: str
    incarnation: int
