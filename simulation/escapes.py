"""
References to what is refused that were bound before a run: ``from time import time``, ``clock=time.time``, ``field(factory=time.time)``.

To replace `time.time` in its module does not reach them. So the modules that are there are looked through once, their functions and classes
too, and what is found is replaced for the time of each run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from attrs import define, field, frozen

SKIPPED: Final = frozenset(
    (
        *sys.stdlib_module_names,
        *("trouper", "trio", "outcome", "sniffio", "sortedcontainers", "attr", "attrs", "cloudpickle", "structlog"),
        *("pytest", "_pytest", "pluggy", "hypothesis", "coverage", "pytest_trio"),
    )
)
"""Packages in which nothing is replaced: what runs a simulation, and what watches it run."""


@frozen
class _Reference:
    """One place that holds what is refused: it is put there again after a run."""

    put: Callable[[Any], object]
    before: Any
    during: Any


@define(eq=False)
class Escapes:
    """The references of all modules that are there."""

    _watched: dict[Any, Any] = field(factory=dict[Any, Any])
    _known: dict[str, ModuleType] = field(factory=dict[str, ModuleType])
    _references: list[_Reference] = field(factory=list[_Reference])
    _seen: set[int] = field(factory=set[int])

    def watch(self, original: Any, during: Any) -> None:
        """References to *original* become *during*."""
        if isinstance(original, (BuiltinFunctionType, FunctionType, MethodType)):
            self._watched[original] = during
            self._known.clear()
            self._references.clear()

    def look(self, modules: dict[str, Any]) -> None:
        """Looks through the modules that it does not know yet."""
        self._seen = set()
        for name, module in modules.items():
            if isinstance(module, ModuleType) and name.partition(".")[0] not in SKIPPED and self._known.get(name) is not module:
                self._known[name] = module
                self._look_at(vars(module), name)

    def close(self) -> None:
        """A run begins."""
        for reference in self._references:
            reference.put(reference.during)

    def open(self) -> None:
        """A run is over."""
        for reference in self._references:
            reference.put(reference.before)

    def _look_at(self, names: dict[str, Any], module: str) -> None:
        for key, value in list(names.items()):
            if self._is_watched(value):
                self._found(partial(names.__setitem__, key), value)
            elif isinstance(value, FunctionType):
                if value.__module__ == module:
                    self._look_at_function(value)
            elif isinstance(value, type) and value.__module__ == module and id(value) not in self._seen:
                self._seen.add(id(value))
                self._look_at_class(value, module)

    def _found(self, put: Callable[[Any], object], before: Any) -> None:
        self._references.append(_Reference(put, before, self._watched[before]))

    def _look_at_class(self, kind: type, module: str) -> None:
        held: Any
        for key, held in list(vars(kind).items()):
            put = partial(setattr, kind, key)
            value: Any = held.__func__ if type(held) in (staticmethod, classmethod) else held
            if type(value) is BuiltinFunctionType and self._is_watched(value):  # of C, so that it is no method as it stands
                self._references.append(_Reference(put, held, staticmethod(self._watched[value])))
            elif type(value) is FunctionType:
                self._look_at_function(value)
            elif isinstance(value, type) and value.__module__ == module and id(value) not in self._seen:
                self._seen.add(id(value))
                self._look_at_class(value, module)

    def _look_at_function(self, function: FunctionType) -> None:
        """Its defaults and what it closes over; of what attrs has generated also its globals, which hold the factories of fields."""
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        for index, value in enumerate(function.__defaults__ or ()):
            if self._is_watched(value):
                self._found(partial(_put_default, function, index), value)
        named: dict[str, Any] = function.__kwdefaults__ or {}
        for key, value in named.items():
            if self._is_watched(value):
                self._found(partial(named.__setitem__, key), value)
        for cell in function.__closure__ or ():
            self._look_at_closed_over(cell)
        names = function.__globals__
        if function.__code__.co_filename.startswith("<attrs generated") and id(names) not in self._seen:
            self._seen.add(id(names))
            for key, value in names.items():
                if self._is_watched(value):
                    self._found(partial(names.__setitem__, key), value)
        wrapped = getattr(function, "__wrapped__", None)
        if isinstance(wrapped, FunctionType):
            self._look_at_function(wrapped)

    def _look_at_closed_over(self, cell: CellType) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # nothing yet
            return
        if self._is_watched(value):
            self._found(partial(setattr, cell, "cell_contents"), value)
        elif isinstance(value, FunctionType):
            self._look_at_function(value)

    def _is_watched(self, value: Any) -> bool:
        return type(value) in (BuiltinFunctionType, MethodType, FunctionType) and value in self._watched


def _put_default(function: FunctionType, index: int, value: Any) -> None:
    defaults = list(function.__defaults__ or ())
    defaults[index] = value
    function.__defaults__ = tuple(defaults)
