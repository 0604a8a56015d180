"""
Where messages wait for one actor: what a mailbox is told to be, what waits in it, and what happens when it is full.

Nothing here waits or knows a task. A FIFO mailbox is a bare deque, which the runtime holds directly, since it is the hot
path; this room gives the specs, the queue that stands in for the deque, and the decisions around it.
"""

if __name__ == "mailbox":
    raise ImportError(
        "This is trouper.mailbox: import it by that name. If you meant the standard library's mailbox, take the root of "
        "trouper's checkout off sys.path (start Python elsewhere, or with -P)."
    )

from .capacity import is_slot_count as is_slot_count
from .envelope import Envelope as Envelope
from .envelope import Lane as Lane
from .envelope import message_type as message_type
from .errors import MailboxFull as MailboxFull
from .errors import StashFull as StashFull
from .overflow import compact as compact
from .overflow import evict_oldest as evict_oldest
from .overflow import user_waiting as user_waiting
from .priority import PriorityQueue as PriorityQueue
from .spec import Fifo as Fifo
from .spec import MailboxSpec as MailboxSpec
from .spec import OnFull as OnFull
from .spec import Priority as Priority
from .spec import Queue as Queue
from .spec import mailbox_spec as mailbox_spec
from .stash import StashBuffer as StashBuffer
