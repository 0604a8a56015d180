"""What the figures may be on CPython 3.11: more than that is a regression."""

from collections.abc import Mapping
from typing import Final

MULTIPLE_OF_BARE_MAX: Final[Mapping[str, float]] = {
    "tell_nowait_def": 6.0,
    "ping_pong_def": 12.0,
    "ask_def": 9.0,
    "ask_handler_async": 60.0,
    "spawn_told": 160.0,
}
"""By work: how many times the bare loop one operation may take."""

FIGURE_MAX: Final[Mapping[str, float]] = {
    "bytes_idle_100k": 1200.0,
    "bytes_idle_1m": 1200.0,
    "million_told_and_asked_gb": 2.0,
    "timer_late_p99_ms": 2.5,
    "to_thread_p99_ms": 8.0,
}
"""By id: what else is limited, in the unit of its figure."""
