"""
What is timed, one family a file.

A work opens a system, does one thing so many times with the clock running, checks that every message was really handled, and
returns the seconds. Opening and closing the system are not timed. The same message object is sent every time, as in the bare loop.
"""

from .asking import WORKS as ASKING
from .ping_pong import WORKS as PING_PONG
from .publishing import WORKS as PUBLISHING
from .restarting import WORKS as RESTARTING
from .spawning import WORKS as SPAWNING
from .telling import WORKS as TELLING
from .work import Work as Work

WORKS: tuple[Work, ...] = (*TELLING, *PING_PONG, *ASKING, *SPAWNING, *PUBLISHING, *RESTARTING)
"""Every work, in the order in which they are run and reported."""
