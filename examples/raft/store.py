"""What is replicated: a key-value store, which also remembers what the sessions of its clients have had done."""

from attrs import define, field

from .messages import Command


@define(eq=False)
class Store:
    """The same commands in the same order give the same store and the same results, on every server."""

    values: dict[str, int | None] = field(factory=dict[str, int | None])
    _sessions: dict[str, tuple[int, object]] = field(factory=dict[str, tuple[int, object]])

    def carry_out(self, command: Command) -> object:
        """The result. Of the last command of a session it is remembered: a client that got no answer asks again."""
        number, result = self._sessions.get(command.client, (0, None))
        if command.number > number:
            result = self._do(command)
            self._sessions[command.client] = command.number, result
        return result  # a command before the last of its session came late: nobody waits for its result

    def _do(self, command: Command) -> object:
        before = self.values.get(command.key)
        if command.kind == "get":
            return before
        if command.kind == "cas" and before != command.expected:
            return False
        self.values[command.key] = command.value
        return True if command.kind == "cas" else None
