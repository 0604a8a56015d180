"""
The nearest run that passes: one that begins as a failing one does, and goes on calmly where that went wrong.

The beginning of the failing tape is followed by benign choices. With none of it the run is the calmest there is; with all of it, it
fails. Between the two a bisection finds a choice with which the run fails and without which it does not. The picture of the two beside
each other shows what that choice did.
"""

from __future__ import annotations

from ..errors import TrouperError
from .files import Recording
from .run import Outcome, Target, run_once


class NothingPasses(TrouperError):
    """Not even the calmest run of a target passes, so that there is nothing to compare a failing one with."""


def nearest_passing(target: Target, recording: Recording) -> Outcome:
    """
    A passing run that has as much of the beginning of a failing one as a bisection finds; it kept its events and states.

    Not guaranteed:
        * That no other has more in common with it: a run may fail, pass and fail again as more of the record is followed.

    Raises:
        NothingPasses: The run fails too when only the first choice of the record is followed.
    """
    passes, fails = 1, len(recording.draws)
    if _run(target, recording, passes, keeps=False).violation is not None:
        raise NothingPasses(f"{recording.target} fails even if every choice is benign: there is no passing run to compare it with.")
    while fails - passes > 1:
        middle = (passes + fails) // 2
        if _run(target, recording, middle, keeps=False).violation is None:
            passes = middle
        else:
            fails = middle
    return _run(target, recording, passes, keeps=True)


def _run(target: Target, recording: Recording, length: int, *, keeps: bool) -> Outcome:
    record = recording.draws[:length]
    return run_once(target, recording.seed, strategy=recording.strategy, record=record, after="benign", keeps_states=keeps)
