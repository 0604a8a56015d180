"""
`@applies` and `@restores`: which method of an actor takes which event, and which takes its snapshot.

As `@handles` does, they only leave a mark; what the marks add up to is decided when the class is complete. An event is applied
again at every recovery, so these methods are plain `def`, return nothing, and only change fields.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, TypeVar

from ..actors.completeness import check_method
from ..actors.generics import spelled
from ..actors.table import is_plain
from ..actors.vocabulary import Vocabulary

E = TypeVar("E")
A = TypeVar("A")

Applied = Callable[[Any, Any], object]
"""A method as its class holds it: called with the actor and the event."""

_APPLIES: Final = "__applies__"
_RESTORES: Final = "__restores__"
PROJECTS: Final = "__projects__"


class Applies(Protocol[E]):
    """The decorator of a plain method that takes *E* and returns nothing."""

    def __call__(self, method: Callable[[A, E], None], /) -> Callable[[A, E], None]: ...


def applies(event_type: type[E], /) -> Applies[E]:
    """
    Marks the method that changes the actor's fields as an event says: ``@applies(Paid)`` above ``def paid(self, event: Paid)``.

    It runs when the event is on the disk, and again whenever the actor comes back. The context is out of its reach.

    Args:
        event_type: The class of the events, or a base class of several.

    Raises:
        TypeError: *event_type* is no class, or the method is none, is `async def`, or has a mark already.
    """
    decorator: Applies[E] = marker(_APPLIES, "applies", event_type)
    return decorator


def restores(state_type: type[E], /) -> Applies[E]:
    """
    Marks the method that takes back what `snapshot` returned: ``@restores(State)`` above ``def restore(self, state: State)``.

    Args:
        state_type: The class that `snapshot` returns an instance of.

    Raises:
        TypeError: As `applies`.
    """
    decorator: Applies[E] = marker(_RESTORES, "restores", state_type)
    return decorator


def marker(mark: str, word: str, taken: Any) -> Any:
    """The decorator that leaves *mark* on a plain method. Raises TypeError if that is not for one, or *taken* is no class."""
    if not isinstance(taken, type):
        raise TypeError(f"@{word} takes a class, as in @{word}(Paid), not {taken!r}.")

    def decorate(method: Any) -> Any:
        if not inspect.isfunction(method):
            raise TypeError(f"@{word}({taken.__name__}) goes on a method, directly above its 'def', not on {method!r}.")
        if not is_plain(method):
            raise TypeError(
                f"{method.__qualname__} {word} {taken.__name__} and must be a plain 'def': it only changes fields, and never waits."
            )
        if mark in method.__dict__:
            raise TypeError(f"{method.__qualname__} has two marks. Write a second method, or name a base class of both.")
        setattr(method, mark, taken)
        return method

    return decorate


def applied_events(actor_class: type, vocabulary: Vocabulary) -> dict[type, Applied]:
    """
    For each event of the union the method that applies it: the one for its class, or for the first class of its MRO that has one.

    Raises:
        TypeError: An event that nothing applies, a method for what is no event, or two methods for one class.
    """
    marked = _marked(actor_class, _APPLIES)
    strangers = [event for event in marked if not vocabulary.touches(event)]
    if strangers:
        names = " or ".join(map(spelled, strangers))
        raise TypeError(
            f"{actor_class.__name__} applies {names}, which is none of its events: these are {vocabulary}. "
            f"Remove the method, or put it into the union: EventSourced[..., {vocabulary} | {' | '.join(map(spelled, strangers))}]."
        )
    found = {event: next((marked[base] for base in event.__mro__ if base in marked), None) for event in vocabulary.members}
    missing = [event for event, method in found.items() if method is None]
    if missing:
        stubs = "\n".join(_stub(actor_class, event) for event in missing)
        names = " or ".join(map(spelled, missing))
        raise TypeError(
            f"{actor_class.__name__} has the events {vocabulary}, but no method that applies {names}. Add to the class:\n\n{stubs}"
        )
    return {event: method for event, method in found.items() if method is not None}


def projected_facts(actor_class: type, vocabulary: Vocabulary) -> dict[type, Applied]:
    """
    For each class of facts the method that folds it into the read model.

    Raises:
        TypeError: A class of facts that nothing folds, a method for what is none of them, or two methods for one class.
    """
    marked = _marked(actor_class, PROJECTS, "fact", "model")
    strangers = [fact for fact in marked if not vocabulary.touches(fact)]
    missing = [fact for fact in vocabulary.members if marked.keys().isdisjoint(fact.__mro__)]
    if strangers or missing:
        names = " and ".join(map(spelled, strangers or missing))
        wrong = "projects {0}, which is none of its facts" if strangers else "has no method marked @projects for {0}"
        raise TypeError(f"{actor_class.__name__} {wrong.format(names)}: these are {vocabulary}.")
    return marked


def restored_state(actor_class: type) -> tuple[type, Applied] | None:
    """The class of an actor's snapshots and the method that takes one; None if it has none. Raises TypeError if it has two."""
    marked = _marked(actor_class, _RESTORES)
    if len(marked) > 1:
        names = " and ".join(map(spelled, marked))
        raise TypeError(f"{actor_class.__name__} restores {names}: one class of snapshots is enough. Upcast the old one with @stored.")
    return next(iter(marked.items()), None)


def _marked(actor_class: type, mark: str, *parameters: str) -> dict[type, Any]:
    """The methods with this mark by what they take, base classes included; an override keeps the mark."""
    found: dict[type, tuple[str, Applied]] = {}
    for name, taken in dict(_marks(actor_class, mark)).items():
        if taken in found:
            raise TypeError(f"{actor_class.__name__} has two methods for {taken.__name__}: {found[taken][0]} and {name}. Remove one.")
        method = inspect.getattr_static(actor_class, name)
        check_method(actor_class, name, method, f"for {taken.__name__}", *(parameters or ("event",)))
        if not is_plain(method):
            raise TypeError(f"{actor_class.__name__}.{name}, for {taken.__name__}, must be a plain 'def': it only changes fields.")
        found[taken] = name, method
    return {taken: method for taken, (_, method) in found.items()}


def _marks(actor_class: type, mark: str) -> Iterator[tuple[str, type]]:
    for cls in reversed(actor_class.__mro__):
        for name, attribute in vars(cls).items():
            if inspect.isfunction(attribute) and mark in attribute.__dict__:
                yield name, attribute.__dict__[mark]


def _stub(actor_class: type, event: type) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", event.__name__.lstrip("_")).lower()
    if hasattr(actor_class, name):
        name = f"apply_{name}"
    return f"    @applies({event.__name__})\n    def {name}(self, event: {event.__name__}) -> None: ...\n"
