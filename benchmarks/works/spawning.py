"""Spawning: so many actors under one supervisor, each of which gets one message. One operation is one actor, up to its message handled."""

from time import perf_counter

import trio
from attrs import define

from trouper import Actor, ActorRef, actor, handles, open_system, supervisor

from .counting import NOTE, Note
from .work import Work


@define(eq=False)
class Tally:
    """How many messages are still to come, of all actors together."""

    left: int
    over: trio.Event


@define(eq=False)
class Newcomer(Actor[Note]):
    """Takes its one message off the tally."""

    tally: Tally
    greeted: bool = False

    @handles(Note)
    def take(self, _note: Note) -> None:
        """Handles the message."""
        assert not self.greeted
        self.greeted = True
        self.tally.left -= 1
        if not self.tally.left:
            self.tally.over.set()


async def spawn_and_tell(actors: int) -> tuple[int, float]:
    """Spawns actors from a spec without a name, and tells each one message. The refs are kept until the end."""
    tally = Tally(actors, trio.Event())
    newcomer = actor(Newcomer, tally)
    crowd = supervisor("crowd")
    refs: list[ActorRef[Note]] = []
    async with open_system(crowd, shutdown_timeout=60.0) as system:
        under = system.ref(crowd)
        began = perf_counter()
        for _ in range(actors):
            ref = await system.spawn(newcomer, under=under)
            await ref.tell(NOTE)
            refs.append(ref)
        await tally.over.wait()
        seconds = perf_counter() - began
    assert (tally.left, len(set(refs))) == (0, actors)
    return actors, seconds


WORKS = (Work("spawn_told", "spawn and one message, def handler", "actors", spawn_and_tell, 100_000),)
