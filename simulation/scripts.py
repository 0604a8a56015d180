"""A recorded run as a program that runs it: the choices that are not benign, for people to read and to change."""

from __future__ import annotations

from .files import Recording

TEMPLATE = '''"""
{violation}

A simulated run of {target}, as a program: python THIS_FILE. It prints what happened. CHOICES has the values of each
kind of choice in order; what is missing is 0, the benign value: change them and see.
"""

from trouper.simulation.run import run_streams
from trouper.system.targets import find_target

CHOICES = {{
{choices}}}

target = find_target({target!r})
outcome = run_streams(getattr(target, "simulation", target), CHOICES, keeps=True)
for event in outcome.events:
    print(event)
print(outcome.violation)
'''


def script_of(recording: Recording) -> str:
    """The program."""
    streams: dict[str, list[int]] = {}
    for draw in recording.draws:
        streams.setdefault(draw.label, []).append(draw.value)
    lines = [f"    {label!r}: {_shortened(values)},\n" for label, values in streams.items() if any(values)]
    return TEMPLATE.format(violation=recording.violation, target=recording.target, choices="".join(lines))


def _shortened(values: list[int]) -> list[int]:
    """Without the zeros at the end, which go without saying."""
    last = max(place for place, value in enumerate(values) if value)
    return values[: last + 1]
