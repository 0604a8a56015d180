"""
`actor(...)`: how an actor is started, as data that knows the actor's messages.

A spec and not an instance, since every restart needs a new one. Constructor arguments follow the class, as in trio's
`start_soon(fn, *args)`, so that type checkers hold them to its constructor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, TypeVarTuple

from attrs import frozen

from ..mailbox import Fifo, Priority
from ..supervision import ChildSpec, Restart, Supervision
from .actor import Actor

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)
Args = TypeVarTuple("Args")


@frozen(eq=False)
class ActorSpec(ChildSpec[Callable[..., Actor[M_contra]]], Generic[M_contra]):
    """
    How to start and supervise one actor of messages *M_contra*; made with `actor(...)`.

    Guarantees:
        * Immutable; compared and hashed by identity. `attrs.evolve` makes variants.
        * ``system.ref(spec)`` and ``context.spawn(spec)`` give an `ActorRef` of the same messages.

    The fields are those of `ChildSpec`.
    """


def actor(
    factory: Callable[[*Args], Actor[M]],
    *args: *Args,
    name: str | None = None,
    mailbox: int | Fifo | Priority = 1000,
    restart: Restart = "permanent",
    stop_timeout: float = 5.0,
    significant: bool = False,
    supervision: Supervision | None = None,
    stash: int = 1000,
) -> ActorSpec[M]:
    """
    The spec of one actor: ``actor(Account, "A-1", 10_000, name="account-A-1", mailbox=64)``.

    Args:
        factory: The actor's class, or a function that makes an instance. Called with *args* at every start and restart.
            For keyword arguments: ``actor(partial(Account, "A-1", balance_cents=10_000))``.
        args: Its positional arguments. Each new instance gets the same objects, so they are best immutable.
        name: One part of the path, without ``/``; None: the class's name and a number that is never reused.
        mailbox: How many messages may wait, at least 1, or `Fifo(...)`, or `Priority(...)`.
        restart: ``permanent``: restarted whenever it ends. ``transient``: when it failed or was killed.
            ``temporary``: never.
        stop_timeout: Seconds that it has for stopping before it is cancelled; `math.inf` waits for ever.
        significant: Whether its end may shut its supervisor down.
        supervision: The policy for its own children; None is the default policy.
        stash: How many messages it may set aside, at least 0.

    Raises:
        TypeError: The factory is an instance, or a class of no actors; or an option has the wrong type.
        ValueError: A word, number or name that is not allowed; the text says which are.
    """
    _check_factory(factory)
    return ActorSpec(factory, args, name, mailbox, restart, stop_timeout, significant, supervision, stash)


def _check_factory(factory: object) -> None:
    made = (factory if isinstance(factory, type) else type(factory)).__name__
    if isinstance(factory, Actor):
        raise TypeError(f"actor() makes a new instance at every start, so pass the class: actor({made}, ...), not an instance.")
    if isinstance(factory, type) and not issubclass(factory, Actor):
        raise TypeError(f"actor() needs an actor's class, and {made} is none: class {made}(Actor[...]).")
