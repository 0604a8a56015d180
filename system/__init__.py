"""The assembly: open a system, run it, look at it, stop it in order."""

from .opening import open_system as open_system
from .statistics import Counts as Counts
from .statistics import Node as Node
from .statistics import Statistics as Statistics
from .system import System as System
