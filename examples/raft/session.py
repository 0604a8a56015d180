"""A client's session: finds the leader, asks again where no answer came, and has each command carried out once."""

from collections.abc import Mapping
from typing import Any, Literal

import trio
from attrs import define, field

from trouper import ActorRef, AskError

from .messages import Command, Done, RaftMessage


@define(eq=False)
class Session:
    """
    One client's commands, one after the other.

    Args:
        name: Unique among all sessions there ever are.
        servers: By name.
        patience: Seconds to wait for one answer.
        tries: How often to ask.
    """

    name: str
    servers: Mapping[str, ActorRef[RaftMessage]]
    patience: float = 0.3
    tries: int = 12
    _number: int = field(default=0, init=False)
    _asked: int = field(default=0, init=False)

    async def do(self, kind: Literal["put", "get", "cas"], key: str, value: int | None = None, expected: int | None = None) -> Done | None:
        """Has a command carried out; None: nobody knows whether it was, or will be."""
        self._number += 1
        command = Command(self.name, self._number, kind, key, value, expected)
        names = list(self.servers)
        for _ in range(self.tries):
            hint: Any = None
            try:
                answer = await self.servers[names[self._asked]].ask(command, timeout=self.patience)
                if isinstance(answer, Done):
                    return answer
                hint = answer.leader
                await trio.sleep(self.patience / 5)
            except AskError:
                pass  # it may have been heard, or not
            self._asked = names.index(hint) if hint is not None else (self._asked + 1) % len(names)
        return None
