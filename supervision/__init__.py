"""
Supervision: policy as data, and decisions as pure functions of (state, event, now).

Nothing here waits, starts or stops anything; the room `actors/` carries the decisions out.
"""

from .backoff import Backoff as Backoff
from .causes import describe_cause as describe_cause
from .causes import leaves_of as leaves_of
from .directives import DirectiveTable as DirectiveTable
from .directives import directive_for as directive_for
from .errors import RestartLimitReached as RestartLimitReached
from .errors import StartFailed as StartFailed
from .exits import Exit as Exit
from .exits import ExitKind as ExitKind
from .groups import affected as affected
from .groups import shuts_down as shuts_down
from .policy import Supervision as Supervision
from .restarts import restarts_after as restarts_after
from .spec import ChildSpec as ChildSpec
from .window import RestartWindow as RestartWindow
from .words import AutoShutdown as AutoShutdown
from .words import Directive as Directive
from .words import Restart as Restart
from .words import Strategy as Strategy
