"""The two refusals of a bounded mailbox: no slot left, and no place left to set a message aside."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


@define(eq=False)
class MailboxFull(TrouperError):
    """
    A message found no free slot, or an ask lost its slot to a newer message (`on_full="drop_oldest"`).

    Guarantees:
        * The message was not handled and never will be: sending it again is safe.

    Args:
        path: The actor whose mailbox is full.
        capacity: Its slots, all taken.
        message_type: The name of the refused message's type.
    """

    path: str
    capacity: int
    message_type: str

    def __str__(self) -> str:
        return (
            f"{self.path} has {self.capacity} of {self.capacity} messages waiting, so {self.message_type} was refused. "
            f"Wait for room with 'await ref.tell(...)', or raise the limit: actor(..., mailbox={self.capacity * 2})."
        )


@define(eq=False)
class StashFull(TrouperError):
    """
    An actor wanted to set aside one message more than its stash may hold. The message was not stashed.

    Args:
        path: The actor whose stash is full.
        limit: How many messages it may set aside.
        message_type: The name of the type of the message in hand.
    """

    path: str
    limit: int
    message_type: str

    def __str__(self) -> str:
        return (
            f"{self.path} has set aside {self.limit} of {self.limit} messages, so {self.message_type} was not stashed. "
            f"Take them back with 'self.context.unstash_all()', or raise the limit: actor(..., stash={self.limit * 2})."
        )
