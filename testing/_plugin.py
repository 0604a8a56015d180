"""
The pytest plugin: the fixtures `actor_system`, `probe` and `system_kind`. It is loaded by itself where trouper is installed.

The fixtures are run by pytest-trio, in the test's own run of trio, so they work with its `autojump_clock`. The plugin itself
needs pytest only: whoever tests other things with pytest alone is not disturbed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..system import open_system
from .actor_system import ActorSystem, SystemKind, open_for_test
from .probe import Probe

try:
    import pytest
except ImportError as error:
    raise ImportError("The pytest plugin of trouper needs pytest, which is not installed: pip install 'trouper[testing]'") from error


@pytest.fixture
def system_kind() -> SystemKind:
    """
    How `actor_system` is opened. Override it to set options, or to run a suite on several kinds of systems:

        @pytest.fixture(params=[open_system, partial(open_system, slice=0.0)])
        def system_kind(request):
            return request.param
    """
    return open_system


@pytest.fixture
def trio_tests_run(request: pytest.FixtureRequest) -> None:
    """Says what is missing before pytest says that it knows no asynchronous fixtures."""
    if not request.config.pluginmanager.hasplugin("trio"):
        pytest.fail("actor_system and probe need pytest-trio, which is not active: pip install 'trouper[testing]'", pytrace=False)


@pytest.fixture
async def actor_system(
    trio_tests_run: None,  # noqa: ARG001  # asked for its effect
    system_kind: SystemKind,
) -> AsyncIterator[ActorSystem]:
    """
    A system without a root, open during the test. It fails the test when an actor fails unexpectedly, owes a reply at the
    end, or does not stop in order; see `ActorSystem`.
    """
    async with open_for_test(system_kind) as tested:
        yield tested


@pytest.fixture
async def probe(actor_system: ActorSystem) -> Probe:
    """An actor that the test plays: hand out `probe.ref`, then ``await probe.expect(Pay)`` and ``probe.reply(...)``."""
    return await actor_system.probe()
