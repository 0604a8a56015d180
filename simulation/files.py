"""A run as a file: enough to run it again, elsewhere and later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen

from ..errors import TrouperError
from .run import Outcome
from .tape import Draw

VERSION: Final = 1
"""Of the file's form."""


@frozen
class Recording:
    """
    A run that was kept.

    Args:
        target: Where its target is: ``MODULE:NAME`` or ``FILE.py:NAME``.
        seed: Of its tape.
        strategy: Which one proposed who runs.
        digest: Of its trace.
        violation: What was found, as text; empty: nothing.
        draws: Its tape.
    """

    target: str
    seed: int
    strategy: str
    digest: str
    violation: str
    draws: tuple[Draw, ...]


class NoRecording(TrouperError):
    """A file holds no run that was kept by this version."""


def recording_of(outcome: Outcome, target: str) -> Recording:
    """What is kept of a run."""
    violation = "" if outcome.violation is None else str(outcome.violation)
    return Recording(target, outcome.seed, outcome.strategy, outcome.digest, violation, tuple(outcome.draws))


def save(recording: Recording, path: Path) -> None:
    """Writes it to a file."""
    path.write_text(text_of_recording(recording), encoding="utf-8")


def text_of_recording(recording: Recording) -> str:
    """What is in such a file. Labels are written once, draws as numbers: a tape has thousands."""
    labels = list(dict.fromkeys(draw.label for draw in recording.draws))
    places = {label: place for place, label in enumerate(labels)}
    plain = asdict(recording, recurse=False)
    plain |= {"version": VERSION, "labels": labels, "draws": [[places[one.label], one.n, one.value] for one in recording.draws]}
    return json.dumps(plain) + "\n"


def _draw(labels: Any, place: Any, n: Any, value: Any) -> Draw:
    numbers = (place, n, value)
    label: Any = labels[place]
    if not all(type(number) is int for number in numbers) or not isinstance(label, str) or place < 0 or not 0 <= value < n:
        raise ValueError(f"{numbers} is no draw")
    return Draw(label, n, value)


def load(path: Path) -> Recording:
    """
    Reads it from a file.

    Raises:
        NoRecording: It is no file, or none of a run.
    """
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
        labels = plain["labels"]
        if plain["version"] != VERSION:
            raise NoRecording(f"{path} is of version {plain['version']!r}, and this reads version {VERSION}.")
        draws = tuple(_draw(labels, *numbers) for numbers in plain["draws"])
        texts = [plain[name] for name in ("target", "strategy", "digest", "violation")]
        if type(plain["seed"]) is not int or not all(isinstance(text, str) for text in texts):
            raise ValueError("its seed is no whole number, or a name no text")  # noqa: TRY301  # told as the others are
        return Recording(plain["target"], plain["seed"], plain["strategy"], plain["digest"], plain["violation"], draws)
    except FileNotFoundError:
        raise NoRecording(f"There is no file {path}.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise NoRecording(f"{path} holds no run of a simulation ({error}). 'trouper simulate' writes such files.") from error
