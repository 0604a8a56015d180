"""
Five philosophers, five forks, and two dinners: one that deadlocks, and says so at once, and one that cannot.

At the first each holds a fork and asks the neighbour for the other: the ask that closes the circle raises `Deadlock`, naming it.
At the second all ask a waiter, who makes nobody wait inside of it, but keeps the reply (`defer`) until both forks are there.
"""

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, Deadlock, Reply, Request, actor, handles, open_system, supervisor

NAMES = ("plato", "hypatia", "kant", "weil", "zhuangzi")
MEALS = 20


@frozen
class TakeForks(Request[int]):
    """To a neighbour, or to the waiter: answered when the seat has two forks, with how many are eating then."""

    seat: int


@frozen
class ReturnForks:
    """To who was asked: the seat is done."""

    seat: int


@frozen
class Dine:
    """To a philosopher: eat so many meals, and ask this one for what you lack."""

    meals: int
    host: ActorRef[TakeForks | ReturnForks]


@frozen
class HasEaten:
    """A fact: one meal, while so many were eating."""

    name: str
    at_once: int


@define(eq=False)
class Philosopher(Actor[TakeForks | ReturnForks | Dine]):
    """Holds one fork, thinks, and eats."""

    seat: int

    @handles(TakeForks)
    def lend(self, _request: TakeForks) -> int:
        """Not while dining: until that is over this waits in the mailbox."""
        return 1

    @handles(ReturnForks)
    def take_back(self, _command: ReturnForks) -> None:
        """Has one fork again."""

    @handles(Dine)
    async def dine(self, command: Dine) -> None:
        """All five are in here at the same time."""
        name = NAMES[self.seat]
        await self.context.sleep(0.02)
        try:
            for _ in range(command.meals):
                at_once = await command.host.ask(TakeForks(self.seat))
                await self.context.sleep(0.001)
                await command.host.tell(ReturnForks(self.seat))
                self.context.publish(HasEaten(name, at_once))
        except Deadlock as deadlock:
            names = [path.rsplit("/", 1)[-1] for path in deadlock.circle]
            print(f"  {name} would wait for ever: {' -> '.join(names)}. So {name} gives way.")


@define(eq=False)
class Waiter(Actor[TakeForks | ReturnForks]):
    """Seat n needs what its neighbours need too. Who was hungry first eats first, unless a neighbour is eating."""

    _eating: set[int] = field(factory=set[int], init=False)
    _hungry: dict[int, Reply[int]] = field(factory=dict[int, Reply[int]], init=False)

    @handles(TakeForks)
    def take(self, request: TakeForks) -> Reply[int]:
        """Takes note, and is free for the next one; the reply is sent when there are forks."""
        reply = self._hungry[request.seat] = self.context.defer(request)
        self._serve()
        return reply

    @handles(ReturnForks)
    def give_back(self, command: ReturnForks) -> None:
        """Somebody may wait for these."""
        self._eating.remove(command.seat)
        self._serve()

    def _serve(self) -> None:
        for seat in tuple(self._hungry):
            if self._eating.isdisjoint({(seat - 1) % len(NAMES), (seat + 1) % len(NAMES)}):
                self._eating.add(seat)
                self._hungry.pop(seat).send(len(self._eating))


PHILOSOPHERS = [actor(Philosopher, seat, name=name) for seat, name in enumerate(NAMES)]
WAITER = actor(Waiter, name="waiter")


async def main() -> None:
    """Both dinners."""
    async with open_system(supervisor("table", [WAITER, *PHILOSOPHERS])) as system, system.subscribe(HasEaten) as eaten:
        philosophers = [system.ref(spec) for spec in PHILOSOPHERS]
        print("Without a waiter, each with one fork in hand, asking for the other:")
        for philosopher, neighbour in zip(philosophers, [*philosophers[1:], philosophers[0]], strict=True):
            await philosopher.tell(Dine(1, neighbour))
        print("  then the others could eat, one after the other:", ", ".join([(await anext(eaten)).name for _ in NAMES[1:]]))
        print("With a waiter, who answers when there are two forks:")
        for philosopher in philosophers:
            await philosopher.tell(Dine(MEALS, system.ref(WAITER)))
        meals = [await anext(eaten) for _ in range(MEALS * len(NAMES))]
        print(f"  {len(meals)} meals, {MEALS} each, never more than {max(meal.at_once for meal in meals)} philosophers at once")


if __name__ == "__main__":
    trio.run(main)
