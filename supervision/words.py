"""
The words in which policy is written, as Literal types, and the check that refuses any other word.

A misspelling is a type error before the program runs and a ValueError that names the allowed words when it does.
The words are OTP's (supervisor, child specifications), except the directives, which are Pekko's.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
Directive = Literal["restart", "resume", "stop", "escalate"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]


def check_word(what: str, word: object, words: object) -> None:
    """
    Refuses *word* unless it is one of the Literal type *words*.

    Args:
        what: What the word is for, as the user wrote it: ``"restart"``.

    Raises:
        ValueError: Names the word and all that are allowed.
    """
    allowed: tuple[str, ...] = get_args(words)
    if not (isinstance(word, str) and word in allowed):
        raise ValueError(f"{what}={word!r} is not a word it knows. Allowed: {', '.join(map(repr, allowed))}.")


def one_of(words: object) -> Any:
    """An attrs validator that accepts the words of one Literal type."""

    allowed: tuple[str, ...] = get_args(words)

    def validate(_instance: object, attribute: Any, value: Any) -> None:
        if not (isinstance(value, str) and value in allowed):
            check_word(attribute.name, value, words)

    return validate
