"""
Watching: one actor is told when another one dies, once, however the watch and the death follow each other.

The watched cell knows its watchers, so that a death finds them; the watcher knows whom it watches, with the notice once
that is queued, so that `unwatch` can take even that back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..supervision import Exit
from .cell import GONE, Cell
from .door import deliver, withdraw_delivery
from .envelopes import DeathNotice

if TYPE_CHECKING:
    from .ref import ActorRef

from trio.lowlevel import enable_ki_protection as protected


@frozen
class Terminated:
    """
    A watched actor is dead.

    Args:
        ref: Whose death it is. Its name is free again.
        reason: How it ended: ``normal`` (by itself), ``shutdown`` (told to, in time), ``killed`` (out of time), ``failed``.
    """

    ref: ActorRef[Any]
    reason: Exit


@protected
def watch(watcher: Cell, subject: Cell) -> None:
    """Tells *watcher* of the death of *subject*, also if that is in the past. Watching twice is watching once."""
    watching = watcher.tied().watching
    if watching is None:
        watching = watcher.tied().watching = {}
    if subject in watching:
        return
    watching[subject] = None
    if subject.phase == GONE:
        tell_of_death(watcher, subject)
        return
    ties = subject.tied()
    if ties.watchers is None:
        ties.watchers = {}
    ties.watchers[watcher] = None


@protected
def unwatch(watcher: Cell, subject: Cell) -> None:
    """Takes the watch back, and the notice too if it is queued and not handled yet."""
    ties = watcher.ties
    if ties is None or ties.watching is None or subject not in ties.watching:
        return
    notice = ties.watching.pop(subject)
    if notice is not None:
        withdraw_delivery(watcher, notice)
    elif subject.ties is not None and subject.ties.watchers is not None:
        subject.ties.watchers.pop(watcher, None)


@protected
def tell_of_death(watcher: Cell, subject: Cell) -> None:
    """Queues the notice behind all that the dead had told the watcher."""
    reason = subject.tied().exit or Exit("normal")
    notice = DeathNotice(Terminated(subject.ref, reason), subject)
    ties = watcher.tied()
    if ties.watching is not None and subject in ties.watching and deliver(watcher, notice):
        ties.watching[subject] = notice


@protected
def end_watches(cell: Cell) -> None:
    """The actor is dead: whom it watched need not remember it."""
    ties = cell.ties
    if ties is None or ties.watching is None:
        return
    for subject, notice in ties.watching.items():
        if notice is None and subject.ties is not None and subject.ties.watchers is not None:
            subject.ties.watchers.pop(cell, None)
    ties.watching = None
