"""A test of actors that waits for what never happens fails instead of hanging: every one has a limit, in seconds of its clock."""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

import pytest
import trio

LIMIT_SECONDS = 1e7
"""More than any test sleeps. On the virtual clock, which jumps when nothing else happens, that is at once."""


def within_limit(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The test, failing when it is still waiting at the end of time."""

    @wraps(test)
    async def limited(**fixtures: Any) -> None:
        with trio.fail_after(LIMIT_SECONDS):
            await test(**fixtures)

    return limited


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the call, where pytest-trio makes a plain function of the test."""
    if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
        item.obj = within_limit(item.obj)
