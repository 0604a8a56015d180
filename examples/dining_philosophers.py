"""
Five philosophers, five forks, and two dinners: one that deadlocks, and says so at once, and one that cannot.

At the first each holds a fork and asks the neighbour for the other one. That closes a circle of asks; the ask that closes
it raises `Deadlock`, naming the circle, instead of waiting for ever. At the second a waiter hands out both forks or none: it
makes nobody wait inside of it, but keeps the reply (`defer`) until the forks are there.
"""

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, Deadlock, Reply, Request, actor, handles, open_system, supervisor

NAMES = ("plato", "hypatia", "kant", "weil", "zhuangzi")
MEALS = 20


@frozen
class LendFork(Request[None]):
    """To a philosopher: may I have yours?"""


@frozen
class EatWithout:
    """To a philosopher: eat; you hold your own fork, and this neighbour the other."""

    neighbour: ActorRef[LendFork]


@frozen
class HasEaten:
    """A fact."""

    name: str


@frozen
class TakeForks(Request[None]):
    """To the waiter: answered when both forks of the seat are there."""

    seat: int


@frozen
class ReturnForks:
    """To the waiter: the seat is done."""

    seat: int


@frozen
class MostAtOnce(Request[int]):
    """To the waiter: how many have eaten at the same time?"""


@frozen
class EatWith(Request[int]):
    """To a philosopher: eat, and say how many meals it were."""

    waiter: ActorRef[TakeForks | ReturnForks]
    seat: int


@define(eq=False)
class Philosopher(Actor[LendFork | EatWithout | EatWith]):
    """Thinks, and eats."""

    name: str

    @handles(LendFork)
    def lend(self, _request: LendFork) -> None:
        """Between two meals, gladly. In the middle of one this waits in the mailbox."""

    @handles(EatWithout)
    async def eat_without(self, command: EatWithout) -> None:
        """All five are in here at the same time."""
        await self.context.sleep(0.02)
        try:
            await command.neighbour.ask(LendFork())
        except Deadlock as deadlock:
            names = [path.rsplit("/", 1)[-1] for path in deadlock.circle]
            print(f"  {self.name} would wait for ever: {' -> '.join(names)}. So {self.name} gives way.")
        else:
            self.context.publish(HasEaten(self.name))

    @handles(EatWith)
    async def eat_with(self, request: EatWith) -> int:
        """Thinks no longer than the others make it."""
        for _ in range(MEALS):
            await request.waiter.ask(TakeForks(request.seat))
            await self.context.sleep(0.001)
            await request.waiter.tell(ReturnForks(request.seat))
        return MEALS


@define(eq=False)
class Waiter(Actor[TakeForks | ReturnForks | MostAtOnce]):
    """Seat n needs what its neighbours need too. Who was hungry first eats first, unless a neighbour is eating."""

    seats: int
    _eating: set[int] = field(factory=set[int], init=False)
    _hungry: dict[int, Reply[None]] = field(factory=dict[int, Reply[None]], init=False)
    _most: int = field(default=0, init=False)

    @handles(TakeForks)
    def take(self, request: TakeForks) -> Reply[None]:
        """Takes note, and is free for the next one; the reply is sent when there are forks."""
        reply = self._hungry[request.seat] = self.context.defer(request)
        self._serve()
        return reply

    @handles(ReturnForks)
    def give_back(self, command: ReturnForks) -> None:
        """Somebody may wait for these."""
        self._eating.remove(command.seat)
        self._serve()

    @handles(MostAtOnce)
    def most_at_once(self, _request: MostAtOnce) -> int:
        """Two of five, if nobody cheats."""
        return self._most

    def _serve(self) -> None:
        for seat in tuple(self._hungry):
            if self._eating.isdisjoint({(seat - 1) % self.seats, (seat + 1) % self.seats}):
                self._eating.add(seat)
                self._hungry.pop(seat).send(None)
        self._most = max(self._most, len(self._eating))


PHILOSOPHERS = [actor(Philosopher, name, name=name) for name in NAMES]
WAITER = actor(Waiter, len(NAMES), name="waiter")


async def main() -> None:
    """Both dinners."""
    async with open_system(supervisor("table", [WAITER, *PHILOSOPHERS])) as system:
        philosophers = [system.ref(spec) for spec in PHILOSOPHERS]
        waiter = system.ref(WAITER)

        print("Without a waiter, each with one fork in hand, asking for the other:")
        async with system.subscribe(HasEaten) as eaten:
            for philosopher, neighbour in zip(philosophers, [*philosophers[1:], philosophers[0]], strict=True):
                await philosopher.tell(EatWithout(neighbour))
            names = [(await anext(eaten)).name for _ in NAMES[1:]]
        print(f"  then the others could eat, one after the other: {', '.join(names)}")

        print("With a waiter, who answers when there are two forks:")
        meals: list[int] = []

        async def eat(seat: int) -> None:
            meals.append(await philosophers[seat].ask(EatWith(waiter, seat)))

        async with trio.open_nursery() as nursery:
            for seat in range(len(NAMES)):
                nursery.start_soon(eat, seat)
        print(f"  {sum(meals)} meals, {MEALS} each, never more than {await waiter.ask(MostAtOnce())} philosophers at once")


if __name__ == "__main__":
    trio.run(main)
