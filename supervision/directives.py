"""
What to do with a child that failed, chosen by the type of its exception.

OTP knows only the restart type; directives by exception type are Pekko's. They are consulted by the runtime, not
in the parent's turn, and so they are a table, not a function of the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from .causes import leaves_of
from .words import Directive, Restart, check_word

_SEVEREST_FIRST: tuple[Directive, ...] = ("escalate", "stop", "restart", "resume")


@final
class DirectiveTable(Mapping[type[Exception], Directive]):
    """
    An immutable mapping from exception type to directive.

    Guarantees:
        * It never changes, can be hashed, and pickles if the exception types do (a MappingProxyType does neither).

    Args:
        directives: Any mapping; it is copied.

    Raises:
        ValueError: An unknown directive, or a type of exception group, which would never be consulted.
        TypeError: A key that is not a subclass of Exception.
    """

    __slots__ = ("_directives",)

    _directives: dict[type[Exception], Directive]

    def __init__(self, directives: Mapping[type[Exception], Directive]) -> None:
        self._directives = dict(directives)
        for error_type, directive in self._directives.items():
            _check_error_type(error_type)
            check_word(f"directives[{error_type.__name__}]", directive, Directive)

    def __getitem__(self, error_type: type[Exception]) -> Directive:
        return self._directives[error_type]

    def __contains__(self, error_type: Any) -> bool:
        return error_type in self._directives

    def __iter__(self) -> Iterator[type[Exception]]:
        return iter(self._directives)

    def __len__(self) -> int:
        return len(self._directives)

    def __hash__(self) -> int:
        return hash(frozenset(self._directives.items()))

    def __repr__(self) -> str:
        return repr(self._directives)


def directive_for(error: BaseException, directives: Mapping[type[Exception], Directive], restart: Restart) -> Directive:
    """
    What to do with a child that *error* ended.

    Guarantees:
        * The most specific type listed decides: the first of the exception's MRO.
        * An exception group is judged by its leaves, however deep, never by its own type: escalate > stop > restart >
          resume. A leaf that nothing lists ranks as restart.
        * A temporary child is never restarted: "restart" becomes "stop".

    Args:
        error: What the child raised, or a group of such.
        directives: By exception type; empty: the restart type decides.
        restart: The child's restart type.
    """
    severest = _SEVEREST_FIRST[min(_SEVEREST_FIRST.index(_listed(leaf, directives)) for leaf in leaves_of(error))]
    return "stop" if severest == "restart" and restart == "temporary" else severest


def _listed(leaf: BaseException, directives: Mapping[type[Exception], Directive]) -> Directive:
    for error_type in type(leaf).__mro__:
        if error_type in directives:  # not get(): a Mapping's raises and catches a KeyError for each miss
            return directives[error_type]
    return "restart"


def _check_error_type(error_type: object) -> None:
    if not (isinstance(error_type, type) and issubclass(error_type, Exception)):
        raise TypeError(f"directives are by exception type, and supervision takes subclasses of Exception only, not {error_type!r}.")
    if issubclass(error_type, BaseExceptionGroup):
        name = error_type.__name__
        raise ValueError(f"directives[{name}] never applies: a group is judged by its leaves; list their types.")  # noqa: TRY004
