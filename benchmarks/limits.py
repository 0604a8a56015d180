"""What the figures should be at most, or at least, on CPython 3.11. Those that are not kept are explained in docs/performance.md."""

from collections.abc import Mapping
from typing import Final

MULTIPLE_OF_BARE_MAX: Final[Mapping[str, float]] = {
    "tell_nowait_def": 4.0,
    "tell_nowait_async": 6.0,
    "tell_def": 5.5,
    "tell_async": 7.5,
    "tell_handler_def": 5.5,
    "tell_handler_async": 7.5,
    "ping_pong_def": 7.5,
    "ping_pong_async": 12.0,
    "ask_def": 6.0,
    "ask_handler_async": 36.0,
    "ask_outside_async": 160.0,
    "ask_outside_async_200": 65.0,
    "spawn_told": 100.0,
    "publish_def_1": 3.5,
    "publish_def_10": 3.5,
    "publish_def": 3.5,
    "publish_async_1": 6.0,
    "publish_async_10": 6.0,
    "publish_async": 6.0,
    "restart": 40.0,
}
"""By work: how many times the bare loop one operation may take."""

FIGURE_MAX: Final[Mapping[str, float]] = {
    "bytes_idle_100k": 700.0,
    "bytes_idle_1m": 700.0,
    "million_told_and_asked_gb": 2.0,
    "timer_late_p99_ms": 2.5,
    "to_thread_p99_ms": 8.0,
}
"""By id: what else is limited, in the unit of its figure."""

FIGURE_MIN: Final[Mapping[str, float]] = {
    "simulation_ring": 100_000.0,
    "simulation_raft_seeds": 200.0,
    "simulation_two_jobs": 1.7,
    "persist_together_to_alone": 20.0,
    "persist_together_to_eventsourcing": 10.0,
    "recover": 150_000.0,
    "publish_durable_to_persist": 0.5,
}
"""By id: what a rate should be at least, in the unit of its figure."""
