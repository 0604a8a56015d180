"""What things cost as there are more of them: one family of curves a file, and each point is measured in a process of its own."""

from .actors import CURVE as ACTORS
from .curve import Curve as Curve
from .fan_out import CURVE as FAN_OUT
from .mailboxes import CURVE as MAILBOXES
from .trees import CURVE as TREES

CURVES: tuple[Curve, ...] = (ACTORS, MAILBOXES, FAN_OUT, TREES)
"""Every curve, in the order in which they are measured and drawn."""
