"""
The testing kit: a system that judges its test, and actors that the test plays itself.

With pytest, ask for the fixtures `actor_system` and `probe`; they need the extra `trouper[testing]`. The classes
here need neither.
"""

from .actor_system import ActorSystem as ActorSystem
from .actor_system import SystemKind as SystemKind
from .actor_system import open_for_test as open_for_test
from .errors import ExpectationFailed as ExpectationFailed
from .errors import ProbeFull as ProbeFull
from .errors import SystemNotClean as SystemNotClean
from .owed import OwedReply as OwedReply
from .owed import owed_replies as owed_replies
from .probe import Probe as Probe
