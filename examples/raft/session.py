"""A client's session: finds the leader, asks again where no answer came, and has each command carried out once."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import cycle
from typing import Any

import trio
from attrs import Factory, define, field

from trouper import ActorRef, AskError, AskTimeout

from .messages import Command, Elsewhere, RaftMessage


@define(eq=False)
class Session:
    """Commands of one client, one after the other. Its *name* is unique among all sessions there ever are; *sleep* waits, in seconds."""

    name: str
    servers: Mapping[str, ActorRef[RaftMessage]]
    patience: float = 0.3  # seconds to wait for one answer
    tries: int = 12
    sleep: Callable[[float], Awaitable[None]] = trio.sleep
    leader: str | None = field(default=None, init=False)
    _names: Iterator[str] = field(default=Factory(lambda self: cycle(self.servers), takes_self=True), init=False)
    _number: int = field(default=0, init=False)

    async def do(self, kind: str, argument: Any) -> Any:
        """Has a command carried out, and returns its result. Raises AskError: nobody knows whether it was, or will be."""
        self._number += 1
        command = Command(self.name, self._number, kind, argument)
        for _ in range(self.tries):
            self.leader = self.leader or next(self._names)
            try:
                answer = await self.servers[self.leader].ask(command, timeout=self.patience)
            except AskError:  # it may have been heard, or not
                answer = Elsewhere(None)
            if not isinstance(answer, Elsewhere):
                return answer
            self.leader = answer.leader
            await self.sleep(self.patience / 4)  # there may be an election
        raise AskTimeout(self.name, command.kind, self.tries * self.patience)
