"""What a name may be: a part of a path that people can type, print, and tell apart by looking at it."""

from __future__ import annotations

import unicodedata

_UNPRINTABLE = {"Cc": "a control character", "Cs": "half of a surrogate pair", "Zl": "a line separator", "Zp": "a paragraph separator"}


def check_name(name: object) -> str:
    """
    Return *name* if an actor, a registration or a service key may have it.

    Raises:
        TypeError: It is no str.
        ValueError: It is empty, contains "/", begins or ends with whitespace, or contains a control character, a line or
            paragraph separator, or half of a surrogate pair.
    """
    if not isinstance(name, str):
        raise TypeError(f"A name must be a str, not {name!r}.")
    if not name:
        raise ValueError("A name must not be empty.")
    if "/" in name:
        raise ValueError(f"A name must not contain '/', which separates the parts of a path: {name!r}.")
    for character in name:
        unprintable = _UNPRINTABLE.get(unicodedata.category(character))
        if unprintable is not None:
            raise ValueError(f"A name must not contain {unprintable} ({character!r}): {name!r}.")
    if name != name.strip():
        raise ValueError(f"A name must not begin or end with whitespace: {name!r}.")
    return name
