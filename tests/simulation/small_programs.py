"""
Small programs of actors that are drawn from a seed: who reacts to what by telling or asking whom, on one node or between nodes.

What an actor has seen, in order, is its state, so that two orders that differ for anybody leave different states.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Request, actor, handles
from trouper.simulation import Faults, Simulation

Reaction = tuple[str, str]
"""Tells, asks, sets a timer for, draws a number for, stops, or tells the child of: whom."""


@frozen
class Token:
    text: str


@frozen
class Question(Request[int]):
    text: str


@define(eq=False)
class Reactor(Actor[Token | Question]):
    """Does to each token what its program says."""

    name: str
    refs: dict[str, ActorRef[Token | Question]]
    program: dict[str, tuple[Reaction, ...]]
    seen: list[str] = field(factory=list[str])

    def on_start(self) -> None:
        """What it does by itself."""
        self.context.registry.register(self.name, self.context.ref)
        for reaction in self.program.get("start", ()):
            self._react("start", reaction)

    def _react(self, text: str, reaction: Reaction) -> None:
        does, whom = reaction
        following = f"{text}{self.name}"
        if len(following) > 8:
            return
        if does == "tell":
            self.refs[whom].tell_nowait(Token(following))
        elif does == "near":
            near = self.context.registry.lookup(whom)
            if near is not None:
                near.tell_nowait(Token(following))
        elif does == "later":
            self.context.after(0.1, Token(following))
        elif does == "draw":
            self.seen.append(f"drew {self.context.random.choice((0, 1))}")
        elif does == "child":
            program: dict[str, tuple[Reaction, ...]] = {"start": (("tell", whom),)}
            self.context.spawn_nowait(actor(Reactor, f"{self.name}c", self.refs, program, name=f"child-{len(self.seen)}"))
        elif does == "fail" and "failed" not in self.program:
            raise RuntimeError(text)

    @handles(Token)
    async def token(self, token: Token) -> None:
        """Notes it, and reacts."""
        self.seen.append(token.text)
        for reaction in self.program.get(token.text[-1], ()):
            if reaction[0] == "ask":
                try:
                    answer = await self.refs[reaction[1]].ask(Question(token.text), timeout=1.0)
                except AskError as error:
                    self.seen.append(type(error).__name__)
                else:
                    self.seen.append(f"answer {answer}")
            else:
                self._react(token.text, reaction)

    @handles(Question)
    def question(self, question: Question) -> int:
        """Notes it, and tells how much it has seen."""
        self.seen.append(f"?{question.text}")
        return len(self.seen)


def drawn_program(seed: int, kinds: tuple[str, ...], *, actors: int = 3, size: int = 4) -> Callable[[Simulation], None]:
    """A cluster whose actors do what *seed* says, each on one of two or three nodes."""
    random = Random(seed).random

    def below(n: int) -> int:
        return int(random() * n)

    names = [chr(ord("a") + index) for index in range(actors)]
    homes = {name: f"n{below(actors)}" for name in names}
    programs: dict[str, dict[str, tuple[Reaction, ...]]] = {name: {} for name in names}
    for index in range(size):
        name = names[below(actors)]
        on = "start" if index < 2 else (*names, "t")[below(actors + 1)]
        kind = "tell" if on == "start" else kinds[below(len(kinds))]
        programs[name][on] = (*programs[name].get(on, ()), (kind, names[below(actors)]))

    def target(sim: Simulation) -> None:
        refs = {name: sim.ref(homes[name], f"/user/{name}") for name in names}
        for home in sorted(set(homes.values())):
            here = [name for name in names if homes[name] == home]
            sim.node(home, *(actor(Reactor, name, refs, programs[name], name=name) for name in here))

    return target


def everything_seen(sim: Simulation) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The state of the whole cluster."""
    return tuple(sorted((reactor.name, tuple(reactor.seen)) for reactor in sim.actors(Reactor)))


def with_faults(target: Callable[[Simulation], None], faults: Faults) -> Callable[[Simulation], None]:
    """The same cluster under faults."""

    def faulty(sim: Simulation) -> None:
        target(sim)
        sim.faults(faults)

    return faulty
