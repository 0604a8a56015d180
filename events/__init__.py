"""The event stream: facts from whoever publishes to whoever subscribed, neither knowing the other."""

from .errors import MutableFact as MutableFact
from .errors import SubscriptionFull as SubscriptionFull
from .listener import Facts as Facts
from .stream import EventStream as EventStream
from .subscription import FactDropped as FactDropped
