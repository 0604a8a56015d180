"""`supervisor(...)`: a ready actor that takes no messages and only supervises, and its spec."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Never, final

from ..supervision import AutoShutdown, Backoff, Directive, Restart, Strategy, Supervision
from .actor import Actor
from .spec import ActorSpec

NO_DIRECTIVES: Mapping[type[Exception], Directive] = MappingProxyType({})


@final
class Supervisor(Actor[Never]):
    """An actor that is sent nothing. Its children, and what happens to them, are in its spec: see `supervisor`."""

    __slots__ = ()


def supervisor(
    name: str,
    children: Iterable[ActorSpec[Never]] = (),
    *,
    strategy: Strategy = "one_for_one",
    max_restarts: int = 3,
    within: float = 5.0,
    backoff: Backoff | None = None,
    directives: Mapping[type[Exception], Directive] = NO_DIRECTIVES,
    auto_shutdown: AutoShutdown = "never",
    restart: Restart = "permanent",
    stop_timeout: float = math.inf,
    significant: bool = False,
) -> ActorSpec[Never]:
    """
    The spec of a supervisor: it starts *children* in order, and restarts them when they fail, as OTP's supervisor does.

    Args:
        name: One part of the path, without ``/``.
        children: Specs, of actors and of further supervisors, with different names. They are started left to right, each
            after the one before has started, and stopped right to left.
        strategy: Who is restarted with a failed child: ``one_for_one``: nobody. ``one_for_all``: all.
            ``rest_for_one``: those started after it.
        max_restarts: Restarts allowed in any *within* seconds, for all children together. With one more it gives up.
        within: Seconds, above 0.
        backoff: The wait before a restart; None restarts at once.
        directives: What to do by exception type; where none matches, the child's restart type decides.
        auto_shutdown: Whether it stops itself when significant children end.
        restart: When this supervisor is itself restarted by its own.
        stop_timeout: Seconds that it has for stopping, its children's own times not included.
        significant: Whether its end may shut its own supervisor down.

    Raises:
        TypeError: A child is no spec; or an option has the wrong type.
        ValueError: Two children of one name, or a word, number or name that is not allowed.
    """
    specs = tuple(children)
    for spec in specs:
        _check_child(spec)
    policy = Supervision(strategy, max_restarts, within, backoff, directives, auto_shutdown)
    return ActorSpec(
        Supervisor,
        name=name,
        restart=restart,
        stop_timeout=stop_timeout,
        significant=significant,
        supervision=policy,
        children=specs,
    )


def _check_child(child: object) -> None:
    made = (child if isinstance(child, type) else type(child)).__name__
    if isinstance(child, (type, Actor)):
        what = "the class" if isinstance(child, type) else "an instance of"
        raise TypeError(f"A supervisor's child is a spec, not {what} {made}. Wrap it: actor({made}, ...).")
    if not isinstance(child, ActorSpec):
        raise TypeError(f"A supervisor's child is a spec, such as actor(...) and supervisor(...) return, not {child!r}.")
