"""How an actor supervises its children: OTP's supervisor flags, as data."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen, validators

from .amounts import count, real
from .backoff import Backoff
from .directives import DirectiveTable
from .words import AutoShutdown, Directive, Strategy, one_of


@frozen
class Supervision:
    """
    The policy of one supervisor for all its children.

    Guarantees:
        * Immutable, compared by value and hashable.

    Args:
        strategy: Who is restarted with a failed child: ``one_for_one``: nobody. ``one_for_all``: all.
            ``rest_for_one``: those started after it.
        max_restarts: Restarts allowed in any *within* seconds, for all children together, at least 0. With one more the
            supervisor gives up.
        within: Seconds, above 0; a restart exactly that old still counts.
        backoff: The wait before a restart; None restarts at once.
        directives: What to do by exception type; the most specific wins, and where none matches the child's restart
            type decides. Copied.
        auto_shutdown: Whether the supervisor stops itself when significant children end: ``never``, when one ends
            (``any_significant``), or when the last has ended (``all_significant``).

    Raises:
        ValueError: An unknown word (the text names the allowed ones), or a number out of range.
        TypeError: A value of the wrong type, or a directive for what is not a subclass of Exception.
    """

    strategy: Strategy = field(default="one_for_one", validator=one_of(Strategy))
    max_restarts: int = field(default=3, validator=count)
    within: float = field(default=5.0, validator=real(0, or_equal=False))
    backoff: Backoff | None = field(default=None, validator=validators.optional(validators.instance_of(Backoff)))
    directives: Mapping[type[Exception], Directive] = field(factory=dict[type[Exception], Directive], converter=DirectiveTable)
    auto_shutdown: AutoShutdown = field(default="never", validator=one_of(AutoShutdown))
