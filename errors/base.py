"""
How every public error of trouper prints and pickles.

A public error is an attrs class with positional fields: programs read the fields, people read `str()`. attrs hands the
fields to `BaseException.__init__`, so they are also the error's `args`, and `args` is all that is needed to build it again.
"""

from __future__ import annotations

from typing import Any


def _rebuilt(error_type: type[TrouperError], fields: tuple[object, ...], extra: dict[str, Any]) -> TrouperError:
    error = error_type(*fields)
    error.__dict__.update(extra)
    return error


class TrouperError(Exception):
    """
    The base of all public errors: `except TrouperError` catches what the runtime raises and nothing else.

    A public error says in `__str__` what happened, to which path, with which numbers, and what to do next. It is
    written `@define(eq=False) class X(TrouperError)`, with positional fields only.

    Guarantees:
        * Survives `pickle`, `cloudpickle` and `copy` with its fields, its text and its notes.
        * Two errors are equal only if they are the same object.

    Not guaranteed:
        * That `__cause__`, `__context__` and the traceback survive pickling: Python drops them.
    """

    # attrs writes a __setstate__ for a slotted class that forgets everything except its fields, notes included;
    # so the extra state is restored by a function and not by pickle's protocol.
    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)
