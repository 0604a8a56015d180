"""What the actors of a system and those who speak to them can be told: every public error of this room."""

from __future__ import annotations

from attrs import define

from ..errors import TrouperError


class AskError(TrouperError):
    """An ask got no reply. The subclass says why."""


@define(eq=False)
class AskFailed(AskError):
    """
    The handler of the asked message raised, or the actor failed while it owed the reply. The exception is the `__cause__`.

    Args:
        path: The actor that was asked.
        message_type: The name of the message's type.
        reason: The exception as text.
    """

    path: str
    message_type: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path} failed while it owed the reply to {self.message_type}: {self.reason}. Its supervisor decides what becomes "
            "of it. The message is not retried: ask again if that is safe."
        )


@define(eq=False)
class AskStopped(AskError):
    """
    The actor is dead, or stopped before it answered.

    Args:
        path: The actor that was asked.
        message_type: The name of the message's type.
    """

    path: str
    message_type: str

    def __str__(self) -> str:
        return f"{self.path} stopped before it answered {self.message_type}. Look it up again, or watch it to learn of its end."


@define(eq=False)
class AskTimeout(AskError):
    """
    No reply came in time. A message that still waited was taken back and is never handled; a late reply is dropped.

    Args:
        path: The actor that was asked.
        message_type: The name of the message's type.
        timeout: Seconds that the ask had.
    """

    path: str
    message_type: str
    timeout: float

    def __str__(self) -> str:
        return (
            f"{self.path} did not answer {self.message_type} within {self.timeout} s. Give it more: "
            f"'await ref.ask(..., timeout={self.timeout * 2})', or look at its mailbox with 'system.tree()'."
        )


@define(eq=False)
class Unhandled(AskError):
    """
    The asked message is none that the actor handles. The actor goes on; the message is a dead letter.

    Args:
        path: The actor that was asked.
        message_type: The name of the message's type.
        actor_type: The name of the actor's class.
    """

    path: str
    message_type: str
    actor_type: str

    def __str__(self) -> str:
        return (
            f"{self.path} ({self.actor_type}) does not handle {self.message_type}. Add it to the union, Actor[... | {self.message_type}], "
            f"and a method with @handles({self.message_type})."
        )


@define(eq=False)
class NoRoutee(Unhandled):
    """A router that was asked has nobody to pass the message on to. The message is a dead letter (unhandled)."""

    def __str__(self) -> str:
        return (
            f"{self.path} is a router without routees, so nobody can answer {self.message_type}. Register an actor under its key, or "
            "wait for one: 'await system.registry.wait_for(key)'."
        )


@define(eq=False)
class Deadlock(TrouperError):
    """
    Waiting for this actor would never end: it waits, directly or through others, for the one that would wait.

    Args:
        circle: The paths of the actors, each waiting for the next; the first is the last.
    """

    circle: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"These actors would wait for each other for ever: {' -> '.join(self.circle)}. Nothing was sent. Tell instead of ask, or "
            "answer later with 'reply = self.context.defer(command)'."
        )


@define(eq=False)
class ActorGone(TrouperError):
    """
    The context of an actor that has stopped was used, or something was to be started under it.

    Args:
        path: The actor that is gone.
        verb: What was called.
    """

    path: str
    verb: str

    def __str__(self) -> str:
        return f"{self.path} has stopped or is stopping, so '{self.verb}' has no actor to act for. Do it in on_stop at the latest."


@define(eq=False)
class ForeignRef(TrouperError):
    """
    A ref of another system was used where only one's own actors have a place.

    Args:
        path: The ref's path.
        node: The system that it belongs to.
        here: This system.
    """

    path: str
    node: str
    here: str

    def __str__(self) -> str:
        return (
            f"{self.path} belongs to system {self.node!r}, not to {self.here!r}. Use it with its own system. "
            "Messages may be sent to it from anywhere."
        )


@define(eq=False)
class DeathPact(TrouperError):
    """
    A watched actor ended, and its watcher has no way to hear of it, so the watcher fails (Pekko's death pact).

    Args:
        path: The watcher.
        subject: The path of the actor that ended.
        reason: How it ended, as text.
    """

    path: str
    subject: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path} watches {self.subject}, which ended ({self.reason}), and does not handle that. Add 'def on_terminated(self, "
            "terminated: Terminated) -> None', or a method with @handles(Terminated), or do not watch."
        )


@define(eq=False)
class TimersFull(TrouperError):
    """
    An actor has as many timers as it may. The new one was not started.

    Args:
        path: The actor.
        limit: How many it may have at once.
    """

    path: str
    limit: int

    def __str__(self) -> str:
        return (
            f"{self.path} has {self.limit} of {self.limit} timers. Cancel some, or give those that replace each other one key: "
            "after(..., key='retry')."
        )


@define(eq=False)
class AlreadyReplied(TrouperError):
    """
    A deferred reply was sent twice by its holder.

    Args:
        path: The actor that was asked.
        message_type: The name of the message's type.
    """

    path: str
    message_type: str

    def __str__(self) -> str:
        return f"The reply to {self.message_type}, asked of {self.path}, was sent before. One ask has one reply."


@define(eq=False)
class RestartRequested(TrouperError):
    """
    What `on_restart` gets as its cause when no exception is behind the restart.

    Args:
        path: The actor for whose sake the restart happens.
        reason: Why, as text.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} {self.reason}."


@define(eq=False)
class HandlerCutOff(TrouperError):
    """
    A handler was cancelled because its actor's time to stop was over, or because the actor failed from outside its turn.

    Args:
        path: The actor.
    """

    path: str

    def __str__(self) -> str:
        return f"A handler of {self.path} was cancelled before it ended. Give it more time: actor(..., stop_timeout=...)."
