"""Causal chains of a run, and the strategy that gives them priorities."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, frozen

from trouper import Actor, ActorRef, Request, actor, handles
from trouper.actors.cell import Cell
from trouper.simulation import Client, Simulation, run_once
from trouper.simulation.chains import Chains
from trouper.simulation.strategies import PctcpStrategy


@frozen
class Say(Request[str]):
    text: str


@define(eq=False)
class Echo(Actor[Say]):
    """Says it again."""

    @handles(Say)
    def say(self, say: Say) -> str:
        return say.text


@frozen
class Begin:
    pass


@define(eq=False)
class Crier(Actor[Begin]):
    """Tells the same listener eight things at once."""

    listener: ActorRef[Any]

    def on_start(self) -> None:
        self.context.after(0.1, Begin())

    @handles(Begin)
    def begin(self, _begin: Begin) -> None:
        for number in range(8):
            self.listener.tell_nowait(Say(str(number)))


def crying(sim: Simulation) -> None:
    """One who cries, on one node, and one who listens, on another."""
    sim.node("a", actor(Echo, name="echo"))
    sim.node("b", actor(Crier, sim.ref("a", "/user/echo"), name="crier"))
    sim.duration = 1.0


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The steps of the runs that follow: who made each, and of which chain it was."""
    seen: list[tuple[str, int]] = []
    step = Chains.step

    def noted(chains: Chains, cell: Cell) -> None:
        node: Any = cell.dispatcher
        seen.append((f"{node.name}{cell.path}", chains.chain_of_next(cell)))
        step(chains, cell)

    monkeypatch.setattr(Chains, "step", noted)
    return seen


def test_a_conversation_is_one_chain(steps: list[tuple[str, int]]) -> None:
    """What is asked, how it is answered, and what the asker does then are caused one by the other; two clients are two chains."""

    async def workload(client: Client) -> None:
        for number in range(3):
            await client.ref("server", "/user/echo").ask(Say(f"{client.name} {number}"))

    def target(sim: Simulation) -> None:
        sim.node("server", actor(Echo, name="echo"))
        sim.client(workload, name="alice")
        sim.client(workload, name="bob")

    run_once(target, 1, strategy="pctcp:3")
    (of_alice,) = {chain for who, chain in steps if who == "alice/user/client"}
    (of_bob,) = {chain for who, chain in steps if who == "bob/user/client"}
    assert of_alice != of_bob
    of_server = [chain for who, chain in steps if who == "server/user/echo"]
    assert sorted(of_server) == sorted([of_alice] * 3 + [of_bob] * 3)


def test_of_several_messages_of_one_step_one_goes_on_with_its_chain(steps: list[tuple[str, int]]) -> None:
    """The others are caused by it, and by none of each other: each begins a chain."""
    run_once(crying, 1, strategy="pctcp:3")
    (of_crier,) = {chain for who, chain in steps if who == "b/user/crier"}
    of_echo = [chain for who, chain in steps if who == "a/user/echo"]
    assert len(of_echo) == len(set(of_echo)) == 8
    assert of_crier in of_echo


def test_other_strategies_form_no_chains(steps: list[tuple[str, int]]) -> None:
    """They would cost time, and nobody looks at them."""
    for strategy in ("random", "pct:3", "delay:3", "fifo"):
        run_once(crying, 1, strategy=strategy)
    assert not steps


@define(eq=False)
class Named(Chains):
    """Chains that are given."""

    names: dict[Any, int]

    def chain_of_next(self, cell: Any) -> int:
        return self.names[cell]


def test_the_chain_of_the_highest_priority_goes_on_until_its_moment() -> None:
    """With depth 1 there is none; with depth 2 it falls behind all others, once."""
    names: dict[Any, int] = {"a": 0, "b": 1, "c": 2}
    ready: Any = list(names)

    def picks(seed: int, depth: int) -> list[int]:
        strategy = PctcpStrategy(seed, depth)
        strategy.follow(Named(names))
        return [strategy.pick(ready) for _ in range(5001)]

    assert {tuple(sorted(set(picks(seed, 1)))) for seed in range(20)} == {(0,), (1,), (2,)}
    for seed in range(20):
        chosen = picks(seed, 2)
        changes = [place for place in range(1, 5001) if chosen[place] != chosen[place - 1]]
        assert len(changes) <= 1
    assert picks(3, 3) == picks(3, 3)
