"""What changed between two states, from their texts: ``disk.promised = 12`` says more than two long lines."""

from __future__ import annotations

import re
from typing import Final

OPENING: Final = "([{<"
CLOSING: Final = ")]}>"
STRING: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
WITH_FIELDS: Final = re.compile(r"(?P<head>\w+)\((?P<fields>\w+=.*)\)", re.DOTALL)


def changed_fields(before: str, after: str) -> str:
    """
    The fields of *after* that are others in *before*, as ``name = value``; all of *after* if its form is another; empty if nothing did.

    Args:
        before: As `describe` shows an object with fields; empty: there was none.
        after: The same later.
    """
    old, new = WITH_FIELDS.fullmatch(before), WITH_FIELDS.fullmatch(after)
    if old is None or new is None or old["head"] != new["head"]:
        return after
    were = dict(_fields(old["fields"]))
    changed: list[str] = []
    for name, value in _fields(new["fields"]):
        was = were.get(name)
        if was == value:
            continue
        inner = changed_fields(was or "", value)
        if inner == value:
            changed.append(f"{name} = {value}")
        else:
            changed += [f"{name}.{part}" for part in inner.split("; ")]
    return "; ".join(changed)


def _fields(text: str) -> list[tuple[str, str]]:
    """The fields of ``a=1, b=(2, 3)``: commas within brackets and strings are parts of values."""
    parts: list[str] = []
    depth = begin = place = 0
    while place < len(text):
        string = STRING.match(text, place)
        if string is not None:
            place = string.end()
            continue
        letter = text[place]
        depth += (letter in OPENING) - (letter in CLOSING)
        if letter == "," and not depth:
            parts.append(text[begin:place])
            begin = place + 2
        place += 1
    parts.append(text[begin:])
    return [(name, value) for name, _, value in (part.partition("=") for part in parts)]
