"""
The actor model for Python on trio: actors with addresses and bounded mailboxes, supervision trees, and an event stream.

Two ways of speaking: a message says "do this" to one actor, a fact says "this happened" to whoever listens.
"""

from .actors import Actor as Actor
from .actors import ActorFailed as ActorFailed
from .actors import ActorGone as ActorGone
from .actors import ActorRef as ActorRef
from .actors import ActorRestarted as ActorRestarted
from .actors import ActorSpec as ActorSpec
from .actors import ActorStarted as ActorStarted
from .actors import ActorStopped as ActorStopped
from .actors import AlreadyReplied as AlreadyReplied
from .actors import Answers as Answers
from .actors import AskError as AskError
from .actors import AskFailed as AskFailed
from .actors import AskStopped as AskStopped
from .actors import AskTimeout as AskTimeout
from .actors import Context as Context
from .actors import DeadLetter as DeadLetter
from .actors import Deadlock as Deadlock
from .actors import DeathPact as DeathPact
from .actors import ForeignRef as ForeignRef
from .actors import HandlerCutOff as HandlerCutOff
from .actors import NoContextYet as NoContextYet
from .actors import NoRoutee as NoRoutee
from .actors import Registry as Registry
from .actors import Reply as Reply
from .actors import Request as Request
from .actors import RestartRequested as RestartRequested
from .actors import SlowHandler as SlowHandler
from .actors import Terminated as Terminated
from .actors import Timer as Timer
from .actors import TimersFull as TimersFull
from .actors import Unhandled as Unhandled
from .actors import actor as actor
from .actors import group as group
from .actors import handles as handles
from .actors import router as router
from .actors import supervisor as supervisor
from .errors import TrouperError as TrouperError
from .events import FactDropped as FactDropped
from .events import Facts as Facts
from .events import MutableFact as MutableFact
from .events import SubscriptionFull as SubscriptionFull
from .mailbox import Fifo as Fifo
from .mailbox import MailboxFull as MailboxFull
from .mailbox import Priority as Priority
from .mailbox import StashFull as StashFull
from .registry import Address as Address
from .registry import Listing as Listing
from .registry import NameTaken as NameTaken
from .registry import ServiceKey as ServiceKey
from .supervision import Backoff as Backoff
from .supervision import Exit as Exit
from .supervision import RestartLimitReached as RestartLimitReached
from .supervision import StartFailed as StartFailed
from .supervision import Supervision as Supervision
from .system import Counts as Counts
from .system import Node as Node
from .system import Statistics as Statistics
from .system import System as System
from .system import open_system as open_system
