"""
06 Chameneos: creatures meet in pairs at a mall, and both change colour.

Each creature has one wish to meet on its way at a time, so the mall has a slot for each, and one for the start. The suite's program
says only at the end how often each creature met; so does this one.
"""

from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same


@frozen
class Parameters:
    """How many creatures, and how often two of them meet."""

    creatures: int
    meetings: int


COLOURS: Final = 3
"""Red, yellow and blue, by number."""


def complement(mine: int, other: int) -> int:
    """What a creature turns to: the third colour, or its own if both are of one."""
    return mine if mine == other else COLOURS - mine - other


@frozen
class Start(Request[int]):
    """Open the mall; the reply is how often all creatures have met."""


@frozen
class Meet:
    """A creature of that colour would like to meet another."""

    colour: int
    creature: "ActorRef[Meet | Change | Exit]"


@frozen
class Change:
    """The other's new colour, and so one's own."""

    colour: int


@frozen
class Exit:
    """The mall closes."""


@frozen
class Count:
    """How often a creature has met another."""

    meetings: int


EXIT = Exit()


@define(eq=False)
class Creature(Actor[Meet | Change | Exit]):
    """Meets whoever the mall sends."""

    mall: ActorRef[Meet | Count]
    colour: int
    meetings: int = 0
    me: "ActorRef[Meet | Change | Exit]" = field(init=False)

    def on_start(self) -> None:
        """Goes to the mall."""
        self.me = self.context.ref
        self.mall.tell_nowait(Meet(self.colour, self.me))

    @handles(Meet)
    def meet(self, meet: Meet) -> None:
        """It was waiting, and meets another: both change."""
        self.colour = complement(self.colour, meet.colour)
        self.meetings += 1
        meet.creature.tell_nowait(Change(self.colour))
        self.mall.tell_nowait(Meet(self.colour, self.me))

    @handles(Change)
    def change(self, change: Change) -> None:
        """It met one that was waiting."""
        self.colour = change.colour
        self.meetings += 1
        self.mall.tell_nowait(Meet(self.colour, self.me))

    @handles(Exit)
    def exit(self, _exit: Exit) -> None:
        """Says how often it met, and ends."""
        self.mall.tell_nowait(Count(self.meetings))
        self.context.stop_self()


@define(eq=False)
class Mall(Actor[Start | Meet | Count]):
    """Brings two together."""

    parameters: Parameters
    left: int = 0
    waiting: ActorRef[Meet | Change | Exit] | None = None
    counted: int = 0
    meetings: int = 0
    result: Reply[int] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[int]:
        """Creates the creatures, which come at once."""
        self.result = self.context.defer(start)
        self.left = self.parameters.meetings
        for number in range(self.parameters.creatures):
            await self.context.spawn(role(Creature, self.context.ref, number % COLOURS))
        return self.result

    @handles(Meet)
    def meet(self, meet: Meet) -> None:
        """The first waits, the second is sent to it."""
        if self.left == 0:
            meet.creature.tell_nowait(EXIT)
        elif self.waiting is None:
            self.waiting = meet.creature
        else:
            self.left -= 1
            self.waiting.tell_nowait(meet)
            self.waiting = None

    @handles(Count)
    def count(self, count: Count) -> None:
        """One creature less."""
        self.counted += 1
        self.meetings += count.meetings
        if self.counted == self.parameters.creatures:
            self.result.send(self.meetings)


async def play(system: System, parameters: Parameters) -> int:
    """One day at the mall."""
    mall = await system.spawn(role(Mall, parameters, mailbox=parameters.creatures + 1))
    return await mall.ask(Start())


def check(parameters: Parameters, meetings: int) -> None:
    """Two creatures were at every meeting."""
    same("how often a creature met another", meetings, 2 * parameters.meetings)


PROGRAM = Program(
    "chameneos",
    6,
    Sizes(default=Parameters(100, 200_000), here=Parameters(100, 40_000), small=Parameters(10, 500)),
    play,
    check,
    messages=lambda parameters: 4 * parameters.meetings + 3 * parameters.creatures + 1,
    actors=lambda parameters: parameters.creatures + 1,
)
