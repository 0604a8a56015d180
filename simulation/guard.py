"""
What no seed decides is refused inside of a simulation: wall clocks, global randomness, threads, processes, sockets.

The functions of `refusals` are replaced for the time of a run, and only for its thread; code of the runtime, of trio and of loggers that
needs them goes on to have them. So does what a module does while it is imported. What is refused raises an error that says where it
was called and names the substitute, and ends the run, since that could not be repeated even if the actor caught the error.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import get_ident
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import define, field, frozen

from ..actors.cell import CURRENT
from .errors import NotSimulated
from .escapes import Escapes
from .refusals import REFUSED, Refusal
from .sites import is_end_of_simulated, site_of
from .threads import run_in_turn

if TYPE_CHECKING:
    from .world import World

DOOR: Final = "trouper.actors.context"
"""Who alone may ask trio for a thread: `Context.run_sync`, which the guard gives a simulated one."""

OWN: Final = frozenset(("trouper", "trio", "logging", "structlog", "cloudpickle"))
"""They know what they do when they call what is refused: the runtime and what it stands on. cloudpickle numbers classes, unseen."""

NOT_OWN: Final = ("trouper.persistence", "trouper.simulation.threads")
"""What a journal or a thread does is done for the actor."""

IN_PASSING: Final = frozenset(("logging", "structlog", "importlib"))
"""Whatever is called on their behalf is not the actor's doing: the time of a log record, the body of a module."""

_caller: Final[Callable[[int], FrameType]] = sys._getframe  # pyright: ignore[reportPrivateUsage]  # who called is what is judged


@frozen
class _Patch:
    """One function in its place, what was there before, and what is there in a run."""

    owner: Any
    name: str
    before: Any
    during: Any
    is_own: bool  # of the owner itself, and not inherited


@define(eq=False)
class Guard:
    """Replaces what is refused, in one thread at a time."""

    thread: int = 0
    world: Any = None
    on_refused: Callable[[NotSimulated], object] = repr
    _allowed: int = 0  # how deep in calls that are allowed, so that what they call is, too
    _patches: list[_Patch] = field(factory=list[_Patch])
    _done: set[tuple[str, str]] = field(factory=set[tuple[str, str]])
    _escapes: Escapes = field(factory=Escapes)
    _modules: int = 0

    def enter(self) -> None:
        """A run begins."""
        if len(sys.modules) != self._modules:
            self._look()
        for patch in self._patches:
            _put(patch.owner, patch.name, patch.during)
        self._escapes.close()

    def leave(self) -> None:
        """A run is over: everything is as it was."""
        self._escapes.open()
        for patch in reversed(self._patches):
            if patch.is_own:
                _put(patch.owner, patch.name, patch.before)
            else:
                delattr(patch.owner, patch.name)

    def _look(self) -> None:
        """Modules have been imported: some have what is refused, and some hold references to it."""
        modules = dict(sys.modules)
        self._modules = len(modules)
        for refusal in REFUSED:
            module_name, _, inner = refusal.place.partition(":")
            module = modules.get(module_name)
            owner: Any = getattr(module, inner, None) if inner else module
            for name in refusal.names if owner is not None else ():
                if hasattr(owner, name) and (refusal.place, name) not in self._done:
                    self._done.add((refusal.place, name))
                    self._patches.append(self._patch(owner, name, refusal))
        self._escapes.look(modules)

    def _patch(self, owner: Any, name: str, refusal: Refusal) -> _Patch:
        is_own = name in vars(owner)
        before: Any = cast("Any", vars(owner)[name] if is_own else getattr(owner, name))
        said = refusal.said or f"{owner.__module__ + '.' if isinstance(owner, type) else ''}{owner.__name__}.{name}"
        during: Any
        if type(before).__name__ == "classmethod_descriptor":  # of a type written in C

            def bound(kind: Any, *arguments: Any, **options: Any) -> Any:
                return before.__get__(None, kind)(*arguments, **options)

            during = classmethod(self._refusing(said, bound, refusal))
        else:
            during = self._refusing(said, before, refusal)
            if isinstance(owner, ModuleType):
                self._escapes.watch(before, during)
        return _Patch(owner, name, before, during, is_own)

    def _refusing(self, said: str, original: Callable[..., Any], refusal: Refusal) -> Callable[..., Any]:
        when, by_trio = refusal.when, refusal.by_trio

        def refuse(*arguments: Any, **options: Any) -> Any:
            if self.thread != get_ident() or self._allowed or CURRENT.get() is None or not when(arguments, options):
                return original(*arguments, **options)
            caller = _caller(1)
            if by_trio:
                if caller.f_globals.get("__name__") == DOOR:
                    return run_in_turn(self.world, *arguments)
            elif _is_allowed(caller):
                self._allowed += 1
                try:
                    return original(*arguments, **options)
                finally:
                    self._allowed -= 1
            raise self._refused(said, refusal.substitute, caller)

        return refuse

    def _refused(self, said: str, substitute: str, caller: FrameType) -> NotSimulated:
        current: Any = CURRENT.get()
        error = NotSimulated(getattr(current, "cell", current).path, said, substitute, str(site_of(caller)))
        self.on_refused(error)
        return error


def _is_allowed(caller: FrameType) -> bool:
    """Whether the runtime calls, or somebody in passing."""
    module = caller.f_globals.get("__name__", "")
    if module.partition(".")[0] in OWN and not module.startswith(NOT_OWN):
        return True
    frame: FrameType | None = caller
    while frame is not None and not is_end_of_simulated(frame):
        if frame.f_globals.get("__name__", "").partition(".")[0] in IN_PASSING:
            return True
        frame = frame.f_back
    return False


def _put(owner: Any, name: str, value: Any) -> None:
    """Like setattr, and also for types that are written in C, such as datetime, which Python itself lets nobody change."""
    try:
        setattr(owner, name, value)
    except TypeError:
        gc.get_referents(vars(owner))[0][name] = value
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))


_GUARD: Final = Guard()


@contextmanager
def guarded(world: World, on_refused: Callable[[NotSimulated], object]) -> Generator[None]:
    """
    In this block, in this thread, code of actors that asks for what no seed decides gets an error.

    Args:
        world: The run, for what has a simulated form.
        on_refused: Told of each error.
    """
    guard = _GUARD
    guard.world, guard.on_refused, guard.thread = world, on_refused, get_ident()
    guard.enter()
    try:
        yield
    finally:
        guard.leave()
        guard.thread, guard.world = 0, None
