"""
A publisher and a subscriber on one node, under one supervisor.

Broken: each is restarted alone, so that after a failure of the publisher nobody is subscribed. When the whole node crashes, both
start anew, and all is well: no crash shows it. Correct: rest_for_one, under which who was started after the one that failed is
restarted too.
"""

from __future__ import annotations

from typing import Literal

from attrs import define, field, frozen

from trouper import Actor, ActorRef, actor, handles, supervisor
from trouper.simulation import Faults, Simulation

FAULTS_SECONDS = 3.0


@frozen
class Subscribe:
    who: ActorRef[News]


@frozen
class News:
    number: int


@frozen
class Tick:
    pass


@define(eq=False)
class Publisher(Actor[Subscribe | Tick]):
    """Has news all the time."""

    subscribers: list[ActorRef[News]] = field(factory=list["ActorRef[News]"])
    number: int = 0

    def on_start(self) -> None:
        self.context.every(0.1, Tick())

    @handles(Subscribe)
    def subscribe(self, subscribe: Subscribe) -> None:
        self.subscribers.append(subscribe.who)

    @handles(Tick)
    def tick(self, _tick: Tick) -> None:
        self.number += 1
        for subscriber in self.subscribers:
            subscriber.tell_nowait(News(self.number))


@define(eq=False)
class Subscriber(Actor[News]):
    """Wants the news."""

    publisher: ActorRef[Subscribe]
    heard_at: float = field(init=False, default=0.0)

    def on_start(self) -> None:
        self.publisher.tell_nowait(Subscribe(self.context.ref))

    @handles(News)
    def news(self, _news: News) -> None:
        self.heard_at = self.context.now()


def _news(sim: Simulation, *, strategy: Literal["one_for_one", "rest_for_one"], restart_storms: bool = True) -> None:
    publisher = actor(Publisher, name="publisher")
    subscriber = actor(Subscriber, sim.ref("paper", "/user/top/publisher"), name="subscriber")
    sim.node("paper", supervisor("top", [publisher, subscriber], strategy=strategy, max_restarts=1000))

    def news_are_heard() -> bool:
        """Those from after the faults."""
        return any(subscriber.heard_at > FAULTS_SECONDS + 0.2 for subscriber in sim.actors(Subscriber))

    sim.duration = FAULTS_SECONDS
    sim.eventually(news_are_heard, within=1.0)
    sim.faults(Faults.swarm(restart_storms=restart_storms))


def broken(sim: Simulation) -> None:
    """Restarts each alone."""
    _news(sim, strategy="one_for_one")


def correct(sim: Simulation) -> None:
    """Restarts who depends too."""
    _news(sim, strategy="rest_for_one")


def unnoticed(sim: Simulation) -> None:
    """The broken one, under all faults but restart storms."""
    _news(sim, strategy="one_for_one", restart_storms=False)
