"""
A fact on its way to many actors at once: one envelope that stands in all their queues.

While an actor's queue is short no bound can be broken by a fact, so nothing about it has to be counted or taken back: then
its publication makes one envelope instead of one for each subscriber. Each class of facts has a class of envelopes, so that
handler tables lead from the envelope straight to what handles such facts, and the turn knows nothing of it.

A shared envelope is in no bound of the mailbox and in no subscription's count. Before either would matter the stream puts
an envelope of the actor's own in its place (`Stream.unshare`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..mailbox import Envelope, Lane
from .table import Handler


class SharedFact(Envelope):
    """A fact that waits in many queues. It is never withdrawn, and set aside only as an envelope of the actor's own."""

    __slots__ = ("message",)

    takes_slot: ClassVar[bool] = False
    lane: ClassVar[Lane] = "early"
    withdrawn = False
    kind: ClassVar[type]
    """The class of the facts in it; a subclass for each."""

    message: Any  # the fact; set by who makes one, since an `__init__` would cost each publication a call


def shared_fact_of(kind: type) -> type[SharedFact]:
    """A class of envelopes for facts of exactly this class."""

    class SharedFactOfKind(SharedFact):
        __slots__ = ()

    SharedFactOfKind.kind = kind
    return SharedFactOfKind


def opening_it(handler: Handler) -> Handler:
    """What handles a shared fact whose class *handler* handles."""

    def open_and_handle(instance: Any, shared: Any) -> Any:
        return handler(instance, shared.message)

    return open_and_handle
