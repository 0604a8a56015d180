"""The actors that most works send to: they count what they handled, as plain `def` or as `async def`, and say so when asked."""

from attrs import define

from trouper import Actor, Request, handles


class Note:
    """A message that is told."""

    __slots__ = ()


class Question(Request[int]):
    """A message that is asked."""

    __slots__ = ()


class HowMany(Request[int]):
    """How many messages were handled. Told last and in order, so that its answer is also the sign that all others are handled."""

    __slots__ = ()


NOTE = Note()
QUESTION = Question()
HOW_MANY = HowMany()


@define(eq=False)
class PlainCounter(Actor[Note | Question | HowMany]):
    """Counts in plain handlers."""

    handled: int = 0

    @handles(Note)
    def take(self, _note: Note) -> None:
        """Counts a message."""
        self.handled += 1

    @handles(Question)
    def answer(self, _question: Question) -> int:
        """Counts a question, and answers with its number."""
        self.handled += 1
        return self.handled

    @handles(HowMany)
    def how_many(self, _question: HowMany) -> int:
        """Says how many there were."""
        return self.handled


@define(eq=False)
class AsyncCounter(Actor[Note | Question | HowMany]):
    """Counts in async handlers."""

    handled: int = 0

    @handles(Note)
    async def take(self, _note: Note) -> None:
        """Counts a message."""
        self.handled += 1

    @handles(Question)
    async def answer(self, _question: Question) -> int:
        """Counts a question, and answers with its number."""
        self.handled += 1
        return self.handled

    @handles(HowMany)
    async def how_many(self, _question: HowMany) -> int:
        """Says how many there were."""
        return self.handled


Counter = PlainCounter | AsyncCounter
